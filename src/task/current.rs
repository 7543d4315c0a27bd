//! What this thread is running: the thread-local that names its executor and its task.
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
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::cell::TaskRef;
use super::error::TaskInfo;
use crate::sync::owner_local;

/// Leaf operations that one poll may complete before it has to yield; the same number as tokio's,
/// whose users have found no fault in it.
pub(crate) const BUDGET: u32 = 128;

owner_local! {
    /// What this thread is running.
    static CURRENT: Current = Current { executor: Cell::new(None), task: Cell::new(None), budget: Cell::new(BUDGET), look: Cell::new(false) }
}

/// What one thread is running. Every field is a plain cell of this thread.
#[derive(Debug)]
pub(crate) struct Current {
    /// The entered executor. Saved and restored when one executor is entered inside another.
    executor: Cell<Option<NonNull<()>>>,
    /// The task being polled, or dropped, which is RUNNING; names it in messages and tells whose
    /// panic it was.
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
pub(super) fn is_entered(executor: NonNull<()>) -> bool {
    with(|current| current.executor.get() == Some(executor))
}
/// The executor that the thread has entered.
#[inline]
pub(super) fn entered() -> Option<NonNull<()>> {
    with(|current| current.executor.get())
}

impl Current {
    /// Has the thread entered an executor?
    #[inline]
    pub(crate) fn has_entered(&self) -> bool {
        self.executor.get().is_some()
    }

    /// What messages say of the task that runs.
    pub(crate) fn task_info(&self) -> Option<TaskInfo> {
        self.task.get().map(|task| task.info())
    }

    pub(super) fn task(&self) -> Option<TaskRef> {
        self.task.get()
    }

    /// What is polled next has its full budget.
    #[inline]
    pub(crate) fn refill_budget(&self) {
        self.budget.set(BUDGET);
    }

    /// Code of the task follows, which is RUNNING; or none, and the task that was.
    #[inline]
    pub(super) fn replace_task(&self, task: Option<TaskRef>) -> Option<TaskRef> {
        self.task.replace(task)
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

/// Runs `f` as code of this task: messages in there name it.
pub(super) fn as_running<R>(task: TaskRef, f: impl FnOnce() -> R) -> R {
    with(|current| {
        let _outer = Outer::of(current, Some(task));
        f()
    })
}

/// What ran before, and runs again when this is dropped.
pub(super) struct Outer<'a>(&'a Current, Option<TaskRef>);

impl<'a> Outer<'a> {
    #[inline]
    pub(super) fn of(current: &'a Current, task: Option<TaskRef>) -> Self {
        Self(current, current.replace_task(task))
    }
}

impl Drop for Outer<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.task.set(self.1);
    }
}

/// Runs `f` with the executor entered.
#[inline]
pub(super) fn enter<R>(executor: NonNull<()>, f: impl FnOnce() -> R) -> R {
    let _entered = with(|current| Entered {
        executor: current.executor.replace(Some(executor)),
        task: current.task.replace(None),
        budget: current.budget.replace(BUDGET),
    });
    f()
}

/// What is entered again when this is dropped.
struct Entered {
    executor: Option<NonNull<()>>,
    task: Option<TaskRef>,
    budget: u32,
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
    if !with(Current::has_entered) {
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
