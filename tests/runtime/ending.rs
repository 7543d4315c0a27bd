//! The end of a runtime: its phases, its report, and whatever may happen meanwhile and after.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use futures_core::FusedFuture;
use wakeline::runtime::{Abandoned, Handle, SpawnError, StuckCore};
use wakeline::{Core, JoinError, RemoteTask, Runtime, block_on, spawn, task, time, unblock, yield_now};

use super::{Blocked, block_until_released, runtime, with_cores};
use crate::support::{Dropped, OnDrop, Trace, assert_contains, must_end, parked, poll_once, rounds, wait_until};

const LONG: Duration = Duration::from_secs(25);

/// A task on `core` that never ends by itself. Returns when it runs.
#[track_caller]
fn hold<T: Send + 'static>(handle: &Handle, core: usize, name: &str, guard: T) {
    let (begun, inside) = channel();
    let hold = task::Builder::new().name(name).spawn_on(handle, core, move || async move {
        let _guard = guard;
        begun.send(()).unwrap();
        pending::<()>().await
    });
    hold.detach();
    inside.recv().unwrap();
}

/// What a thread-local of a core does in its destructor.
type AtThreadEnd = RefCell<Option<OnDrop<Box<dyn FnOnce()>>>>;

fn names(report: &wakeline::runtime::ShutdownReport) -> Vec<&str> {
    report.cancelled.iter().map(|task| task.name().unwrap_or("?")).collect()
}

#[track_caller]
fn stuck(abandoned: &Abandoned) -> &StuckCore {
    let Abandoned::Core(core) = abandoned else { panic!("{abandoned:?}") };
    core
}

#[test]
fn tasks_that_listen_end_by_themselves_and_the_report_counts_them() {
    must_end(|| {
        let runtime = runtime(2);
        let ended = Trace::new();
        let (begun, inside) = channel();
        for core in [0, 0, 1] {
            let (ended, begun) = (ended.clone(), begun.clone());
            runtime
                .spawn_on(core, move || async move {
                    let core = Core::current().unwrap();
                    assert!(!core.is_stopping());
                    begun.send(()).unwrap();
                    core.stopping().await;
                    assert!(core.is_stopping());
                    // Timers and tasks still work.
                    time::sleep(Duration::from_millis(1)).await;
                    spawn(async {}).await.unwrap();
                    ended.push(core.index());
                })
                .detach();
            inside.recv().unwrap();
        }
        let report = runtime.shutdown(LONG);
        assert_eq!(ended.len(), 3);
        // Each has spawned one more.
        assert_eq!((report.finished, report.finished_in_grace, report.is_clean()), (6, 6, true), "{report}");
        let text = "shut down: all 2 cores ended; 6 tasks finished, none cancelled, nothing abandoned";
        assert_eq!(report.to_string(), text);
    });
}

#[test]
fn what_is_left_is_dropped_newest_first_on_its_own_core_and_named() {
    must_end(|| {
        let runtime = runtime(2);
        let (handle, trace) = (runtime.handle(), Trace::new());
        let threads = runtime.run(|_| async { thread::current().id() });
        for (core, name) in [(0, "a"), (1, "b"), (0, "c"), (1, "d"), (0, "e")] {
            hold(&handle, core, name, Dropped::new(name, &trace));
        }
        let report = runtime.shutdown(Duration::ZERO);
        assert_eq!(names(&report), ["e", "c", "a", "d", "b"]);
        let dropped = trace.take();
        for (core, order) in [(0, vec!["e", "c", "a"]), (1, vec!["d", "b"])] {
            let of_core: Vec<_> = dropped.iter().filter(|(_, thread)| *thread == threads[core]).map(|(name, _)| *name).collect();
            assert_eq!(of_core, order);
        }
        // The mains that have told their threads.
        assert_eq!((report.finished, report.finished_in_grace, report.abandoned.len()), (2, 0, 0));
        assert_contains(
            &report.to_string(),
            &["2 tasks finished, 5 cancelled", "cancelled: task \"a\" (spawned at tests/runtime"],
        );
    });
}

#[test]
fn tasks_of_one_kind_are_one_line_of_the_report() {
    must_end(|| {
        let runtime = runtime(1);
        for _ in 0..100 {
            runtime.spawn_on(0, pending::<()>).detach();
        }
        let line = line!() - 2;
        let report = runtime.shutdown(Duration::ZERO);
        assert_eq!(report.cancelled.len(), 100);
        let text = report.to_string();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert_contains(&text, &["cancelled: 100 tasks (spawned at", &format!("ending.rs:{line}:")]);
    });
}

#[test]
fn the_drop_of_a_task_finds_its_reactor_and_its_executor_at_work() {
    must_end(|| {
        let runtime = runtime(1);
        let polled = Trace::new();
        let inside = polled.clone();
        let guard = OnDrop::new(move || {
            let sleep = pin!(time::sleep(Duration::from_secs(1)));
            inside.push(sleep.poll(&mut std::task::Context::from_waker(Waker::noop())).is_pending());
            drop(spawn(async {}));
            inside.push(Core::current().is_some());
        });
        hold(&runtime.handle(), 0, "held", guard);
        assert_eq!(runtime.shutdown(Duration::ZERO).cancelled.len(), 1);
        assert_eq!(polled.take(), [true, true]);
    });
}

#[test]
fn new_work_is_refused_once_the_end_has_begun_and_what_waits_is_dropped() {
    must_end(|| {
        let runtime = runtime(1);
        let (handle, trace) = (runtime.handle(), Trace::new());
        let blocked = Blocked::on(&handle, 0);
        let guarded = |name: &'static str| {
            let guard = Dropped::new(name, &trace);
            move || async move { drop(guard) }
        };
        let waiting = task::Builder::new().name("waits").spawn_balanced(&handle, guarded("waiting"));
        let sent = handle.spawn_on(0, guarded("sent"));
        handle.stop();
        assert!(handle.is_stopping() && handle.metrics().waiting == 0);
        let here = thread::current().id();
        assert_eq!(trace.take(), [("waiting", here)]);
        assert!(matches!(block_on(waiting), Err(JoinError::Cancelled)));
        for refused in [handle.spawn_on(0, guarded("refused")), handle.spawn_balanced(guarded("refused"))] {
            assert!(block_on(refused).unwrap_err().is_cancelled());
        }
        assert_eq!(runtime.try_spawn_on(0, guarded("error")).unwrap_err(), SpawnError::ShuttingDown);
        assert_eq!(runtime.try_spawn_balanced(guarded("error")).unwrap_err(), SpawnError::ShuttingDown);
        assert_eq!(trace.take(), [("refused", here), ("refused", here), ("error", here), ("error", here)]);
        // What its core already had runs.
        blocked.release();
        block_on(sent).unwrap();
        let report = runtime.shutdown(LONG);
        assert_eq!(names(&report), ["waits"]);
        assert_eq!(trace.len(), 1);
        // And after the end.
        assert!(block_on(handle.spawn_on(0, guarded("late"))).unwrap_err().is_cancelled());
        assert!(block_on(handle.spawner(0).spawn(guarded("later"))).unwrap_err().is_cancelled());
        assert_eq!(trace.len(), 3);
    });
}

#[test]
fn a_request_to_stop_lets_the_mains_return() {
    must_end(|| {
        let runtime = runtime(3);
        let outputs = runtime.run(|core| async move {
            if core.index() == 1 {
                yield_now().await;
                core.handle().stop();
                core.handle().stop();
            }
            core.stopping().await;
            core.index()
        });
        assert_eq!(outputs, [0, 1, 2]);
        let text = crate::support::panic_text(|| drop(runtime.run(|_| async {})));
        assert_contains(&text, &["`Runtime::run` was called too late", "shutting down"]);
        assert!(runtime.shutdown(LONG).is_clean());
    });
}

#[test]
fn a_core_that_is_stuck_in_a_poll_is_abandoned_by_name() {
    must_end(|| {
        let runtime = runtime(2);
        let handle = runtime.handle();
        hold(&handle, 0, "one", ());
        hold(&handle, 0, "two", ());
        hold(&handle, 1, "other core", ());
        let blocked = Blocked::on(&handle, 0).detach();
        // It has not come to this one, which need not wait for it.
        let behind = task::Builder::new().name("behind").spawn_on(&handle, 0, || async { unreachable!() });
        let report = runtime.shutdown(Duration::ZERO);
        assert!(block_on(behind).unwrap_err().is_cancelled());
        assert_eq!((names(&report), report.abandoned.len()), (vec!["behind", "other core"], 1));
        let core = stuck(&report.abandoned[0]);
        assert_eq!((core.core(), core.thread(), core.others()), (0, "t-0", 2));
        let task = core.task().unwrap();
        assert_eq!(task.name(), Some("blocked"));
        assert!(task.location().unwrap().file().ends_with("tests/runtime.rs"));
        let expected = [
            "shut down: 1 of 2 cores ended; ",
            "1 abandoned",
            "abandoned: core 0 (thread \"t-0\") is stuck in task \"blocked\" (spawned at",
            "and has 2 tasks more",
        ];
        assert_contains(&report.to_string(), &expected);
        // Its thread ends when the task returns, and drops what it has.
        drop(blocked);
    });
}

#[test]
fn a_core_that_is_stuck_in_a_drop_is_abandoned_by_name_and_what_went_before_it_was_cancelled() {
    must_end(|| {
        let runtime = runtime(1);
        let handle = runtime.handle();
        let (release, wait) = channel();
        hold(&handle, 0, "old", ());
        hold(&handle, 0, "stuck", OnDrop::new(move || block_until_released(&wait)));
        hold(&handle, 0, "new", ());
        let report = runtime.shutdown(Duration::ZERO);
        assert_eq!(names(&report), ["new"]);
        let core = stuck(&report.abandoned[0]);
        assert_eq!((core.task().unwrap().name(), core.others()), (Some("stuck"), 1));
        drop::<Sender<()>>(release);
    });
}

#[test]
fn a_thread_local_that_is_stuck_in_its_destructor_holds_up_nobody() {
    std::thread_local! {
        static HELD: AtThreadEnd = const { RefCell::new(None) };
    }
    must_end(|| {
        let runtime = runtime(2);
        let (release, wait) = channel();
        let hold = runtime.spawn_on(1, move || async move {
            HELD.set(Some(OnDrop::new(Box::new(move || block_until_released(&wait)))));
        });
        block_on(hold).unwrap();
        let report = runtime.shutdown(Duration::ZERO);
        let core = stuck(&report.abandoned[0]);
        assert_eq!((core.core(), core.task(), core.others()), (1, None, 0));
        assert_contains(&report.to_string(), &["core 1", "the destructor of a thread-local"]);
        drop::<Sender<()>>(release);
    });
}

#[test]
fn a_job_that_runs_is_named_and_left_alone_and_one_that_was_not_begun_is_dropped() {
    must_end(|| {
        let runtime = with_cores(1).blocking_threads(1).build().unwrap();
        let (release, wait) = channel();
        let (begun, inside) = channel();
        let line = line!() + 2;
        runtime.block_on(async {
            let running = unblock(move || {
                begun.send(()).unwrap();
                block_until_released(&wait);
            });
            let queued = unblock(|| unreachable!("never begun"));
            running.detach();
            queued.detach();
        });
        inside.recv().unwrap();
        let report = runtime.shutdown(Duration::ZERO);
        let [Abandoned::Job(job)] = &report.abandoned[..] else { panic!("{report:?}") };
        assert_eq!((job.location().unwrap().line(), report.not_begun.len()), (line, 1));
        assert!(job.running_for().is_some());
        assert_contains(&report.to_string(), &["abandoned: job", "ending.rs", "running for"]);
        drop::<Sender<()>>(release);
    });
}

#[test]
fn a_task_may_use_blocking_threads_until_it_ends() {
    must_end(|| {
        let runtime = runtime(1);
        let task = runtime.spawn_on(0, || async {
            Core::current().unwrap().stopping().await;
            unblock(|| 5).await
        });
        let report = runtime.shutdown(LONG);
        assert_eq!((block_on(task).unwrap().unwrap(), report.is_clean()), (5, true));
    });
}

#[test]
fn without_a_deadline_every_task_is_waited_for() {
    must_end(|| {
        let runtime = runtime(2);
        let (future, key) = parked();
        let task = runtime.spawn_on(1, || future);
        wait_until(|| key.polls() > 0);
        let opening = thread::spawn({
            let handle = runtime.handle();
            move || {
                wait_until(|| handle.is_stopping());
                key.open_and_wake();
            }
        });
        let report = runtime.shutdown(Duration::MAX);
        assert!(report.is_clean());
        block_on(task).unwrap();
        opening.join().unwrap();
    });
}

// SD4: an end that waited in an order which could deadlock.
#[test]
fn drops_on_different_cores_may_wait_for_each_other() {
    must_end(|| {
        let runtime = runtime(2);
        let both = Arc::new(Barrier::new(2));
        for core in 0..2 {
            let both = both.clone();
            hold(&runtime.handle(), core, "pair", OnDrop::new(move || _ = both.wait()));
        }
        let report = runtime.shutdown(Duration::ZERO);
        assert_eq!((report.cancelled.len(), report.abandoned.len()), (2, 0));
    });
}

// SD7: a cycle kept it alive for ever.
#[test]
fn nothing_is_kept_when_tasks_and_closures_hold_handles_of_their_runtime() {
    must_end(|| {
        let runtime = runtime(2);
        let held = Arc::new(());
        let blocked: Vec<_> = (0..2).map(|core| Blocked::on(&runtime.handle(), core)).collect();
        for core in 0..2 {
            let with = (held.clone(), runtime.handle());
            runtime
                .spawn_on(core, move || async move {
                    let _with = with;
                    pending::<()>().await
                })
                .detach();
            let with = (held.clone(), runtime.handle());
            runtime.spawn_balanced(move || async move { drop(with) }).detach();
        }
        runtime.handle().stop();
        blocked.into_iter().for_each(Blocked::release);
        runtime.shutdown(Duration::ZERO);
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

#[test]
fn dropping_a_runtime_ends_it_in_time_and_in_order() {
    must_end(|| {
        let trace = Trace::new();
        let runtime = with_cores(2).drop_deadline(Duration::ZERO).build().unwrap();
        hold(&runtime.handle(), 1, "held", Dropped::new("held", &trace));
        drop(runtime);
        assert_eq!(trace.len(), 1);
        // With grace for those that listen.
        let runtime = with_cores(1).drop_deadline(LONG).build().unwrap();
        let inside = trace.clone();
        let task = runtime.spawn_on(0, || async move {
            let guard = Dropped::new("listens", &inside);
            Core::current().unwrap().stopping().await;
            time::sleep(Duration::from_millis(1)).await;
            drop(guard);
            5
        });
        drop(runtime);
        assert_eq!((block_on(task).unwrap(), trace.len()), (5, 2));
    });
}

#[test]
fn dropping_a_runtime_that_is_stuck_or_during_a_panic_does_not_hang() {
    must_end(|| {
        let runtime = with_cores(1).drop_deadline(Duration::ZERO).build().unwrap();
        let blocked = Blocked::on(&runtime.handle(), 0).detach();
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _runtime = runtime;
            panic!("the program fails");
        }));
        assert!(unwound.is_err());
        drop(blocked);
    });
}

#[test]
fn a_runtime_that_is_dropped_inside_a_task_asks_for_the_end_and_waits_for_nobody() {
    must_end(|| {
        let runtime = with_cores(2).drop_deadline(LONG).build().unwrap();
        let handle = runtime.handle();
        let (slot, ended) = (Arc::new(Mutex::new(None)), Trace::new());
        let (theirs, inside) = (slot.clone(), ended.clone());
        let task = handle.spawn_on(0, move || async move {
            while theirs.lock().unwrap().is_none() {
                yield_now().await;
            }
            drop::<Option<Runtime>>(theirs.lock().unwrap().take());
            assert!(Core::current().unwrap().is_stopping());
            time::sleep(Duration::from_millis(1)).await;
            inside.push(());
        });
        *slot.lock().unwrap() = Some(runtime);
        block_on(task).unwrap();
        assert_eq!(ended.len(), 1);
        wait_until(|| block_on(handle.spawner(1).spawn(|| async {})).is_err());
        // On this thread, inside its executor.
        let runtime = with_cores(1).drop_deadline(LONG).build().unwrap();
        let handle = runtime.handle();
        hold(&handle, 0, "held", ());
        block_on(async move { drop(runtime) });
        assert!(handle.is_stopping());
    });
}

#[test]
fn a_runtime_may_be_dropped_by_a_thread_local_of_its_own_core() {
    std::thread_local! {
        static KEPT: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    must_end(|| {
        let runtime = with_cores(2).drop_deadline(LONG).build().unwrap();
        let handle = runtime.handle();
        let slot = Arc::new(Mutex::new(Some(runtime)));
        let task = handle.spawn_on(0, move || async move {
            let runtime = slot.lock().unwrap().take();
            KEPT.set(runtime);
            let core = Core::current().unwrap();
            // As if somebody had leaked it: the end has to come from elsewhere.
            core.handle().stop();
        });
        block_on(task).unwrap();
        assert!(handle.is_stopping());
        let thread = thread::spawn(move || {
            // Here it is this thread's: it waits for its cores, which have nothing to do.
            let runtime = runtime_of_two();
            KEPT.set(Some(runtime));
        });
        thread.join().unwrap();
    });
}

fn runtime_of_two() -> Runtime {
    runtime(2)
}

// SD2, SD3: what a thread-local's destructor did after the executor had gone.
#[test]
fn thread_locals_may_use_everything_of_a_runtime_that_is_ending_or_has_ended() {
    std::thread_local! {
        static LATE: AtThreadEnd = const { RefCell::new(None) };
    }
    must_end(|| {
        let runtime = runtime(2);
        let handle = runtime.handle();
        let (future, key) = parked();
        let waiting = handle.spawn_on(1, || future);
        wait_until(|| key.polls() > 0);
        let trace = Trace::new();
        let use_all = {
            let (handle, trace) = (handle.clone(), trace.clone());
            move || {
                let core = Core::current();
                key.waker().wake();
                let spawned =
                    [handle.spawn_on(0, || async {}), handle.spawn_on(1, || async {}), handle.spawn_balanced(|| async {})];
                let polls: Vec<_> = spawned.into_iter().map(|mut task| poll_once(&mut task, Waker::noop()).is_ready()).collect();
                handle.stop();
                let _ = handle.metrics();
                drop(waiting);
                trace.push((core.is_none(), polls));
            }
        };
        let set = handle.spawn_on(0, move || async move { LATE.set(Some(OnDrop::new(Box::new(use_all)))) });
        block_on(set).unwrap();
        let report = runtime.shutdown(Duration::ZERO);
        assert!(report.abandoned.is_empty(), "{report}");
        assert_eq!(trace.take(), [(true, vec![true, true, true])]);
        // And one of another thread, when all is over.
        let last = thread::spawn(move || LATE.set(Some(OnDrop::new(Box::new(move || handle.spawn_on(0, || async {}).detach())))));
        last.join().unwrap();
    });
}

#[test]
fn those_who_wait_for_the_end_hear_of_it_wherever_they_wait() {
    must_end(|| {
        let runtime = runtime(2);
        let cores = runtime.run(|core| async move { core });
        let waiting = thread::spawn({
            let core = cores[1].clone();
            move || block_on(core.stopping())
        });
        // One that went away, and one that is polled by two wakers in turn.
        let mut left = cores[0].stopping();
        assert!(poll_once(&mut left, Waker::noop()).is_pending());
        drop(left);
        let (first, firsts) = crate::support::Counter::new();
        let (second, seconds) = crate::support::Counter::new();
        let mut stopping = cores[0].stopping();
        assert!(poll_once(&mut stopping, &first).is_pending());
        assert!(poll_once(&mut stopping, &second).is_pending());
        assert!(runtime.shutdown(LONG).is_clean());
        assert_eq!((firsts.count(), seconds.count()), (0, 1));
        assert!(!stopping.is_terminated());
        // It stays ready.
        for _ in 0..3 {
            assert!(poll_once(&mut stopping, &first).is_ready());
            assert!(stopping.is_terminated());
        }
        waiting.join().unwrap();
        block_on(cores[1].stopping());
    });
}

#[test]
fn a_waker_that_panics_keeps_nobody_from_hearing_of_the_end() {
    must_end(|| {
        let runtime = runtime(2);
        let cores = runtime.run(|core| async move { core });
        let (waker, hooked) = crate::support::Hooked::new(|site| assert!(site != crate::support::Site::Wake, "a waker fails"));
        let mut first = cores[0].stopping();
        assert!(poll_once(&mut first, &waker).is_pending());
        hooked.arm();
        let (good, count) = crate::support::Counter::new();
        let mut second = cores[0].stopping();
        assert!(poll_once(&mut second, &good).is_pending());
        assert!(runtime.shutdown(LONG).is_clean());
        hooked.disarm();
        assert_eq!(count.count(), 1);
    });
}

#[test]
fn a_closure_whose_drop_panics_is_dropped_like_the_others_and_its_handle_gets_the_panic() {
    must_end(|| {
        let runtime = runtime(1);
        let blocked = Blocked::on(&runtime.handle(), 0);
        let handles: Vec<_> = (0..3)
            .map(|number| {
                let guard = OnDrop::new(move || assert!(number != 1, "a closure's drop fails"));
                runtime.spawn_balanced(move || async move { drop(guard) })
            })
            .collect();
        runtime.handle().stop();
        for (number, handle) in handles.into_iter().enumerate() {
            assert_eq!(block_on(handle).unwrap_err().is_panic(), number == 1);
        }
        blocked.release();
        assert_eq!(runtime.shutdown(LONG).cancelled.len(), 3);
    });
}

#[test]
fn every_spawn_that_meets_the_end_is_run_or_dropped_once_and_its_handle_hears() {
    must_end(|| {
        for round in 0..rounds(30) {
            let runtime = runtime(2);
            let handle = runtime.handle();
            let dropped = Arc::new(AtomicUsize::new(0));
            let begun = Arc::new(Barrier::new(3));
            let spawning: Vec<_> = (0..2)
                .map(|thread| {
                    let (handle, dropped, begun) = (handle.clone(), dropped.clone(), begun.clone());
                    thread::spawn(move || {
                        begun.wait();
                        let mut heard = 0;
                        for number in 0..50 {
                            let dropped = dropped.clone();
                            let guard = OnDrop::new(move || _ = dropped.fetch_add(1, Ordering::Relaxed));
                            let make = move || async move {
                                let _guard = guard;
                                yield_now().await;
                            };
                            let task =
                                if number % 2 == thread { handle.spawn_balanced(make) } else { handle.spawn_on(thread, make) };
                            heard += usize::from(matches!(block_on(task), Ok(()) | Err(JoinError::Cancelled)));
                        }
                        heard
                    })
                })
                .collect();
            begun.wait();
            for _ in 0..round % 7 {
                thread::yield_now();
            }
            let report = runtime.shutdown(if round % 2 == 0 { Duration::ZERO } else { LONG });
            assert!(report.abandoned.is_empty(), "{report}");
            let heard: usize = spawning.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_eq!((heard, dropped.load(Ordering::Relaxed)), (100, 100));
        }
    });
}

#[test]
fn cores_that_spawn_on_each_other_for_ever_can_be_ended() {
    must_end(|| {
        let runtime = runtime(2);

        fn bounce(handle: Handle, core: usize) {
            let next = handle.clone();
            let task = handle.spawn_on(core, move || async move {
                yield_now().await;
                bounce(next, 1 - core);
            });
            task.detach();
        }

        for _ in 0..10 {
            bounce(runtime.handle(), 0);
        }
        let busy = runtime.spawn_on(0, || {
            poll_fn(|cx| -> Poll<()> {
                cx.waker().wake_by_ref();
                Poll::Pending
            })
        });
        let report = runtime.shutdown(Duration::ZERO);
        assert!(report.abandoned.is_empty(), "{report}");
        assert!(block_on::<RemoteTask<()>>(busy).unwrap_err().is_cancelled());
    });
}
