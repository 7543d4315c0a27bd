//! The end of an executor: what is dropped, in which order, on which thread, and what may happen
//! meanwhile.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use wakeline::{LocalExecutor, Spawner, Task, block_on, spawn, try_block_on, yield_now};

use crate::support::{Dropped, Key, OnDrop, Trace, blocks_left_by, must_end, parked, poll_once, rounds, wait_until};

/// A task that holds `guard` and never ends by itself.
fn hold<T: 'static>(executor: &LocalExecutor, guard: T) -> Task<()> {
    executor.spawn(async move {
        let _guard = guard;
        pending().await
    })
}

#[test]
fn an_executor_drops_its_tasks_newest_first() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    for number in 0..100 {
        hold(&executor, Dropped::new(number, &trace)).detach();
        if number % 10 == 0 {
            executor.run_until_stalled();
        }
    }
    drop(executor);
    let here = thread::current().id();
    assert_eq!(trace.take(), (0..100).rev().map(|number| (number, here)).collect::<Vec<_>>());
}

// SD1: only one of the places where a task may be was emptied.
#[test]
fn a_task_is_dropped_wherever_it_is() {
    let trace = Trace::new();
    let guard = |name| Dropped::new(name, &trace);
    let executor = LocalExecutor::new();
    // Idle.
    hold(&executor, guard("idle")).detach();
    // Woken by another thread, not yet seen.
    let (in_inbox, key) = parked();
    let held = guard("in the inbox");
    executor
        .spawn(async move {
            let _held = held;
            in_inbox.await;
        })
        .detach();
    // Finished, its output not taken.
    let held = guard("output");
    let finished = executor.spawn(async move { held });
    // Awaiting another task.
    let waiting = hold(&executor, guard("awaited"));
    let held = guard("awaiting");
    executor
        .spawn(async move {
            let _held = held;
            let _ = waiting.await;
        })
        .detach();
    executor.run_until_stalled();
    let waker = key.take_waker();
    thread::spawn(move || waker.wake()).join().unwrap();
    // Yielded.
    let held = guard("yielded");
    executor
        .spawn(async move {
            let _held = held;
            loop {
                yield_now().await;
            }
        })
        .detach();
    executor.try_tick();
    executor.try_tick();
    // Aborted, not yet dropped.
    let aborted = hold(&executor, guard("aborted"));
    aborted.abort();
    // In the run queue, never polled.
    hold(&executor, guard("new")).detach();
    // In the inbox, never seen.
    let (spawner, held) = (executor.spawner(), guard("remote"));
    thread::spawn(move || {
        spawner
            .spawn(move || async move {
                let _held = held;
                pending::<()>().await
            })
            .detach();
    })
    .join()
    .unwrap();
    assert_eq!(trace.len(), 0);
    drop(executor);
    let here = thread::current().id();
    let dropped: Vec<_> =
        trace.take().into_iter().inspect(|(_, thread)| assert_eq!(*thread, here)).map(|(name, _)| name).collect();
    assert_eq!(dropped, ["remote", "new", "aborted", "yielded", "awaiting", "awaited", "in the inbox", "idle"]);
    assert!(finished.is_finished() && aborted.is_finished());
    drop(finished);
    assert_eq!(trace.take(), [("output", here)]);
    assert!(block_on(aborted).unwrap_err().is_cancelled());
}

#[test]
fn a_task_may_do_anything_while_its_executor_drops_it() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let (older_future, older_key) = parked();
    let older_held = Dropped::new("older", &trace);
    let older = executor.spawn(async move {
        let _held = older_held;
        older_future.await;
    });
    executor.run_until_stalled();
    let (spawner, own) = (executor.spawner(), Rc::new(RefCell::new(None::<Waker>)));
    let (events, seat, key) = (trace.clone(), own.clone(), older_key.clone());
    // What is found in the drop is judged outside: the executor catches what a drop panics with.
    let found = Trace::new();
    let finds = found.clone();
    let busy = OnDrop::new(move || {
        // Wakes of itself and of others, from here and from elsewhere, lead nowhere.
        if let Some(own) = seat.borrow_mut().take() {
            own.wake_by_ref();
            thread::spawn(move || own.wake()).join().unwrap();
        }
        key.waker().wake_by_ref();
        older.abort();
        // What is spawned is cancelled at once, by whatever way.
        let held = Dropped::new("spawned", &events);
        let task = spawn(async move {
            let _held = held;
        });
        finds.push(("a local task is over at once", task.is_finished()));
        let held = Dropped::new("remote", &events);
        let remote = spawner.spawn(move || async move {
            let _held = held;
        });
        finds.push(("and a remote one", remote.is_finished()));
        spawn(async {}).detach();
        // The executor cannot be entered, and says so.
        finds.push(("no nesting", try_block_on(async {}).is_err_and(|error| error.is_nested())));
        drop((task, remote, older));
    });
    let seat = own.clone();
    executor
        .spawn(async move {
            let _busy = busy;
            poll_fn(|cx| {
                *seat.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
            .await;
        })
        .detach();
    executor.run_until_stalled();
    drop(executor);
    let names: Vec<_> = trace.take().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["spawned", "remote", "older"]);
    assert_eq!(older_key.polls(), 1);
    assert_eq!(found.take(), [("a local task is over at once", true), ("and a remote one", true), ("no nesting", true)]);
}

#[test]
fn a_task_that_is_spawned_while_its_executor_goes_leaves_nothing_behind() {
    let left = blocks_left_by(|| {
        let executor = LocalExecutor::new();
        hold(
            &executor,
            OnDrop::new(|| {
                let (first, second) = (spawn(async { Box::new(1) }), spawn(pending::<()>()));
                drop(first);
                second.detach();
                // Handles may outlive the executor.
                KEPT.set(Some(spawn(async {})));
            }),
        )
        .detach();
        executor.run_until_stalled();
        drop(executor);
        assert!(KEPT.take().unwrap().is_finished());
    });
    assert_eq!(left, 0);

    thread_local! {
        static KEPT: RefCell<Option<Task<()>>> = const { RefCell::new(None) };
    }
}

// TS7, SD4: an end that waits for another: the older task's drop needs what the newer one's
// releases.
#[test]
fn a_drop_may_need_what_a_newer_tasks_drop_releases() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let lock: &'static Mutex<u32> = Box::leak(Box::default());
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        hold(
            &executor,
            OnDrop::new(move || {
                *lock.lock().unwrap() += 1;
                flag.store(true, Ordering::SeqCst);
            }),
        )
        .detach();
        executor
            .spawn(async move {
                let held = (lock.lock().unwrap(), pending::<()>());
                held.1.await
            })
            .detach();
        executor.run_until_stalled();
        drop(executor);
        assert!(done.load(Ordering::SeqCst));
    });
}

// SD12, SN13: an end that waited until every waker had been seen.
#[test]
fn an_executors_drop_waits_for_nobody() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let (future, key) = parked();
        executor.spawn(future).detach();
        executor.run_until_stalled();
        let (waker, spawner, gone) = (key.take_waker(), executor.spawner(), Arc::new(AtomicBool::new(false)));
        let flag = gone.clone();
        // A thread that has a waker and a spawner, and does not go on before the executor has gone.
        let other = thread::spawn(move || {
            wait_until(|| flag.load(Ordering::SeqCst));
            waker.wake_by_ref();
            assert!(spawner.spawn(|| async {}).is_finished());
            waker.wake();
        });
        drop(executor);
        gone.store(true, Ordering::SeqCst);
        other.join().unwrap();
        assert_eq!(key.polls(), 1);
    });
}

// SN10, SN11, SN12: the executor went between a waker's push and its notify. Every round has an
// executor of its own.
#[test]
fn an_executor_may_go_at_any_moment_of_a_remote_wake() {
    must_end(|| {
        let (send, receive) = std::sync::mpsc::channel::<(Waker, Arc<AtomicUsize>)>();
        let other = thread::spawn(move || {
            for (waker, phase) in receive {
                phase.store(1, Ordering::SeqCst);
                waker.wake_by_ref();
                let copy = waker.clone();
                waker.wake();
                drop(copy);
                phase.store(2, Ordering::SeqCst);
            }
        });
        for round in 0..rounds(3000) {
            let executor = LocalExecutor::new();
            let (future, key) = parked();
            executor.spawn(future).detach();
            executor.run_until_stalled();
            let phase = Arc::new(AtomicUsize::new(0));
            send.send((key.take_waker(), phase.clone())).unwrap();
            wait_until(|| phase.load(Ordering::SeqCst) > 0);
            for _ in 0..round % 50 {
                std::hint::spin_loop();
            }
            if round % 3 == 0 {
                executor.try_tick();
            }
            drop(executor);
            wait_until(|| phase.load(Ordering::SeqCst) == 2);
        }
        drop(send);
        other.join().unwrap();
    });
}

#[test]
fn remote_spawns_against_the_end_are_dropped_exactly_once() {
    must_end(|| {
        for round in 0..rounds(50) {
            let executor = LocalExecutor::new();
            let (made, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (spawner, made, gone) = (executor.spawner(), made.clone(), gone.clone());
                    thread::spawn(move || {
                        let mut handles = Vec::new();
                        for number in 0..100 {
                            made.fetch_add(1, Ordering::SeqCst);
                            let gone = gone.clone();
                            let guard = OnDrop::new(move || {
                                gone.fetch_add(1, Ordering::SeqCst);
                            });
                            let task = spawner.spawn(move || async move {
                                let _guard = guard;
                                if number % 2 == 0 {
                                    pending::<()>().await;
                                }
                                number
                            });
                            match number % 3 {
                                0 => task.detach(),
                                1 => drop(task),
                                _ => handles.push(task),
                            }
                        }
                        handles
                    })
                })
                .collect();
            for _ in 0..round {
                executor.try_tick();
            }
            drop(executor);
            let handles: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
            assert_eq!((made.load(Ordering::SeqCst), gone.load(Ordering::SeqCst)), (300, 300));
            for handle in handles {
                assert!(handle.is_finished());
                assert!(block_on(handle).map_or_else(|error| error.is_cancelled(), |number| number % 2 == 1));
            }
        }
    });
}

// SD2: the executor lay in a thread-local and was destroyed after what it needed.
#[test]
fn an_executor_in_a_thread_local_may_go_with_its_thread() {
    thread_local! {
        static EARLY: RefCell<Option<LocalExecutor>> = const { RefCell::new(None) };
        static FREE: Cell<Option<Task<()>>> = const { Cell::new(None) };
    }
    let trace = Trace::new();
    let events = trace.clone();
    let (key, id) = thread::spawn(move || {
        let (future, key) = parked();
        EARLY.with_borrow_mut(|executor| {
            let executor = executor.insert(LocalExecutor::new());
            let guard = Dropped::new("own", &events);
            let at_drop = events.clone();
            let inner = OnDrop::new(move || {
                // Another executor, made while the thread's locals are being destroyed. It may
                // tick, but not block, inside the first one.
                let other = LocalExecutor::new();
                let task = other.spawn(async { spawn(async { 5 }).await.unwrap() });
                other.run_until_stalled();
                assert!(task.is_finished());
                at_drop.push(("used", thread::current().id()));
            });
            executor
                .spawn(async move {
                    let _guard = guard;
                    let _inner = inner;
                    future.await;
                })
                .detach();
            executor.run_until_stalled();
        });
        // The thread's own executor, with a task that waits.
        let guard = Dropped::new("free", &events);
        block_on(async {
            FREE.set(Some(spawn(async move {
                let _guard = guard;
                pending::<()>().await
            })));
            yield_now().await;
        });
        (key, thread::current().id())
    })
    .join()
    .unwrap();
    let mut dropped = trace.take();
    dropped.sort_by_key(|(name, _)| *name);
    assert_eq!(dropped, [("free", id), ("own", id), ("used", id)]);
    key.open_and_wake();
    assert_eq!(key.polls(), 1);
}

#[test]
fn a_leaked_executor_hurts_nobody() {
    must_end(|| {
        let (key, spawner) = thread::spawn(|| {
            let executor = LocalExecutor::new();
            let (future, key) = parked();
            executor.spawn(future).detach();
            executor.run_until_stalled();
            let spawner = executor.spawner();
            std::mem::forget(executor);
            (key, spawner)
        })
        .join()
        .unwrap();
        key.open_and_wake();
        let mut task = spawner.spawn(|| async {});
        assert!(poll_once(&mut task, Waker::noop()).is_pending());
        assert_eq!(key.polls(), 1);
    });
}

#[test]
fn tasks_that_have_not_ended_go_on_in_the_next_block_on() {
    let (future, key) = parked();
    let trace = Trace::new();
    let events = trace.clone();
    block_on(async {
        spawn(async move {
            future.await;
            events.push("ended");
        })
        .detach();
        yield_now().await;
    });
    assert_eq!(trace.len(), 0);
    key.open_and_wake();
    block_on(async {
        while trace.len() == 0 {
            yield_now().await;
        }
    });
}

// SD8: what a task holds may be used while it is dropped: another executor, its handles.
#[test]
fn executors_may_hold_each_others_handles_and_go_in_either_order() {
    for order in 0..2 {
        let (a, b) = (LocalExecutor::new(), LocalExecutor::new());
        let trace = Trace::new();
        let of_b = hold(&b, Dropped::new("b", &trace));
        let of_a = a.spawn(of_b);
        a.run_until_stalled();
        b.run_until_stalled();
        if order == 0 {
            drop(a);
            // The handle went with its task, so the other one is cancelled.
            b.run_until_stalled();
            assert_eq!(trace.len(), 1);
            assert!(of_a.is_finished());
            drop(b);
        } else {
            drop(b);
            assert_eq!(trace.len(), 1);
            a.run_until_stalled();
            assert!(of_a.is_finished());
            assert!(a.block_on(of_a).unwrap().unwrap_err().is_cancelled());
        }
    }
}

#[test]
fn the_types_that_outlive_an_executor_can_be_used_and_dropped_in_any_order() {
    type Kept = (Key, Spawner, Task<u8>, wakeline::RemoteTask<u8>);
    let make = || -> Kept {
        let executor = LocalExecutor::new();
        let (future, key) = parked();
        executor.spawn(future).detach();
        let task = executor.spawn(async { 1 });
        let remote = executor.spawner().spawn(|| async { 2 });
        executor.run_until_stalled();
        (key, executor.spawner(), task, remote)
    };
    let left = blocks_left_by(|| {
        let (key, spawner, task, remote) = make();
        drop(spawner);
        assert_eq!((block_on(task).unwrap(), block_on(remote).unwrap()), (1, 2));
        drop(key);
        let (key, spawner, task, remote) = make();
        key.open_and_wake();
        drop((remote, task));
        drop(spawner);
    });
    assert_eq!(left, 0);
}

/// A future that another executor's future polls, without being spawned anywhere.
#[test]
fn a_future_may_move_between_executors_and_wakes_the_one_that_polled_it_last() {
    must_end(|| {
        let (mut future, key) = parked();
        let first = LocalExecutor::new();
        first.block_on(poll_fn(|cx: &mut Context<'_>| {
            assert!(Pin::new(&mut future).poll(cx).is_pending());
            Poll::Ready(())
        }));
        drop(first);
        let waking = thread::spawn(move || {
            wait_until(|| key.polls() >= 2);
            key.open_and_wake();
        });
        LocalExecutor::new().block_on(future);
        waking.join().unwrap();
    });
}
