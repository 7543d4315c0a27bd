//! Measures a stretch of equal chunks — owns the clock — must never stop inside of one.

use std::time::Duration;

use crate::{COST, figure, rounds};

/// Enough that the clock's own price and one interrupt do not count.
const STRETCH: Duration = Duration::from_millis(120);

/// Hands out chunks of operations until enough CPU time has gone by: one chunk to warm up, then
/// those that count.
///
/// The clock is that of the process: a peer that keeps a second thread for its timers pays for it.
pub struct Meter {
    chunk: u64,
    exactly: Option<u64>,
    phase: Phase,
    measured: u64,
    start: u64,
    spent: u64,
}

enum Phase {
    New,
    WarmedUp,
    Measuring,
    Over,
}

impl Meter {
    pub(crate) fn new(chunk: u64, exactly: Option<u64>) -> Self {
        Self { chunk, exactly, phase: Phase::New, measured: 0, start: 0, spent: 0 }
    }

    /// How many operations are to be done now; `None` when it has seen enough.
    pub fn next_chunk(&mut self) -> Option<u64> {
        match (&self.phase, self.exactly) {
            (Phase::New, Some(exactly)) => {
                self.phase = Phase::Over;
                return Some(exactly);
            }
            (Phase::New, None) => self.phase = Phase::WarmedUp,
            (Phase::WarmedUp, _) => {
                self.phase = Phase::Measuring;
                self.start = rounds::process_cpu_ns();
            }
            (Phase::Measuring, _) => {
                self.measured += self.chunk;
                self.spent = rounds::process_cpu_ns() - self.start;
                if self.spent >= STRETCH.as_nanos() as u64 {
                    self.phase = Phase::Over;
                    return None;
                }
            }
            (Phase::Over, _) => return None,
        }
        Some(self.chunk)
    }

    /// Prints CPU nanoseconds for one operation.
    pub fn print(&self) {
        if self.measured > 0 {
            figure(COST, self.spent as f64 / self.measured as f64);
        }
    }
}
