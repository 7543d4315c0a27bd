//! wakeline

#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
#![warn(missing_docs)]

mod sync;

#[allow(unsafe_code)]
mod fork;

pub mod task;

#[allow(unsafe_code)]
mod inbox;

mod run_queue;

mod reactor;

mod executor;

pub mod io;

pub mod net;

pub mod time;

pub use executor::{
    Builder, EnterError, LocalExecutor, PanicPolicy, Spawner, YieldNow, block_on, spawn, try_block_on, yield_now,
};
pub use reactor::Stats;
pub use task::{JoinError, RemoteTask, Task};
