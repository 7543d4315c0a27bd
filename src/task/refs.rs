//! What the rooms above hold of a task. Each type owns what it says, so that none of its functions
//! can be called at a wrong time:
//!
//! | type | owns | when it is dropped |
//! |---|---|---|
//! | [`Queued`] | the flag READY of a task that is not running | the task is not ready any more |
//! | [`Linked`] | the bit QUEUED, and with it the link in the inbox | a task that was not begun ends, a wake is forgotten |
//! | [`Registered`] | the place in the registry, which the task gives up when it settles | the task lives on by itself |
//! | `RootTask` | a task without a future, which is never registered | the task ends |
//! | `Waker` | a counted reference: wakers, `RemoteTask`, `AbortHandle` | the reference is given back |
//!
//! [`TaskView`] is a borrow of one of them on the owner's thread. One that is forgotten leaks its
//! task, and no more.

use std::mem;
use std::ops::Deref;

use super::cell::TaskRef;
use super::error::{TaskId, TaskInfo};
use super::site::Site;
use crate::sync::is_over;

/// A task, as its owner's thread may look at it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct TaskView(TaskRef);

impl TaskView {
    /// The task lives for as long as the value is borrowed.
    #[inline]
    pub(super) fn of(task: TaskRef) -> Self {
        Self(task)
    }

    pub(crate) fn id(&self) -> TaskId {
        self.0.id()
    }

    /// What messages say of it.
    pub(crate) fn info(&self) -> TaskInfo {
        self.0.info()
    }

    /// The line that spawned it.
    #[inline]
    pub(crate) fn site(&self) -> Site {
        self.0.header().site
    }

    /// Its name, without a call where there is none.
    #[inline]
    pub(crate) fn name(&self) -> Option<&str> {
        if self.0.header().vtable.named { self.0.name(self) } else { None }
    }

    /// Is the future gone?
    pub(crate) fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// Is it out of the registry?
    pub(crate) fn is_anchored(&self) -> bool {
        self.0.is_anchored()
    }

    /// The number that was noted last, and zero once the task has left the registry.
    #[inline]
    pub(crate) fn index(&self) -> u32 {
        self.0.header().registry_index.get()
    }

    /// Notes where a registry finds it.
    #[inline]
    pub(crate) fn set_index(&self, index: u32) {
        self.0.header().registry_index.set(index);
    }
}

/// A task that is ready: in the run queue, or on its way.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a task that is dropped here has to be woken again"]
pub(crate) struct Queued(TaskView);

impl Queued {
    /// READY was won.
    #[inline]
    pub(super) fn won(task: TaskRef) -> Self {
        Self(TaskView(task))
    }

    #[inline]
    pub(super) fn into_task(self) -> TaskRef {
        let task = self.0.0;
        mem::forget(self);
        task
    }
}

impl Deref for Queued {
    type Target = TaskView;

    #[inline]
    fn deref(&self) -> &TaskView {
        &self.0
    }
}

impl Drop for Queued {
    #[cold]
    fn drop(&mut self) {
        self.0.0.leave_queue();
    }
}

/// A task that its executor has to end before it goes.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "a task that is dropped here ends with nobody"]
pub(crate) struct Registered(TaskView);

impl Registered {
    /// Spawned, or begun, and in no registry yet.
    #[inline]
    pub(super) fn new(task: TaskRef) -> Self {
        Self(TaskView(task))
    }

    #[inline]
    pub(super) fn is(&self, task: TaskRef) -> bool {
        self.0.0 == task
    }

    pub(super) fn into_task(self) -> TaskRef {
        let task = self.0.0;
        mem::forget(self);
        task
    }
}

impl Deref for Registered {
    type Target = TaskView;

    #[inline]
    fn deref(&self) -> &TaskView {
        &self.0
    }
}

impl Drop for Registered {
    #[cold]
    fn drop(&mut self) {
        if !is_over() {
            self.0.0.anchor();
        }
    }
}

/// A task that is QUEUED: in an inbox, or on the way into or out of one. Any thread may have it.
#[derive(Debug)]
#[must_use = "a task that is dropped here is not woken"]
pub(crate) struct Linked(TaskRef);

// SAFETY: [T8] of the task it touches the remote word, the link, and the closure of a task that
// nobody has begun, which can be sent; what is the owner's is asked for on the owner's thread. A
// plain field that was read here would race.
unsafe impl Send for Linked {}

impl Linked {
    /// QUEUED was won.
    #[inline]
    pub(super) fn won(task: TaskRef) -> Self {
        Self(task)
    }

    #[inline]
    pub(super) fn task(&self) -> TaskRef {
        self.0
    }

    #[inline]
    pub(super) fn into_task(self) -> TaskRef {
        let task = self.0;
        mem::forget(self);
        task
    }

    /// Was the task ended before it was begun?
    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.is_abandoned()
    }

    /// What messages say of it, if nobody has begun it.
    pub(crate) fn unbegun(&self) -> Option<TaskInfo> {
        self.0.is_new().then(|| self.0.info())
    }

    /// For a model that tells its nodes from each other.
    #[cfg(wakeline_loom)]
    pub(crate) fn number(&self) -> usize {
        self.0.address().addr()
    }

    /// For a model whose owner has unlinked it too early; says which it was.
    #[cfg(wakeline_loom)]
    pub(crate) fn leave(self) -> usize {
        self.into_task().address().addr()
    }

    /// Ends a task that nobody has begun, unless its handle is faster. True when it was ended here.
    pub(crate) fn refuse(self) -> bool {
        let task = self.into_task();
        if task.is_new() {
            task.refuse_unbegun()
        } else {
            task.unlink_unseen();
            false
        }
    }

    /// The one that has taken the task out of somebody else's inbox puts it back. When that is
    /// closed meanwhile, the executor ends the task by itself, and only the link is given up.
    pub(crate) fn push_again(self) {
        self.into_task().push();
    }
}

impl Drop for Linked {
    #[cold]
    fn drop(&mut self) {
        if !is_over() {
            let _ = Self(self.0).refuse();
        }
    }
}
