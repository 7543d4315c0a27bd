//! Handles of tasks, their options, and how they end.
//!
//! [`spawn`](crate::spawn) gives a [`Task`], a [`Spawner`](crate::Spawner) gives a [`RemoteTask`]; [`Builder`] sets a name. The rest of
//! this page is for readers of the source.
//!
//! Tasks — owns one allocation per task, who may point at it, and the remote word — must never know an executor, a reactor or a thread.
//!
//! A *future* is what the user gives, a *task* is the heap cell that carries it. Bottom up: `site` (where it was spawned), `blocks` (memory used
//! again), `state` (the remote word), `flags` (the owner's),
//! `number` and `label` (what tasks are called by), `owner` (which executor this thread has entered),
//! `cell` (memory) and `life` (what happens to it) with `waker` (references), `hook` (panics name their task),
//! then `abort_handle`, `handle` and, by way of `slot`, `remote` (what the user holds).
//!
//! # Who points at a task
//!
//! | reference | counted in | travels | made by |
//! |---|---|---|---|
//! | the registry's | remote word, 1 while alive | no | spawn; given up by `settle` |
//! | a link in the inbox | the QUEUED bit | from pusher to owner | the first remote wake since the last unlink |
//! | a link in the run queue | flag READY | no | a local wake |
//! | [`Waker`](std::task::Waker), [`RemoteTask`], [`AbortHandle`] | remote word | yes | clone |
//! | [`Task`] | flag HANDLE | no | spawn |
//! | `LocalWaker` | `local_refs` | no | a leaf that waits |
//!
//! A task's memory is freed when all of them are gone; its future and output are dropped by the owner, long before, and never by a
//! reference that goes away. So dropping a waker never runs a user's code.
//!
//! # Rules, cited by the code
//!
//! - \[T1\] The block is freed by the one party that the remote word, or the owner's look at it, has told so.
//! - \[T2\] A `TaskRef` is used only under a reference of the table above, or by the owner before `settle`.
//! - \[T3\] The body belongs to the owner (until the first unlink: to the spawning thread), and holds the future until DONE, its output while
//!   OUTPUT, else nothing.
//! - \[T4\] The executor's memory outlives every task: the executor itself keeps it for those that are not settled, and a settled task that
//!   others still refer to, or one that is ANCHORED, holds a reference of its own, taken before DEAD is visible.
//! - \[T5\] A waker gives its reference back after its last access to the header and to the executor.
//! - \[T6\] A boxed local waker has exactly one owner.
//!
//! # Panics of a user's code
//!
//! | code | called by | a panic |
//! |---|---|---|
//! | `poll` | the run loop | ends the task; goes to the handle, without one to the executor's policy |
//! | the future's drop | the run loop, the executor's drop | the same: after `poll` returned, and when cancelled |
//! | an unbegun closure's drop | the run loop, the executor's drop | the same |
//! | an unbegun closure's drop | another thread | goes to the handle; without one discarded: no executor has begun it |
//! | a second one of a task: of its future's drop or its output's | the run loop | discarded; the task ends with its first |
//! | the output's drop | the run loop or the handle's drop | to the policy |
//! | a joiner's `wake` | the run loop | to the policy; the task has ended all the same |
//! | a foreign waker's `clone`, `drop` | whoever polls | forwarded to that poll |
//! | a foreign waker's `drop` | the handle's drop | a local handle's: to the policy; a remote one's: discarded |
//! | a foreign waker's `wake`, `drop` | a drop, while a panic unwinds | discarded: a second one would end the process |
//! | an output's drop | a remote handle's drop | discarded: the policy is another thread's |
//! | a payload's drop | whoever discards the payload | discarded |
//!
//! Once the executor's drop has begun, the policy can hand nothing on: under `Abort` the process ends, else the panic is discarded.
//!
//! A panic is caught per batch and not per poll: the loop sets which task is running, and a caught panic ends that one.

#[allow(unsafe_code)]
mod site;

mod state;

mod flags;

pub(crate) mod number;

mod label;

pub(crate) mod owner;

#[allow(unsafe_code)]
mod error;

#[allow(unsafe_code)]
mod blocks;

#[allow(unsafe_code)]
mod cell;

mod life;

mod unbegun;

#[allow(unsafe_code)]
mod waker;

mod hook;

mod abort_handle;

mod handle;

mod slot;

mod remote;

pub use abort_handle::AbortHandle;
pub(crate) use blocks::Blocks;
pub(crate) use cell::{LocalWaker, Origin, Schedule, TaskRef, allocate};
pub use error::{JoinError, Panic, TaskId, TaskInfo};
pub(crate) use error::{Payload, contain, discard, polled_after_completion};
pub use handle::Task;
pub use hook::name_tasks_in_panics;
pub(crate) use label::{Label, Numbered};
pub use remote::RemoteTask;
pub(crate) use remote::remote;
pub(crate) use site::Site;
pub(crate) use slot::{Receiver, Sender, slot};
pub(crate) use waker::{borrowed, is_ours};

// The public face of the executor's half; nothing in here uses it.
pub use crate::executor::{ConsumeBudget, TaskBuilder as Builder, Unconstrained, consume_budget, unconstrained};
