//! A limit on another future: that future and a [`Sleep`]. A value that is there is never thrown
//! away.
//!
//! Each poll asks the inner future first. If it has a value, the caller gets it, however late: a
//! value computed is not lost to a clock. Only when it is pending does the deadline count, and then
//! by the clock itself and not by what the wheel knew at the last turn. That settles two cases in
//! which a limit is easily lost:
//!
//! - *The future wakes itself at once, for ever.* The executor's queue is never empty and its turns
//!   are rare; the limit holds all the same, at the first poll after the deadline.
//! - *The future loops over operations that are always ready.* The task's budget makes them pending
//!   after a while. A limit that has waited does not ask the budget, so it sees the deadline in
//!   that same poll; nor does it when something else has spent the budget before it.
//!
//! What no limit can end is a future that does not return from `poll`. It holds its thread, and the
//! limit with it.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::sleep::{Sleep, sleep, sleep_until};
use crate::task::polled_after_completion;

/// Gives `future` at most `duration` to finish.
///
/// The time runs from this call. With a duration of zero the future is polled once.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// use std::time::Duration;
/// use wakeline::time::timeout;
///
/// let limit = Duration::from_millis(1);
/// assert_eq!(timeout(limit, async { 7 }).await, Ok(7));
/// assert!(timeout(limit, std::future::pending::<()>()).await.is_err());
/// # });
/// ```
///
/// # Errors
///
/// [`Elapsed`] when the future is still pending after the deadline. A future that finishes late, in
/// the very poll that follows the deadline, still gives its value. The future itself is dropped
/// with the [`Timeout`].
///
/// # Panics
///
/// The returned future panics when it has to wait where no executor is entered.
///
/// # Cancel safety
///
/// As safe as the inner future: dropping this one drops that one.
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), limit: sleep(duration), is_over: false }
}

/// Gives `future` until `deadline` to finish; like [`timeout`] otherwise.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// use std::time::{Duration, Instant};
/// use wakeline::time::{sleep, timeout_at};
///
/// // One deadline for several steps.
/// let deadline = Instant::now() + Duration::from_secs(5);
/// timeout_at(deadline, sleep(Duration::from_millis(1))).await?;
/// timeout_at(deadline, sleep(Duration::from_millis(1))).await?;
/// # Ok::<(), wakeline::time::Elapsed>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// [`Elapsed`] when the future is still pending after the deadline.
///
/// # Panics
///
/// The returned future panics when it has to wait where no executor is entered.
///
/// # Cancel safety
///
/// As safe as the inner future.
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), limit: sleep_until(deadline), is_over: false }
}

pin_project! {
    /// A future with a limit; made by [`timeout`] and [`timeout_at`].
    ///
    /// # Panics
    ///
    /// When it is polled after it has returned, the error as well.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        limit: Sleep,
        // It has returned.
        is_over: bool,
    }
}

impl<F> Timeout<F> {
    /// The instant at which the limit is reached.
    pub fn deadline(&self) -> Instant {
        self.limit.deadline()
    }

    /// The inner future.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The inner future, to be changed.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// Takes the limit away.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if *this.is_over {
            polled_after_completion("Timeout");
        }
        let output = match this.future.poll(cx) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => {
                ready!(Pin::new(this.limit).poll(cx));
                Err(Elapsed(()))
            }
        };
        *this.is_over = true;
        Poll::Ready(output)
    }
}

/// The error of a [`timeout`] whose deadline passed first.
///
/// Converts into an [`io::Error`] of kind [`TimedOut`](io::ErrorKind::TimedOut), so `?` works in
/// functions that return `io::Result`.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::time::Duration;
/// use wakeline::time::timeout;
///
/// async fn late() -> io::Result<()> {
///     timeout(Duration::ZERO, std::future::pending()).await?
/// }
/// assert_eq!(wakeline::block_on(late()).unwrap_err().kind(), io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline passed before the future was ready")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}
