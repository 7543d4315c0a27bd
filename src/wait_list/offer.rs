//! How a waker comes in under a lock or borrow. Foreign code, such as a foreign waker's clone, runs
//! outside: an [`Offer`] keeps the clone until it is wanted.

use std::task::{Context, Poll, Waker, ready};

use super::kept::KeptWaker;
use crate::task::current::{poll_budget, spend_budget};

/// What a waiter finds. Wakers are to be dropped outside.
#[derive(Debug)]
#[must_use = "a waker may have to be dropped outside"]
pub(crate) enum Found<F, W> {
    /// The wait is over; the waker is the one that was left.
    Ready(F, Option<W>),
    /// It goes on; the waker is the one that was left before.
    Waits(Option<W>),
    /// The offered waker must be prepared outside.
    Prepare,
}

/// The waker of a poll, for code that finds under a lock or borrow that it has to be kept.
#[derive(Debug)]
pub(crate) struct Offer<'a, W> {
    waker: &'a Waker,
    kept: Option<W>,
}

impl<'a, W: KeptWaker> Offer<'a, W> {
    #[inline]
    pub(crate) fn new(waker: &'a Waker) -> Self {
        Self { waker, kept: None }
    }

    /// The waker, to keep. `None`: it is foreign and must be cloned outside, by
    /// [`prepare`](Self::prepare), before another attempt.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<W> {
        if self.kept.is_some() {
            return self.kept.take();
        }
        W::keep_quietly(self.waker)
    }

    /// Runs foreign code: never under a lock or borrow.
    #[cold]
    pub(crate) fn prepare(&mut self) {
        self.kept = Some(W::keep(self.waker));
    }

    /// Is it the one that is kept already?
    #[inline]
    pub(crate) fn is(&self, kept: &W) -> bool {
        kept.will_wake(self.waker)
    }

    /// Puts the waker in the place of the one that is kept, unless it is that one.
    #[inline]
    pub(crate) fn renew<F>(&mut self, kept: &mut W) -> Found<F, W> {
        if self.is(kept) {
            return Found::Waits(None);
        }
        match self.take() {
            Some(waker) => Found::Waits(Some(std::mem::replace(kept, waker))),
            None => Found::Prepare,
        }
    }

    /// Puts the waker into a place for one, unless it is there.
    #[inline]
    pub(crate) fn leave_in<F>(&mut self, place: &mut Option<W>) -> Found<F, W> {
        match place {
            Some(kept) => self.renew(kept),
            None => {
                *place = self.take();
                if place.is_some() { Found::Waits(None) } else { Found::Prepare }
            }
        }
    }
}

/// The loop of every wait. Runs `step` under the lock or borrow; when it says `None` the waker is
/// foreign, and is cloned outside before the second time.
#[inline]
pub(crate) fn with_offer<'a, R, W: KeptWaker>(waker: &'a Waker, mut step: impl FnMut(&mut Offer<'a, W>) -> Option<R>) -> R {
    let mut offer = Offer::new(waker);
    loop {
        if let Some(result) = step(&mut offer) {
            return result;
        }
        offer.prepare();
    }
}

/// Polls a wait, within the budget. `step` runs under the lock or borrow.
pub(crate) fn poll_wait<F, W: KeptWaker>(cx: &mut Context<'_>, step: impl FnMut(&mut Offer<'_, W>) -> Found<F, W>) -> Poll<F> {
    ready!(poll_budget(cx));
    let found = poll_wait_freely(cx.waker(), step);
    if found.is_ready() {
        spend_budget();
    }
    found
}

/// [`poll_wait`] without the budget, for a wait that stays over when it is over, and says so at
/// each poll.
#[inline]
pub(crate) fn poll_wait_freely<F, W: KeptWaker>(
    waker: &Waker,
    mut step: impl FnMut(&mut Offer<'_, W>) -> Found<F, W>,
) -> Poll<F> {
    let (found, unused) = with_offer(waker, |offer| match step(offer) {
        Found::Ready(found, unused) => Some((Poll::Ready(found), unused)),
        Found::Waits(old) => Some((Poll::Pending, old)),
        Found::Prepare => None,
    });
    drop(unused);
    found
}
