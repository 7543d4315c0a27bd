//! The future of `block_on` counts like a task: one that is always ready keeps nothing from being
//! looked at.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use wakeline::{LocalExecutor, block_on, channel, local, spawn, time, yield_now};

use crate::support::{PATIENCE, must_end, parked};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_root_over_a_channel_that_is_always_ready_lets_timers_fire() {
    must_end(|| {
        block_on(async {
            let sleeping = spawn(time::sleep(MS * 10));
            let (sender, receiver) = channel::unbounded();
            while !sleeping.is_finished() {
                sender.try_send(1).unwrap();
                receiver.recv().await.unwrap();
            }
        });
    });
}

#[test]
fn a_root_that_selects_between_a_channel_that_is_always_ready_and_a_timer_sees_the_timer() {
    for timer_first in [false, true] {
        must_end(move || {
            block_on(async {
                let (sender, receiver) = local::unbounded();
                let mut sleep = time::sleep(MS * 10);
                loop {
                    sender.try_send(1).unwrap();
                    let message = async {
                        receiver.recv().await.unwrap();
                        false
                    };
                    let timer = async {
                        (&mut sleep).await;
                        true
                    };
                    let ends = if timer_first {
                        futures_lite::future::or(timer, message).await
                    } else {
                        futures_lite::future::or(message, timer).await
                    };
                    if ends {
                        break;
                    }
                }
            });
        });
    }
}

/// Wakes itself for ever, asks for no look, and ends when the condition holds.
fn until(mut condition: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let began = Instant::now();
    poll_fn(move |cx| {
        assert!(began.elapsed() < PATIENCE, "waits in vain");
        if condition() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn a_root_that_wakes_itself_for_ever_lets_everything_else_happen() {
    for (batch, interval) in [(1, 1), (1, 256), (256, 1), (256, 256), (10_000, 10_000)] {
        must_end(move || {
            let executor = LocalExecutor::builder().batch(batch).event_interval(interval).build();
            let timer = executor.spawn(time::sleep(MS));
            let (future, key) = parked();
            let woken = executor.spawn(future);
            let spawner = executor.spawner();
            let other = thread::spawn(move || {
                while key.polls() == 0 {
                    thread::yield_now();
                }
                key.open_and_wake();
                spawner.spawn(|| async {})
            });
            executor.block_on(until(|| timer.is_finished() && woken.is_finished() && other.is_finished()));
            let spawned = other.join().unwrap();
            executor.block_on(until(|| spawned.is_finished()));
        });
    }
}

#[test]
fn a_look_comes_after_at_most_the_interval_also_when_the_root_polls_alone() {
    for interval in [1_u32, 7, 32, 100, 256] {
        let executor = LocalExecutor::builder().event_interval(interval).try_build().unwrap();
        let timer = executor.spawn(time::sleep(Duration::from_secs(3600)));
        executor.run_until_stalled();
        let (mut polls, mut since, mut turns) = (0, 0, executor.metrics().turns);
        executor.block_on(poll_fn(|cx| {
            (polls, since) = (polls + 1, since + 1);
            let now = executor.metrics().turns;
            if now > turns {
                (turns, since) = (now, 0);
            }
            assert!(since <= interval, "{since} polls without a look at an interval of {interval}");
            cx.waker().wake_by_ref();
            if polls < 10 * interval { Poll::Pending } else { Poll::Ready(()) }
        }));
        drop(timer);
    }
}

// With nothing to wait for, all others are looked at by and by, whatever way the executor is
// driven.
#[test]
fn a_task_that_wakes_itself_for_ever_lets_timers_fire_in_whatever_runs_the_executor() {
    type Run = fn(&LocalExecutor);
    let runs: [(&str, Run); 3] = [
        ("turn", |executor| executor.turn(Some(Duration::ZERO)).unwrap()),
        ("turn that may wait", |executor| executor.turn(Some(PATIENCE)).unwrap()),
        ("try_tick", |executor| assert!(executor.try_tick())),
    ];
    for (name, run) in runs {
        must_end(move || {
            let executor = LocalExecutor::builder().batch(1).build();
            executor.spawn(until(|| false)).detach();
            let timer = executor.spawn(time::sleep(MS));
            let began = Instant::now();
            while !timer.is_finished() {
                assert!(began.elapsed() < PATIENCE, "{name}");
                run(&executor);
            }
        });
    }
}

#[test]
fn a_task_that_wakes_itself_until_a_timer_fires_ends_run_until_stalled() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let fired = Rc::new(Cell::new(false));
        let (seen, tells) = (fired.clone(), fired.clone());
        executor.spawn(until(move || seen.get())).detach();
        executor
            .spawn(async move {
                time::sleep(MS).await;
                tells.set(true);
            })
            .detach();
        executor.run_until_stalled();
        assert!(fired.get());
        assert_eq!(executor.task_count(), 0);
    });
}

// `yield_now` promises a look before the caller goes on, in each way of running the executor.
#[test]
fn a_task_that_yields_sees_a_due_timer_in_its_next_poll() {
    type Run = fn(&LocalExecutor);
    let runs: [(&str, Run); 4] = [
        ("block_on", |executor| executor.block_on(yield_now())),
        ("turn", |executor| (0..2).for_each(|_| executor.turn(Some(Duration::ZERO)).unwrap())),
        ("try_tick", |executor| while executor.try_tick() {}),
        ("run_until_stalled", LocalExecutor::run_until_stalled),
    ];
    for (name, run) in runs {
        let executor = LocalExecutor::new();
        let deadline = Instant::now() + 2 * MS;
        let timer = executor.spawn(time::sleep_until(deadline));
        executor.run_until_stalled();
        let found = Rc::new(RefCell::new(Vec::new()));
        let seen = found.clone();
        executor
            .spawn(async move {
                while Instant::now() < deadline {}
                seen.borrow_mut().push(timer.is_finished());
                yield_now().await;
                yield_now().await;
                seen.borrow_mut().push(timer.is_finished());
            })
            .detach();
        run(&executor);
        executor.run_until_stalled();
        assert_eq!(*found.borrow(), [false, true], "{name}");
    }
}

// Nothing is ready after each batch, and the inbox is never found empty: there is never a sleep,
// and never a due look.
#[test]
fn a_flood_of_remote_wakes_does_not_keep_timers_from_firing() {
    type Run = fn(&LocalExecutor, &dyn Fn() -> bool);
    let runs: [(&str, Run); 3] = [
        // The root is woken by what it waits for alone.
        ("block_on", |_, _| ()),
        ("turn", |executor, done| {
            while !done() {
                executor.turn(Some(PATIENCE)).unwrap();
            }
        }),
        ("turn(0)", |executor, done| {
            while !done() {
                executor.turn(Some(Duration::ZERO)).unwrap();
            }
        }),
    ];
    for (name, run) in runs {
        must_end(move || {
            let executor = LocalExecutor::new();
            // It is woken in each of its polls, by another thread and before the poll ends: the
            // inbox holds it when the batch is over.
            let flooded = executor.spawn(poll_fn(|cx| {
                let waker = cx.waker().clone();
                thread::spawn(move || waker.wake()).join().unwrap();
                Poll::<()>::Pending
            }));
            let root: Rc<RefCell<Option<Waker>>> = Rc::default();
            let fired = Rc::new(Cell::new(false));
            let (tells, wakes) = (fired.clone(), root.clone());
            let timer = executor.spawn(async move {
                time::sleep(MS).await;
                tells.set(true);
                if let Some(waker) = wakes.take() {
                    waker.wake();
                }
            });
            if name == "block_on" {
                executor.block_on(poll_fn(|cx| {
                    if fired.get() {
                        return Poll::Ready(());
                    }
                    *root.borrow_mut() = Some(cx.waker().clone());
                    Poll::Pending
                }));
            } else {
                run(&executor, &|| fired.get());
            }
            drop((flooded, timer));
        });
    }
}

#[cfg(unix)]
#[test]
fn a_root_that_yields_over_a_readable_socket_lets_timers_fire() {
    must_end(|| {
        use std::io::{Read, Write};
        use std::os::unix::net::UnixStream;

        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(b"xy").unwrap();
        block_on(async move {
            let sleeping = spawn(time::sleep(MS * 10));
            let near = wakeline::io::Async::new(near).unwrap();
            while !sleeping.is_finished() {
                let mut byte = [0];
                near.readable().await.unwrap();
                near.get_ref().read_exact(&mut byte).unwrap();
                far.write_all(b"x").unwrap();
                futures_lite::future::yield_now().await;
            }
        });
    });
}

#[test]
fn slow_polls_of_the_root_are_noticed_at_once() {
    must_end(|| {
        let executor = LocalExecutor::builder().try_build().unwrap();
        let timer = executor.spawn(time::sleep(Duration::from_secs(3600)));
        executor.run_until_stalled();
        // However quick the polls before were: each from here on takes longer than a slice.
        let (mut polls, mut slow) = (0, 0);
        let mut turns = 0;
        executor.block_on(poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls <= 2000 {
                turns = executor.metrics().turns;
                return Poll::Pending;
            }
            slow += 1;
            let began = Instant::now();
            while began.elapsed() < MS {}
            if slow < 100 { Poll::Pending } else { Poll::Ready(()) }
        }));
        let looks = executor.metrics().turns - turns;
        assert!(looks >= 60, "{looks} looks in a hundred polls of a millisecond");
        drop(timer);
    });
}
