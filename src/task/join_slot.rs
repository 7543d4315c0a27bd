//! How one result crosses threads: the place where it waits for its handle. No waker of a user's is
//! called, and no value dropped, with the place locked.
//!
//! Used by tasks that another thread spawned and by jobs of the blocking pool. A sender that is
//! dropped without a result says `Cancelled`.
//!
//! The slot is a mutex around four fields. Rejected: the flags of a lock-free one-shot in the task
//! header's reserved bits; it would save one allocation and some 20 ns of a round trip that costs a
//! wake between threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker, ready};

use super::current;
use super::error::{JoinError, contain, discard, polled_after_completion};
use super::waker::is_ours;
use crate::sync::{Arc, Mutex, MutexGuard, OwnerCell};

/// What the two ends share.
struct JoinSlot<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    result: Option<Result<T, JoinError>>,
    /// There was a result. It may have been taken.
    finished: bool,
    /// Nobody will ask for the result any more.
    detached: bool,
    /// Who awaits the handle.
    joiner: Option<Waker>,
}

impl<T> JoinSlot<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The two ends of a new slot.
pub(crate) fn join_slot<T>() -> (JoinSender<T>, JoinReceiver<T>) {
    let state = State { result: None, finished: false, detached: false, joiner: None };
    let slot = Arc::new(JoinSlot { state: Mutex::new(state) });
    (JoinSender { slot: slot.clone(), sent: OwnerCell::new(false) }, JoinReceiver { slot, returned: false })
}

/// The end that the result goes into.
pub(crate) struct JoinSender<T> {
    slot: Arc<JoinSlot<T>>,
    /// A result was offered, so the drop has nothing to say.
    sent: OwnerCell<bool>,
}

impl<T> JoinSender<T> {
    /// Gives the result to the handle, or drops it here when there is none any more. The first call
    /// counts, later ones do nothing.
    pub(crate) fn send(&self, result: Result<T, JoinError>) {
        let unwanted = self.offer(result);
        contain(|| drop(unwanted));
    }

    /// Gives the result to the handle; back when there is none any more, or when there was a result
    /// before.
    pub(super) fn offer(&self, result: Result<T, JoinError>) -> Option<Result<T, JoinError>> {
        if self.sent.replace(true) {
            return Some(result);
        }
        let mut state = self.slot.lock();
        state.finished = true;
        if state.detached {
            return Some(result);
        }
        state.result = Some(result);
        let joiner = state.joiner.take();
        drop(state);
        if let Some(joiner) = joiner {
            contain(|| joiner.wake());
        }
        None
    }
}

impl<T> Drop for JoinSender<T> {
    fn drop(&mut self) {
        if !self.sent.get() {
            self.send(Err(JoinError::Cancelled));
        }
    }
}

/// The handle's end.
pub(crate) struct JoinReceiver<T> {
    slot: Arc<JoinSlot<T>>,
    /// A poll has returned the result, or nobody asks for it any more.
    returned: bool,
}

impl<T> JoinReceiver<T> {
    /// The result, once; before it is there, the waker is kept and the last one kept is woken.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        self.poll_as("Unblock", cx)
    }

    /// [`poll`](Self::poll) for a future of this name.
    pub(super) fn poll_as(&mut self, name: &str, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        ready!(current::poll_budget(cx));
        if self.returned {
            polled_after_completion(name);
        }
        let Some(result) = self.take_or_wait(cx.waker()) else { return Poll::Pending };
        self.returned = true;
        current::spend_budget();
        Poll::Ready(result)
    }

    /// The result, or the waker is kept. A waker of ours is cloned under the lock, when it is known
    /// to be needed, because its clone is nobody's code. That of a foreign one may do anything, and
    /// so may its drop: they come before and after the lock.
    fn take_or_wait(&self, waker: &Waker) -> Option<Result<T, JoinError>> {
        let mut clone = None;
        loop {
            let mut state = self.slot.lock();
            let finished = state.finished;
            // A clone that turns out not to be needed goes before the result is taken: a panic of
            // its drop must not lose that.
            if finished && clone.is_none() {
                return state.result.take();
            }
            if !finished {
                if clone.is_none() && is_ours(waker) {
                    clone = Some(waker.clone());
                }
                if let Some(clone) = clone {
                    let old = state.joiner.replace(clone);
                    drop(state);
                    drop(old);
                    return None;
                }
            }
            drop(state);
            clone = if finished { None } else { Some(waker.clone()) };
        }
    }

    /// Was the result returned?
    pub(super) fn has_returned(&self) -> bool {
        self.returned
    }

    /// Is there a result, or was there one?
    pub(crate) fn is_finished(&self) -> bool {
        self.slot.lock().finished
    }

    /// From here on nobody asks for the result. True the first time, when there is none yet. With
    /// the result in the user's hands there is nothing left to say, and the slot is not asked.
    pub(crate) fn leave(&mut self) -> bool {
        if std::mem::replace(&mut self.returned, true) {
            return false;
        }
        let mut state = self.slot.lock();
        let running = !state.finished;
        state.detached = true;
        let (result, joiner) = (state.result.take(), state.joiner.take());
        drop(state);
        // The handle may go while a panic unwinds, and a second one must not come out of its drop.
        let dropped = [catch_unwind(AssertUnwindSafe(|| drop(result))), catch_unwind(AssertUnwindSafe(|| drop(joiner)))];
        dropped.into_iter().filter_map(Result::err).for_each(discard);
        running
    }
}
