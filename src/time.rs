//! Sleeps, limits and ticks.
//!
//! [`sleep`] waits for a while and [`sleep_until`] for an instant; [`timeout`] and [`timeout_at`]
//! give another future so long and no longer; [`interval`] ticks. All of them are futures of the
//! executor that they are awaited in: no thread serves them, and to make, cancel or reset one takes
//! no lock and no system call.
//!
//! ```
//! use std::time::Duration;
//! use wakeline::time::{interval, sleep, timeout};
//!
//! # wakeline::block_on(async {
//! // Wait.
//! sleep(Duration::from_millis(1)).await;
//!
//! // Wait no longer than that.
//! let slow = sleep(Duration::from_secs(3600));
//! assert!(timeout(Duration::from_millis(1), slow).await.is_err());
//!
//! // Once at once, and then every two milliseconds.
//! let mut clock = interval(Duration::from_millis(2));
//! for _ in 0..3 {
//!     clock.tick().await;
//! }
//! # });
//! ```
//!
//! # How exact
//!
//! - Deadlines are kept to the nanosecond. A timer never fires early; it fires when the executor
//!   next looks outside, which is at once when it is asleep, and after at most one batch of other
//!   tasks when it is not. The kernel may add its timer slack, 50 µs on Linux unless the thread
//!   has asked for less. A program with very many timers can trade lateness for processor time with
//!   [`timer_slack`](crate::executor::Builder::timer_slack); nothing is rounded without it.
//! - Timers that are due together fire in the order of their deadlines, equal deadlines in the
//!   order in which they were set.
//! - Time is the monotonic clock, [`Instant`]. A clock that nevertheless steps back delays timers
//!   by the step, and breaks nothing.
//!
//! # Limits
//!
//! Every [`Duration`](std::time::Duration) is accepted: zero is ready at once, and one of more than
//! some five centuries waits for ever. The period of an interval must not be zero.
//!
//! # Errors and panics
//!
//! Only a timeout has an error: [`Elapsed`], which converts into an [`io::Error`](std::io::Error)
//! of kind `TimedOut`. Timers can be made anywhere and have to be awaited inside an executor.
//! Outside they panic and name the line that made them, since nobody there would wake them.
//!
//! # Cancel safety
//!
//! To drop a timer is to cancel it. A dropped [`Interval::tick`] loses no tick. A dropped
//! [`Timeout`] drops the future in it, and is as safe as that one.

// A timer lives in the wheel of the thread whose executor first polls it. Making one reads the
// clock once; cancelling one touches one slot of the wheel.
//
// Rejected: one timer thread or one heap for the process (a lock and a cross-thread wake per
// timer); rounding to milliseconds (it is what makes 100 µs sleeps take 1.1 ms elsewhere);
// registering when the timer is made (most timeouts are never polled a second time, and a timer
// that nobody awaits would still wake the thread).

use std::time::Instant;

use crate::clock;

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
    clock::instant_now()
}
