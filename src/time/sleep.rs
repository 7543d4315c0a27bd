//! One deadline — owns one timer of the wheel while it waits — must never leave it there when it is dropped.
//!
//! ```text
//! Nothing known ──ahead──▶ a timer waits ──fired──▶ Elapsed
//!       └─────────passed───────────────────────────▶┘         reset: a timer goes on waiting, Elapsed is Nothing again
//! ```
//!
//! `sleep` has read the clock to compute its deadline, so the deadline is known to be `Ahead`, and the first poll does not read the clock
//! again.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::executor::context;
use crate::reactor::wheel::TimerKey;
use crate::reactor::{Reactor, clock};

/// Waits until `duration` has passed.
///
/// The time runs from this call, not from the first poll. A duration of zero is ready at once (use [`yield_now`](crate::yield_now) to let
/// others run); one beyond what the clock can express waits for ever.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// wakeline::time::sleep(Duration::from_micros(300)).await;
/// assert!(start.elapsed() >= Duration::from_micros(300));
/// # });
/// ```
///
/// # Panics
///
/// The returned future panics when it has to wait where no executor is entered.
///
/// # Cancel safety
///
/// Dropping the future cancels the timer. To go on waiting for the same deadline later, keep the future and await `&mut sleep`.
#[inline]
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let known = if duration.is_zero() { Known::Elapsed } else { Known::Ahead };
    Sleep { deadline: clock::after(clock::now(), duration), timer: None, made_at: Location::caller(), known }
}

/// Waits until `deadline`.
///
/// A deadline that has passed is ready at once.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_millis(1);
/// wakeline::time::sleep_until(deadline).await;
/// assert!(Instant::now() >= deadline);
/// # });
/// ```
///
/// # Panics
///
/// The returned future panics when it has to wait where no executor is entered.
///
/// # Cancel safety
///
/// Dropping the future cancels the timer.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline: clock::number(deadline), timer: None, made_at: Location::caller(), known: Known::Nothing }
}

/// A future that is ready at a deadline; made by [`sleep`] and [`sleep_until`].
///
/// It is `Unpin`, so it can be awaited by reference, stored and [`reset`](Sleep::reset) without pinning. Once ready it stays ready until
/// it is reset.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    /// A number of [`clock`].
    deadline: u64,
    /// The timer that waits, and the reactor whose wheel has it.
    timer: Option<(Rc<Reactor>, TimerKey)>,
    /// For the panic of a poll outside.
    made_at: &'static Location<'static>,
    known: Known,
}

/// What is known of the deadline while no timer waits for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Nobody has compared it with the clock yet.
    Nothing,
    /// It was ahead when it was set, so that the first poll need not read the clock.
    Ahead,
    /// It has passed.
    Elapsed,
}

impl Sleep {
    /// The instant that this future waits for; centuries ahead when it waits for ever.
    pub fn deadline(&self) -> Instant {
        clock::instant(self.deadline)
    }

    /// Whether the deadline has passed. Reads the clock, unless the future has been ready already.
    pub fn is_elapsed(&self) -> bool {
        self.known == Known::Elapsed || clock::now() >= self.deadline
    }

    /// Waits for another deadline from now on, whether or not the old one has passed.
    ///
    /// A task that awaits this future is woken when the new deadline has passed, at once if it is in the past; it need not poll in
    /// between.
    ///
    /// # Examples
    ///
    /// ```
    /// # wakeline::block_on(async {
    /// use std::time::{Duration, Instant};
    ///
    /// let mut idle = wakeline::time::sleep(Duration::from_secs(3600));
    /// idle.reset(Instant::now() + Duration::from_millis(1));
    /// (&mut idle).await;
    /// assert!(idle.is_elapsed());
    /// # });
    /// ```
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = clock::number(deadline);
        self.known = Known::Nothing;
        if let Some((reactor, key)) = &self.timer {
            reactor.timers().reset(key, self.deadline);
        }
    }

    /// Like `poll`, but asks the clock when the wheel has not fired the timer, and never the task's budget.
    ///
    /// The wheel learns the time once per turn; a task that wakes itself at once is polled many times between two turns.
    pub(super) fn poll_with_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.is_some() && clock::now() >= self.deadline {
            self.cancel();
            self.known = Known::Elapsed;
        }
        self.poll_elapsed(cx)
    }

    #[inline]
    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.known == Known::Ahead {
            return self.begin(cx);
        }
        if self.is_due(cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The first poll of a relative timer, on which the price of a timer is measured.
    #[inline]
    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.known = Known::Nothing;
        self.arm(cx.waker());
        Poll::Pending
    }

    /// Whether the deadline has passed; if not, the wheel of the entered executor's reactor will wake `waker`.
    fn is_due(&mut self, waker: &Waker) -> bool {
        // Where no executor is entered, or after a fork, nobody turns the reactor that has the timer.
        let turned = |home| context::with_reactor(|entered| Rc::ptr_eq(home, entered)).unwrap_or(false);
        let fired = match &self.timer {
            _ if self.known == Known::Elapsed => return true,
            Some((home, key)) if turned(home) => {
                if !home.timers().poll(key, waker) {
                    return false;
                }
                true
            }
            _ => clock::now() >= self.deadline,
        };
        self.cancel();
        if fired {
            self.known = Known::Elapsed;
        } else {
            self.arm_late(waker);
        }
        fired
    }

    /// The rarer way to `arm`, out of the way of the other.
    #[inline(never)]
    fn arm_late(&mut self, waker: &Waker) {
        self.arm(waker);
    }

    /// Enters the deadline into the wheel of the entered executor's reactor.
    #[inline(always)]
    fn arm(&mut self, waker: &Waker) {
        match context::with_reactor(Rc::clone) {
            Some(reactor) if !cfg!(wakeline_loom) => {
                let key = reactor.timers().add(self.deadline, waker);
                self.timer = Some((reactor, key));
            }
            _ => self.refuse(),
        }
    }

    #[cold]
    fn refuse(&self) -> ! {
        if cfg!(wakeline_loom) {
            panic!("timers are not modelled: under `--cfg wakeline_loom` the timer made at {} cannot be awaited", self.made_at);
        }
        panic!(
            "a wakeline timer was polled on a thread where no wakeline executor is entered, so nobody would wake it\n  \
             the timer was made at {}\n  \
             await it inside `wakeline::block_on`, `LocalExecutor::block_on` or a task spawned there",
            self.made_at
        );
    }

    /// Frees the timer, if there is one.
    #[inline]
    fn cancel(&mut self) {
        if let Some((reactor, key)) = self.timer.take() {
            reactor.timers().remove(key);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.known == Known::Ahead {
            // Pending in any case, so the budget is not asked.
            return self.begin(cx);
        }
        ready!(context::poll_budget(cx));
        ready!(self.poll_elapsed(cx));
        context::spend_budget();
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = self.timer.is_some();
        f.debug_struct("Sleep").field("deadline", &self.deadline()).field("armed", &armed).finish_non_exhaustive()
    }
}
