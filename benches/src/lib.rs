//! What the benches share — owns the clocks, the counters, the floors and the load — must never
//! judge a run by wall time alone.
//!
//! Each bench is a plain program that plays wakeline and its floor (the same work with no executor)
//! in turns, many rounds, and prints the median of each and the median of the ratios of the rounds.
//! Only ratios inside one run count: the machines are shared, and two runs of one program may
//! differ by a third. A missed goal is printed as missed and fails nothing; only
//! `instructions`, which counts and has no clock, fails.
//!
//! Run one with `cargo bench -p wakeline-benches --bench NAME`, where NAME is a file beside this
//! crate's manifest: `yield_many`, `spawn_join`, `task_memory`, `timer_churn`, `timer_fire`,
//! `echo`, `idle`, `local_channel`, `pingpong_cross`, `remote_spawn`, `http`, `scaling`, `balance`,
//! `wake_flood`, `instructions`. They want Linux, for its `/proc` and its epoll.
//!
//! Rejected: criterion. It plays one subject to the end before the next one starts, so that the
//! ratio of two of them is also the ratio of two moments of a shared machine.

#![cfg(target_os = "linux")]
#![deny(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block, unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

pub mod baseline;

pub mod counting;

pub mod rounds;

pub mod system;

pub mod table;

pub mod rally;

pub mod raw_echo;

pub mod wakeline_echo;

pub mod load;

pub mod hello;
