//! One executor per core: a program on many cores whose tasks need not be `Send`.
//!
//! A [`Runtime`] starts one thread per core. Each has its own executor, with its own reactor,
//! timers and tasks. A task stays on the core that polls it first, so what it owns needs no lock
//! and no `Arc`.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use wakeline::{Cores, Runtime};
//!
//! let runtime = Runtime::builder().cores(Cores::exactly(2)).build()?;
//! // On a core of your choice.
//! let task = runtime.spawn_on(1, || async { *std::rc::Rc::new(20) });
//! // On the core that is free first.
//! let other = runtime.spawn_balanced(|| async { 22 });
//! let sum = runtime.block_on(async { task.await.unwrap() + other.await.unwrap() });
//! assert_eq!(sum, 42);
//! println!("{}", runtime.shutdown(Duration::from_secs(5)));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # How many cores
//!
//! [`Cores::auto`] is the default. It takes the smallest of the CPUs that the thread may run on,
//! the tightest CPU quota of a container, and the environment variable `WAKELINE_CORES`.
//! [`Cores::explain`] says which of them decided. [`Cores::exactly`] sets the number.
//!
//! # Where work goes
//!
//! - [`Runtime::run`] runs the same main on every core.
//! - [`Runtime::spawn_on`] sends a closure to a core, which makes the future there. The closure is
//!   `Send`, the future need not be.
//! - [`Runtime::spawn_balanced`] gives a closure to the core that is free first.
//! - [`spawn`](crate::spawn) inside a task stays on the task's core.
//! - [`unblock`](crate::unblock) runs what blocks on a thread of the runtime's pool.
//!
//! A [`Handle`] spawns from any thread and does not keep the runtime running. [`Core::current`]
//! leads to it inside a task.
//!
//! # How it ends
//!
//! [`Runtime::shutdown`] asks all cores to stop, gives tasks until a deadline, drops the others,
//! and returns a [`ShutdownReport`]. A task that waits for [`Core::stopping`] can end by itself.
//! Dropping the runtime shuts it down with [`Builder::drop_deadline`], one second by default. A
//! core that is stuck in a task cannot be interrupted; the report names that task.
//!
//! # Errors
//!
//! [`Builder::build`] fails when a thread or a descriptor cannot be had. The `try_` functions
//! return a [`SpawnError`] when there is no such core, when the shutdown has begun, and in a forked
//! child. The others panic for the first and the last; after the shutdown has begun their handles
//! say [`Cancelled`](crate::JoinError::Cancelled).
//!
//! # Panics
//!
//! A task's panic goes to its handle. That of a detached task ends that task and nothing else,
//! unless [`Builder::panic_policy`] says otherwise. A panic of a main of [`Runtime::run`] cancels
//! the other mains and goes on in `run`. `run`, `block_on` and `shutdown` panic inside an executor,
//! and in a process forked from the runtime's.

mod cpus;

mod handoff;
mod shutdown;

mod error;
mod index;
mod injector;
mod metrics;

mod core;
mod handle;
mod shared;

mod builder;
mod run;
// The room's main type, in a file of its own, so that the builder imports no face.
#[allow(clippy::module_inception)]
mod runtime;
mod worker;

pub use self::core::{Core, Stopping};
pub use self::runtime::Runtime;
pub use builder::Builder;
pub use cpus::Cores;
pub(crate) use cpus::affinity::allowed as allowed_cpus;
pub use error::SpawnError;
pub use handle::Handle;
pub use index::CoreIndex;
// For the models, which step through it.
#[cfg(wakeline_loom)]
pub(crate) use injector::{InjectorQueue, WorkerInjector};
pub use metrics::{CoreMetrics, RuntimeMetrics};
pub use shutdown::report::{Abandoned, ShutdownReport, StuckCore};
