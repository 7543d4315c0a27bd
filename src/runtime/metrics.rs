//! What the cores have done, in numbers: each is read where its core leaves it, and is a moment
//! old.

use std::time::Duration;

use crate::executor::metrics::Counts;

/// What a runtime's cores have done since it was built; see
/// [`Runtime::metrics`](super::Runtime::metrics).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RuntimeMetrics {
    /// By core.
    pub cores: Vec<CoreMetrics>,
    /// Tasks of `spawn_balanced` that no core has taken yet.
    pub waiting: usize,
}

/// What one core has done. A core publishes its counts after each batch of polls.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CoreMetrics {
    /// Tasks that have not ended, or have ended and are still referred to by their handle.
    pub tasks: u64,
    /// Polls of tasks.
    pub polls: u64,
    /// Polls that had been caused by this core.
    pub local_wakes: u64,
    /// Polls that had been caused by another thread.
    pub remote_wakes: u64,
    /// Waits in the kernel, those that only look included.
    pub turns: u64,
    /// Times that the core had nothing to do.
    pub sleeps: u64,
    /// Time in which it had something to do.
    pub busy: Duration,
}

impl From<Counts> for CoreMetrics {
    fn from(counts: Counts) -> Self {
        let Counts { tasks, polls, local_wakes, remote_wakes, turns, sleeps, busy } = counts;
        Self { tasks, polls, local_wakes, remote_wakes, turns, sleeps, busy }
    }
}
