//! The run queue — owns the order of this thread's ready tasks — must never be seen from
//! another thread.
//!
//! A first-in-first-out list through the tasks themselves: pushing allocates nothing, so a wake
//! cannot fail, and a task is in it at most once because the flag READY says so.
//!
//! \[Q1\] A linked task is not settled: it is READY, and only a task that is DONE settles, which is
//! never READY.
//!
//! Rejected: a ring of pointers (it grows inside a wake, or eight bytes per task are reserved for
//! ever) and a slot for the task woken last (two tasks that wake each other starve the rest).

use crate::sync::OwnerCell;
use crate::task::TaskRef;

/// This thread's ready tasks.
#[derive(Debug)]
pub(crate) struct RunQueue {
    /// Polled next.
    head: OwnerCell<Option<TaskRef>>,
    /// Pushed last; meaningless while the head is `None`.
    tail: OwnerCell<Option<TaskRef>>,
}

impl RunQueue {
    pub(crate) fn new() -> Self {
        Self { head: OwnerCell::new(None), tail: OwnerCell::new(None) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// 2: the task is ready, and has its turn after all that were ready before it. The caller has
    /// just set its flag READY.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef) {
        task.run_next().set(None);
        match self.head.get() {
            None => self.head.set(Some(task)),
            Some(_) => self.tail.get().expect("a queue with a head has a tail").run_next().set(Some(task)),
        }
        self.tail.set(Some(task));
    }

    /// Takes everything that is ready now.
    pub(crate) fn take(&self) -> Batch<'_> {
        Batch { queue: self, next: self.head.take(), last: self.tail.get() }
    }
}

/// Tasks that were ready at one moment, in their order.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    queue: &'a RunQueue,
    next: Option<TaskRef>,
    /// The end of the list; meaningless while `next` is `None`.
    last: Option<TaskRef>,
}

impl Batch<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.next.is_none()
    }

    /// 3: the task that has been ready for the longest time. Until here it was linked, so it is
    /// still there [Q1].
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskRef> {
        let task = self.next?;
        self.next = task.run_next().get();
        Some(task)
    }

    /// Of an empty batch: takes what has become ready since. False when nothing has.
    #[inline]
    pub(crate) fn refill(&mut self) -> bool {
        debug_assert!(self.next.is_none());
        self.next = self.queue.head.take();
        self.last = self.queue.tail.get();
        self.next.is_some()
    }
}

impl Drop for Batch<'_> {
    /// What was not polled has been ready for longer than what was pushed meanwhile.
    fn drop(&mut self) {
        let (Some(first), Some(last)) = (self.next, self.last) else { return };
        let pushed = self.queue.head.replace(Some(first));
        last.run_next().set(pushed);
        if pushed.is_none() {
            self.queue.tail.set(Some(last));
        }
    }
}
