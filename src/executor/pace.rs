//! When to look outside while there is work inside — owns the cadence — must never be asked when the reactor watches nothing.
//!
//! A look at the kernel costs what forty polls cost, so it is not made after every batch. It is due after `event_interval` polls, after a
//! slice of time, or when a task asked for it with `yield_now`. Reading the clock costs what four polls cost, so it is read every few
//! polls, and more often when polls turn out to be slow.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Longest time between two looks while tasks are ready. Long against a look (0.3 µs), short against a network's round trip.
const SLICE: Duration = Duration::from_micros(200);
/// Most polls between two readings of the clock: 25 ns every 32 polls is less than a nanosecond a poll.
const MOST: usize = 32;

/// When the next look is due.
#[derive(Debug)]
pub(super) struct Pace {
    /// Polls after which a look is due.
    interval: usize,
    /// Polls since the last look.
    polls: Cell<usize>,
    /// Polls until the clock is read again: halved after slow ones, doubled after quick ones.
    stride: Cell<usize>,
    /// When the clock was first read since the last look, and when it was read last.
    clock: Cell<Option<(Instant, Instant)>>,
}

impl Pace {
    pub(super) fn new(interval: usize) -> Self {
        Self { interval, polls: Cell::new(0), stride: Cell::new(MOST), clock: Cell::new(None) }
    }

    /// How many polls may pass before `is_due` is asked again.
    pub(super) fn stride(&self) -> usize {
        self.stride.get()
    }

    /// After `polls` more: is a look due?
    pub(super) fn is_due(&self, polls: usize) -> bool {
        self.polls.set(self.polls.get() + polls);
        let now = Instant::now();
        let (began, last) = self.clock.get().unwrap_or((now, now));
        self.clock.set(Some((began, now)));
        if now.duration_since(last) > SLICE / 4 {
            self.stride.set((self.stride.get() / 2).max(1));
        } else {
            self.stride.set((self.stride.get() * 2).min(MOST));
        }
        self.polls.get() >= self.interval || now.duration_since(began) >= SLICE
    }

    /// A look was made.
    pub(super) fn looked(&self) {
        self.polls.set(0);
        self.clock.set(None);
    }
}
