//! Every test of behaviour, in one binary: modules by behaviour, names are sentences.

mod reactor;
mod readiness;
mod tasks;
