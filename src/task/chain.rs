//! Tasks that are linked for the inbox: the head, where threads meet, and what was taken out of it.
//!
//! Rules: \[I1\] a task's link is touched by the one that has the task as [`Linked`]: the winner of
//! QUEUED until its push succeeds, and later the one that has taken it out, until it is unlinked or
//! pushed again. \[I2\] who unlinks a task has read its link before, for the next winner may write
//! it right after.
//!
//! **An address in the head is a number.** Between the load of the head and the exchange the task
//! behind it may be taken out, end and be freed, and another be born in its place. The exchange
//! compares addresses, so it succeeds, and the link is right: it says where the next task lies. But
//! the pointer that it was copied from was one to the task that has gone, and for the abstract
//! machine a pointer is more than its address: what it may be used for (its provenance) died with
//! that task. So a pusher exposes its task's address before the exchange, and the one that takes
//! tasks out makes each pointer anew from the address ([`TaskRef::from_exposed`]), at a time when
//! every task in the list is alive and was exposed. No instruction comes of either. Nothing else
//! keeps a task as a number or compares its address with a foreign one: wakers and the run queue
//! hold the pointer that the task was made with, and [`LocalWaker`](super::LocalWaker) changes two
//! low bits of it and keeps what it may be used for.

use std::mem;
use std::ptr;

use super::cell::TaskRef;
use super::refs::Linked;
use crate::sync::{AtomicPtr, Ordering};

/// What a head says when it holds no task; a task's address is aligned to eight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Mark {
    Empty = 0,
    Asleep = 1,
    Closed = 2,
}

impl Mark {
    /// What a head shows that says so.
    pub(crate) fn seen(self) -> Seen {
        Seen(self.word())
    }

    fn word(self) -> *mut () {
        ptr::without_provenance_mut(self as usize)
    }
}

/// What a head has shown: a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seen(*mut ());

impl Seen {
    #[inline]
    pub(crate) fn is(self, mark: Mark) -> bool {
        self.0 == mark.word()
    }

    #[inline]
    pub(crate) fn is_task(self) -> bool {
        self.0.addr() > Mark::Closed as usize
    }
}

/// Where other threads push.
#[derive(Debug)]
pub(crate) struct Head(AtomicPtr<()>);

impl Head {
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(Mark::Empty.word()))
    }

    /// Only a guess, or a hint: nothing is read by it.
    #[inline]
    pub(crate) fn look(&self) -> Seen {
        // Relaxed: what takes or pushes synchronises.
        Seen(self.0.load(Ordering::Relaxed))
    }

    /// Puts the task above what was seen, in the place of a mark as well. Back when something else
    /// is there now, with that.
    pub(crate) fn push(&self, task: Linked, seen: Seen, order: Ordering) -> Result<(), (Linked, Seen)> {
        task.task().expose();
        task.task().set_inbox_next(if seen.is_task() { seen.0 } else { ptr::null_mut() });
        // Relaxed on failure: another guess.
        match self.0.compare_exchange_weak(seen.0, task.task().address(), order, Ordering::Relaxed) {
            Ok(_) => {
                mem::forget(task);
                Ok(())
            }
            Err(now) => Err((task, Seen(now))),
        }
    }

    /// Puts all of them where a mark was seen. Back when something else is there now.
    pub(crate) fn put_back(&self, tasks: Chain, mark: Mark, order: Ordering) -> Result<(), Chain> {
        // Relaxed on failure: the caller looks again.
        match self.0.compare_exchange_weak(mark.word(), tasks.0, order, Ordering::Relaxed) {
            Ok(_) => {
                mem::forget(tasks);
                Ok(())
            }
            Err(_) => Err(tasks),
        }
    }

    /// Takes everything, newest first, and leaves a mark.
    pub(crate) fn take(&self, mark: Mark, order: Ordering) -> Chain {
        Chain::below(Seen(self.0.swap(mark.word(), order)))
    }

    /// Takes everything if it is still what was seen, and leaves a mark; else what is there now.
    pub(crate) fn take_if(&self, seen: Seen, mark: Mark, order: Ordering) -> Result<Chain, Seen> {
        // Relaxed on failure: another guess.
        let taken = self.0.compare_exchange(seen.0, mark.word(), order, Ordering::Relaxed);
        taken.map(|word| Chain::below(Seen(word))).map_err(Seen)
    }
}

/// Linked tasks in a row: the address of the first one, or null.
#[derive(Debug)]
#[must_use = "tasks that are dropped here are not woken"]
pub(crate) struct Chain(*mut ());

impl Chain {
    pub(crate) fn new() -> Self {
        Self(ptr::null_mut())
    }

    fn below(taken: Seen) -> Self {
        if taken.is_task() { Self(taken.0) } else { Self::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_null()
    }

    /// The task becomes the first.
    pub(crate) fn push(&mut self, task: Linked) {
        let task = task.into_task();
        task.expose();
        task.set_inbox_next(self.0);
        self.0 = task.address();
    }

    /// The first task. Its link is read here, before the caller can unlink it [I2].
    pub(crate) fn pop(&mut self) -> Option<Linked> {
        let task = TaskRef::from_exposed(self.0)?;
        self.0 = task.inbox_next();
        Some(Linked::won(task))
    }

    /// The same tasks, the last one first.
    pub(crate) fn reversed(mut self) -> Self {
        let mut reversed = Self::new();
        while let Some(task) = self.pop() {
            reversed.push(task);
        }
        reversed
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::num::NonZero;
    use std::sync::Arc;

    use super::*;
    use crate::task::{FreeList, Here, Payload, Queued, Registered, Schedule, Site, TaskView, spawn_remote};

    /// An executor that takes nothing.
    struct TakesNothing;

    impl Schedule for TakesNothing {
        fn ready(_: Here<'_, Self>, _: Queued) {}

        fn push(&self, task: Linked) -> Result<(), Linked> {
            Err(task)
        }

        fn forget(_: Here<'_, Self>, _: &TaskView) -> Option<Registered> {
            None
        }

        fn orphan_panic(_: Here<'_, Self>, _: Payload) {}

        fn number(_: Here<'_, Self>, _: &TaskView) -> NonZero<u64> {
            unreachable!("these tasks keep their numbers")
        }

        fn blocks(_: Here<'_, Self>) -> Option<&RefCell<FreeList>> {
            None
        }
    }

    /// A pointer with that address and nothing else of a pointer, as one that was read before its
    /// task had gone.
    fn stale(address: *mut ()) -> *mut () {
        ptr::without_provenance_mut(address.addr())
    }

    // In an ordinary run a pointer is its address, and this shows that the order is kept; Miri
    // knows the difference.
    #[test]
    fn a_link_is_an_address_and_no_more() {
        let (executor, head) = (Arc::new(TakesNothing), Head::new());
        let mut handles = Vec::new();
        for _ in 0..3 {
            let (linked, handle) = spawn_remote(&executor, || async {}, (), Site::caller());
            let task = linked.task();
            head.push(linked, head.look(), Ordering::Relaxed).unwrap();
            task.set_inbox_next(stale(task.inbox_next()));
            handles.push(handle);
        }
        let newest = head.0.load(Ordering::Relaxed);
        head.0.store(stale(newest), Ordering::Relaxed);
        let mut taken = head.take(Mark::Closed, Ordering::Relaxed).reversed();
        for handle in &handles {
            assert_eq!(taken.pop().unwrap().unbegun().unwrap().id(), handle.id());
        }
        assert!(taken.is_empty() && head.look().is(Mark::Closed));
        assert!(handles.iter().all(crate::RemoteTask::is_finished), "a task that is dropped as it is taken ends");
    }

    #[test]
    fn what_is_dropped_on_its_way_ends_and_is_freed() {
        let (executor, head) = (Arc::new(TakesNothing), Head::new());
        let make = || spawn_remote(&executor, || async {}, (), Site::caller());
        let ((linked, kept), (refused, _)) = (make(), make());
        head.push(linked, head.look(), Ordering::Relaxed).unwrap();
        drop(refused);
        assert!(!kept.is_finished());
        drop(head.take(Mark::Empty, Ordering::Relaxed));
        assert!(kept.is_finished());
        drop(kept);
        assert_eq!(Arc::strong_count(&executor), 1, "each task has given the executor's memory back");
    }
}
