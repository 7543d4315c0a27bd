//! wakeline runs async code on one thread, or on one executor per core: a stackless executor whose wake queue is fed by an epoll or kqueue
//! reactor, and whose cross-thread wake path is model-checked by loom.
//!
//! ```text
//!  future ─1─▶ task ─2─▶ run queue ─3─▶ poll ─4─▶ waker ─┬─ same thread ──────────▶ run queue          5a
//!                            ▲                           └─ other thread ─▶ inbox ─▶ notify if asleep  5b, 6
//!                            └────────── turn: reactor returns, inbox drained ◀────────────┘           7
//! ```
//!
//! | step | what happens | in the code |
//! |---|---|---|
//! | 1 | a future is put on the heap, in one block with its task's header | `Shared::spawn`, `cell::allocate` |
//! | 2 | the task is appended to this thread's run queue | `RunQueue::push` |
//! | 3 | it is polled when those before it have been | `Batch::pop`, `LocalExecutor::run_some`, `TaskRef::run` |
//! | 4 | somebody wakes it: is that on its own thread? | `waker::wake_task` |
//! | 5a | yes: two plain loads and a store, and step 2 | `TaskRef::wake_local` |
//! | 5b | no: one bit is won, and the task is pushed into the inbox | `TaskRef::wake_remote`, `Inbox::push` |
//! | 6 | the push that finds the owner asleep rings, once per sleep | `Notifier::notify` |
//! | 7 | the owner's wait returns, events and timers are recorded, the inbox is emptied into the run queue | `Reactor::turn`, `Inbox::take_all`, `TaskRef::unlink` |
//!
//! # A short tour
//!
//! [`block_on`] runs a future on this thread; inside, [`spawn`] starts tasks whose futures need not be `Send`, [`net`] has sockets and
//! [`time`] has timers.
//!
//! ```
//! use std::time::Duration;
//! use wakeline::{block_on, spawn, time};
//!
//! let sum = block_on(async {
//!     let slow = spawn(async {
//!         time::sleep(Duration::from_millis(2)).await;
//!         1
//!     });
//!     let quick = spawn(async { 2 });
//!     slow.await.unwrap() + quick.await.unwrap()
//! });
//! assert_eq!(sum, 3);
//! ```
//!
//! A [`Task`] that is dropped is cancelled; [`Task::detach`] lets it run on. [`LocalExecutor`] is the same as a value: it can be ticked,
//! driven from another event loop, and given work from other threads through its [`Spawner`].
//!
//! # Thread per core
//!
//! A [`Runtime`] has one such executor on each of as many threads as the machine grants ([`Cores`]). A task stays where it was begun, so what
//! it owns need not be `Send`; closures travel. [`channel`] connects threads, [`local`] the tasks of one, [`unblock`] takes what blocks,
//! `signal` tells of Ctrl-C, and [`Runtime::shutdown`] says what became of everything.
//!
//! ```
//! use std::time::Duration;
//! use wakeline::{Cores, Runtime, unblock};
//!
//! let runtime = Runtime::builder().cores(Cores::exactly(2)).name("sums").build()?;
//!
//! // The same main on every core.
//! assert_eq!(runtime.run(|core| async move { core.index() }), [0, 1]);
//!
//! // A closure for a certain core, one for whichever is free first, and one for a thread that may block.
//! let there = runtime.spawn_on(1, || async { 20 });
//! let anywhere = runtime.spawn_balanced(|| async { unblock(|| 22).await.unwrap() });
//! let sum = runtime.block_on(async { there.await.unwrap() + anywhere.await.unwrap() });
//! assert_eq!(sum, 42);
//!
//! assert!(runtime.shutdown(Duration::from_secs(1)).is_clean());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # The wake contract
//!
//! 1. [`Waker`](std::task::Waker)'s `wake`, `wake_by_ref`, `clone` and `drop` work on any thread, at any time, also after the task or its
//!    executor has gone, also in a thread-local's destructor.
//! 2. They never block, never allocate, never panic, never run user code.
//! 3. A wake that happens before a task's next poll begins is never lost; memory written before the wake is visible to that poll.
//! 4. A wake costs no system call while the owner is awake, and at most one per sleep of the owner; on the owner's own thread it costs no
//!    atomic read-modify-write.
//!
//! Each sentence has its models (`loom-tests/`), its stress tests and its tests (`tests/wake_contract.rs`).
//!
//! # Fairness
//!
//! A task made ready is polled after at most the tasks that were ready before it. New sockets, timers and remote wakes are looked at after
//! at most one batch (256 polls) or one time slice (200 µs; the clock is read every few polls, after each one while they are slow). The
//! future of `block_on` counts as a task here. Leaf operations of this crate spend a budget of 128 per poll, so that a task
//! whose sockets or channels are always ready still yields; [`task::consume_budget`] lets a loop of yours take part, and
//! [`task::unconstrained`] takes a future out. On a runtime's core one closure of `spawn_balanced` per look goes ahead of the
//! tasks that are ready.
//!
//! # Platforms
//!
//! Linux is what it is built and tested on. macOS, FreeBSD, other BSDs and Windows go through the `polling` crate's portable interface; that
//! path is tested on Linux and type-checked for those systems.
//!
//! # Features
//!
//! `signal`, which is on by default, has the module of that name; without it three crates fewer are built. `hyper` implements the `rt` traits of hyper 1: `Read` and `Write` for [`net::TcpStream`],
//! `wakeline::hyper::Executor` and `wakeline::hyper::Timer`, without copies and without asking a service to be `Send`. `loom` makes loom
//! available to builds with `--cfg wakeline_loom`, in which this crate runs on loom's threads; it does nothing otherwise.

#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
#![deny(rustdoc::broken_intra_doc_links)]
#![warn(missing_docs, missing_debug_implementations)]

// The choice between std and loom.
mod sync;

// Which process this is.
#[allow(unsafe_code)]
mod fork;

// 1, 4, 5: one allocation per task, who may point at it, the remote word.
pub mod task;

// 2, 3: this thread's ready tasks.
mod run_queue;

// 5b, 6: the one queue that other threads write to.
#[allow(unsafe_code)]
mod inbox;

// Who waits for what is not a descriptor.
mod wait_list;

// 7: descriptors, readiness, deadlines, the notifier.
#[cfg_attr(wakeline_loom, allow(dead_code))]
mod reactor;

// Closures that block, on threads of their own.
mod blocking;

// The loop.
pub mod executor;

// One executor per core.
pub mod runtime;

// What users wait for.
pub mod io;

#[cfg(all(unix, feature = "signal"))]
pub mod signal;

pub mod net;

#[cfg(feature = "hyper")]
pub mod hyper;

pub mod time;

pub mod channel;

pub mod local;

pub mod guide;

#[cfg(wakeline_loom)]
#[doc(hidden)]
#[allow(unsafe_code)]
pub mod model;

pub use blocking::{JobInfo, Unblock, unblock};
#[cfg(all(unix, not(wakeline_loom)))]
pub use executor::Host;
pub use executor::{
    EnterError, EnterGuard, LocalExecutor, Metrics, PanicPolicy, Spawner, YieldNow, block_on, spawn, try_block_on, yield_now,
};
pub use runtime::{Core, Cores, Runtime};
pub use task::{JoinError, RemoteTask, Task};

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
