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
//! The core's thread is the first that waits here, in its first slot, and is woken before its
//! tasks: it takes stock when it hears of the end, and what its tasks do then comes after.
//!
//! Each core has its own, so that the connections of one core, each of which may wait for the end,
//! share no lock with those of another.

use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use slab::Slab;

use crate::sync::{Mutex, MutexGuard};

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

/// Wakers that wait for one thing. A slot belongs to its future from its first pending poll to its
/// drop, woken or not.
#[derive(Debug, Default)]
pub(in crate::runtime) struct Waiting(Slab<Option<Waker>>);

/// The place of one that waits.
#[derive(Debug, Default)]
pub(in crate::runtime) struct WaiterSlot(Option<usize>);

impl Waiting {
    /// Waits with `waker`. What comes back is dropped without the lock.
    pub(in crate::runtime) fn wait(&mut self, place: &mut WaiterSlot, waker: Waker) -> Option<Waker> {
        match place.0 {
            Some(index) => self.0[index].replace(waker),
            None => {
                place.0 = Some(self.0.insert(Some(waker)));
                None
            }
        }
    }

    pub(in crate::runtime) fn leave(&mut self, place: &mut WaiterSlot) -> Option<Waker> {
        place.0.take().and_then(|index| self.0.remove(index))
    }

    /// To be woken without the lock.
    pub(in crate::runtime) fn take_all(&mut self) -> Vec<Waker> {
        self.0.iter_mut().filter_map(|(_, waker)| waker.take()).collect()
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
    waiting: Waiting,
}

impl Stop {
    pub(in crate::runtime) fn new() -> Self {
        Self { state: Mutex::new(State { phase: Phase::Running, waiting: Waiting::default() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On to a later phase; without effect in that phase or behind it. Who is to be woken comes
    /// back.
    pub(in crate::runtime) fn advance(&self, phase: Phase) -> Vec<Waker> {
        let mut state = self.lock();
        if phase.number() <= state.phase.number() {
            return Vec::new();
        }
        state.phase = phase;
        state.waiting.take_all()
    }

    pub(in crate::runtime) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Ready with what `reached` makes of the phase, once it makes something of it.
    pub(in crate::runtime) fn poll<R>(
        &self,
        place: &mut WaiterSlot,
        cx: &Context<'_>,
        reached: impl Fn(Phase) -> Option<R>,
    ) -> Poll<R> {
        // Cloned before the lock and dropped after it: a foreign waker may do anything.
        let waker = cx.waker().clone();
        let mut state = self.lock();
        let (old, outcome) = match reached(state.phase) {
            Some(outcome) => (state.waiting.leave(place), Poll::Ready(outcome)),
            None => (state.waiting.wait(place, waker), Poll::Pending),
        };
        drop(state);
        drop(old);
        outcome
    }

    pub(in crate::runtime) fn leave(&self, place: &mut WaiterSlot) {
        let old = self.lock().waiting.leave(place);
        drop(old);
    }
}
