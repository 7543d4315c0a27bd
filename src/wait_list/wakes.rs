//! Those who were called, on their way out of a lock or borrow. They must be woken outside of it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::kept::KeptWaker;
use super::list::WaitList;
use crate::task::{contain, discard};

/// Those who are to be woken when the lock or borrow has been let go.
#[derive(Debug)]
#[must_use = "those who were called are waiting to be woken"]
pub(crate) struct Wakes<W> {
    pub(super) first: Option<W>,
    pub(super) more: Vec<W>,
}

impl<W: KeptWaker> Wakes<W> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { first: None, more: Vec::new() }
    }

    /// Calls everyone who waits.
    pub(crate) fn all(list: &mut WaitList<W>) -> Self {
        let mut wakes = Self::new();
        wakes.call_all(list);
        wakes
    }

    /// Calls everyone who waits in this list, too. Says how many they are.
    pub(crate) fn call_all(&mut self, list: &mut WaitList<W>) -> usize {
        let number = list.len();
        self.more.reserve(number.saturating_sub(usize::from(self.first.is_none())));
        while let Some(waker) = list.pop_front() {
            self.push(waker);
        }
        number
    }

    #[inline]
    pub(crate) fn push(&mut self, waker: W) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.more.push(waker),
        }
    }

    pub(crate) fn extend(&mut self, wakers: impl IntoIterator<Item = W>) {
        wakers.into_iter().for_each(|waker| self.push(waker));
    }

    /// Wakes all of them, in their order. A foreign waker that panics keeps none of the others
    /// waiting; the first panic goes on, unless another one unwinds already.
    #[inline]
    pub(crate) fn wake(self) {
        let Some(first) = self.first else { return };
        if self.more.is_empty() {
            return first.wake();
        }
        wake_each(std::iter::once(first).chain(self.more));
    }
}

/// Wakes all of them, in their order, as [`Wakes::wake`] does.
pub(crate) fn wake_each<W: KeptWaker>(wakers: impl IntoIterator<Item = W>) {
    let mut panic = None;
    for waker in wakers {
        match catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            Err(payload) if panic.is_none() => panic = Some(payload),
            Err(payload) => discard(payload),
            Ok(()) => {}
        }
    }
    if let Some(payload) = panic {
        contain(|| resume_unwind(payload));
    }
}
