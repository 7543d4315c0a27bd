//! One deadline — owns one timer of the wheel while it waits — must never leave it there when it is dropped.
//!
//! ```text
//! Unseen ──clock says ahead──▶ Armed ──the wheel fired it──▶ Elapsed
//!    └──────clock says passed───────────────────────────────────▶┘       reset: Armed stays Armed, anything else is Unseen again
//! ```
//!
//! `sleep` has read the clock to compute its deadline, so it starts in `Ahead` instead of `Unseen` and its first poll does not read it
//! again.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::executor::context;
use crate::reactor::Reactor;
use crate::reactor::wheel::TimerKey;

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
/// The returned future panics when it is polled where no executor is entered.
///
/// # Cancel safety
///
/// Dropping the future cancels the timer. To go on waiting for the same deadline later, keep the future and await `&mut sleep`.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let deadline = super::after(super::now(), duration);
    let state = if duration.is_zero() { State::Elapsed } else { State::Ahead };
    Sleep { deadline, state, made_at: Location::caller() }
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
/// The returned future panics when it is polled where no executor is entered.
///
/// # Cancel safety
///
/// Dropping the future cancels the timer.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, state: State::Unseen, made_at: Location::caller() }
}

/// A future that is ready at a deadline; made by [`sleep`] and [`sleep_until`].
///
/// It is `Unpin`, so it can be awaited by reference, stored and [`reset`](Sleep::reset) without pinning. Once ready it stays ready until
/// it is reset.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    deadline: Instant,
    state: State,
    /// For the panic of a poll outside.
    made_at: &'static Location<'static>,
}

enum State {
    /// Nobody has compared the deadline with the clock yet.
    Unseen,
    /// The deadline was ahead when it was set, so that the first poll need not read the clock.
    Ahead,
    /// The wheel of this reactor holds the deadline.
    Armed(Rc<Reactor>, TimerKey),
    Elapsed,
}

impl Sleep {
    /// The instant that this future waits for.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed. Reads the clock, unless the future has been ready already.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.state, State::Elapsed) || super::now() >= self.deadline
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
        self.deadline = deadline;
        match &self.state {
            State::Armed(reactor, key) => reactor.timers().reset(key, deadline),
            _ => self.state = State::Unseen,
        }
    }

    /// Like `poll`, but asks the clock when the wheel has not fired the timer, and never the task's budget.
    ///
    /// The wheel learns the time once per turn; a task that wakes itself at once is polled many times between two turns.
    pub(super) fn poll_with_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self.state, State::Armed(..)) && super::now() >= self.deadline {
            self.disarm(State::Elapsed);
        }
        self.poll_elapsed(cx)
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if cfg!(wakeline_loom) {
            panic!(
                "timers are not modelled: under `--cfg wakeline_loom` a wakeline timer (made at {}) cannot be awaited",
                self.made_at
            );
        }
        let elapsed = context::with_reactor(|reactor| self.is_due(reactor, cx.waker()));
        match elapsed {
            Some(true) => Poll::Ready(()),
            Some(false) => Poll::Pending,
            None => panic!(
                "a wakeline timer was polled on a thread where no wakeline executor is entered, so nobody would wake it\n  \
                 the timer was made at {}\n  \
                 await it inside `wakeline::block_on`, `LocalExecutor::block_on` or a task spawned there",
                self.made_at
            ),
        }
    }

    /// Whether the deadline has passed; if not, the wheel of `reactor` will wake `waker`.
    fn is_due(&mut self, reactor: &Rc<Reactor>, waker: &Waker) -> bool {
        match &self.state {
            State::Elapsed => return true,
            State::Ahead => {}
            State::Armed(home, key) if Rc::ptr_eq(home, reactor) => {
                let fired = home.timers().poll(key, waker);
                if fired {
                    self.disarm(State::Elapsed);
                }
                return fired;
            }
            // Not compared with the clock yet, or armed in a reactor that nobody here turns (that of a process before its fork).
            State::Unseen | State::Armed(..) => {
                if super::now() >= self.deadline {
                    self.disarm(State::Elapsed);
                    return true;
                }
            }
        }
        let key = reactor.timers().add(self.deadline, waker);
        self.disarm(State::Armed(Rc::clone(reactor), key));
        false
    }

    /// Goes into another state; a timer that the old one holds is freed.
    fn disarm(&mut self, state: State) {
        if let State::Armed(reactor, key) = std::mem::replace(&mut self.state, state) {
            reactor.timers().remove(key);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(context::poll_budget(cx));
        ready!(self.poll_elapsed(cx));
        context::spend_budget();
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.disarm(State::Elapsed);
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = matches!(self.state, State::Armed(..));
        f.debug_struct("Sleep").field("deadline", &self.deadline).field("armed", &armed).finish_non_exhaustive()
    }
}
