//! Ready tasks, first in, first out, linked through the tasks themselves: a push allocates nothing.
//!
//! \[Q1\] A linked task is not settled: it is READY, and only a task that is DONE settles, which
//! nobody makes it while it is READY.

use super::cell::TaskRef;
use super::refs::Queued;
use crate::sync::OwnerCell;

/// A list of ready tasks. One that is dropped with tasks in it leaks them.
#[derive(Debug)]
pub(crate) struct List {
    first: OwnerCell<Option<TaskRef>>,
    /// Pushed last.
    last: OwnerCell<Option<TaskRef>>,
}

impl List {
    pub(crate) fn new() -> Self {
        Self { first: OwnerCell::new(None), last: OwnerCell::new(None) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    /// The task becomes the last.
    #[inline]
    pub(crate) fn push(&self, task: Queued) {
        let task = task.into_task();
        task.run_next().set(None);
        match self.last.replace(Some(task)) {
            None => self.first.set(Some(task)),
            Some(last) => last.run_next().set(Some(task)),
        }
    }

    /// Takes all tasks.
    #[inline]
    pub(crate) fn take(&self) -> TakenList {
        TakenList { first: self.first.take(), last: self.last.take() }
    }

    /// Those that were taken, and not popped, go before those that are here.
    #[inline]
    pub(crate) fn prepend(&self, taken: &mut TakenList) {
        let (Some(first), Some(last)) = (taken.first.take(), taken.last) else { return };
        let behind = self.first.replace(Some(first));
        last.run_next().set(behind);
        if behind.is_none() {
            self.last.set(Some(last));
        }
    }
}

/// Tasks that were taken out of a list together. One that is dropped with tasks in it leaks them.
#[derive(Debug)]
pub(crate) struct TakenList {
    first: Option<TaskRef>,
    /// Meaningless once there is no first one.
    last: Option<TaskRef>,
}

impl TakenList {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The first task. It was linked until here, so it is still there [Q1].
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Queued> {
        let task = self.first?;
        self.first = task.run_next().get();
        Some(Queued::won(task))
    }
}
