//! How busy a thread is, as other threads see it. The thread writes two numbers when it parks, when
//! it comes back, and at each look outside. It waits for no reader. A thread that nobody measures
//! pays for one comparison at most.
//!
//! The share says which part of the last moments the thread was awake: all of it when it has been
//! awake for long, nothing when it has slept for long. What lies further back counts less, by half
//! for each [`HALF`]. Between two writings everybody can work out the share of now, because a
//! thread does one thing in between: it was awake, or it was parked.
//!
//! So a thread that is stuck in a poll needs not say so. It is awake, and it has been silent for
//! longer than a thread is that goes round its loop.
//!
//! The two numbers are written one after the other, and a reader may meet an old one beside a new
//! one. It then takes the last stretch for none or for two: a share that is wrong by that stretch,
//! for one reading.

use std::time::Duration;

use crate::sync::{AtomicUsize, Ordering};

/// A share of one: busy all the time.
pub(crate) const WHOLE: u64 = 1 << 20;

/// After so many microseconds what was counts half.
const HALF: u64 = 1 << HALF_BITS;
const HALF_BITS: u32 = 16;

/// What one thread tells of itself. On a cache line of its own: its thread writes it at each sleep.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Meter {
    /// When the share was written, in microseconds of the clock, and in the lowest bit what the
    /// thread has done since: 1 for awake. On a 32-bit platform the time wraps.
    stamp: AtomicUsize,
    /// The share of then, of [`WHOLE`].
    share: AtomicUsize,
    /// Tells threads apart.
    thread: AtomicUsize,
}

/// What can be seen of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MeterReading {
    /// The busy share of the last moments, of [`WHOLE`].
    pub(crate) share: u64,
    /// How long it has been awake without a look outside. `None` while it is parked.
    pub(crate) silent: Option<Duration>,
}

impl Meter {
    /// Of a thread that sleeps.
    pub(crate) fn new() -> Self {
        let zero = || AtomicUsize::new(0);
        Self { stamp: zero(), share: zero(), thread: zero() }
    }

    /// The owner is `thread` from now on; it is awake, and nothing is known of the time before.
    pub(crate) fn begin(&self, thread: usize, now: u64) {
        // Relaxed, all of them: numbers to compare; nothing is published by them.
        self.thread.store(thread, Ordering::Relaxed);
        self.share.store(0, Ordering::Relaxed);
        self.stamp.store(stamp(now, true), Ordering::Relaxed);
    }

    /// The owner: nothing is ready.
    pub(crate) fn parks(&self, now: u64) {
        self.write(now, false);
    }

    /// The owner: the sleep is over.
    pub(crate) fn unparks(&self, now: u64) {
        self.write(now, true);
    }

    /// The owner: it looks outside while it is awake. A look while it spins is no work.
    pub(crate) fn looks(&self, now: u64) {
        // Relaxed: the owner alone writes it.
        if is_awake(self.stamp.load(Ordering::Relaxed)) {
            self.write(now, true);
        }
    }

    fn write(&self, now: u64, awake: bool) {
        let share = self.read(now).share;
        // Relaxed, both: as in `begin`.
        self.share.store(share as usize, Ordering::Relaxed);
        self.stamp.store(stamp(now, awake), Ordering::Relaxed);
    }

    /// Any thread: as of `now`.
    pub(crate) fn read(&self, now: u64) -> MeterReading {
        // Relaxed, both: numbers to compare. The module says what a mixture of two writings is.
        let (written, share) = (self.stamp.load(Ordering::Relaxed), self.share.load(Ordering::Relaxed) as u64);
        // A reader's clock may be behind by what it took to come here.
        let since = ((stamp(now, false).wrapping_sub(written & !1) as isize) >> 1).max(0) as u64;
        if is_awake(written) {
            let share = WHOLE - faded(WHOLE - share, since);
            MeterReading { share, silent: Some(Duration::from_micros(since)) }
        } else {
            MeterReading { share: faded(share, since), silent: None }
        }
    }

    /// Which thread's it is.
    pub(crate) fn thread(&self) -> usize {
        // Relaxed: as in `begin`.
        self.thread.load(Ordering::Relaxed)
    }
}

fn stamp(now: u64, awake: bool) -> usize {
    ((now / 1000) as usize) << 1 | usize::from(awake)
}

fn is_awake(stamp: usize) -> bool {
    stamp & 1 == 1
}

/// What is left of a value after so many microseconds: a straight line from each half to the next.
fn faded(value: u64, micros: u64) -> u64 {
    let (halves, rest) = (micros >> HALF_BITS, micros % HALF);
    if halves >= u64::from(u64::BITS) { 0 } else { (value * (2 * HALF - rest) / (2 * HALF)) >> halves }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn percent(meter: &Meter, now: u64) -> u64 {
        meter.read(now).share * 100 / WHOLE
    }

    #[test]
    fn the_share_follows_what_the_thread_does() {
        let meter = Meter::new();
        meter.begin(1, 0);
        assert_eq!(percent(&meter, 0), 0);
        // It says nothing, and is seen to be busy all the same.
        assert_eq!(percent(&meter, HALF * 1000), 50);
        assert_eq!(meter.read(20 * MS).silent, Some(Duration::from_millis(20)));
        assert_eq!(percent(&meter, 2000 * MS), 100);
        meter.parks(2000 * MS);
        assert_eq!(meter.read(2000 * MS).silent, None);
        assert_eq!(percent(&meter, 2000 * MS + HALF * 1000), 50);
        assert_eq!(percent(&meter, 4000 * MS), 0);
        assert_eq!(percent(&meter, u64::MAX / 4), 0);
    }

    #[test]
    fn many_short_stretches_come_to_their_mean() {
        for (awake, parked, expected) in [(3, 9, 25), (10, 10, 50), (900, 100, 90), (2, 198, 1)] {
            let meter = Meter::new();
            meter.begin(1, 0);
            let mut now = 0;
            while now < 2000 * MS {
                now += awake * 1000;
                meter.parks(now);
                now += parked * 1000;
                meter.unparks(now);
            }
            let seen = percent(&meter, now);
            assert!(seen.abs_diff(expected) <= 2, "{awake} of {}: {seen}", awake + parked);
        }
    }

    #[test]
    fn a_look_says_that_the_thread_goes_round_and_does_not_wake_it() {
        let meter = Meter::new();
        meter.begin(7, 0);
        meter.looks(30 * MS);
        assert_eq!(meter.read(31 * MS).silent, Some(Duration::from_millis(1)));
        meter.parks(40 * MS);
        meter.looks(50 * MS);
        assert_eq!(meter.read(60 * MS).silent, None);
        // A clock that was read before the thread wrote.
        meter.unparks(70 * MS);
        assert_eq!(meter.read(69 * MS).silent, Some(Duration::ZERO));
        assert_eq!(meter.thread(), 7);
    }
}
