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
use crate::sync::{Arc, Mutex, MutexGuard};

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
    (JoinSender { slot: slot.clone() }, JoinReceiver { slot })
}

/// The end that the result goes into.
pub(crate) struct JoinSender<T> {
    slot: Arc<JoinSlot<T>>,
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
        let mut state = self.slot.lock();
        if state.finished {
            return Some(result);
        }
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
        self.send(Err(JoinError::Cancelled));
    }
}

/// The handle's end.
pub(crate) struct JoinReceiver<T> {
    slot: Arc<JoinSlot<T>>,
}

impl<T> JoinReceiver<T> {
    /// The result, once; before it is there, the waker is kept and the last one kept is woken.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        self.poll_as("Unblock", cx)
    }

    /// [`poll`](Self::poll) for a future of this name.
    pub(super) fn poll_as(&self, name: &str, cx: &mut Context<'_>) -> Poll<Result<T, JoinError>> {
        ready!(current::poll_budget(cx));
        if !self.is_finished() {
            // Cloned before and dropped after the lock: a foreign waker's code may do anything.
            let joiner = cx.waker().clone();
            let mut state = self.slot.lock();
            let finished = state.finished;
            let unneeded = if finished { Some(joiner) } else { state.joiner.replace(joiner) };
            drop(state);
            // Before the result is taken: a panic of this drop must not lose it.
            drop(unneeded);
            if !finished {
                return Poll::Pending;
            }
        }
        let result = self.slot.lock().result.take();
        current::spend_budget();
        Poll::Ready(result.unwrap_or_else(|| polled_after_completion(name)))
    }

    /// Was the result returned?
    pub(super) fn has_returned(&self) -> bool {
        let state = self.slot.lock();
        state.finished && state.result.is_none()
    }

    /// Is there a result, or was there one?
    pub(crate) fn is_finished(&self) -> bool {
        self.slot.lock().finished
    }

    /// From here on nobody asks for the result. True the first time, when there is none yet.
    pub(crate) fn leave(&self) -> bool {
        let mut state = self.slot.lock();
        let running = !state.finished && !state.detached;
        state.detached = true;
        let (result, joiner) = (state.result.take(), state.joiner.take());
        drop(state);
        // The handle may go while a panic unwinds, and a second one must not come out of its drop.
        let dropped = [catch_unwind(AssertUnwindSafe(|| drop(result))), catch_unwind(AssertUnwindSafe(|| drop(joiner)))];
        dropped.into_iter().filter_map(Result::err).for_each(discard);
        running
    }
}
