//! Timers whose keys may travel: the keys that were given up on another thread, until their thread
//! makes the next timer of this kind. No waker runs with them locked.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::PoisonError;
use std::task::Waker;

use crate::reactor::Reactor;
use crate::reactor::wheel::TimerKey;
use crate::sync::{Arc, Mutex, owner_local};

/// The keys that came back to one reactor. Its address tells one reactor's timers from another's:
/// each holder of a key keeps this, so no other can take its place.
#[derive(Debug)]
pub(super) struct KeyReturn(Mutex<Vec<TimerKey>>);

owner_local! {
    /// Where the keys come back to of each reactor that this thread has: one, but for a fork and
    /// for the end of the thread.
    static RETURNS: RefCell<Vec<(Weak<Reactor>, Arc<KeyReturn>)>> = RefCell::new(Vec::new())
}

impl KeyReturn {
    /// That of `reactor`, which is one of this thread's.
    fn of(reactor: &Rc<Reactor>) -> Arc<Self> {
        let new = || Arc::new(Self(Mutex::new(Vec::new())));
        let known = RETURNS.try_with(|returns| {
            let mut returns = returns.borrow_mut();
            if let Some((_, known)) = returns.iter().find(|(of, _)| of.as_ptr() == Rc::as_ptr(reactor)) {
                return known.clone();
            }
            returns.retain(|(of, _)| of.strong_count() > 0);
            returns.push((Rc::downgrade(reactor), new()));
            returns[returns.len() - 1].1.clone()
        });
        known.unwrap_or_else(|_| new())
    }

    /// Whether these are the keys of `reactor`, so that they may be used with its timers.
    pub(super) fn is_of(self: &Arc<Self>, reactor: &Rc<Reactor>) -> bool {
        let is_it = |(of, keys): &(Weak<Reactor>, Arc<Self>)| Arc::ptr_eq(keys, self) && of.as_ptr() == Rc::as_ptr(reactor);
        RETURNS.try_with(|returns| returns.borrow().iter().any(is_it)).unwrap_or(false)
    }

    /// Gives a key back; from any thread.
    pub(super) fn put(&self, key: TimerKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }

    /// What came back since the last time.
    fn take(&self) -> Vec<TimerKey> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Adds a timer that wakes `waker`, for a holder that may find itself on another thread. There, it
/// is not to use the key but to put it into what is returned with it. First frees the timers whose
/// keys were put there.
pub(super) fn add_returnable(reactor: &Rc<Reactor>, deadline: u64, waker: &Waker) -> (Arc<KeyReturn>, TimerKey) {
    let returns = KeyReturn::of(reactor);
    for key in returns.take() {
        reactor.timers().remove(key);
    }
    (returns, reactor.timers().add(deadline, waker))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_key_that_came_back_is_free_when_the_next_timer_is_made() {
        let (reactor, other) = (Rc::new(Reactor::new()), Rc::new(Reactor::new()));
        let timers = reactor.timers();
        let late = clock::now() + 1_000_000_000_000;
        let (home, key) = add_returnable(&reactor, late, Waker::noop());
        let (elsewhere, _) = add_returnable(&other, late, Waker::noop());
        assert!(home.is_of(&reactor) && !home.is_of(&other));
        assert!(elsewhere.is_of(&other) && !elsewhere.is_of(&reactor));
        std::thread::spawn(move || home.put(key)).join().unwrap();
        assert!(!timers.is_empty(), "it fires for nothing, unless another is made before");
        let (_, second) = add_returnable(&reactor, late, Waker::noop());
        timers.remove(second);
        assert!(timers.is_empty());
    }

    #[test]
    fn a_key_may_come_back_after_its_timer_has_fired_and_after_its_timers_have_gone() {
        let reactor = Rc::new(Reactor::new());
        let timers = reactor.timers();
        let (home, key) = add_returnable(&reactor, 0, Waker::noop());
        let (_, other) = add_returnable(&reactor, 0, Waker::noop());
        let mut wakers = Vec::new();
        timers.collect_due(&mut wakers);
        assert_eq!((wakers.len(), timers.is_empty()), (2, true));
        home.put(key);
        let (_, third) = add_returnable(&reactor, 0, Waker::noop());
        assert!(!timers.is_empty());
        timers.remove(third);
        drop(reactor);
        home.put(other);
        // The next reactor of the thread, wherever it lies, has nothing to do with that key.
        let next = Rc::new(Reactor::new());
        assert!(!home.is_of(&next));
        let (_, fourth) = add_returnable(&next, 0, Waker::noop());
        next.timers().remove(fourth);
        assert!(next.timers().is_empty());
    }
}
