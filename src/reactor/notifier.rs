//! What ends the owner's sleep from outside: the parker, and a share of the driver's notifier. The
//! thread that notifies does not block on the owner, does not allocate and runs no user code.
//!
//! The owner sleeps on the parker until it has opened its driver, and in the driver's wait from
//! then on. It alone opens it, and it does so before it arms its sleep; so a thread that finds it
//! armed finds what it sleeps on. A notification that comes late, for a sleep that has ended by
//! itself, goes to the one of the two that its thread saw: it costs one turn for nothing and can
//! lose nothing, because the owner took what the notification was about when it woke.
//!
//! A notification that the kernel refuses ends the process (`driver/notify_failure.rs` says why).

use super::driver::{Chosen, Driver};
use super::parker::Parker;
use crate::fork;
use crate::inbox::Notify;
use crate::sync::{Arc, AtomicUsize, Ordering};

type OfDriver = std::sync::Arc<<Chosen as Driver>::NotifyHandle>;

/// Wakes the owner; shared by everybody who can reach the owner from another thread.
pub(crate) struct Notifier {
    /// Used while there is no driver.
    parker: Parker,
    /// The driver's; set once, by the owner, when it opens its driver.
    of_driver: std::sync::OnceLock<OfDriver>,
    /// The process in which the owner lives.
    generation: u32,
    /// Notifications so far; for tests and metrics.
    count: AtomicUsize,
}

impl Notifier {
    pub(super) fn new(generation: u32) -> Arc<Self> {
        let (parker, of_driver) = (Parker::new(), std::sync::OnceLock::new());
        Arc::new(Self { parker, of_driver, generation, count: AtomicUsize::new(0) })
    }

    /// What the owner sleeps on while it has no driver.
    pub(super) fn parker(&self) -> &Parker {
        &self.parker
    }

    /// From now on notifications go to the driver. Called by the owner, awake.
    pub(super) fn use_driver(&self, notifier: OfDriver) {
        let set = self.of_driver.set(notifier);
        debug_assert!(set.is_ok(), "a driver is opened once");
    }

    /// How often anybody notified.
    pub(super) fn count(&self) -> usize {
        // Relaxed: a count, nothing is published by it.
        self.count.load(Ordering::Relaxed)
    }
}

impl Notify for Notifier {
    fn notify(&self) {
        // A model has no use for the count and pays for each atomic step.
        if !cfg!(wakeline_loom) {
            // Relaxed: a count, nothing is published by it.
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        match self.of_driver.get() {
            // A forked child holds its parent's: its notifications are not for that owner.
            Some(notifier) if fork::generation() == self.generation => notifier.notify(),
            Some(_) => {}
            None => self.parker.unpark(),
        }
    }
}
