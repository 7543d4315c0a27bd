//! The pauses of a listener while something has run out: when the next try may be, and who waits
//! for it. No shortage is reported without a pause before it.
//!
//! ```text
//!        shortage                 its end            shortage: the error,
//!                                                    and the next pause is longer
//! Open ────────────▶ Paused(until) ───────▶ Resumed ─────────────────────────────▶ Open
//!   ▲                                          │ a connection:
//!   └──────────────────────────────────────────┘ the next pause is a short one again
//! ```
//!
//! It is the listener's and not a future's: a task that drops an `accept` and calls it again waits
//! for what is left of the pause, and of several tasks each waits for the same one.
//!
//! Each task that waits has a timer of its own here, since any of them may go away at any time. Who
//! sees the pause's end first wakes the others, whose timers may not have fired yet.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock;
use crate::reactor::wake_all;
use crate::task::LocalWaker;
use crate::time::{Sleep, sleep_until};

/// The first pause: long enough that a loop which ignores errors costs nothing, and too short to be
/// noticed by who connects.
const SHORTEST: Duration = Duration::from_millis(5);
/// No pause is longer: who connects waits as long after descriptors have become free.
const LONGEST: Duration = Duration::from_millis(100);
/// How many tasks are kept. Beyond it the oldest is woken to make room, and waits again if it still
/// wants to.
const MOST_WAITERS: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Until this number of the clock.
    Paused(u64),
    /// A pause has ended, and nothing has been tried since.
    Resumed,
}

/// What a listener does about a shortage.
pub(super) struct Pause {
    state: Cell<State>,
    /// How long the next pause will be.
    next: Cell<Duration>,
    /// Who waits for the end of this one. Out of its cell while foreign code may run.
    waiting: Cell<Vec<(LocalWaker, Sleep)>>,
}

impl Pause {
    pub(super) const fn new() -> Self {
        Self { state: Cell::new(State::Open), next: Cell::new(SHORTEST), waiting: Cell::new(Vec::new()) }
    }

    /// Ready when the next try may be made. Before a task is kept, `check` says whether it can wait
    /// at all.
    #[inline]
    pub(super) fn poll_over(&self, cx: &mut Context<'_>, check: impl FnOnce() -> io::Result<()>) -> Poll<io::Result<()>> {
        match self.state.get() {
            State::Paused(until) => self.poll_paused(cx, until, check),
            State::Open | State::Resumed => Poll::Ready(Ok(())),
        }
    }

    /// Something has run out. Gives the error back when it outlasted a pause, else begins one.
    pub(super) fn begin(&self, error: io::Error) -> io::Result<()> {
        if self.state.get() == State::Resumed {
            self.state.set(State::Open);
            return Err(error);
        }
        let length = self.next.get();
        self.next.set((2 * length).min(LONGEST));
        self.state.set(State::Paused(clock::after(clock::now(), length)));
        Ok(())
    }

    /// The try after a pause found nothing to do: the next shortage is a new one.
    #[inline]
    pub(super) fn settle(&self) {
        if self.state.get() == State::Resumed {
            self.state.set(State::Open);
        }
    }

    /// Nothing has run out any more.
    #[inline]
    pub(super) fn forget(&self) {
        if self.state.get() != State::Open || self.next.get() != SHORTEST {
            self.state.set(State::Open);
            self.next.set(SHORTEST);
        }
    }

    #[cold]
    fn poll_paused(&self, cx: &mut Context<'_>, until: u64, check: impl FnOnce() -> io::Result<()>) -> Poll<io::Result<()>> {
        if clock::now() < until {
            check()?;
            // Made and polled before anything is taken out, and the waker kept: each may run
            // foreign code.
            let mut sleep = sleep_until(clock::instant(until));
            if Pin::new(&mut sleep).poll(cx).is_pending() {
                self.keep(cx.waker(), LocalWaker::new(cx.waker()), sleep);
                return Poll::Pending;
            }
        }
        self.state.set(State::Resumed);
        let mut others: Vec<_> = self.waiting.take().into_iter().map(|(waker, _)| waker).collect();
        wake_all(&mut others);
        Poll::Ready(Ok(()))
    }

    /// Keeps a task; what it had here before, or the oldest where there are too many, goes.
    // Not by `wait_list::with_offer`, which asks a second time only when a foreign waker is to be
    // kept. Here one is kept each time, by the timer before this call: there is no cheaper pass to
    // try first, and the timer that goes in with the waker would have to survive both.
    fn keep(&self, waker: &Waker, kept: LocalWaker, sleep: Sleep) {
        let mut waiting = self.waiting.take();
        let known = waiting.iter().position(|(known, _)| known.will_wake(waker));
        let full = (waiting.len() == MOST_WAITERS).then_some(0);
        let gone = known.or(full).map(|index| waiting.remove(index));
        waiting.push((kept, sleep));
        self.waiting.set(waiting);
        if let (None, Some((oldest, _))) = (known, gone) {
            oldest.wake();
        }
    }
}
