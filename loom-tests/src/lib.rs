//! What the models share.

#[cfg(all(feature = "models", not(wakeline_loom)))]
compile_error!("the models need `--cfg wakeline_loom`; `cargo loom` sets it, unless RUSTFLAGS in the environment overrides it");

#[cfg(wakeline_loom)]
mod keep;

#[cfg(wakeline_loom)]
mod support;

#[cfg(wakeline_loom)]
pub use support::*;
