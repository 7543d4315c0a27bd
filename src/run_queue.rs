//! The run queue — owns the order of this thread's ready tasks — must never be seen from another thread.
//!
//! A first-in-first-out list through the tasks themselves: pushing allocates nothing, so a wake cannot fail, and a task is in it at most
//! once because the flag QUEUED says so.
//!
//! [Q1] A linked task is not settled: it is QUEUED, and only a task that is DONE settles, which is never QUEUED.
//!
//! Rejected: a ring of pointers (it grows inside a wake, or eight bytes per task are reserved for ever) and a slot for the task woken last
//! (two tasks that wake each other starve the rest).

use crate::sync::OwnerCell;
use crate::task::TaskRef;

/// This thread's ready tasks.
#[derive(Debug)]
pub(crate) struct RunQueue {
    /// Polled next.
    head: OwnerCell<Option<TaskRef>>,
    /// Pushed last; meaningless while the head is `None`.
    tail: OwnerCell<Option<TaskRef>>,
    /// How many are linked: the bound of a batch.
    len: OwnerCell<usize>,
}

impl RunQueue {
    pub(crate) fn new() -> Self {
        Self { head: OwnerCell::new(None), tail: OwnerCell::new(None), len: OwnerCell::new(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    /// 2: the task is ready, and has its turn after all that were ready before it. The caller has just set its flag QUEUED.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef) {
        task.run_next().set(None);
        match self.tail.replace(Some(task)) {
            Some(last) if !self.is_empty() => last.run_next().set(Some(task)),
            _ => self.head.set(Some(task)),
        }
        self.len.set(self.len.get() + 1);
    }

    /// 3: the task that has been ready for the longest time.
    #[inline]
    pub(crate) fn pop(&self) -> Option<TaskRef> {
        let task = self.head.get()?;
        self.head.set(task.run_next().get());
        self.len.set(self.len.get() - 1);
        Some(task)
    }
}
