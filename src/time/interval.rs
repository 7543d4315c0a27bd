//! A clock that ticks: one [`Sleep`], which is reset after each tick. No tick comes before its
//! time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::stream::{FusedStream, Stream};

use super::sleep::{Sleep, sleep_until};
use crate::clock;

/// Ticks now, and then once every `period`.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// use std::time::Duration;
///
/// let mut clock = wakeline::time::interval(Duration::from_millis(1));
/// let first = clock.tick().await;
/// let second = clock.tick().await;
/// assert_eq!(second - first, Duration::from_millis(1));
/// # });
/// ```
///
/// # Panics
///
/// When `period` is zero. Ticks panic when they have to be waited for where no executor is entered.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(clock::instant_now(), period)
}

/// Ticks at `start`, and then once every `period`.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now() + Duration::from_millis(2);
/// let mut clock = wakeline::time::interval_at(start, Duration::from_secs(1));
/// assert_eq!(clock.tick().await, start);
/// # });
/// ```
///
/// # Panics
///
/// When `period` is zero. Ticks panic when they have to be waited for where no executor is entered.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval's period must not be zero: it would tick without end in one instant");
    Interval { next: sleep_until(start), period, missed_tick: MissedTick::default() }
}

/// What an [`Interval`] does about ticks whose time passed while nobody awaited one.
///
/// With a period of 10 ms, and the tick of 20 ms taken at 47 ms, the next ones come
///
/// | | at, ms | |
/// |---|---|---|
/// | `Burst` | 47 (for 30), 47 (for 40), 50, 60 | none is lost, the rhythm holds |
/// | `Delay` | 57, 67, 77 | at least a period between two; the rhythm starts anew |
/// | `Skip` | 50, 60, 70 | the missed ones are dropped, the rhythm holds |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissedTick {
    /// Makes up for missed ticks, one after the other without a pause, until the rhythm has caught
    /// up.
    #[default]
    Burst,
    /// Counts each period from when the last tick was taken. Every tick's lateness, also the usual
    /// few dozen microseconds, adds up.
    Delay,
    /// Goes on with the first tick of the rhythm that lies ahead.
    Skip,
}

/// A clock that ticks; made by [`interval`] and [`interval_at`].
///
/// It is a [`Stream`] that never ends, and therefore fused.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// use std::time::Duration;
/// use futures_lite::StreamExt;
///
/// let clock = wakeline::time::interval(Duration::from_millis(1));
/// assert_eq!(clock.take(3).count().await, 3);
/// # });
/// ```
#[derive(Debug)]
#[must_use = "an interval ticks for nobody unless it is awaited or polled"]
pub struct Interval {
    /// The next tick. Reset in the poll in which it was ready.
    next: Sleep,
    period: Duration,
    missed_tick: MissedTick,
}

impl Interval {
    /// Waits for the next tick and returns the instant for which it was due.
    ///
    /// # Panics
    ///
    /// When it has to wait where no executor is entered.
    ///
    /// # Cancel safety
    ///
    /// A tick that has not been returned is not lost: the next call returns it.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick; the task is woken when there is one.
    ///
    /// # Panics
    ///
    /// When the tick has to be waited for where no executor is entered.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.next).poll(cx));
        let due = self.next.deadline();
        let next = match self.missed_tick {
            MissedTick::Burst => clock::instant_after(due, self.period),
            MissedTick::Delay => clock::instant_after(clock::instant_now(), self.period),
            MissedTick::Skip => next_in_rhythm(due, self.period, clock::instant_now()),
        };
        self.next.reset(next);
        Poll::Ready(due)
    }

    /// Lets the next tick come one period from now, whatever was missed before. The ticks after it
    /// follow in that rhythm.
    ///
    /// # Examples
    ///
    /// ```
    /// # wakeline::block_on(async {
    /// use std::time::{Duration, Instant};
    ///
    /// let mut clock = wakeline::time::interval(Duration::from_millis(2));
    /// clock.tick().await; // at once
    /// let asked = Instant::now();
    /// clock.reset();
    /// assert!(clock.tick().await >= asked + Duration::from_millis(2));
    /// # });
    /// ```
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Lets the next tick come at once. The ticks after it follow one period apart.
    pub fn reset_immediately(&mut self) {
        self.next.reset(clock::instant_now());
    }

    /// Lets the next tick come after `after`, which may be shorter or longer than the period, or
    /// nothing at all. The ticks after that follow one period apart.
    ///
    /// # Examples
    ///
    /// ```
    /// # wakeline::block_on(async {
    /// use std::time::{Duration, Instant};
    ///
    /// let mut clock = wakeline::time::interval(Duration::from_secs(3600));
    /// clock.tick().await;
    /// let asked = Instant::now();
    /// clock.reset_after(Duration::from_millis(1));
    /// let tick = clock.tick().await;
    /// assert!(tick >= asked + Duration::from_millis(1) && tick < asked + Duration::from_secs(3600));
    /// # });
    /// ```
    pub fn reset_after(&mut self, after: Duration) {
        self.next.reset(clock::instant_after(clock::instant_now(), after));
    }

    /// Lets the next tick come at `deadline`, at once when that is past. The ticks after it follow
    /// one period apart.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.next.reset(deadline);
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What happens to missed ticks; [`MissedTick::Burst`] unless set.
    pub fn missed_tick(&self) -> MissedTick {
        self.missed_tick
    }

    /// Sets what happens to missed ticks.
    pub fn set_missed_tick(&mut self, missed_tick: MissedTick) {
        self.missed_tick = missed_tick;
    }
}

/// Each tick, as [`Interval::poll_tick`] gives it.
impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

/// Fused by nature: there is always a next tick.
impl FusedStream for Interval {
    fn is_terminated(&self) -> bool {
        false
    }
}

/// The first of `due + period`, `due + 2 × period`, … that lies after `now`.
fn next_in_rhythm(due: Instant, period: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(due).as_nanos();
    // Less than a period, and a u64 of nanoseconds holds it: only with a period of centuries could
    // it be more.
    let beyond = late % period.as_nanos();
    match u64::try_from(beyond) {
        Ok(beyond) => clock::instant_after(now, period - Duration::from_nanos(beyond)),
        Err(_) => clock::instant_after(due, period),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_tick_in_rhythm_is_the_first_multiple_ahead() {
        let due = Instant::now();
        let ms = Duration::from_millis;
        for (late, expected) in [(0, 10), (1, 10), (9, 10), (10, 20), (11, 20), (27, 30), (1_000_003, 1_000_010)] {
            assert_eq!(next_in_rhythm(due, ms(10), due + ms(late)), due + ms(expected), "late by {late} ms");
        }
        // A tick is polled a little before it is due only when the clock stepped back; it counts as
        // on time.
        assert_eq!(next_in_rhythm(due + ms(1), ms(10), due), due + ms(10));
        assert!(next_in_rhythm(due, Duration::MAX, due + ms(5)) > due + ms(1_000_000_000));
    }
}
