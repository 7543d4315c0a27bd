//! What an executor without I/O sleeps on — owns one flag — must never hold its lock while somebody else's code runs.
//!
//! Until the first descriptor is registered there is no kernel object, and when descriptors have run out there may never be one; an
//! executor must be able to sleep and be woken all the same. The flag outlives a ring that nobody waited for: the next wait takes it and
//! returns, which costs its owner one extra turn and nothing else.
//!
//! Rejected: `thread::park`, whose one token a user's own parking on the same thread may take.

use std::time::Duration;

use crate::sync::{Condvar, Mutex};

/// A bell that rings once: set by anybody, taken by the owner.
pub(super) struct Latch {
    /// Whether somebody rang since the owner last woke. The lock is held for a load and a store, never across a call.
    rung: Mutex<bool>,
    /// Where the owner sleeps.
    bell: Condvar,
}

impl Latch {
    pub(super) fn new() -> Self {
        Self { rung: Mutex::new(false), bell: Condvar::new() }
    }

    /// Ends the owner's wait, or its next one.
    pub(super) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = true;
        self.bell.notify_one();
    }

    /// Sleeps until a ring or for `limit`, and says whether it was a ring. May return early for no reason.
    pub(super) fn wait(&self, limit: Option<Duration>) -> bool {
        let mut rung = self.rung.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !*rung {
            rung = match limit {
                None => self.bell.wait(rung).unwrap_or_else(|poisoned| poisoned.into_inner()),
                Some(limit) => self.bell.wait_timeout(rung, limit).unwrap_or_else(|poisoned| poisoned.into_inner()).0,
            };
        }
        std::mem::take(&mut *rung)
    }
}
