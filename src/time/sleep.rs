//! One deadline. A sleep that waits has a timer in the wheel; its drop takes the timer out.
//!
//! ```text
//! Nothing known ──ahead──▶ a timer waits ──fired, or passed by the clock──▶ Told
//!       ├─────────passed, budget left─────────────────────────────────────▶ Told
//!       └─────────passed, budget spent──▶ Passed ──next poll──────────────▶ Told
//!
//! reset: a timer goes on waiting; Passed and Told are Nothing again
//! ```
//!
//! `sleep` has read the clock to compute its deadline, so the deadline is known to be `Ahead`, and
//! the first poll does not read the clock again.
//!
//! **The clock decides**, and not the wheel, which learns the time once per turn. A future that is
//! polled many times between two turns is ready at the first poll after its deadline. So each poll
//! that finds the timer waiting reads the clock.
//!
//! **The budget** is asked where a loop could go on without end in one poll: by a future that is
//! ready at its first poll. It is told so at its second poll, whatever the budget: in a `select`
//! that polls something always ready before it, the budget is spent each time it comes to its turn.
//! A future that has waited is not asked, time passed meanwhile. One that has been ready stays so
//! for nothing: who polls a thousand of them in each poll would otherwise never see all of them
//! ready. Pending polls cost nothing, as everywhere in this crate: a task with two hundred timers
//! and a channel would else never come to its channel.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_core::future::FusedFuture;

use crate::clock;
use crate::executor::context;
use crate::reactor::Reactor;
use crate::reactor::wheel::TimerKey;

/// Waits until `duration` has passed.
///
/// The time runs from this call, not from the first poll. A duration of zero is ready at once (use
/// [`yield_now`](crate::yield_now) to let others run); one beyond what the clock can express waits
/// for ever.
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
/// Dropping the future cancels the timer. To go on waiting for the same deadline later, keep the
/// future and await `&mut sleep`.
#[inline]
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let known = if duration.is_zero() { Known::Nothing } else { Known::Ahead };
    Sleep { deadline: clock::after(clock::now(), duration), timer: None, made_at: Location::caller(), known: Cell::new(known) }
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
    Sleep { deadline: clock::number(deadline), timer: None, made_at: Location::caller(), known: Cell::new(Known::Nothing) }
}

/// A future that is ready at a deadline; made by [`sleep`] and [`sleep_until`].
///
/// It is `Unpin`, so it can be awaited by reference, stored and [`reset`](Sleep::reset) without
/// pinning. Once ready it stays ready until it is reset, so it may be polled again; [`FusedFuture`]
/// says whether it has been ready.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    /// A number of [`clock`].
    deadline: u64,
    /// The timer that waits, and the reactor whose wheel has it.
    timer: Option<(Rc<Reactor>, TimerKey)>,
    /// For the panic of a poll outside.
    made_at: &'static Location<'static>,
    /// Said in a cell, so that who was told that it has passed finds it ready at the next poll.
    known: Cell<Known>,
}

/// What is known of the deadline while no timer waits for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Nobody has compared it with the clock yet.
    Nothing,
    /// It was ahead when it was set, so that the first poll need not read the clock.
    Ahead,
    /// It has passed, and the task that polled then had spent its budget.
    Passed,
    /// It has passed, and a poll has said so.
    Told,
}

impl Sleep {
    /// The instant that this future waits for; centuries ahead when it waits for ever.
    pub fn deadline(&self) -> Instant {
        clock::instant(self.deadline)
    }

    /// Whether the deadline has passed. Reads the clock, unless the future has been ready already.
    ///
    /// When it says so, the next poll is ready, unless the running task has used up its budget (see
    /// *Fairness* at the [top](crate) of the crate): then it is the one after that.
    pub fn is_elapsed(&self) -> bool {
        if matches!(self.known.get(), Known::Passed | Known::Told) {
            return true;
        }
        let passed = clock::now() >= self.deadline;
        if passed {
            // No longer known to be ahead: the first poll asks the clock.
            self.known.set(Known::Nothing);
        }
        passed
    }

    /// Waits for another deadline from now on, whether or not the old one has passed.
    ///
    /// A task that awaits this future is woken when the new deadline has passed, at once if it is
    /// in the past; it need not poll in between.
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
        self.known.set(Known::Nothing);
        if let Some((reactor, key)) = &self.timer {
            reactor.timers().reset(key, self.deadline);
        }
    }

    /// The first poll of a relative timer, on which the price of a timer is measured.
    #[inline]
    fn begin(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.known.set(Known::Nothing);
        self.arm(cx.waker());
        Poll::Pending
    }

    /// Any other poll, until one has said that the deadline has passed.
    fn go_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let first = self.timer.is_none() && self.known.get() != Known::Passed;
        if !self.has_passed() && !self.wait(cx.waker()) {
            return Poll::Pending;
        }
        self.cancel();
        if first && context::poll_budget(cx).is_pending() {
            self.known.set(Known::Passed);
            return Poll::Pending;
        }
        self.known.set(Known::Told);
        context::spend_budget();
        Poll::Ready(())
    }

    /// Whether the deadline has passed. A timer that has fired knows it without the clock, and is
    /// freed.
    fn has_passed(&mut self) -> bool {
        if let Some((home, key)) = self.timer.take() {
            match home.timers().remove_fired(key) {
                Ok(()) => return true,
                Err(key) => self.timer = Some((home, key)),
            }
        }
        self.known.get() == Known::Passed || clock::now() >= self.deadline
    }

    /// Sees to it that the wheel of the entered executor's reactor will wake `waker`. True when the
    /// timer has fired meanwhile.
    fn wait(&mut self, waker: &Waker) -> bool {
        // Where no executor is entered, or after a fork, nobody turns the reactor that has the
        // timer.
        let turned = |home| context::with_reactor(|entered| Rc::ptr_eq(home, entered)).unwrap_or(false);
        if let Some((home, key)) = &self.timer {
            if turned(home) {
                return home.timers().poll(key, waker);
            }
        }
        self.cancel();
        self.arm_late(waker);
        false
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
        match self.known.get() {
            Known::Ahead => self.begin(cx),
            Known::Told => Poll::Ready(()),
            Known::Nothing | Known::Passed => self.go_on(cx),
        }
    }
}

/// Fused by nature: it stays ready. It counts as terminated from its first ready poll to the next
/// reset.
impl FusedFuture for Sleep {
    fn is_terminated(&self) -> bool {
        self.known.get() == Known::Told
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
