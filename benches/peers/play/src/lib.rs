//! What every peer's program and the report share — owns the clocks, the form of a figure and the
//! load — must never know a peer.
//!
//! A program is started once for each play: `PROGRAM WORKLOAD [--size N] [--exactly N]`. It prints
//! figures, one name and number a line, and ends; `PROGRAM --list` prints the workloads that it
//! has. A server prints `listening ADDRESS` and serves until it is killed.

#![cfg(target_os = "linux")]

// The same files as those of the crate `wakeline-benches`, which depends on half of the peers.
#[cfg(feature = "hello")]
#[path = "../../../src/hello.rs"]
pub mod hello;
#[path = "../../../src/load.rs"]
pub mod load;
#[path = "../../../src/rally.rs"]
pub mod rally;
#[path = "../../../src/raw_echo.rs"]
pub mod raw_echo;
#[path = "../../../src/rounds.rs"]
pub mod rounds;
#[path = "../../../src/system.rs"]
pub mod system;
#[path = "../../../src/table.rs"]
pub mod table;

mod meter;
mod program;
mod server;
mod yields;

pub use meter::Meter;
pub use program::{Arguments, Workload, main};
pub use server::{BUFFER, announce};
pub use yields::{Parked, yields};

/// Prints a figure, as the report reads it.
pub fn figure(name: &str, value: f64) {
    println!("{name} {value}");
}

/// The cost of an operation, the figure that most workloads have.
pub const COST: &str = "ns";

/// Where a program of one thread runs.
pub const PROCESSOR: usize = 0;

/// Where what wakes or loads it runs.
pub const OTHER_PROCESSOR: usize = 1;
