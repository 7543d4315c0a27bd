//! Where keys of timers go that are given up on another thread — owns them until their thread makes the next timer of this kind — must
//! never be locked while a waker runs.

use std::sync::PoisonError;

use super::super::wheel::TimerKey;
use crate::sync::{Arc, Mutex};

/// The keys that came back. Its address is what tells one thread's timers from another's: whoever has a key keeps this, so no other can
/// take its place.
#[derive(Debug)]
pub(crate) struct KeyReturn(Mutex<Vec<TimerKey>>);

impl KeyReturn {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Vec::new())))
    }

    /// Gives a key back; from any thread.
    pub(crate) fn put(&self, key: TimerKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }

    /// What came back since the last time.
    pub(super) fn take(&self) -> Vec<TimerKey> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::super::Timers;
    use crate::reactor::clock;

    #[test]
    fn a_key_that_came_back_is_free_when_the_next_timer_is_made() {
        let timers = Timers::new();
        let late = clock::now() + 1_000_000_000_000;
        let (home, key) = timers.add_returnable(late, Waker::noop());
        assert!(timers.are_those_of(&home) && !Timers::new().are_those_of(&home));
        std::thread::spawn(move || home.put(key)).join().unwrap();
        assert!(!timers.is_empty(), "it fires for nothing, unless another is made before");
        let (_, second) = timers.add_returnable(late, Waker::noop());
        timers.remove(second);
        assert!(timers.is_empty());
    }

    #[test]
    fn a_key_may_come_back_after_its_timer_has_fired_and_after_its_timers_have_gone() {
        let timers = Timers::new();
        let (home, key) = timers.add_returnable(0, Waker::noop());
        let (_, other) = timers.add_returnable(0, Waker::noop());
        let mut wakers = Vec::new();
        timers.collect_due(&mut wakers);
        assert_eq!((wakers.len(), timers.is_empty()), (2, true));
        home.put(key);
        let (_, third) = timers.add_returnable(0, Waker::noop());
        assert!(!timers.is_empty());
        timers.remove(third);
        drop(timers);
        home.put(other);
    }
}
