//! `spawn_on` and `spawn_balanced`.

use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use wakeline::runtime::{Handle, RuntimeMetrics};
use wakeline::{Core, JoinError, block_on, spawn, task, time, yield_now};

use super::{Blocked, runtime, thread_name};
use crate::support::{Dropped, OnDrop, Trace, must_end, rounds, wait_until};

#[test]
fn a_task_runs_on_the_core_it_was_sent_to_however_that_is_named() {
    must_end(|| {
        let runtime = runtime(3);
        let cores = runtime.run(|core| async move { core });
        for core in &cores {
            let index = core.index();
            let names = [
                runtime.spawn_on(index, || async { thread_name() }),
                runtime.spawn_on(core, || async { thread_name() }),
                core.handle().spawn_on(core.clone(), || async { thread_name() }),
            ];
            for name in names {
                assert_eq!(block_on(name).unwrap(), format!("t-{index}"));
            }
        }
        assert_eq!(block_on(runtime.spawn_on(2, || async { Core::current().unwrap().index() })).unwrap(), 2);
    });
}

#[test]
fn cores_send_each_other_tasks_and_await_the_results() {
    must_end(|| {
        let sums = runtime(2).run(|core| async move {
            let (handle, other) = (core.handle().clone(), 1 - core.index());
            let mut sum = 0;
            for number in 0..100 {
                let local = Rc::new(number);
                let task = handle.spawn_on(other, move || async move {
                    let there = Rc::new(number);
                    yield_now().await;
                    *there + 1
                });
                sum += task.await.unwrap() + *local;
            }
            sum
        });
        assert_eq!(sums, [2 * 4950 + 100; 2]);
    });
}

#[test]
fn each_idle_core_takes_one_of_the_balanced_tasks() {
    must_end(|| {
        for _ in 0..rounds(20) {
            let runtime = runtime(4);
            // They return when all of them are inside, and each of them keeps its thread until
            // then.
            let all = Arc::new(Barrier::new(4));
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let all = all.clone();
                    runtime.spawn_balanced(move || async move {
                        all.wait();
                        Core::current().unwrap().index()
                    })
                })
                .collect();
            let mut cores: Vec<_> = tasks.into_iter().map(|task| block_on(task).unwrap()).collect();
            cores.sort_unstable();
            assert_eq!(cores, [0, 1, 2, 3]);
        }
    });
}

#[test]
fn a_balanced_task_waits_for_no_blocked_core() {
    must_end(|| {
        let runtime = runtime(3);
        let handle = runtime.handle();
        // Two cores are blocked, by tasks that came through the queue itself.
        let blocked: Vec<_> = (0..2).map(|_| Blocked::new(|block| handle.spawn_balanced(|| async { block() }))).collect();
        for number in 0..100 {
            assert_eq!(block_on(runtime.spawn_balanced(move || async move { number })).unwrap(), number);
        }
        blocked.into_iter().for_each(Blocked::release);
    });
}

// A core that was idle and then got work of its own must not be counted on, however long it had
// been idle.
#[test]
fn a_balanced_task_waits_for_no_core_that_was_idle_before_it_was_blocked() {
    must_end(|| {
        let runtime = runtime(2);
        let (handle, watching) = (runtime.handle(), runtime.handle());
        let sleeps = move || watching.metrics().cores.iter().map(|core| core.sleeps).collect::<Vec<_>>();
        wait_until(|| sleeps().iter().all(|&sleeps| sleeps > 0));
        // The first addition wakes both; when both have gone to sleep again, both are idle in the
        // queue's eyes.
        let before = sleeps();
        block_on(runtime.spawn_balanced(|| async {})).unwrap();
        wait_until(|| sleeps().iter().zip(&before).all(|(now, before)| now > before));
        for blocked in [0, 0, 1, 1] {
            let before = sleeps();
            let block = Blocked::on(&handle, blocked);
            let free = block_on(runtime.spawn_balanced(|| async { Core::current().unwrap().index() })).unwrap();
            assert_eq!(free, 1 - blocked);
            block.release();
            wait_until(|| sleeps().iter().zip(&before).all(|(now, before)| now > before));
        }
    });
}

#[test]
fn balanced_tasks_survive_until_a_blocked_core_is_free() {
    must_end(|| {
        let runtime = runtime(2);
        let blocked: Vec<_> = (0..2).map(|core| Blocked::on(&runtime.handle(), core)).collect();
        let tasks: Vec<_> =
            (0..10).map(|number| runtime.spawn_balanced(move || async move { (number, thread_name()) })).collect();
        assert_eq!(runtime.metrics().waiting, 10);
        let mut blocked = blocked.into_iter();
        let (first, second) = (blocked.next().unwrap(), blocked.next().unwrap());
        second.release();
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(block_on(task).unwrap(), (number, "t-1".to_string()));
        }
        assert_eq!(runtime.metrics().waiting, 0);
        first.release();
    });
}

#[test]
fn a_core_that_always_has_ready_tasks_still_takes_balanced_ones() {
    must_end(|| {
        let runtime = runtime(1);
        let busy: Vec<_> = (0..10)
            .map(|_| {
                runtime.spawn_on(0, || async {
                    loop {
                        yield_now().await;
                    }
                })
            })
            .collect();
        for number in 0..20 {
            assert_eq!(block_on(runtime.spawn_balanced(move || async move { number })).unwrap(), number);
        }
        drop::<Vec<wakeline::RemoteTask<()>>>(busy);
    });
}

#[test]
fn a_balanced_task_stays_where_it_was_first_polled() {
    must_end(|| {
        let runtime = runtime(3);
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                runtime.spawn_balanced(|| async {
                    let first = thread::current().id();
                    for round in 0..20 {
                        if round % 5 == 0 {
                            time::sleep(Duration::from_micros(50)).await;
                        } else {
                            yield_now().await;
                        }
                        assert_eq!(thread::current().id(), first);
                    }
                    spawn(async { thread::current().id() }).await.unwrap() == first
                })
            })
            .collect();
        for task in tasks {
            assert!(block_on(task).unwrap());
        }
    });
}

#[test]
fn a_balanced_task_that_is_ended_before_it_began_is_never_called_and_dropped_once() {
    must_end(|| {
        let runtime = runtime(1);
        let blocked = Blocked::on(&runtime.handle(), 0);
        let trace = Trace::new();
        let add = |name: &'static str| {
            let guard = Dropped::new(name, &trace);
            runtime.spawn_balanced(move || {
                drop(guard);
                async move { unreachable!("{name} is never called") }
            })
        };
        let (aborted, dropped, cancelled) = (add("aborted"), add("dropped"), add("cancelled"));
        let ran = runtime.spawn_balanced(|| async { 5 });
        aborted.abort();
        drop::<wakeline::RemoteTask<()>>(dropped);
        assert_eq!(block_on(cancelled.cancel()), None);
        // No core had to come by.
        assert!(matches!(block_on(aborted), Err(JoinError::Cancelled)));
        let here = thread::current().id();
        assert_eq!(trace.take(), [("aborted", here), ("dropped", here), ("cancelled", here)]);
        assert_eq!(runtime.metrics().waiting, 1);
        blocked.release();
        assert_eq!(block_on(ran).unwrap(), 5);
    });
}

#[test]
fn a_balanced_task_may_be_detached_named_and_spawn_others() {
    must_end(|| {
        let runtime = runtime(2);
        let count = Arc::new(AtomicUsize::new(0));

        fn split(handle: Handle, count: Arc<AtomicUsize>, depth: usize) {
            count.fetch_add(1, Ordering::Relaxed);
            if depth > 0 {
                for _ in 0..2 {
                    let (next, count) = (handle.clone(), count.clone());
                    handle.spawn_balanced(move || async move { split(next, count, depth - 1) }).detach();
                }
            }
        }

        let (handle, inside) = (runtime.handle(), count.clone());
        let task = task::Builder::new()
            .name("root of all")
            .spawn_balanced(&runtime.handle(), move || async move { split(handle, inside, 7) });
        assert_eq!(task.name(), Some("root of all"));
        block_on(task).unwrap();
        wait_until(|| count.load(Ordering::Relaxed) == 255);
        wait_until(|| runtime.metrics().waiting == 0);
    });
}

#[test]
fn a_panic_of_a_placed_task_reaches_its_handle_with_name_and_line() {
    must_end(|| {
        let runtime = runtime(1);
        let handle = runtime.handle();
        let line = line!() + 2;
        let tasks = [
            task::Builder::new().name("fails").spawn_balanced(&handle, || async { panic!("no") }),
            task::Builder::new().name("fails").spawn_on(&handle, 0, || async { panic!("no") }),
        ];
        for (task, line) in tasks.into_iter().zip(line..) {
            let Err(JoinError::Panicked(panic)) = block_on::<wakeline::RemoteTask<()>>(task) else { panic!("it panicked") };
            assert_eq!((panic.message(), panic.task().name()), (Some("no"), Some("fails")));
            let location = panic.task().location().unwrap();
            assert_eq!((location.file(), location.line()), (file!(), line));
        }
    });
}

#[test]
fn no_balanced_task_is_lost_or_run_twice_while_cores_sleep_and_wake() {
    must_end(|| {
        let runtime = runtime(3);
        let count = Arc::new(AtomicUsize::new(0));
        let per_thread = rounds(300);
        thread::scope(|scope| {
            for _ in 0..2 {
                let (handle, count) = (runtime.handle(), &count);
                scope.spawn(move || {
                    for round in 0..per_thread {
                        let inside = count.clone();
                        let task = handle.spawn_balanced(move || async move {
                            inside.fetch_add(1, Ordering::Relaxed);
                            yield_now().await;
                        });
                        // Now and then until it has run, so that the cores fall asleep.
                        if round % 7 == 0 {
                            block_on(task).unwrap();
                        } else {
                            task.detach();
                        }
                    }
                });
            }
        });
        wait_until(|| count.load(Ordering::Relaxed) == 2 * per_thread);
        let RuntimeMetrics { waiting, .. } = runtime.metrics();
        assert_eq!(waiting, 0);
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
        assert_eq!(count.load(Ordering::Relaxed), 2 * per_thread);
    });
}

#[test]
fn a_dropped_handle_cancels_what_it_placed_and_its_drop_happens_there() {
    must_end(|| {
        let runtime = runtime(2);
        let trace = Trace::new();
        let guard = Dropped::new((), &trace);
        let (begun, inside) = std::sync::mpsc::channel();
        let (nested, was_nested) = std::sync::mpsc::channel();
        let task = runtime.spawn_on(1, move || async move {
            let _guard = guard;
            begun.send(thread::current().id()).unwrap();
            let _nested = OnDrop::new(move || {
                drop(spawn(async {}));
                nested.send(()).unwrap();
            });
            pending::<()>().await
        });
        let there = inside.recv().unwrap();
        drop(task);
        wait_until(|| trace.len() == 1);
        assert_eq!(trace.take(), [((), there)]);
        was_nested.recv().expect("a task can be spawned in the drop of another");
    });
}
