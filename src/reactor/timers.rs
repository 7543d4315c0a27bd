//! The timers of one thread, as other modules see them. The wheel lies in here, behind a borrow.
//! While it is borrowed, no waker is called, cloned or dropped.
//!
//! A foreign waker's `clone`, `wake` and `drop` are foreign code, and foreign code may come back
//! here (CH8): set up another timer, or even run a turn. So wakers are made before the wheel is
//! borrowed and dropped after, and `collect_due` hands them out for the reactor to wake when it
//! holds nothing.

use std::cell::RefCell;
use std::task::Waker;

use super::wheel::{Check, Due, TimerKey, Wheel};
use crate::clock;
use crate::task::LocalWaker;

/// The timers of one thread. Deadlines are numbers of [`clock`].
pub(crate) struct Timers {
    wheel: RefCell<Wheel>,
    /// What the last `collect_due` found; kept for its memory, empty between calls.
    due: RefCell<Vec<Due>>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self { wheel: RefCell::new(Wheel::new(clock::now())), due: RefCell::default() }
    }

    /// Whether no timer waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.wheel.borrow().is_empty()
    }

    /// When to look next, so that no timer fires more than `slack` nanoseconds after its deadline:
    /// so long after the earliest one. It may be early after a timer was cancelled, never late.
    pub(crate) fn next_look(&self, slack: u64) -> Option<u64> {
        self.wheel.borrow().next_deadline().map(|deadline| deadline.saturating_add(slack))
    }

    /// Appends the wakers of all timers that are due now, in the order of their deadlines; equal
    /// deadlines in the order in which they were set. Returns the time that it went by, unless no
    /// timer waits: then it does not read the clock.
    pub(crate) fn collect_due(&self, wakers: &mut Vec<LocalWaker>) -> Option<u64> {
        let mut wheel = self.wheel.borrow_mut();
        if wheel.is_empty() {
            return None;
        }
        let (now, mut due) = (clock::now(), self.due.borrow_mut());
        wheel.advance(now, &mut due);
        wakers.extend(due.drain(..).map(|due| due.waker));
        Some(now)
    }

    /// Adds a timer that wakes `waker`.
    #[inline]
    pub(crate) fn add(&self, deadline: u64, waker: &Waker) -> TimerKey {
        let waker = LocalWaker::new(waker);
        self.wheel.borrow_mut().insert(deadline, waker)
    }

    /// Whether the timer has fired.
    fn has_fired(&self, key: &TimerKey) -> bool {
        self.wheel.borrow().check(key, |_| true) == Check::Fired
    }

    /// Frees the timer if it has fired, and gives its key back if not.
    #[inline]
    pub(crate) fn remove_fired(&self, key: TimerKey) -> Result<(), TimerKey> {
        self.wheel.borrow_mut().remove_fired(key)
    }

    /// Whether the timer has fired; if not, it will wake `waker`.
    pub(crate) fn poll(&self, key: &TimerKey, waker: &Waker) -> bool {
        let check = self.wheel.borrow().check(key, |armed| armed.will_wake(waker));
        if check != Check::OtherWaker {
            return check == Check::Fired;
        }
        let waker = LocalWaker::new(waker);
        let replaced = self.wheel.borrow_mut().set_waker(key, waker);
        drop(replaced);
        // The clone and the drop may have been foreign code that ran a turn.
        self.has_fired(key)
    }

    /// Gives the timer a new deadline; it keeps its waker, if it has not fired.
    pub(crate) fn reset(&self, key: &TimerKey, deadline: u64) {
        self.wheel.borrow_mut().reset(key, deadline);
    }

    /// Cancels the timer, or frees it after it has fired.
    #[inline]
    pub(crate) fn remove(&self, key: TimerKey) {
        let waker = self.wheel.borrow_mut().remove(key);
        drop(waker);
    }
}
