//! Tasks that other threads spawn: the closure travels, the future stays, the result comes back.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use wakeline::{JoinError, LocalExecutor, RemoteTask, Spawner, block_on, yield_now};

use crate::support::{
    Counter, Dropped, Hooked, Key, OnDrop, Site, Trace, must_end, panic_text, parked, poll_once, rounds, text_of, wait_until,
};

/// An executor on a thread of its own, which runs until this is dropped.
struct Elsewhere {
    spawner: Spawner,
    stop: Key,
    thread: Option<thread::JoinHandle<()>>,
}

impl Elsewhere {
    fn new() -> Self {
        let (send, receive) = channel();
        let thread = thread::spawn(move || {
            let executor = LocalExecutor::new();
            let (future, stop) = parked();
            send.send((executor.spawner(), stop)).unwrap();
            executor.block_on(future);
        });
        let (spawner, stop) = receive.recv().unwrap();
        Self { spawner, stop, thread: Some(thread) }
    }

    fn id(&self) -> thread::ThreadId {
        self.thread.as_ref().unwrap().thread().id()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.stop.open_and_wake();
        let joined = self.thread.take().unwrap().join();
        assert!(joined.is_ok() || thread::panicking());
    }
}

#[test]
fn the_result_of_a_remote_task_comes_back() {
    must_end(|| {
        let elsewhere = Elsewhere::new();
        let task = elsewhere.spawner.spawn(|| async {
            let local = Rc::new(Cell::new(1));
            yield_now().await;
            local.set(local.get() + 41);
            local.get()
        });
        assert_eq!(block_on(task).unwrap(), 42);
    });
}

#[test]
fn the_future_of_a_remote_task_is_made_polled_and_dropped_on_its_executors_thread() {
    must_end(|| {
        let elsewhere = Elsewhere::new();
        let trace = Trace::new();
        let events = trace.clone();
        let task = elsewhere.spawner.spawn(move || {
            let made = Dropped::new("future", &events);
            async move {
                let _made = made;
                yield_now().await;
                thread::current().id()
            }
        });
        assert_eq!(block_on(task).unwrap(), elsewhere.id());
        assert_eq!(trace.take(), [("future", elsewhere.id())]);
    });
}

// RQ10: a task that was spawned on one thread was never run when the other only ever ticked.
#[test]
fn a_remote_task_runs_on_an_executor_that_only_ticks() {
    type Run = fn(&LocalExecutor);
    let runs: [Run; 3] = [
        |executor| {
            executor.try_tick();
        },
        LocalExecutor::run_until_stalled,
        |executor| executor.turn(Some(std::time::Duration::ZERO)).unwrap(),
    ];
    for run in runs {
        let executor = LocalExecutor::new();
        let spawner = executor.spawner();
        let task = thread::spawn(move || {
            spawner.spawn(|| async {
                yield_now().await;
                3
            })
        });
        let task = task.join().unwrap();
        wait_until(|| {
            run(&executor);
            task.is_finished()
        });
        assert_eq!(block_on(task).unwrap(), 3);
    }
}

#[test]
fn remote_tasks_run_in_the_order_in_which_one_thread_spawned_them() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let (spawner, events) = (executor.spawner(), trace.clone());
    thread::spawn(move || {
        for number in 0..100 {
            let events = events.clone();
            spawner.spawn(move || async move { events.push(number) }).detach();
        }
    })
    .join()
    .unwrap();
    executor.run_until_stalled();
    assert_eq!(trace.take(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_detached_remote_task_runs_on_and_a_dropped_one_does_not() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let spawn = |name| {
        let (future, key) = parked();
        let events = trace.clone();
        let task = executor.spawner().spawn(move || async move {
            future.await;
            events.push(name);
        });
        executor.run_until_stalled();
        (task, key)
    };
    let ((detached, first), (dropped, second)) = (spawn("detached"), spawn("dropped"));
    detached.detach();
    drop(dropped);
    executor.run_until_stalled();
    first.open_and_wake();
    second.open_and_wake();
    executor.run_until_stalled();
    assert_eq!(trace.take(), ["detached"]);
    assert_eq!(executor.task_count(), 0);
    // Also before its first poll.
    let events = trace.clone();
    executor.spawner().spawn(move || async move { events.push("unseen, detached") }).detach();
    let events = trace.clone();
    drop(executor.spawner().spawn(move || async move { events.push("unseen, dropped") }));
    executor.run_until_stalled();
    assert_eq!(trace.take(), ["unseen, detached"]);
}

// What a cancel finds in the task is not lost with the handle, and a policy it can go to is another
// thread's.
#[test]
fn the_panic_of_a_cancelled_remote_task_goes_on_in_who_cancels() {
    let executor = LocalExecutor::new();
    let explodes = || std::panic::resume_unwind(Box::new("boom"));
    let ended = executor.spawner().spawn(move || async move { explodes() });
    let in_drop = executor.spawner().spawn(move || {
        let bomb = OnDrop::new(explodes);
        async move {
            let _bomb = bomb;
            pending::<()>().await
        }
    });
    executor.run_until_stalled();
    // In the future of `block_on`, in a task, and under another runtime's.
    assert_eq!(panic_text(|| _ = block_on(ended.cancel())), "boom");
    let canceller = executor.spawn(in_drop.cancel());
    let error = executor.block_on(canceller).unwrap_err();
    assert_eq!(text_of(&*error.into_panic()), "boom");
    let ended = executor.spawner().spawn(move || async move { explodes() });
    executor.run_until_stalled();
    assert_eq!(panic_text(|| _ = futures_lite::future::block_on(ended.cancel())), "boom");
    let well = executor.spawner().spawn(|| async { 5 });
    executor.run_until_stalled();
    assert_eq!(block_on(well.cancel()), Some(5));
}

// RC9: the place where the result would be kept the waker of a handle that had gone.
#[test]
fn a_remote_handle_that_goes_lets_go_of_its_waker_at_once() {
    type Go = fn(RemoteTask<()>);
    let ways: [Go; 2] = [drop, RemoteTask::detach];
    for go in ways {
        let executor = LocalExecutor::new();
        let mut task = executor.spawner().spawn(pending::<()>);
        executor.run_until_stalled();
        let (waker, counter) = Counter::new();
        assert!(poll_once(&mut task, &waker).is_pending());
        assert_eq!(Arc::strong_count(&counter), 3);
        go(task);
        assert_eq!(Arc::strong_count(&counter), 2);
    }
}

// JC1: an abort dropped a future that cannot travel on the thread that aborted.
#[test]
fn a_future_is_dropped_by_its_owner_whichever_thread_ends_it() {
    type End = fn(RemoteTask<()>);
    let ends: [(&str, End); 3] = [
        ("abort", |task| {
            task.abort();
            assert!(matches!(block_on(task), Err(JoinError::Cancelled)));
        }),
        ("drop", drop),
        ("cancel", |task| assert_eq!(block_on(task.cancel()), None)),
    ];
    for (name, end) in ends {
        must_end(move || {
            let elsewhere = Elsewhere::new();
            let trace = Trace::new();
            let (future, key) = parked();
            let (events, signal) = (trace.clone(), key.clone());
            let task = elsewhere.spawner.spawn(move || {
                let guard = Dropped::new("future", &events);
                async move {
                    let _guard = guard;
                    future.await;
                }
            });
            wait_until(|| signal.polls() > 0);
            end(task);
            wait_until(|| trace.len() > 0);
            assert_eq!(trace.take(), [("future", elsewhere.id())], "{name}");
        });
    }
}

#[test]
fn a_remote_task_that_has_ended_tells_its_handle_only_after_its_future_has_gone() {
    must_end(|| {
        let elsewhere = Elsewhere::new();
        for _ in 0..rounds(200) {
            let gone = Arc::new(AtomicUsize::new(0));
            let count = gone.clone();
            let task = elsewhere.spawner.spawn(move || {
                let guard = OnDrop::new(move || {
                    count.fetch_add(1, Ordering::SeqCst);
                });
                async move {
                    let _guard = guard;
                    yield_now().await;
                }
            });
            block_on(task).unwrap();
            assert_eq!(gone.load(Ordering::SeqCst), 1);
        }
    });
}

// JC2: an abort needed the context of a scheduler.
#[test]
fn a_remote_task_can_be_ended_from_any_thread_and_any_executor_and_after_its_own() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let spawner = executor.spawner();
        let mut tasks: Vec<_> = (0..4).map(|_| spawner.spawn(pending::<()>)).collect();
        executor.run_until_stalled();
        let last = tasks.pop().unwrap();
        let mut tasks = tasks.into_iter();
        let (plain, other, own) = (tasks.next().unwrap(), tasks.next().unwrap(), tasks.next().unwrap());
        let plain = thread::spawn(move || {
            plain.abort();
            plain
        });
        let plain = plain.join().unwrap();
        let other = thread::spawn(move || {
            block_on(async { other.abort() });
            other
        });
        let other = other.join().unwrap();
        executor.block_on(async { own.abort() });
        executor.run_until_stalled();
        for task in [plain, other, own] {
            assert!(task.is_finished());
            assert!(block_on(task).unwrap_err().is_cancelled());
        }
        drop(executor);
        assert!(last.is_finished());
        last.abort();
        assert!(block_on(last).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_panic_of_a_remote_task_reaches_its_handle() {
    let executor = LocalExecutor::new();
    let spawner = executor.spawner();
    let in_closure = spawner.spawn(|| {
        std::panic::resume_unwind(Box::new("closure"));
        #[allow(unreachable_code)]
        std::future::ready(())
    });
    let in_poll = spawner.spawn(|| async { std::panic::resume_unwind(Box::new("poll")) });
    let in_drop = spawner.spawn(|| {
        let guard = OnDrop::new(|| std::panic::resume_unwind(Box::new("drop")));
        std::future::poll_fn(move |_| {
            let _guard = &guard;
            Poll::Ready(())
        })
    });
    executor.run_until_stalled();
    for (task, text) in [(in_closure, "closure"), (in_poll, "poll"), (in_drop, "drop")] {
        let error = block_on(task).unwrap_err();
        assert_eq!(text_of(&*error.into_panic()), text);
    }
}

// RC9, RC12, RC18 for the handle that travels.
#[test]
fn a_remote_handle_wakes_the_task_that_polled_it_last_and_keeps_one_waker() {
    let executor = LocalExecutor::new();
    let (future, key) = parked();
    let mut task = executor.spawner().spawn(move || future);
    let ((first, first_count), (second, second_count)) = (Counter::new(), Counter::new());
    for _ in 0..100 {
        assert!(poll_once(&mut task, &first).is_pending());
    }
    assert_eq!(Arc::strong_count(&first_count), 3, "ours, the handle's and the counter");
    assert!(poll_once(&mut task, &second).is_pending());
    executor.run_until_stalled();
    key.open_and_wake();
    executor.run_until_stalled();
    assert_eq!((first_count.count(), second_count.count()), (0, 1));
    assert_eq!((Arc::strong_count(&first_count), Arc::strong_count(&second_count)), (2, 2));
    let mut never = executor.spawner().spawn(pending::<()>);
    assert!(poll_once(&mut never, &first).is_pending());
    never.detach();
    assert_eq!(Arc::strong_count(&first_count), 2, "the handle goes, and with it what it kept");
}

// CH8: foreign code ran with the slot locked.
#[test]
fn a_foreign_waker_may_call_back_into_the_remote_handle_from_every_site() {
    must_end(|| {
        for site in [Site::Clone, Site::Wake, Site::Drop] {
            let executor = LocalExecutor::new();
            let (future, key) = parked();
            let task = executor.spawner().spawn(move || async move {
                future.await;
                4
            });
            let shared = Arc::new(Mutex::new(None::<RemoteTask<i32>>));
            let (inside, hits) = (shared.clone(), Arc::new(AtomicUsize::new(0)));
            let count = hits.clone();
            let (waker, hooked) = Hooked::new(move |at| {
                if at != site {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                // The handle is polled outside of this mutex, so it is free unless the test itself
                // holds it.
                let taken = inside.lock().unwrap().take();
                if let Some(mut task) = taken {
                    let _ = (task.is_finished(), format!("{task:?}"));
                    let _ = poll_once(&mut task, Waker::noop());
                    *inside.lock().unwrap() = Some(task);
                }
            });
            hooked.arm();
            let mut task = task;
            assert!(poll_once(&mut task, &waker).is_pending());
            *shared.lock().unwrap() = Some(task);
            executor.run_until_stalled();
            key.open_and_wake();
            // The waker is woken, and dropped, while the handle lies where the hook finds it.
            executor.run_until_stalled();
            drop(waker);
            assert!(hits.load(Ordering::SeqCst) > 0, "{site:?}");
            hooked.disarm();
            drop(shared.lock().unwrap().take());
        }
    });
}

#[test]
fn spawning_on_an_executor_that_has_gone_drops_the_closure_here_and_says_cancelled() {
    let executor = LocalExecutor::new();
    let spawner = executor.spawner();
    drop(executor);
    thread::spawn(move || {
        let trace = Trace::new();
        let guard = Dropped::new("closure", &trace);
        let task = spawner.spawn(move || async move {
            let _guard = guard;
        });
        assert_eq!(trace.take(), [("closure", thread::current().id())]);
        assert!(task.is_finished());
        assert!(block_on(task).unwrap_err().is_cancelled());
        spawner.spawn(|| async {}).detach();
        drop(spawner.clone().spawn(|| async {}));
    })
    .join()
    .unwrap();
}

#[test]
fn what_was_spawned_and_never_seen_is_dropped_with_the_executor_by_its_owner() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let (spawner, events) = (executor.spawner(), trace.clone());
    let task = thread::spawn(move || {
        let guard = Dropped::new("closure", &events);
        spawner.spawn(move || async move {
            let _guard = guard;
        })
    });
    let task = task.join().unwrap();
    drop(executor);
    assert_eq!(trace.take(), [("closure", thread::current().id())]);
    assert!(block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn a_spawner_can_be_used_inside_its_own_executor() {
    let executor = LocalExecutor::new();
    let spawner = executor.spawner();
    let sum = executor.block_on(async move {
        let a = spawner.spawn(|| async { 1 });
        let b = spawner.spawn(|| async { 2 });
        a.await.unwrap() + b.await.unwrap()
    });
    assert_eq!(sum, 3);
}

// RC15, JC12: the handle is polled and dropped on one thread while the task completes, or its
// executor goes, on another.
#[test]
fn a_remote_handle_may_be_polled_and_dropped_while_the_task_ends_or_its_executor_goes() {
    must_end(|| {
        let trace = Arc::new(AtomicUsize::new(0));
        for round in 0..rounds(600) {
            let executor = LocalExecutor::new();
            let spawner = executor.spawner();
            let (count, late) = (trace.clone(), Arc::new(AtomicUsize::new(0)));
            let go = late.clone();
            let other = thread::spawn(move || {
                let guard = OnDrop::new(move || {
                    count.fetch_add(1, Ordering::SeqCst);
                });
                let mut task = spawner.spawn(move || async move {
                    let _guard = guard;
                    yield_now().await;
                    vec![1]
                });
                go.store(1, Ordering::SeqCst);
                let (waker, _count) = Counter::new();
                for _ in 0..round % 5 {
                    if let Poll::Ready(result) = Pin::new(&mut task).poll(&mut std::task::Context::from_waker(&waker)) {
                        assert!(result.map_or_else(|error| error.is_cancelled(), |output| output == [1]));
                        return;
                    }
                }
                match round % 3 {
                    0 => drop(task),
                    1 => task.detach(),
                    _ => task.abort(),
                }
            });
            wait_until(|| {
                executor.try_tick();
                late.load(Ordering::SeqCst) == 1
            });
            for _ in 0..round % 4 {
                executor.try_tick();
            }
            drop(executor);
            other.join().unwrap();
            assert_eq!(trace.load(Ordering::SeqCst), round + 1, "each future is dropped once");
        }
    });
}

#[test]
fn handles_can_be_awaited_in_any_order_from_many_threads() {
    must_end(|| {
        let elsewhere = Elsewhere::new();
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let spawner = elsewhere.spawner.clone();
                thread::spawn(move || {
                    let mut tasks: Vec<_> = (0..rounds(250))
                        .map(|index| {
                            spawner.spawn(move || async move {
                                if index % 3 == 0 {
                                    yield_now().await;
                                }
                                number * 1_000_000 + index
                            })
                        })
                        .collect();
                    if number % 2 == 0 {
                        tasks.reverse();
                    }
                    block_on(async move {
                        let mut sum = 0;
                        for task in tasks {
                            sum += task.await.unwrap() - number * 1_000_000;
                        }
                        sum
                    })
                })
            })
            .collect();
        let expected = (0..rounds(250)).sum::<usize>();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

#[test]
fn a_remote_task_may_spawn_local_ones_and_wait_for_them() {
    must_end(|| {
        let elsewhere = Elsewhere::new();
        let task = elsewhere.spawner.spawn(|| async {
            let words = Rc::new(RefCell::new(Vec::new()));
            let tasks: Vec<_> = ["a", "b", "c"]
                .map(|word| {
                    let words = words.clone();
                    wakeline::spawn(async move { words.borrow_mut().push(word) })
                })
                .into();
            for task in tasks {
                task.await.unwrap();
            }
            words.take().concat()
        });
        assert_eq!(block_on(task).unwrap(), "abc");
    });
}
