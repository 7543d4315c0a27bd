//! What this thread is running: the thread-local that names its executor and its task. It must
//! never be borrowed across user code.
//!
//! The owner test decides the way of every wake: a waker whose task belongs to the executor that
//! this thread has entered takes the plain path, everything else takes the remote path. When the
//! test fails on the owner's own thread (its executor is not entered, or another one is) the remote
//! path is slower and still right. The thread-local needs no destructor, so it can be asked while
//! the thread is being torn down, from the destructor of any other thread-local.
//!
//! It also carries what the running poll needs at hand: the task, for messages that name it, and
//! the per-poll budget of leaf operations.

use std::cell::Cell;
use std::ptr;
use std::task::{Context, Poll};

use super::cell::TaskRef;
use crate::sync::owner_local;

/// Leaf operations that one poll may complete before it has to yield; the same number as tokio's,
/// whose users have found no fault in it.
pub(crate) const BUDGET: u32 = 128;

owner_local! {
    /// What this thread is running.
    static CURRENT: Current = Current { executor: Cell::new(ptr::null()), task: Cell::new(None), budget: Cell::new(BUDGET), look: Cell::new(false) }
}

/// What one thread is running. Every field is a plain cell of this thread.
#[derive(Debug)]
pub(crate) struct Current {
    /// The address of the entered executor; null when none is. Saved and restored when one executor
    /// is entered inside another.
    executor: Cell<*const ()>,
    /// The task being polled, or dropped; names it in messages and tells whose panic it was.
    task: Cell<Option<TaskRef>>,
    /// Leaf operations left in this poll.
    budget: Cell<u32>,
    /// A task asked for a look at sockets and timers before it is polled again.
    look: Cell<bool>,
}

/// Runs `f` with what this thread is running.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&Current) -> R) -> R {
    CURRENT.with(f)
}

/// Is this the executor that the thread has entered?
#[inline]
pub(crate) fn is_entered(executor: *const ()) -> bool {
    with(|current| ptr::eq(current.executor.get(), executor))
}

impl Current {
    #[inline]
    pub(crate) fn executor(&self) -> *const () {
        self.executor.get()
    }

    pub(crate) fn task(&self) -> Option<TaskRef> {
        self.task.get()
    }

    /// A poll of `task` begins: full budget.
    #[inline]
    pub(crate) fn begin(&self, task: Option<TaskRef>) {
        self.task.set(task);
        self.budget.set(BUDGET);
    }

    /// Has a task asked for a look?
    #[inline]
    pub(crate) fn wants_look(&self) -> bool {
        self.look.get()
    }

    /// The request for a look, once.
    pub(crate) fn take_look(&self) -> bool {
        self.look.replace(false)
    }
}

/// Runs `f`, which does not unwind, as code of this task: messages in there name it.
pub(super) fn as_running<R>(task: TaskRef, f: impl FnOnce() -> R) -> R {
    let before = with(|current| current.task.replace(Some(task)));
    let result = f();
    with(|current| current.task.set(before));
    result
}

/// An executor is entered as long as this lives.
#[derive(Debug)]
pub(crate) struct Entered {
    executor: *const (),
    task: Option<TaskRef>,
    budget: u32,
}

impl Entered {
    pub(crate) fn new(executor: *const ()) -> Self {
        with(|current| Self {
            executor: current.executor.replace(executor),
            task: current.task.replace(None),
            budget: current.budget.replace(BUDGET),
        })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        with(|current| {
            current.executor.set(self.executor);
            current.task.set(self.task);
            current.budget.set(self.budget);
        });
    }
}

/// The running poll has no end of budget as long as this lives, and what it had before afterwards.
#[derive(Debug)]
pub(crate) struct Lifted(u32);

impl Lifted {
    pub(crate) fn new() -> Self {
        Self(with(|current| current.budget.replace(u32::MAX)))
    }
}

impl Drop for Lifted {
    fn drop(&mut self) {
        with(|current| current.budget.set(self.0));
    }
}

/// Asked by leaf futures before their first attempt: pending, and woken again, when the running
/// poll has used up its budget.
#[inline]
pub(crate) fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    if with(|current| current.budget.get() > 0) { Poll::Ready(()) } else { out_of_budget(cx) }
}

/// Where no executor is entered nobody counts.
#[cold]
fn out_of_budget(cx: &mut Context<'_>) -> Poll<()> {
    if with(|current| current.executor.get().is_null()) {
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Taken by leaf futures that return ready. Pending ones pay nothing: a task with two hundred quiet
/// sockets must not starve itself.
#[inline]
pub(crate) fn spend_budget() {
    with(|current| current.budget.set(current.budget.get().saturating_sub(1)));
}

/// Asks for a look at sockets and timers before the next batch.
pub(crate) fn request_look() {
    with(|current| current.look.set(true));
}
