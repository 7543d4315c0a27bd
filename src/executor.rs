//! Executors as values: an executor runs tasks on the thread that made it.
//!
//! [`block_on()`] and [`spawn`] are enough for most programs, and a [`Runtime`](crate::Runtime) for
//! those that use several cores. A [`LocalExecutor`] is for the rest: its tasks end with it, its
//! options are yours, and you choose how it runs.
//!
//! ```
//! use std::time::Duration;
//! use wakeline::{LocalExecutor, PanicPolicy, time};
//!
//! let executor = LocalExecutor::builder().name("worker").panic_policy(PanicPolicy::Propagate).build();
//! let task = executor.spawn(async {
//!     time::sleep(Duration::from_millis(1)).await;
//!     42
//! });
//! assert_eq!(executor.block_on(task).unwrap(), 42);
//! ```
//!
//! | to | call |
//! |---|---|
//! | run a future to its end, and the tasks with it | [`LocalExecutor::block_on`] |
//! | run it in a loop of yours, a pass at a time | [`turn`](LocalExecutor::turn), [`try_tick`](LocalExecutor::try_tick), [`run_until_stalled`](LocalExecutor::run_until_stalled) |
//! | have somebody else's loop wait for it | `LocalExecutor::host` (Unix), [`next_deadline`](LocalExecutor::next_deadline) |
//! | spawn from another thread | [`Spawner`] |
//! | call constructors that spawn, before anything runs | [`LocalExecutor::enter`] |
//! | see what it asks of the kernel | [`LocalExecutor::metrics`] |
//!
//! Under all of them the same [fairness](crate#fairness) holds, also for the future of `block_on`:
//! one that is always ready keeps no task, timer, socket or other thread waiting.

// This room owns the loop and everything that one thread runs. Upwards in this list: the data, the
// parts of the loop, the loop, and what users call.

mod budget;

mod policy;

mod error;

mod registry;

#[allow(unsafe_code)]
mod shared;

mod enter;

pub(crate) mod context;

mod yield_now;

mod event_interval;

mod hooks;

pub(crate) mod metrics;

mod spin;

mod unstarted;

mod injector;

mod spawner;

mod core;

mod batch;

mod park;

mod host;

mod cancel;

mod visit;

mod run;

mod local;

mod builder;

mod task_builder;

mod block_on;

pub use crate::reactor::Metrics;
pub(crate) use block_on::open_thread_reactor;
pub use block_on::{block_on, spawn, try_block_on};
pub use budget::{ConsumeBudget, Unconstrained, consume_budget, unconstrained};
pub use builder::Builder;
pub(crate) use core::ExecutorCore;
pub use enter::EnterGuard;
pub use error::EnterError;
#[cfg(all(unix, not(wakeline_loom)))]
pub use host::Host;
pub(crate) use injector::Injector;
pub use local::LocalExecutor;
pub use policy::PanicPolicy;
pub use spawner::Spawner;
pub use task_builder::TaskBuilder;
pub(crate) use unstarted::Unstarted;
pub use yield_now::{YieldNow, yield_now};
