//! What an executor without I/O sleeps on: one flag. The thread that unparks never blocks.
//!
//! Until the first descriptor is registered there is no kernel object, and when descriptors have
//! run out there may never be one; an executor must be able to sleep and be woken all the same. The
//! flag outlives an unpark that nobody waited for: the next park takes it and returns, which costs
//! its owner one extra turn and nothing else.
//!
//! The owner's thread parks. The one token that a thread has for parking may be taken by a user's
//! own `park`, so it is never what is waited for: the flag is, and it is set before the token is
//! given. If somebody takes the token, the flag is still there and the next park returns at once.
//!
//! Rejected: a mutex and a condition variable (the thread that unparks would wait for the lock
//! while the owner is pre-empted inside it, and a waker must never block). A model has them all the
//! same, see `parker/modelled.rs`.

use std::thread::{self, Thread};
use std::time::Duration;

use crate::sync::{AtomicUsize, Ordering};

/// A token: given by anybody, taken by the owner.
pub(in crate::reactor) struct Parker {
    /// 1 when somebody unparked since the owner last took it.
    notified: AtomicUsize,
    /// The thread that sleeps here.
    owner: Thread,
}

impl Parker {
    /// For the calling thread to sleep on.
    pub(in crate::reactor) fn new() -> Self {
        Self { notified: AtomicUsize::new(0), owner: thread::current() }
    }

    /// Ends the owner's park, or its next one.
    pub(in crate::reactor) fn unpark(&self) {
        // Relaxed: nothing is published by the flag. `unpark` orders it before the return of the
        // `park` that takes, or has taken, its token, also when the token was there already.
        self.notified.store(1, Ordering::Relaxed);
        self.owner.unpark();
    }

    /// The owner: sleeps until an unpark or for `limit`, and says whether it was an unpark. May
    /// return early for no reason.
    pub(in crate::reactor) fn park(&self, limit: Option<Duration>) -> bool {
        // Relaxed: as in `unpark`. If this misses a flag, its token ends the park.
        let is_notified = self.notified.load(Ordering::Relaxed) == 1;
        (is_notified && self.take()) || {
            match limit {
                None => thread::park(),
                Some(limit) => thread::park_timeout(limit),
            }
            self.take()
        }
    }

    fn take(&self) -> bool {
        // Relaxed: as in `unpark`; what it was about is synchronised by the inbox.
        self.notified.swap(0, Ordering::Relaxed) == 1
    }
}
