//! Sleeping, limits and clocks that tick, on the real executor. What needs a clock that the test
//! turns is tested beside the wheel.

mod intervals;
mod limits;
mod slack;
mod sleeping;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use wakeline::time::{Elapsed, MissedTick, Sleep, interval, interval_at, sleep, sleep_until, timeout, timeout_at};
use wakeline::{LocalExecutor, spawn, yield_now};

const MS: Duration = Duration::from_millis(1);
/// Long enough that a loaded machine gets through the lines before it.
const LATER: Duration = Duration::from_millis(150);
const HOUR: Duration = Duration::from_secs(3600);

/// Ends the process when a test hangs. By a thread of the system: the timers here are what is being
/// tested.
struct Watchdog {
    _leash: mpsc::Sender<()>,
}

impl Watchdog {
    fn new() -> Self {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let (leash, released) = mpsc::channel::<()>();
        thread::spawn(move || {
            if released.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{test} hangs");
                std::process::abort();
            }
        });
        Self { _leash: leash }
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let _watchdog = Watchdog::new();
    wakeline::block_on(future)
}

/// Counts its wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wakes {
    fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (wakes.clone(), wakes.into())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll_once<F: Future + Unpin + ?Sized>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Holds the thread until `deadline`, so that whatever is due by then becomes due in one turn.
fn hold_until(deadline: Instant) {
    while let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        thread::sleep(left);
    }
}

/// TM1's list.
fn durations() -> Vec<Duration> {
    let near = |ms: u64| [ms - 1, ms, ms + 1].map(Duration::from_millis);
    let mut all = vec![Duration::ZERO, Duration::from_nanos(1)];
    all.extend([near(1 << 32), near(1 << 36)].concat());
    all.extend([0, 1, 2, 1_000_000].map(|less| Duration::from_nanos(u64::MAX - less)));
    all.extend([0, 1, 2].map(|less| Duration::from_secs(u64::MAX - less)));
    all.push(Duration::from_millis(u64::MAX));
    all.push(Duration::MAX);
    all
}
