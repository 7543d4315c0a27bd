//! wakeline

#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
#![warn(missing_docs)]
#![allow(dead_code, unused_imports, missing_docs)] // while the house is being built

mod sync;

#[allow(unsafe_code)]
mod fork;

pub mod task;

mod inbox;

mod reactor;

mod executor;

pub mod io;

pub mod net;

pub mod time;
