//! When to look outside while there is work inside. While the reactor watches nothing, nobody asks.
//!
//! A look at the kernel costs what forty polls cost, so it is not made after every batch. It is due
//! after `event_interval` polls, after a slice of time, or when a task asked for it with
//! `yield_now`. Reading the clock costs what four polls cost, so it is read every few polls: after
//! each one at first, and again once polls turn out to be slow, then after twice as many each time,
//! up to 32.

use std::cell::Cell;

use crate::clock;

/// Longest time between two looks while tasks are ready, in nanoseconds. Long against a look
/// (0.3 µs), short against a network's round trip. A model must not take another way because its
/// machine is slow.
const SLICE: u64 = if cfg!(wakeline_loom) { u64::MAX } else { 200_000 };
/// Most polls between two readings of the clock: 25 ns every 32 polls is less than a nanosecond a
/// poll.
pub(super) const MOST: usize = 32;

/// Polls before the clock is read for the first time. In a model no time passes, and a run must not
/// depend on how fast the machine is.
const FIRST: usize = if cfg!(wakeline_loom) { MOST } else { 1 };

/// When the next look is due.
#[derive(Debug)]
pub(super) struct EventInterval {
    /// Polls after which a look is due.
    interval: usize,
    /// Polls since the last look.
    polls: Cell<usize>,
    /// Polls between two readings of the clock: one after slow ones, doubled after quick ones.
    stride: Cell<usize>,
    /// Polls until the clock is read again.
    left: Cell<usize>,
    /// When the clock was first read since the last look, and when it was read last.
    clock: Cell<Option<(u64, u64)>>,
    /// The slice is over.
    over: Cell<bool>,
}

impl EventInterval {
    pub(super) fn new(interval: usize) -> Self {
        Self {
            interval,
            polls: Cell::new(0),
            stride: Cell::new(FIRST),
            left: Cell::new(FIRST),
            clock: Cell::new(None),
            over: Cell::new(false),
        }
    }

    /// How many polls may pass before `is_due` has to be asked again.
    pub(super) fn stride(&self) -> usize {
        self.left.get().min(self.interval.saturating_sub(self.polls.get())).max(1)
    }

    /// After `polls` more: is a look due?
    pub(super) fn is_due(&self, polls: usize) -> bool {
        self.polls.set(self.polls.get() + polls);
        match self.left.get().checked_sub(polls) {
            Some(left @ 1..) => self.left.set(left),
            _ => self.read_clock(),
        }
        self.over.get() || self.polls.get() >= self.interval
    }

    fn read_clock(&self) {
        if cfg!(wakeline_loom) {
            return self.left.set(FIRST);
        }
        let now = clock::now();
        let (began, last) = self.clock.get().unwrap_or((now, now));
        let slow = now.saturating_sub(last) > SLICE / 4;
        let stride = if slow { 1 } else { (self.stride.get() * 2).min(MOST) };
        self.clock.set(Some((began, now)));
        self.stride.set(stride);
        self.left.set(stride);
        self.over.set(now.saturating_sub(began) >= SLICE);
    }

    /// A look was made; `now` says when, if it can. While polls are slow it is asked, and the slice
    /// begins then; else it begins at the next reading.
    pub(super) fn looked(&self, now: impl FnOnce() -> Option<u64>) {
        self.polls.set(0);
        let now = if self.stride.get() == 1 { now() } else { None };
        self.clock.set(now.map(|now| (now, now)));
        self.over.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_due_after_the_interval_whatever_the_batches() {
        for step in [1, 7, 32, 100] {
            let cadence = EventInterval::new(100);
            let mut polls = 0;
            while !cadence.is_due(step) {
                polls += step;
                assert!(polls < 100, "due by now");
                // A slow machine may find the slice over first, which is as good.
            }
            cadence.looked(|| Some(clock::now()));
            assert!(!cadence.is_due(0), "a look starts a new interval");
        }
    }

    #[test]
    fn one_slow_reading_makes_the_clock_be_read_after_each_poll() {
        let cadence = EventInterval::new(usize::MAX);
        while cadence.stride.get() < MOST {
            // A slow machine may need more than the few readings that it takes here.
            cadence.is_due(cadence.stride());
        }
        // Two readings that lie far apart, without waiting: the first one is dated back.
        let long_ago = clock::now() - SLICE;
        cadence.clock.set(Some((long_ago, long_ago)));
        assert!(cadence.is_due(MOST), "the slice is over");
        assert_eq!(cadence.stride(), 1);
    }

    #[test]
    fn no_stride_reaches_beyond_the_interval() {
        for interval in [1, 5, 40, 256] {
            let cadence = EventInterval::new(interval);
            let mut polls = 0;
            loop {
                let stride = cadence.stride();
                polls += stride;
                if cadence.is_due(stride) {
                    break;
                }
            }
            assert!(polls <= interval, "{polls} polls at an interval of {interval}");
        }
    }
}
