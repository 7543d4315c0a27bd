//! wakeline runs async code on one thread, or on one executor per core. Tasks need not be `Send`, a
//! wake on the same thread costs a few plain instructions, and the path of a wake from another
//! thread is model-checked by [loom](https://docs.rs/loom).
//!
//! ```sh
//! cargo add wakeline
//! ```
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
//! # Where to go next
//!
//! | you want | look at |
//! |---|---|
//! | the first program, the first server | the guide's [first steps](guide::first_steps) |
//! | tasks that end when and how you say | [`spawn`], [`Task`], the guide's page on [cancellation](guide::tasks) |
//! | sockets, timers, signals | [`net`], [`time`], `signal`, and [`io::Async`] for any other descriptor |
//! | messages between tasks and threads | [`channel`], [`local`] |
//! | all cores | [`Runtime`], and [many cores](guide::many_cores) |
//! | to call what blocks | [`unblock`] |
//! | an executor as a value, in your own loop | [`LocalExecutor`] |
//! | tests, and models of your own code | [tests](guide::tests), [models](guide::models) |
//! | to know why it hangs | [when it hangs](guide::when_it_hangs) |
//! | what you know from elsewhere, by its name here | [coming from](guide::coming_from) tokio, smol, asyncio, Go |
//!
//! # What it promises
//!
//! **Wakes.** A [`Waker`](std::task::Waker) may be woken, cloned and dropped on any thread, at any
//! time, also after its task or executor has gone, also in a thread-local's destructor. That never
//! blocks, never allocates, never panics and never runs your code. A wake that happens before a
//! task's next poll begins is never lost, and what was written before it is visible to that poll.
//! It costs no system call while the executor's thread is awake, and at most one per sleep; on the
//! thread itself it costs no atomic read-modify-write.
//!
//! **Fairness.** A task that is ready is polled after at most the tasks that were ready before it.
//! Sockets, timers and other threads are looked at after at most 256 polls or 200 µs, whatever is
//! ready; the clock is read every few polls. The future of [`block_on`] counts as a task here.
//! Operations of this crate spend a budget of 128 per poll, so that a task whose sockets or
//! channels are always ready still yields; [`task::consume_budget`] lets a loop of yours take part,
//! and [`task::unconstrained`] takes a future out. On a runtime's core one closure of
//! [`spawn_balanced`](Runtime::spawn_balanced) per look goes ahead of the tasks that are ready.
//!
//! **Ends.** A future, its output and all they own are dropped on the thread of their executor.
//! `task.await` and `task.cancel().await` return after that drop. Dropping an executor drops its
//! tasks, newest first, and waits for nobody.
//!
//! Each promise has its tests, and those about threads have their models.
//!
//! # Platforms
//!
//! Linux is what it is built and tested on. macOS, FreeBSD, other BSDs and Windows go through the
//! portable interface of the [`polling`](https://docs.rs/polling) crate; that path is tested on
//! Linux and type-checked for those systems.
//!
//! # Features
//!
//! | feature | default | what it does |
//! |---|---|---|
//! | `signal` | yes | `signal`: Ctrl-C and other signals, on Unix |
//! | `hyper` | no | hyper 1's `rt` traits: `Read` and `Write` for [`net::TcpStream`], `hyper::Executor`, `hyper::Timer` |
//! | `loom` | no | makes loom a dependency of builds with `--cfg wakeline_loom`, in which this crate runs on loom's threads |

#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]
#![deny(rustdoc::broken_intra_doc_links)]
#![warn(missing_docs, missing_debug_implementations)]

// The choice between std and loom.
mod sync;

// The one door to time.
#[allow(unsafe_code)]
mod clock;

// Which process this is.
#[allow(unsafe_code)]
mod fork;

// 1, 4, 5: one allocation per task, who may point at it, the remote word.
pub mod task;

// 2, 3: this thread's ready tasks.
mod run_queue;

// 5b, 6: the one queue that other threads write to.
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

#[cfg(wakeline_loom)]
#[doc(hidden)]
#[allow(unsafe_code)]
pub mod model;

// Pages for users.
#[cfg(doc)]
pub mod guide;

pub use blocking::{JobInfo, Unblock, unblock};
#[cfg(all(unix, not(wakeline_loom)))]
#[doc(inline)]
pub use executor::Host;
#[doc(inline)]
pub use executor::{
    EnterError, EnterGuard, LocalExecutor, Metrics, PanicPolicy, Spawner, YieldNow, block_on, spawn, try_block_on, yield_now,
};
#[doc(inline)]
pub use runtime::{Core, Cores, Runtime};
#[doc(inline)]
pub use task::{JoinError, RemoteTask, Task};

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
