//! The end, as one core hears of it: the core's phase, and the wakers that wait for the next one.
//! They are woken and dropped without the lock.
//!
//! ```text
//! Running ──begin──▶ Stopping ──end──▶ Ending(until)       never back, and Stopping may be skipped
//! ```
//!
//! *Stopping* is a request: [`Core::stopping`](crate::runtime::Core::stopping) resolves, and tasks
//! that listen come to their end by themselves; the core runs as before. *Ending* has a deadline:
//! the core's thread leaves its loop, runs what is left down, and drops the rest.
//!
//! The core's thread is the first that waits here, and is woken before its tasks: it takes stock
//! when it hears of the end, and what its tasks do then comes after.
//!
//! Each core has its own, so that the connections of one core, each of which may wait for the end,
//! share no lock with those of another.

use std::sync::PoisonError;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::sync::{Mutex, MutexGuard};
use crate::wait_list::{Found, SharedWaker, WaitKey, WaitList, Wakes, poll_wait_freely};

/// How far a core's end has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::runtime) enum Phase {
    Running,
    Stopping,
    /// What has not ended by then is dropped; `None`: all of it is waited for.
    Ending(Option<Instant>),
}

impl Phase {
    pub(in crate::runtime) fn is_ending(self) -> bool {
        matches!(self, Self::Ending(_))
    }

    fn number(self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Stopping => 1,
            Self::Ending(_) => 2,
        }
    }
}

/// The phase of one core.
#[derive(Debug)]
pub(in crate::runtime) struct Stop {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    waiting: WaitList<SharedWaker>,
}

impl Stop {
    pub(in crate::runtime) fn new() -> Self {
        Self { state: Mutex::new(State { phase: Phase::Running, waiting: WaitList::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On to a later phase; without effect in that phase or behind it. Who is to be woken comes
    /// back.
    pub(in crate::runtime) fn advance(&self, phase: Phase) -> Wakes<SharedWaker> {
        let mut state = self.lock();
        if phase.number() <= state.phase.number() {
            return Wakes::new();
        }
        state.phase = phase;
        Wakes::all(&mut state.waiting)
    }

    pub(in crate::runtime) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Ready with what `reached` makes of the phase, once it makes something of it.
    pub(in crate::runtime) fn poll<R>(
        &self,
        place: &mut Option<WaitKey>,
        cx: &Context<'_>,
        reached: impl Fn(Phase) -> Option<R>,
    ) -> Poll<R> {
        poll_wait_freely(cx.waker(), |offer| {
            let mut state = self.lock();
            match reached(state.phase) {
                Some(outcome) => Found::Ready(outcome, state.waiting.stop(place)),
                None => state.waiting.wait_on(place, offer),
            }
        })
    }

    pub(in crate::runtime) fn leave(&self, place: &mut Option<WaitKey>) {
        let old = self.lock().waiting.stop(place);
        drop(old);
    }
}
