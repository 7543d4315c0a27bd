//! Time for hyper. Each sleep that waits has one timer, in the wheel of its own thread.
//!
//! hyper asks its sleeps to be `Send` and `Sync`, whatever its services are. So a sleep holds no
//! reactor but the key of a timer and the [`KeyReturn`] of the timers it is from. Polled where
//! those timers are, it asks them; polled elsewhere, it sends the key back and sets up a timer
//! there. Dropped elsewhere, it sends the key back as well: the timer fires for nothing, and its
//! place in the wheel is free again when that thread makes the next sleep of this kind.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use ::hyper::rt;

use super::returns::{KeyReturn, add_returnable};
use crate::clock;
use crate::executor::context;
use crate::reactor::Reactor;
use crate::reactor::wheel::TimerKey;
use crate::sync::Arc;

/// Lends hyper the timers of the thread on which a sleep is polled.
///
/// # Examples
///
/// ```
/// use hyper::server::conn::http1;
///
/// let mut http = http1::Builder::new();
/// http.timer(wakeline::hyper::Timer::new());
/// http.header_read_timeout(std::time::Duration::from_secs(10));
/// ```
///
/// # Panics
///
/// A sleep panics when it has to wait where no executor is entered.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Timer;

impl Timer {
    /// The timers of the thread on which it is used.
    pub const fn new() -> Self {
        Self
    }
}

impl rt::Timer for Timer {
    #[track_caller]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(SendSleep::new(clock::after(clock::now(), duration)))
    }

    #[track_caller]
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(SendSleep::new(clock::number(deadline)))
    }

    /// Without a new allocation, and where the timer is this thread's without a new timer.
    #[track_caller]
    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<SendSleep>() {
            Some(sleep) => sleep.get_mut().reset(clock::number(new_deadline)),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

/// A future that is ready at a deadline, on any thread. Once ready it stays ready until it is
/// reset.
#[derive(Debug)]
struct SendSleep {
    /// A number of [`clock`].
    deadline: u64,
    /// It has been ready since it was made or reset.
    elapsed: bool,
    timer: Option<Armed>,
    /// For the panic of a poll outside.
    made_at: &'static Location<'static>,
}

/// A timer that waits, perhaps on another thread.
#[derive(Debug)]
struct Armed {
    /// Where it waits, and where the key goes from elsewhere.
    owner: Arc<KeyReturn>,
    key: TimerKey,
}

impl SendSleep {
    #[track_caller]
    fn new(deadline: u64) -> Self {
        Self { deadline, elapsed: false, timer: None, made_at: Location::caller() }
    }

    fn reset(&mut self, deadline: u64) {
        self.deadline = deadline;
        self.elapsed = false;
        let Some(armed) = self.timer.take() else { return };
        if with_owner(&armed, |reactor| reactor.timers().reset(&armed.key, deadline)).is_some() {
            self.timer = Some(armed);
        } else {
            armed.owner.put(armed.key);
        }
    }

    /// Whether the deadline has passed; if not, the wheel of the entered executor's reactor will
    /// wake `waker`.
    ///
    /// The clock decides: the wheel learns the time once per turn, and a task may poll many times
    /// between two turns.
    fn is_due(&mut self, waker: &Waker) -> bool {
        let waits = self.timer.as_ref().and_then(|armed| with_owner(armed, |reactor| !reactor.timers().poll(&armed.key, waker)));
        let due = waits == Some(false) || clock::now() >= self.deadline;
        if waits == Some(true) && !due {
            return false;
        }
        self.cancel();
        if !due {
            self.arm(waker);
        }
        due
    }

    /// Enters the deadline into the wheel of the entered executor's reactor.
    fn arm(&mut self, waker: &Waker) {
        if cfg!(wakeline_loom) {
            panic!("timers are not modelled: under `--cfg wakeline_loom` the one made at {} cannot be awaited", self.made_at);
        }
        let timer = context::with_reactor(|reactor| {
            let (owner, key) = add_returnable(reactor, self.deadline, waker);
            Armed { owner, key }
        });
        let Some(timer) = timer else { panic!("{}; it was made at {}", context::outside("a timer for hyper"), self.made_at) };
        self.timer = Some(timer);
    }

    /// Frees the timer, if there is one.
    fn cancel(&mut self) {
        let Some(armed) = self.timer.take() else { return };
        let mut key = Some(armed.key);
        context::with_reactor(|reactor| {
            if armed.owner.is_of(reactor) {
                key.take().into_iter().for_each(|key| reactor.timers().remove(key));
            }
        });
        key.into_iter().for_each(|key| armed.owner.put(key));
    }
}

/// Runs `f` with the reactor whose timer it is, if that is the one entered here.
fn with_owner<R>(armed: &Armed, f: impl FnOnce(&Reactor) -> R) -> Option<R> {
    context::with_reactor(|reactor| armed.owner.is_of(reactor).then(|| f(reactor))).flatten()
}

impl Future for SendSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.elapsed {
            return Poll::Ready(());
        }
        // One that has waited is not asked: what is polled before it may spend the budget each
        // time.
        if self.timer.is_none() {
            ready!(context::poll_budget(cx));
        }
        if !self.is_due(cx.waker()) {
            return Poll::Pending;
        }
        self.elapsed = true;
        context::spend_budget();
        Poll::Ready(())
    }
}

impl Drop for SendSleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl rt::Sleep for SendSleep {}
