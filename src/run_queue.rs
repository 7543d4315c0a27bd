//! The run queue: this thread's ready tasks, in the order in which they became ready.
//!
//! A first-in-first-out list through the tasks themselves: pushing allocates nothing, so a wake
//! cannot fail, and a task is in it at most once because the flag READY says so.
//!
//! Rejected: a ring of pointers (it grows inside a wake, or eight bytes per task are reserved for
//! ever) and a slot for the task woken last (two tasks that wake each other starve the rest).

use crate::task::{List, Queued, TakenList};

/// This thread's ready tasks.
#[derive(Debug)]
pub(crate) struct RunQueue(List);

impl RunQueue {
    pub(crate) fn new() -> Self {
        Self(List::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// 2: the task is ready, and has its turn after all that were ready before it.
    #[inline]
    pub(crate) fn push(&self, task: Queued) {
        self.0.push(task);
    }

    /// Takes everything that is ready now.
    pub(crate) fn take(&self) -> Batch<'_> {
        Batch { queue: self, tasks: self.0.take() }
    }

    /// Nothing is ready any more: the tasks have to be woken again.
    pub(crate) fn clear(&self) {
        let mut tasks = self.0.take();
        while let Some(task) = tasks.pop() {
            drop(task);
        }
    }
}

/// Tasks that were ready at one moment, in their order.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    queue: &'a RunQueue,
    tasks: TakenList,
}

impl Batch<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// 3: the task that has been ready for the longest time.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Queued> {
        self.tasks.pop()
    }

    /// Of an empty batch: takes what has become ready since. False when nothing has.
    #[inline]
    pub(crate) fn refill(&mut self) -> bool {
        debug_assert!(self.is_empty());
        self.tasks = self.queue.0.take();
        !self.is_empty()
    }
}

impl Drop for Batch<'_> {
    /// What was not polled has been ready for longer than what was pushed meanwhile.
    fn drop(&mut self) {
        self.queue.0.prepend(&mut self.tasks);
    }
}
