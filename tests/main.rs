//! Every test of behaviour, in one binary: modules by behaviour, names are sentences.

mod tasks;
#[cfg(any(unix, windows))]
mod tcp;
mod timers;
