//! What ends the owner's sleep from outside — owns the doorbell and the latch — must never block on the owner, allocate or run user code.
//!
//! The owner sleeps on the latch until it has opened kernel objects, and on those from then on. It alone opens them, and it does so
//! before it arms its sleep; so whoever finds it armed finds the bell on which it sleeps. A ring that comes late, for a sleep that has
//! ended by itself, hits whichever of the two it saw: it costs one turn for nothing and can lose nothing, because the owner took what the
//! ring was about when it woke.
//!
//! A ring that the kernel refuses ends the process (`notify_failure` says why).

use super::latch::Latch;
use super::system;
use crate::fork;
use crate::inbox::Notify;
use crate::sync::{Arc, AtomicUsize, Ordering};

/// Rings the owner awake; shared by everybody who can reach the owner from another thread.
pub(crate) struct Notifier {
    /// Used while there is no bell.
    pub(super) latch: Latch,
    /// The kernel's bell; set once, by the owner, when it opens its kernel objects.
    bell: std::sync::OnceLock<std::sync::Arc<system::Bell>>,
    /// The process in which the owner lives.
    generation: u32,
    /// Rings so far; for tests and statistics.
    rings: AtomicUsize,
}

impl Notifier {
    pub(super) fn new(generation: u32) -> Arc<Self> {
        Arc::new(Self { latch: Latch::new(), bell: std::sync::OnceLock::new(), generation, rings: AtomicUsize::new(0) })
    }

    /// From now on rings go to `bell`. Called by the owner, awake.
    pub(super) fn hang(&self, bell: std::sync::Arc<system::Bell>) {
        let hung = self.bell.set(bell);
        debug_assert!(hung.is_ok(), "kernel objects are opened once");
    }

    /// How often anybody rang.
    pub(super) fn rings(&self) -> usize {
        // Relaxed: a count, nothing is published by it.
        self.rings.load(Ordering::Relaxed)
    }
}

impl Notify for Notifier {
    fn notify(&self) {
        // A model has no use for the count and pays for each atomic step.
        #[cfg(not(wakeline_loom))]
        // Relaxed: a count, nothing is published by it.
        self.rings.fetch_add(1, Ordering::Relaxed);
        match self.bell.get() {
            // A forked child holds its parent's bell: its rings are not for that owner.
            Some(bell) if fork::generation() == self.generation => bell.ring(),
            Some(_) => {}
            None => self.latch.ring(),
        }
    }
}
