//! When to spin before parking. The executor learns from earlier spins, and spins seldom where they
//! bring nothing.

use std::cell::Cell;
use std::time::Duration;

/// Looks at the inbox before the thread yields its processor: 1.6 µs where the processor's pause
/// takes 25 ns, several times what a message between two spinning threads takes to come back.
pub(super) const LOOKS: usize = 64;
/// Spins in vain, one after the other, before the next one is left out. A single one says little:
/// on two processors what is waited for may come during the very call that yields this one.
const PATIENCE: u32 = 2;
/// Most parks that begin without a spin, as a power of two. A spin in so many costs less than a
/// hundredth of what is lost by them all, and a thread that has got a processor for itself again
/// finds out within a millisecond or so.
const MOST_SKIPS: u32 = 8;

/// How a spin ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spun {
    /// Something came while this thread was spinning, from another processor.
    Seen,
    /// Something came right after the thread had yielded its processor. Then it comes from a thread
    /// that shares this processor: spinning has only kept that thread from it, and parking would
    /// have been the shorter way.
    AfterYield,
    /// Nothing came.
    InVain,
}

/// Spins before parking: for as long as it was told, and seldom while that brings nothing. It
/// learns from hits and from misses.
#[derive(Clone, Debug)]
pub(super) struct Spin {
    /// For how long; zero for not at all.
    time: Duration,
    /// Spins since the last that has seen something.
    misses: Cell<u32>,
    /// How many of the next parks begin without a spin.
    skips: Cell<u32>,
}

impl Spin {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, misses: Cell::new(0), skips: Cell::new(0) }
    }

    /// For how long a spin goes on.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// Does the next park begin with a spin?
    pub(super) fn is_due(&self) -> bool {
        if self.time.is_zero() {
            return false;
        }
        let skips = self.skips.get();
        self.skips.set(skips.saturating_sub(1));
        skips == 0
    }

    pub(super) fn learn(&self, spun: Spun) {
        if spun == Spun::Seen {
            return self.misses.set(0);
        }
        let misses = (self.misses.get() + 1).min(PATIENCE + MOST_SKIPS);
        self.misses.set(misses);
        if misses >= PATIENCE {
            self.skips.set(1 << (misses - PATIENCE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the next `sleeps` begin with a spin, if each ends so.
    fn spins(spin: &Spin, sleeps: usize, end: Spun) -> usize {
        let due = (0..sleeps).filter(|_| {
            let due = spin.is_due();
            if due {
                spin.learn(end);
            }
            due
        });
        due.count()
    }

    #[test]
    fn a_spin_that_sees_something_is_tried_again_and_one_in_vain_hardly_ever() {
        let spin = Spin::new(Duration::from_micros(50));
        assert_eq!(spins(&spin, 1000, Spun::Seen), 1000);
        for end in [Spun::InVain, Spun::AfterYield] {
            // One of them says nothing.
            assert_eq!(spins(&spin, 1, end), 1);
            assert_eq!(spins(&spin, 1000, Spun::Seen), 1000);
            let first = spins(&spin, 1000, end);
            assert!((2..=12).contains(&first), "{first} spins of a thousand, {end:?}");
            let later = spins(&spin, 10_000, end);
            assert!((10_000 / 300..=10_000 / 250).contains(&later), "{later} spins of ten thousand, {end:?}");
            // It is found out when things have changed.
            let changed = spins(&spin, 1000, Spun::Seen);
            assert!(changed >= 1000 - (1 << MOST_SKIPS), "{changed} spins of a thousand");
            assert_eq!(spins(&spin, 1000, Spun::Seen), 1000);
        }
        assert_eq!(spins(&Spin::new(Duration::ZERO), 1000, Spun::Seen), 0);
    }
}
