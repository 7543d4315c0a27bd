//! The fairness theorem: who is polled when, asserted by traces.

mod root;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};
use std::thread;

use wakeline::{LocalExecutor, block_on, spawn, task, yield_now};

use crate::support::{Trace, must_end, parked, poll_once};

/// Wakes itself for ever and counts its polls.
fn spawn_spinner(executor: &LocalExecutor) -> Rc<Cell<usize>> {
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    executor
        .spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }))
        .detach();
    polls
}

#[test]
fn tasks_are_polled_in_the_order_in_which_they_became_ready() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let mut keys = Vec::new();
    for number in 0..5 {
        let (future, key) = parked();
        let events = trace.clone();
        executor
            .spawn(async move {
                events.push(number);
                future.await;
                events.push(number);
            })
            .detach();
        keys.push(key);
    }
    executor.run_until_stalled();
    assert_eq!(trace.take(), [0, 1, 2, 3, 4]);
    let order = [3, 0, 4, 1, 2];
    executor.block_on(async { order.iter().for_each(|&number| keys[number].open_and_wake()) });
    executor.run_until_stalled();
    assert_eq!(trace.take(), order);
}

// RQ6: a task that was still ready went to the front. TS14: a future that wakes itself was polled
// again and again.
#[test]
fn tasks_that_wake_themselves_take_turns_with_all_others() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    for name in ["a", "b", "c"] {
        let events = trace.clone();
        executor
            .spawn(async move {
                for turn in 0..3 {
                    events.push((name, turn));
                    yield_now().await;
                }
            })
            .detach();
    }
    executor.run_until_stalled();
    let round = |turn| [("a", turn), ("b", turn), ("c", turn)];
    assert_eq!(trace.take(), [round(0), round(1), round(2)].concat());
}

// RQ1: two tasks that wake each other starved everybody else.
#[test]
fn two_tasks_that_wake_each_other_for_ever_starve_nobody() {
    let executor = LocalExecutor::new();
    let wakers: Rc<RefCell<[Option<Waker>; 2]>> = Rc::default();
    let trace = Trace::new();
    for me in 0..2 {
        let (wakers, events) = (wakers.clone(), trace.clone());
        executor
            .spawn(poll_fn(move |cx| {
                events.push(["ping", "pong"][me]);
                wakers.borrow_mut()[me] = Some(cx.waker().clone());
                let other = wakers.borrow()[1 - me].clone();
                if let Some(other) = other {
                    other.wake();
                }
                Poll::<()>::Pending
            }))
            .detach();
    }
    for _ in 0..20 {
        executor.try_tick();
    }
    trace.take();
    let events = trace.clone();
    executor.spawn(async move { events.push("third") }).detach();
    for _ in 0..6 {
        executor.try_tick();
    }
    let events = trace.take();
    let before = events.iter().position(|&event| event == "third").expect("it was polled");
    assert!(before <= 2, "after at most those that were ready before it: {events:?}");
}

// RQ5: more ready tasks than one batch holds were not looked at again.
#[test]
fn more_ready_tasks_than_a_batch_holds_are_all_polled_in_order() {
    for batch in [1, 2, 61, 256, 10_000] {
        let executor = LocalExecutor::builder().batch(batch).event_interval(batch).build();
        let trace = Trace::new();
        for number in 0..1000 {
            let events = trace.clone();
            executor
                .spawn(async move {
                    events.push(number);
                    yield_now().await;
                    events.push(number);
                })
                .detach();
        }
        executor.block_on(async {
            while trace.len() < 2000 {
                yield_now().await;
            }
        });
        let all: Vec<_> = (0..1000).collect();
        assert_eq!(trace.take(), [all.clone(), all].concat(), "batch of {batch}");
    }
}

#[test]
fn the_future_of_block_on_is_polled_after_at_most_one_batch() {
    for batch in [1, 10, 100] {
        let executor = LocalExecutor::builder().batch(batch).build();
        let spinners: Vec<_> = (0..500).map(|_| spawn_spinner(&executor)).collect();
        let polled = || spinners.iter().map(|polls| polls.get()).sum::<usize>();
        executor.block_on(async {
            for _ in 0..20 {
                let before = polled();
                yield_now().await;
                assert_eq!(polled() - before, batch as usize, "one batch between two polls of the root");
            }
        });
    }
}

#[test]
fn a_remote_wake_is_seen_after_at_most_one_batch() {
    must_end(|| {
        for batch in [1, 10, 100] {
            let executor = LocalExecutor::builder().batch(batch).build();
            let spinners: Vec<_> = (0..300).map(|_| spawn_spinner(&executor)).collect();
            let polled = move || spinners.iter().map(|polls| polls.get()).sum::<usize>();
            let (future, key) = parked();
            let at = Rc::new(Cell::new(None));
            let (seen, count) = (at.clone(), Rc::new(polled));
            let counts = count.clone();
            executor
                .spawn(async move {
                    future.await;
                    seen.set(Some(counts()));
                })
                .detach();
            executor.block_on(async {
                for _ in 0..1000 {
                    yield_now().await;
                    if key.polls() == 1 {
                        break;
                    }
                }
                let woken = count();
                // The wake has arrived when the thread has ended, within this poll.
                thread::spawn(move || key.open_and_wake()).join().unwrap();
                while at.get().is_none() {
                    yield_now().await;
                }
                // All that was ready before it, once each, and the batch that was under way.
                let others = at.get().unwrap() - woken;
                assert!(others <= 300 + batch as usize, "{others} polls with batches of {batch}");
            });
        }
    });
}

#[test]
fn a_remote_spawn_is_seen_while_tasks_spin() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let spinner = spawn_spinner(&executor);
        let (spawner, stop) = (executor.spawner(), Arc::new(AtomicBool::new(false)));
        let flag = stop.clone();
        let other = thread::spawn(move || block_on(spawner.spawn(move || async move { flag.store(true, Ordering::SeqCst) })));
        executor.block_on(async {
            while !stop.load(Ordering::SeqCst) {
                yield_now().await;
            }
        });
        // Its handle is told by the same wake path.
        other.join().unwrap().unwrap();
        assert!(spinner.get() > 0);
    });
}

// RQ12, RQ17: leaf operations that are always ready ran for ever within one poll.
#[test]
fn a_task_whose_handles_are_all_ready_still_yields() {
    let executor = LocalExecutor::new();
    let ready: Vec<_> = (0..1000_u64).map(|number| executor.spawn(async move { number })).collect();
    executor.run_until_stalled();
    let others = Rc::new(Cell::new(0));
    let count = others.clone();
    executor
        .spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        })
        .detach();
    let seen = others.clone();
    let sum = executor.spawn(async move {
        let mut sum = 0;
        for task in ready {
            sum += task.await.unwrap();
        }
        (sum, seen.get())
    });
    let (sum, turns) = executor.block_on(sum).unwrap();
    assert_eq!(sum, 499_500);
    assert!((5..=20).contains(&turns), "1000 ready operations are about eight polls: {turns}");
}

#[test]
fn remote_handles_that_are_all_ready_spend_the_same_budget() {
    let executor = LocalExecutor::new();
    let spawner = executor.spawner();
    let ready: Vec<_> = (0..1000).map(|_| spawner.spawn(|| async {})).collect();
    executor.run_until_stalled();
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    let mut all = Box::pin(async move {
        for task in ready {
            task.await.unwrap();
        }
    });
    executor
        .block_on(executor.spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            all.as_mut().poll(cx)
        })))
        .unwrap();
    assert!((5..=20).contains(&polls.get()), "{} polls", polls.get());
}

// RQ17: a combinator that loops until its children are pending.
#[test]
fn waiting_for_many_pending_operations_costs_no_budget() {
    block_on(async {
        let tasks: Vec<_> = (0..500).map(|_| spawn(pending::<()>())).collect();
        let ready = spawn(async { 5 });
        while !ready.is_finished() {
            yield_now().await;
        }
        let polls = Cell::new(0);
        let mut tasks = tasks;
        let mut ready = Some(ready);
        let output = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            for task in &mut tasks {
                assert!(Pin::new(task).poll(cx).is_pending());
            }
            Pin::new(ready.as_mut().unwrap()).poll(cx)
        })
        .await;
        assert_eq!((output.unwrap(), polls.get()), (5, 1));
    });
}

#[test]
fn a_loop_that_consumes_budget_yields_after_128_rounds_and_one_that_is_unconstrained_does_not() {
    block_on(async {
        let polls_of = async |rounds: usize, lifted: bool| {
            let polls = Cell::new(0);
            let looping = async {
                for _ in 0..rounds {
                    task::consume_budget().await;
                }
            };
            let mut looping: Pin<Box<dyn Future<Output = ()>>> =
                if lifted { Box::pin(task::unconstrained(looping)) } else { Box::pin(looping) };
            yield_now().await;
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                looping.as_mut().poll(cx)
            })
            .await;
            polls.get()
        };
        assert_eq!(polls_of(128, false).await, 1);
        assert_eq!(polls_of(129, false).await, 2);
        assert_eq!(polls_of(1280, false).await, 10);
        assert_eq!(polls_of(100_000, true).await, 1);
        // The budget around it is what it was before, also after a panic inside.
        yield_now().await;
        for _ in 0..127 {
            task::consume_budget().await;
        }
        task::unconstrained(async {
            for _ in 0..1000 {
                task::consume_budget().await;
            }
        })
        .await;
        let mut panics = Box::pin(task::unconstrained(async { resume_unwind(Box::new(1)) }));
        let caught = catch_unwind(AssertUnwindSafe(|| poll_once(&mut panics, Waker::noop()).is_pending()));
        assert!(caught.is_err());
        assert!(poll_once(&mut task::consume_budget(), Waker::noop()).is_ready(), "one is left");
        assert!(poll_once(&mut task::consume_budget(), Waker::noop()).is_pending());
    });
}

#[test]
fn yielding_lets_every_ready_task_go_first() {
    block_on(async {
        let trace = Trace::new();
        for number in 0..10 {
            let events = trace.clone();
            spawn(async move { events.push(number) }).detach();
        }
        yield_now().await;
        assert_eq!(trace.take(), (0..10).collect::<Vec<_>>());
    });
}

// A look costs what forty polls cost. One task that is ready alone makes batches of one, and each
// of them counted as a stride of thirty-two.
#[cfg(unix)]
#[test]
fn a_task_that_is_ready_alone_does_not_look_outside_more_often_than_the_interval_says() {
    const YIELDS: usize = 50_000;
    let executor = LocalExecutor::new();
    let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
    let reading = executor.spawn(async move { wakeline::io::Async::new(near).unwrap().readable().await });
    executor.run_until_stalled();
    let before = executor.metrics().turns;
    let began = std::time::Instant::now();
    let mut left = YIELDS;
    let spinning = executor.spawn(poll_fn(move |cx| {
        left -= 1;
        if left == 0 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    executor.block_on(spinning).unwrap();
    // Besides those of the interval there is one for each slice of time, however many a slow
    // machine needs, and a few at either end.
    let slices = began.elapsed().as_micros() / 200;
    let looks = u128::from(executor.metrics().turns - before);
    assert!(looks <= YIELDS as u128 / 256 + slices + 8, "{looks} looks in {YIELDS} polls and {slices} slices");
    drop(reading);
}

// RQ3: what had yielded was never looked at again when the loop was left in between.
#[test]
fn a_task_that_has_yielded_goes_on_in_whatever_runs_the_executor_next() {
    let executor = LocalExecutor::new();
    let turns = Rc::new(Cell::new(0));
    let count = turns.clone();
    executor
        .spawn(async move {
            loop {
                count.set(count.get() + 1);
                yield_now().await;
            }
        })
        .detach();
    executor.block_on(async { yield_now().await });
    assert_eq!(turns.get(), 1);
    executor.block_on(async { yield_now().await });
    assert_eq!(turns.get(), 2);
    assert!(executor.try_tick());
    assert_eq!(turns.get(), 3);
    executor.turn(None).unwrap();
    assert_eq!(turns.get(), 4);
    // Inside another executor, and beside one that is left in the middle.
    let other = LocalExecutor::new();
    other.block_on(async {
        yield_now().await;
        assert!(executor.try_tick());
    });
    assert_eq!(turns.get(), 5);
    drop(executor);
}

#[cfg(unix)]
mod outside {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use wakeline::io::Async;
    use wakeline::time;

    use super::*;

    const SPINNERS: usize = 100;

    /// Runs spinners and a task that waits, does `make_ready` once the task waits, and says how
    /// many polls of others came before its own.
    fn polls_before<F: Future + 'static>(interval: u32, wait: F, make_ready: impl FnOnce()) -> usize {
        let executor = LocalExecutor::builder().batch(interval).event_interval(interval).build();
        let spinners: Vec<_> = (0..SPINNERS).map(|_| spawn_spinner(&executor)).collect();
        let polled = Rc::new(move || spinners.iter().map(|polls| polls.get()).sum::<usize>());
        let at = Rc::new(Cell::new(None));
        let (seen, count) = (at.clone(), polled.clone());
        let waiting = Rc::new(Cell::new(false));
        let (flag, mut wait) = (waiting.clone(), Box::pin(wait));
        executor
            .spawn(async move {
                poll_fn(|cx| {
                    flag.set(true);
                    wait.as_mut().poll(cx).map(drop)
                })
                .await;
                seen.set(Some(count()));
            })
            .detach();
        let (mut make_ready, mut since) = (Some(make_ready), 0);
        // This future asks for no look of its own: it only wakes itself.
        executor.block_on(poll_fn(|cx| {
            if let Some(at) = at.get() {
                return Poll::Ready(at - since);
            }
            if waiting.get() {
                if let Some(make_ready) = make_ready.take() {
                    make_ready();
                    since = polled();
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    /// Those that were ready before, and one interval until the look.
    fn bound(interval: u32) -> usize {
        SPINNERS + interval as usize
    }

    // RQ2: tasks that were always ready kept the reactor from being asked.
    #[test]
    fn a_socket_is_looked_at_within_one_interval_while_tasks_spin() {
        must_end(|| {
            for interval in [1, 10, 64] {
                let (near, mut far) = UnixStream::pair().unwrap();
                let wait = async move { Async::new(near).unwrap().readable().await.unwrap() };
                let polls = polls_before(interval, wait, || far.write_all(b"x").unwrap());
                assert!(polls <= bound(interval), "{polls} polls at an interval of {interval}");
            }
        });
    }

    // RQ2: the same for a timer that is due.
    #[test]
    fn a_timer_is_looked_at_within_one_interval_while_tasks_spin() {
        must_end(|| {
            for interval in [1, 10, 64] {
                let deadline = Instant::now() + Duration::from_millis(2);
                let wait = async move { time::sleep_until(deadline).await };
                let due = || while Instant::now() < deadline + Duration::from_millis(1) {};
                let polls = polls_before(interval, wait, due);
                assert!(polls <= bound(interval), "{polls} polls at an interval of {interval}");
            }
        });
    }

    // RQ2: a task that only yields waited for ever for what only the reactor could tell.
    #[test]
    fn a_loop_that_yields_sees_what_a_socket_brings() {
        must_end(|| {
            let (near, mut far) = UnixStream::pair().unwrap();
            let other = thread::spawn(move || far.write_all(b"x").unwrap());
            block_on(async {
                let read = spawn(async move { Async::new(near).unwrap().readable().await.unwrap() });
                while !read.is_finished() {
                    yield_now().await;
                }
            });
            other.join().unwrap();
        });
    }
}
