//! Sleeps: which durations, when, in what order, and who is woken.

use super::*;

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

// TM12: 100 µs are neither rounded to nothing, which would be a busy loop, nor up to a
// millisecond's timer.
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
    // 37 and 101 have no common divisor: every offset once, in a jumbled order. Each deadline
    // twice.
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

// TM5: a timer is cancelled in the turn in which it is due, by the task whose timer was due just
// before.
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

// TM6, RC9: the task that polled last is woken, no other.
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
    assert!(text.contains(&format!("{}:{line}", file!())), "{text}");
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

// Two turns may lie far apart; between them the wheel does not learn the time.
#[test]
fn a_sleep_that_is_polled_without_a_turn_in_between_is_ready_by_the_clock() {
    let _dog = Watchdog::new();
    let deadline = || Instant::now() + MS;
    block_on(async {
        for mut slept in [sleep(MS), sleep_until(deadline()), sleep(HOUR)] {
            if slept.deadline() > deadline() {
                assert!(poll_once(&mut slept, Waker::noop()).is_pending());
                slept.reset(deadline());
            }
            while futures_lite::future::poll_once(&mut slept).await.is_none() {}
            assert!(slept.is_elapsed() && Instant::now() >= slept.deadline());
        }
    });
}

#[test]
fn what_says_that_it_is_elapsed_is_ready() {
    block_on(async {
        let mut slept = sleep(HOUR);
        assert!(poll_once(&mut slept, Waker::noop()).is_pending());
        slept.reset(Instant::now() - MS);
        assert!(slept.is_elapsed());
        assert!(poll_once(&mut slept, Waker::noop()).is_ready());
        let mut never_polled = sleep(MS);
        hold_until(never_polled.deadline());
        assert!(never_polled.is_elapsed());
        assert!(poll_once(&mut never_polled, Waker::noop()).is_ready());
    });
}

// The budget of a poll is 128, and these are many more, all of them looked at in each poll.
#[test]
fn a_thousand_elapsed_sleeps_that_are_polled_again_and_again_are_all_ready_in_one_poll() {
    let _dog = Watchdog::new();
    block_on(async {
        let mut all: Vec<Sleep> = (0..1000).map(|number| sleep(Duration::from_nanos(number))).collect();
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            let ready = all.iter_mut().map(|slept| poll_once(slept, cx.waker())).filter(Poll::is_ready).count();
            if ready == 1000 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(polls <= 20, "{polls} polls");
        // From here on for nothing: an operation that asks for budget finds it.
        yield_now().await;
        poll_fn(|cx| {
            assert!(all.iter_mut().all(|slept| poll_once(slept, cx.waker()).is_ready()));
            assert!(poll_once(&mut sleep(Duration::ZERO), cx.waker()).is_ready());
            Poll::Ready(())
        })
        .await;
    });
}

#[test]
fn sleeps_that_are_over_at_their_first_poll_let_others_run() {
    let _dog = Watchdog::new();
    let past = Instant::now() - MS;
    let mut reused = sleep(HOUR);
    block_on(async {
        let stop = Rc::new(Cell::new(0));
        let task = |wanted| {
            let stop = stop.clone();
            spawn(async move { stop.set(wanted) }).detach();
        };
        task(1);
        while stop.get() < 1 {
            sleep(Duration::ZERO).await;
        }
        task(2);
        while stop.get() < 2 {
            sleep_until(past).await;
        }
        task(3);
        while stop.get() < 3 {
            reused.reset(past);
            (&mut reused).await;
        }
    });
}

// What comes before it in each poll spends the whole budget.
#[test]
fn a_sleep_and_a_limit_are_seen_behind_something_that_always_spends_the_budget() {
    let _dog = Watchdog::new();
    block_on(async {
        let (mut slept, mut passed) = (sleep(2 * MS), sleep_until(Instant::now() - MS));
        let mut limited = pin!(timeout(2 * MS, pending::<()>()));
        let mut clock = interval_at(Instant::now() + MS, HOUR);
        let (mut first, mut second, mut third, mut fourth) = (false, false, false, false);
        poll_fn(|cx| {
            while poll_once(&mut sleep(Duration::ZERO), cx.waker()).is_ready() {}
            first = first || poll_once(&mut slept, cx.waker()).is_ready();
            second = second || poll_once(&mut passed, cx.waker()).is_ready();
            third = third || limited.as_mut().poll(cx).is_ready();
            fourth = fourth || clock.poll_tick(cx).is_ready();
            if first && second && third && fourth { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    });
}

#[test]
fn two_hundred_timers_that_wait_keep_no_channel_from_its_message() {
    let _dog = Watchdog::new();
    block_on(async {
        let mut waiting: Vec<Sleep> = (0..200).map(|_| sleep(HOUR)).collect();
        let (sender, receiver) = wakeline::local::unbounded();
        sender.try_send(7).unwrap();
        let mut received = pin!(receiver.recv());
        let mut polls = 0;
        let got = poll_fn(|cx| {
            polls += 1;
            for slept in &mut waiting {
                assert!(poll_once(slept, cx.waker()).is_pending());
                assert!(poll_once(slept, cx.waker()).is_pending());
            }
            received.as_mut().poll(cx)
        })
        .await;
        assert_eq!((got, polls), (Ok(7), 1));
    });
}
