//! Tasks: their handles, their options, and how they end.
//!
//! [`spawn`](crate::spawn) puts a future on the executor of this thread and gives a [`Task`]; a
//! [`Spawner`](crate::Spawner) does it from any other thread and gives a [`RemoteTask`].
//! [`Builder`] spawns with options: a name, or another executor.
//!
//! ```
//! use wakeline::{block_on, spawn, task};
//!
//! block_on(async {
//!     let sum = spawn(async { 2 + 2 });
//!     assert_eq!(sum.await.unwrap(), 4);
//!
//!     let ticker = task::Builder::new().name("ticker").spawn(std::future::pending::<()>());
//!     assert_eq!(ticker.name(), Some("ticker"));
//!     ticker.abort();
//!     assert!(ticker.await.unwrap_err().is_cancelled());
//! });
//! ```
//!
//! # How a task ends
//!
//! - Its future returns: awaiting the handle gives `Ok(output)`.
//! - It panics: awaiting the handle gives [`JoinError::Panicked`] with what the panic carried. A
//!   task without a handle gives its panic to the executor's [`PanicPolicy`](crate::PanicPolicy).
//! - It is cancelled: awaiting the handle gives [`JoinError::Cancelled`]. [`Task::abort`] and an
//!   [`AbortHandle`] ask for it, [`Task::cancel`] waits for it, and **dropping the handle does
//!   it**; [`Task::detach`] lets the task run on. An executor that is dropped cancels all its
//!   tasks.
//!
//! A cancelled future is dropped, at the task's next turn and on its own thread, and is not polled
//! again. However a task ends, its future and everything that the future owned have been dropped
//! before the await of its handle returns.
//!
//! # Cancel safety
//!
//! Awaiting `&mut task` is cancel safe: the output stays with the task until a poll returns it. A
//! handle that is awaited by value is dropped with the await, and so cancels its task.
//!
//! # Names in messages
//!
//! Each task knows the line that spawned it, and has a [`TaskId`] that no other task of the process
//! has. [`TaskInfo`] shows both, and the name; [`name_tasks_in_panics`] puts them in front of
//! panics.

// Bottom up: `site` (where a task was spawned), `free_list` (memory used again), `state` (the
// remote word; the rules and the table of references), `flags` (the owner's), `number` and `label`
// (what tasks are called by), `error` (with the table of panics), `cell` (memory), `current` (what
// this thread runs), `lifecycle` (what happens to a task) with `link` and `unbegun`, and `waker`.
// Then what the rooms above hold: `refs`, with `list` (the run queue's) and `chain` (the inbox's),
// `schedule` (what a task asks of them), `vtable`, `spawn` and `turn`. Last what the user holds:
// `abort_handle`, `handle` and, by way of `join_slot` and `make_future`, `remote`; and `hook`
// (panics name their task).
//
// No function that can be called from outside needs more than types for its safety. This room
// must never know an executor, a reactor or a thread.

#[allow(unsafe_code)]
mod site;

mod state;

mod flags;

pub(crate) mod number;

mod label;

pub(crate) mod current;

#[allow(unsafe_code)]
mod error;

#[allow(unsafe_code)]
mod free_list;

#[allow(unsafe_code)]
mod cell;

mod lifecycle;

mod link;

mod unbegun;

#[allow(unsafe_code)]
mod waker;

#[allow(unsafe_code)]
mod refs;

mod list;

mod chain;

#[allow(unsafe_code)]
mod schedule;

#[allow(unsafe_code)]
mod vtable;

mod turn;

mod spawn;

mod hook;

mod abort_handle;

mod handle;

mod join_slot;

mod make_future;

mod remote;

pub use abort_handle::AbortHandle;
pub(crate) use cell::LocalWaker;
pub(crate) use chain::{Chain, Head, Mark};
pub use error::{JoinError, Panic, TaskId, TaskInfo};
pub(crate) use error::{Payload, contain, discard, polled_after_completion};
pub(crate) use free_list::FreeList;
pub use handle::Task;
pub use hook::name_tasks_in_panics;
pub(crate) use join_slot::{JoinReceiver, JoinSender, join_slot};
pub(crate) use label::Label;
pub(crate) use list::{List, TakenList};
pub(crate) use make_future::MakeFuture;
pub(crate) use refs::{Linked, Queued, Registered, TaskView};
pub use remote::RemoteTask;
pub(crate) use schedule::{Here, Schedule};
pub(crate) use site::Site;
pub(crate) use spawn::{RootTask, spawn, spawn_remote};
pub(crate) use waker::is_ours;

// The public face of the executor's half; nothing in here uses it.
pub use crate::executor::{ConsumeBudget, TaskBuilder as Builder, Unconstrained, consume_budget, unconstrained};
