//! The wakers of those who wait: how one is kept, for all threads or for one.
//!
//! A foreign waker may panic when it is woken or dropped. The panic goes on to the caller. While
//! another panic unwinds, which is when an end of a channel or a permit is dropped by it, the
//! second one is discarded: it would end the process. Both kinds of kept waker do that themselves,
//! so that no operation has to think of it.

use std::task::Waker;

use crate::task::{LocalWaker, contain, is_ours};

/// A waker that is kept until its owner is called. To be dropped outside of locks and borrows.
pub(crate) trait KeptWaker: Sized {
    /// Keeps the waker if that runs nobody's code.
    fn keep_quietly(waker: &Waker) -> Option<Self>;
    /// Keeps any waker: never under a lock or borrow.
    fn keep(waker: &Waker) -> Self;
    /// Would both wake the same task?
    fn will_wake(&self, waker: &Waker) -> bool;
    /// Never under a lock or borrow.
    fn wake(self);
}

/// A waker that any thread may wake.
#[derive(Debug)]
pub(crate) struct SharedWaker(
    /// None in its drop only.
    Option<Waker>,
);

impl KeptWaker for SharedWaker {
    #[inline]
    fn keep_quietly(waker: &Waker) -> Option<Self> {
        is_ours(waker).then(|| Self::keep(waker))
    }

    #[inline]
    fn keep(waker: &Waker) -> Self {
        Self(Some(waker.clone()))
    }

    #[inline]
    fn will_wake(&self, waker: &Waker) -> bool {
        self.0.as_ref().is_some_and(|kept| kept.will_wake(waker))
    }

    #[inline]
    fn wake(mut self) {
        match self.0.take() {
            Some(waker) if is_ours(&waker) => waker.wake(),
            waker => wake_foreign(waker),
        }
    }
}

impl Drop for SharedWaker {
    #[inline]
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            drop_kept(waker);
        }
    }
}

#[cold]
fn wake_foreign(waker: Option<Waker>) {
    contain(|| {
        if let Some(waker) = waker {
            waker.wake();
        }
    });
}

#[cold]
#[inline(never)]
fn drop_kept(waker: Waker) {
    contain(|| drop(waker));
}

impl KeptWaker for LocalWaker {
    #[inline]
    fn keep_quietly(waker: &Waker) -> Option<Self> {
        LocalWaker::of_ours(waker)
    }

    fn keep(waker: &Waker) -> Self {
        LocalWaker::new(waker)
    }

    #[inline]
    fn will_wake(&self, waker: &Waker) -> bool {
        LocalWaker::will_wake(self, waker)
    }

    #[inline]
    fn wake(self) {
        LocalWaker::wake(self);
    }
}
