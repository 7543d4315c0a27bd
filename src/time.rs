//! Time for tasks — owns the futures that wait for a deadline — must never read the clock where the reactor already knows the answer.
//!
//! A timer lives in the wheel of the thread whose executor first polls it, and costs nothing outside this thread: no lock, no helper
//! thread, no descriptor. Making one reads the clock once; cancelling one, which is what dropping it does, touches one slot of the wheel.
//!
//! - Deadlines are kept to the nanosecond. A timer never fires early; it fires when the executor next looks outside, which is at once
//!   when it is asleep, and after at most one batch of other tasks when it is not. The kernel may add its timer slack, 50 µs on Linux
//!   unless the thread has asked for less.
//! - Timers that are due together fire in the order of their deadlines, equal deadlines in the order in which they were set.
//! - Every [`Duration`] is accepted. One of more than some five centuries waits for ever.
//! - Time is the monotonic clock, [`Instant`]. A clock that nevertheless steps back delays timers by the step, and breaks nothing.
//!
//! Timers can be made anywhere and have to be awaited inside an executor; outside they panic and name the line that made them, since
//! nobody there would wake them.
//!
//! Rejected: one timer thread or one heap for the process (a lock and a cross-thread wake per timer); rounding to milliseconds (it is
//! what makes 100 µs sleeps take 1.1 ms elsewhere); registering when the timer is made (most timeouts are never polled a second time,
//! and a timer that nobody awaits would still wake the thread).

use std::time::{Duration, Instant};

mod interval;
mod sleep;
mod timeout;

pub use interval::{Interval, MissedTick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

/// The time by which this crate's timers go: [`Instant::now`].
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// use std::time::Duration;
/// use wakeline::time;
///
/// let deadline = time::now() + Duration::from_micros(100);
/// time::sleep_until(deadline).await;
/// assert!(time::now() >= deadline);
/// # });
/// ```
pub fn now() -> Instant {
    Instant::now()
}

/// `base + duration`, or the latest time that the clock can express and no thread lives to see.
fn after(base: Instant, duration: Duration) -> Instant {
    base.checked_add(duration).unwrap_or_else(|| {
        let halves = (0..u64::BITS).map(|shift| Duration::from_nanos(u64::MAX >> shift));
        halves.into_iter().find_map(|far| base.checked_add(far)).unwrap_or(base)
    })
}
