//! The parker of a model: one flag in a lock. No time passes in it.
//!
//! loom's `unpark` would also end other waits of the thread, a join for one. To the protocol a
//! parker is the kernel, of which it needs no more than that an unpark is kept for the next park.

use std::time::Duration;

use crate::sync::{Condvar, Mutex};

/// A token: given by anybody, taken by the owner.
pub(in crate::reactor) struct Parker {
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    pub(in crate::reactor) fn new() -> Self {
        Self { notified: Mutex::new(false), changed: Condvar::new() }
    }

    pub(in crate::reactor) fn unpark(&self) {
        *self.notified.lock().unwrap() = true;
        self.changed.notify_one();
    }

    /// No time passes in a model: it explores the unpark.
    pub(in crate::reactor) fn park(&self, _: Option<Duration>) -> bool {
        let mut notified = self.notified.lock().unwrap();
        if !*notified {
            notified = self.changed.wait(notified).unwrap();
        }
        std::mem::take(&mut *notified)
    }
}
