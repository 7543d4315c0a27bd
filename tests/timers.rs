//! Sleeping, limits and clocks that tick, on the real executor. What needs a clock that the test turns is tested beside the wheel.

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

/// Ends the process when a test hangs. By a thread of the system: the timers here are what is being tested.
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

fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
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

#[test]
fn a_sleep_is_never_short() {
    block_on(async {
        for nanos in [0, 1, 999, 65_535, 65_536, 65_537, 300_000, 4_194_304, 5_000_001] {
            let wanted = Duration::from_nanos(nanos);
            let start = Instant::now();
            sleep(wanted).await;
            assert!(start.elapsed() >= wanted, "slept {:?} instead of {wanted:?}", start.elapsed());
        }
    });
}

// TM1: any duration, for each kind of timer; what is far away stays far away.
#[test]
fn every_duration_is_accepted() {
    block_on(async {
        for duration in durations() {
            let is_far = duration > Duration::from_secs(1);
            let waker = Waker::noop();
            let mut slept = sleep(duration);
            let first = poll_once(&mut slept, waker);
            assert!(!is_far || first.is_pending(), "{duration:?}");
            assert_eq!(slept.is_elapsed(), !is_far, "{duration:?}");

            let mut reset = sleep(HOUR);
            assert!(poll_once(&mut reset, waker).is_pending());
            reset.reset(slept.deadline());
            let limited = timeout(duration, pending::<()>());
            let mut limited = pin!(limited);
            let mut clock = interval(duration.max(Duration::from_nanos(1)));
            clock.tick().await;
            if is_far {
                yield_now().await;
                sleep(MS).await;
                assert!(poll_once(&mut slept, waker).is_pending(), "{duration:?}");
                assert!(poll_once(&mut reset, waker).is_pending(), "{duration:?}");
                assert!(poll_once(&mut limited, waker).is_pending(), "{duration:?}");
                assert!(clock.poll_tick(&mut Context::from_waker(waker)).is_pending(), "{duration:?}");
            } else {
                (&mut slept).await;
                (&mut reset).await;
                assert!(limited.await.is_err());
                clock.tick().await;
            }
        }
    });
}

// TM12: 100 µs are neither rounded to nothing, which would be a busy loop, nor up to a millisecond's timer.
#[test]
fn a_short_sleep_takes_at_most_three_turns() {
    let executor = LocalExecutor::new();
    let start = Instant::now();
    let slept = executor.spawn(sleep(Duration::from_micros(100)));
    let mut turns = 0;
    while !slept.is_finished() {
        executor.turn(None).unwrap();
        turns += 1;
        assert!(turns <= 3, "{turns} turns after {:?}", start.elapsed());
    }
    assert!(start.elapsed() >= Duration::from_micros(100));
}

#[test]
fn a_turn_without_a_timeout_sleeps_until_the_first_deadline() {
    let executor = LocalExecutor::new();
    let deadline = Instant::now() + LATER;
    let tasks = [deadline + HOUR, deadline, deadline + MS].map(|deadline| executor.spawn(sleep_until(deadline)));
    executor.run_until_stalled();
    assert_eq!(executor.next_deadline(), Some(deadline));
    executor.turn(None).unwrap();
    executor.run_until_stalled();
    assert!(tasks[1].is_finished() && !tasks[0].is_finished());
    assert!(Instant::now() >= deadline);
}

/// Writes its number down when it is woken.
struct Traced(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Traced {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn timers_that_are_due_together_fire_in_the_order_of_their_deadlines() {
    let trace = Arc::new(Mutex::new(Vec::new()));
    // 37 and 101 have no common divisor: every offset once, in a jumbled order. Each deadline twice.
    let offsets: Vec<_> = (0..101u64).map(|i| i * 37 % 101).flat_map(|offset| [offset, offset]).collect();
    block_on(async {
        let base = Instant::now();
        let arm = |(number, &offset): (usize, &u64)| {
            let mut timer = sleep(HOUR);
            assert!(poll_once(&mut timer, &Waker::from(Arc::new(Traced(number, trace.clone())))).is_pending());
            timer.reset(base + Duration::from_micros(offset * 20));
            timer
        };
        // One poll arms them all, so that no turn comes in between.
        let timers: Vec<_> = offsets.iter().enumerate().map(arm).collect();
        hold_until(base + 3 * MS);
        sleep(MS).await;
        drop(timers);
    });
    let fired: Vec<_> = trace.lock().unwrap().iter().map(|&number| (offsets[number], number)).collect();
    assert_eq!(fired.len(), offsets.len());
    assert!(fired.is_sorted(), "{fired:?}");
}

// TM4: a deadline that comes from outside, while the executor sleeps towards a later one.
#[test]
fn an_earlier_timer_shortens_a_sleep_that_has_begun() {
    let executor = LocalExecutor::new();
    let spawner = executor.spawner();
    let late = executor.spawn(sleep(HOUR));
    let early = thread::spawn(move || block_on(spawner.spawn(|| sleep(MS))));
    let start = Instant::now();
    let _watchdog = Watchdog::new();
    executor.block_on(async {
        while !early.is_finished() {
            sleep(5 * MS).await;
        }
    });
    early.join().unwrap().unwrap();
    assert!(start.elapsed() < HOUR && !late.is_finished());
}

// TM5: a timer is cancelled in the turn in which it is due, by the task whose timer was due just before.
#[test]
fn a_timer_can_be_cancelled_in_the_turn_in_which_it_is_due() {
    let (wakes, waker) = Wakes::new();
    let shared = Rc::new(RefCell::new(None::<Sleep>));
    block_on(async {
        let deadline = Instant::now() + LATER;
        let victim = shared.clone();
        let first = spawn(async move {
            sleep_until(deadline).await;
            drop(victim.borrow_mut().take());
        });
        yield_now().await;
        let mut second = sleep(HOUR);
        assert!(poll_once(&mut second, &waker).is_pending());
        second.reset(deadline);
        *shared.borrow_mut() = Some(second);
        hold_until(deadline);
        first.await.unwrap();
        // The place of the cancelled timer is free for another, and that one works.
        let mut third = sleep(MS);
        (&mut third).await;
        assert!(third.is_elapsed());
    });
    assert!(wakes.count() <= 1);
}

// TM6: reset from an hour ahead to a second ago.
#[test]
fn a_reset_into_the_past_wakes_at_once() {
    block_on(async {
        let start = Instant::now();
        let shared = Rc::new(RefCell::new(sleep(HOUR)));
        let waiting = shared.clone();
        let task = spawn(poll_fn(move |cx| Pin::new(&mut *waiting.borrow_mut()).poll(cx)));
        yield_now().await;
        assert!(!task.is_finished());
        let past = start.checked_sub(Duration::from_secs(1)).unwrap_or(start);
        shared.borrow_mut().reset(past);
        task.await.unwrap();
        assert!(start.elapsed() < HOUR);
        assert_eq!(shared.borrow().deadline(), past);
    });
}

// TM6: a reset after the timer was ready, and after it fired without being polled.
#[test]
fn a_sleep_can_be_used_again_after_it_was_ready() {
    block_on(async {
        let mut slept = sleep(MS);
        (&mut slept).await;
        (&mut slept).await;
        slept.reset(Instant::now() + HOUR);
        assert!(!slept.is_elapsed());
        assert!(poll_once(&mut slept, Waker::noop()).is_pending());
        let soon = Instant::now() + MS;
        slept.reset(soon);
        hold_until(soon);
        yield_now().await;
        sleep(MS).await;
        // It has fired by now, unseen.
        let again = Instant::now() + MS;
        slept.reset(again);
        (&mut slept).await;
        assert!(Instant::now() >= again);
    });
}

// TM6, RC9: whoever polled last is woken, nobody else.
#[test]
fn a_sleep_that_is_polled_by_another_task_wakes_that_one() {
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    block_on(async {
        let mut slept = sleep(MS);
        assert!(poll_once(&mut slept, &first_waker).is_pending());
        assert!(poll_once(&mut slept, &second_waker).is_pending());
        sleep_until(slept.deadline() + MS).await;
        assert_eq!((first.count(), second.count()), (0, 1));
        assert!(poll_once(&mut slept, &first_waker).is_ready());
    });
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (2, 2), "a waker is kept");
}

/// Starts a timer of its own whenever it is woken or dropped.
struct Reentrant(Arc<AtomicUsize>);

impl Reentrant {
    fn start_a_timer(&self) {
        let mut timer = sleep(HOUR);
        assert!(poll_once(&mut timer, Waker::noop()).is_pending());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        self.start_a_timer();
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        self.start_a_timer();
    }
}

// CH8: foreign wakers run foreign code, and it comes back to the wheel.
#[test]
fn a_waker_may_use_timers_when_it_is_woken_or_dropped() {
    let runs = Arc::new(AtomicUsize::new(0));
    let waker = || Waker::from(Arc::new(Reentrant(runs.clone())));
    block_on(async {
        let mut replaced = sleep(HOUR);
        assert!(poll_once(&mut replaced, &waker()).is_pending());
        assert_eq!(runs.load(Ordering::Relaxed), 0);
        assert!(poll_once(&mut replaced, Waker::noop()).is_pending());
        assert_eq!(runs.load(Ordering::Relaxed), 1, "dropped when replaced");
        assert!(poll_once(&mut replaced, &waker()).is_pending());
        drop(replaced);
        assert_eq!(runs.load(Ordering::Relaxed), 2, "dropped when cancelled");
        let mut fired = sleep(MS);
        assert!(poll_once(&mut fired, &waker()).is_pending());
        sleep(2 * MS).await;
        assert_eq!(runs.load(Ordering::Relaxed), 4, "woken, and then dropped");
    });
}

#[test]
fn ten_thousand_sleeps_all_end_and_none_early() {
    let early = Rc::new(Cell::new(0));
    block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..10_000u64)
            .map(|i| {
                let early = early.clone();
                spawn(async move {
                    let wanted = Duration::from_micros(i * 7919 % 30_000);
                    sleep_until(start + wanted).await;
                    early.set(early.get() + usize::from(start.elapsed() < wanted));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(early.get(), 0);
}

#[test]
fn a_timer_made_outside_works_inside() {
    let slept = sleep(MS);
    block_on(slept);
    assert_eq!(block_on(timeout(HOUR, async { 1 })), Ok(1));
}

#[test]
fn a_timer_follows_its_future_from_one_executor_to_another() {
    let mut slept = sleep(2 * MS);
    let (wakes, waker) = Wakes::new();
    LocalExecutor::new().block_on(poll_fn(|_| {
        assert!(poll_once(&mut slept, &waker).is_pending());
        Poll::Ready(())
    }));
    LocalExecutor::new().block_on(&mut slept);
    assert!(slept.is_elapsed());
    assert_eq!(wakes.count(), 0);
}

#[test]
fn a_sleep_outlives_its_executor() {
    let mut slept = sleep(HOUR);
    block_on(poll_fn(|cx| {
        assert!(Pin::new(&mut slept).poll(cx).is_pending());
        Poll::Ready(())
    }));
    slept.reset(Instant::now());
    drop(slept);
}

#[test]
fn a_poll_outside_panics_and_names_the_line() {
    let line = line!() + 1;
    let mut slept = sleep(HOUR);
    let panic = catch_unwind(AssertUnwindSafe(|| poll_once(&mut slept, Waker::noop()))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("no wakeline executor is entered"), "{text}");
    assert!(text.contains(&format!("timers.rs:{line}")), "{text}");
    assert!(text.contains("block_on"), "{text}");
}

#[test]
fn a_poll_outside_panics_also_when_the_timer_waits_already() {
    let mut slept = sleep(HOUR);
    let executor = LocalExecutor::new();
    executor.block_on(poll_fn(|cx| {
        assert!(Pin::new(&mut slept).poll(cx).is_pending());
        Poll::Ready(())
    }));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(&mut slept, Waker::noop()))).is_err());
    drop(executor);
}

#[test]
fn a_timeout_gives_the_value_or_the_error() {
    block_on(async {
        assert_eq!(timeout(HOUR, async { 7 }).await, Ok(7));
        assert_eq!(timeout(Duration::MAX, async { 7 }).await, Ok(7));
        let start = Instant::now();
        assert!(timeout(2 * MS, pending::<()>()).await.is_err());
        assert!(start.elapsed() >= 2 * MS);
        assert!(timeout_at(start, pending::<()>()).await.is_err());
        assert!(timeout(HOUR, timeout(MS, pending::<()>())).await.unwrap().is_err());
        assert!(timeout(MS, timeout(HOUR, pending::<()>())).await.is_err());
    });
}

#[test]
fn a_timeout_of_zero_polls_its_future_once() {
    block_on(async {
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
        let polls = Cell::new(0);
        let counted = poll_fn(|_| {
            polls.set(polls.get() + 1);
            Poll::<()>::Pending
        });
        assert!(timeout(Duration::ZERO, counted).await.is_err());
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn a_value_that_comes_late_is_still_given() {
    block_on(async {
        let deadline = Instant::now() + MS;
        let late = async {
            hold_until(deadline + MS);
            7
        };
        assert_eq!(timeout_at(deadline, late).await, Ok(7));
    });
}

#[test]
fn a_future_that_wakes_itself_for_ever_meets_its_limit() {
    let polls = Cell::new(0u64);
    block_on(async {
        let restless = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(timeout(2 * MS, restless).await.is_err());
    });
    assert!(polls.get() > 1);
}

// The limit's own clock: between two turns, in which alone the wheel learns the time, a pending poll past the deadline ends the wait.
#[test]
fn a_limit_is_seen_in_the_first_pending_poll_after_the_deadline() {
    block_on(async {
        let mut limited = pin!(timeout(MS, pending::<()>()));
        let deadline = limited.deadline();
        poll_fn(|cx| {
            assert!(limited.as_mut().poll(cx).is_pending());
            hold_until(deadline);
            assert!(limited.as_mut().poll(cx).is_ready());
            Poll::Ready(())
        })
        .await;
    });
}

// The budget makes the inner loop pending, and the limit must not ask that same budget.
#[test]
fn a_loop_over_operations_that_are_always_ready_meets_its_limit() {
    block_on(async {
        let rounds = Cell::new(0u64);
        let busy = async {
            loop {
                sleep(Duration::ZERO).await;
                rounds.set(rounds.get() + 1);
            }
        };
        let limited: Result<(), Elapsed> = timeout(2 * MS, busy).await;
        assert!(limited.is_err());
        assert!(rounds.get() > 1);
    });
}

// RQ12 for timers: neither timers nor limits that are over at once can hold the thread.
#[test]
fn timers_that_are_over_at_once_let_other_tasks_run() {
    block_on(async {
        let stop = Rc::new(Cell::new(false));
        let stopper = stop.clone();
        let task = spawn(async move { stopper.set(true) });
        while !stop.get() {
            let _ = timeout(Duration::ZERO, pending::<()>()).await;
        }
        task.await.unwrap();
        let stopper = stop.clone();
        stop.set(false);
        let task = spawn(async move { stopper.set(true) });
        let mut clock = interval_at(Instant::now() - Duration::from_millis(500), Duration::from_nanos(1));
        while !stop.get() {
            clock.tick().await;
        }
        task.await.unwrap();
    });
}

#[test]
fn an_elapsed_limit_becomes_an_io_error() {
    async fn limited() -> io::Result<()> {
        timeout(MS, pending::<()>()).await?;
        Ok(())
    }
    let error = block_on(limited()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("deadline"), "{error}");
}

#[test]
fn an_interval_ticks_now_and_then_once_a_period() {
    block_on(async {
        let before = Instant::now();
        let mut clock = interval(2 * MS);
        let first = clock.tick().await;
        for number in 1..=4 {
            let due = clock.tick().await;
            assert_eq!(due, first + 2 * MS * number);
            assert!(Instant::now() >= due);
        }
        assert!(first >= before);
        assert_eq!(clock.period(), 2 * MS);
        let reset_at = Instant::now();
        clock.reset();
        assert!(clock.tick().await >= reset_at + 2 * MS);
    });
}

#[test]
fn an_interval_that_bursts_makes_up_for_every_missed_tick() {
    block_on(async {
        let start = Instant::now() - 47 * MS;
        let mut clock = interval_at(start, 10 * MS);
        assert_eq!(clock.missed_tick(), MissedTick::Burst);
        for number in 0..=5 {
            assert_eq!(clock.tick().await, start + 10 * MS * number);
        }
    });
}

#[test]
fn an_interval_that_delays_counts_from_the_tick_that_was_taken() {
    block_on(async {
        let start = Instant::now() - 47 * MS;
        let mut clock = interval_at(start, 5 * MS);
        clock.set_missed_tick(MissedTick::Delay);
        assert_eq!(clock.tick().await, start);
        let taken = Instant::now();
        let second = clock.tick().await;
        assert!(second >= start + 47 * MS + 5 * MS && second <= taken + 5 * MS);
    });
}

#[test]
fn an_interval_that_skips_goes_on_with_the_next_tick_ahead() {
    block_on(async {
        let start = Instant::now() - 47 * MS;
        let mut clock = interval_at(start, 10 * MS);
        clock.set_missed_tick(MissedTick::Skip);
        let before = Instant::now();
        assert_eq!(clock.tick().await, start);
        let after = Instant::now();
        let second = clock.tick().await;
        assert_eq!((second - start).as_nanos() % (10 * MS).as_nanos(), 0, "in rhythm");
        assert!(second > before && second <= after + 10 * MS, "the first one ahead");
    });
}

#[test]
fn an_interval_keeps_a_tick_that_was_not_taken() {
    block_on(async {
        let mut clock = interval(LATER);
        let first = clock.tick().await;
        assert!(timeout(Duration::ZERO, clock.tick()).await.is_err());
        assert_eq!(clock.tick().await, first + LATER);
    });
}

#[test]
fn an_interval_without_a_period_is_refused() {
    let panic = catch_unwind(|| interval(Duration::ZERO)).unwrap_err();
    let text = panic.downcast_ref::<&str>().unwrap();
    assert!(text.contains("period must not be zero"), "{text}");
}
