//! `run` and `block_on`.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use wakeline::{Core, PanicPolicy, block_on, spawn, time, unblock, yield_now};

use super::{Blocked, runtime, thread_name, with_cores};
use crate::support::{Dropped, OnDrop, Trace, must_end, panic_text, parked, skip, wait_until};

#[test]
fn a_main_runs_on_every_core_and_its_outputs_come_in_the_order_of_the_cores() {
    must_end(|| {
        let runtime = runtime(3);
        assert_eq!(runtime.cores(), 3);
        let seen = runtime.run(|core| async move {
            let local = Rc::new(Cell::new(core.index()));
            // Those of lower cores end later.
            for _ in 0..10 * (3 - core.index()) {
                yield_now().await;
            }
            assert_eq!(Core::current().unwrap().index(), core.index());
            assert_eq!(core.handle().cores(), 3);
            spawn(async move { (local.get(), thread_name()) }).await.unwrap()
        });
        assert_eq!(seen, [(0, "t-0".to_string()), (1, "t-1".to_string()), (2, "t-2".to_string())]);
        assert!(Core::current().is_none(), "this thread is no core");
    });
}

#[test]
fn run_can_be_called_again_and_from_several_threads_at_once() {
    must_end(|| {
        let runtime = runtime(2);
        for _ in 0..3 {
            assert_eq!(runtime.run(|core| async move { core.index() }), [0, 1]);
        }
        thread::scope(|scope| {
            for round in 0..3 {
                let runtime = &runtime;
                scope.spawn(move || {
                    let outputs = runtime.run(move |core| async move {
                        yield_now().await;
                        core.index() + round
                    });
                    assert_eq!(outputs, [round, round + 1]);
                });
            }
        });
    });
}

#[test]
fn the_callers_own_tasks_go_on_while_it_waits_for_the_mains() {
    must_end(|| {
        let (future, key) = parked();
        block_on(async { spawn(async move { key.open_and_wake() }).detach() });
        let future = Mutex::new(Some(future));
        let outputs = runtime(1).run(move |_| {
            let future = future.lock().unwrap().take().unwrap();
            async {
                future.await;
                1
            }
        });
        assert_eq!(outputs, [1]);
    });
}

#[test]
fn the_panic_of_a_main_ends_the_others_in_the_order_of_their_cores_and_goes_on_in_run() {
    must_end(|| {
        let runtime = runtime(3);
        let trace = Trace::new();
        let (inside, begun) = (trace.clone(), Arc::new(std::sync::Barrier::new(3)));
        let text = panic_text(|| {
            runtime.run(move |core| {
                let guard = Dropped::new(core.index(), &inside);
                let begun = begun.clone();
                async move {
                    let _guard = guard;
                    begun.wait();
                    if core.index() == 1 {
                        panic!("out of cheese on core {}", core.index());
                    }
                    pending::<()>().await;
                }
            });
        });
        assert_eq!(text, "out of cheese on core 1");
        let dropped: Vec<_> = trace.take();
        assert_eq!(dropped.iter().map(|(core, _)| *core).collect::<Vec<_>>(), [1, 0, 2]);
        // Each on its own thread.
        let threads = runtime.run(|_| async { thread::current().id() });
        assert!(dropped.iter().all(|(core, thread)| threads[*core] == *thread));
    });
}

#[test]
fn a_main_that_serves_for_ever_does_not_hide_the_panic_of_another() {
    must_end(|| {
        let text = panic_text(|| {
            runtime(2).run(|core| async move {
                loop {
                    time::sleep(Duration::from_micros(100)).await;
                    assert!(core.index() == 0, "core 1 fails");
                }
            });
        });
        assert_eq!(text, "core 1 fails");
    });
}

#[test]
fn a_main_that_blocks_its_thread_holds_up_a_panic_no_longer_than_the_drop_deadline() {
    must_end(|| {
        let runtime = with_cores(2).drop_deadline(Duration::ZERO).build().unwrap();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (wait, entered) = (Mutex::new(Some(wait)), Arc::new(std::sync::Barrier::new(2)));
        let text = panic_text(|| {
            runtime.run(move |core| {
                let (wait, entered) = (wait.lock().unwrap().take_if(|_| core.index() == 0), entered.clone());
                async move {
                    entered.wait();
                    match wait {
                        Some(wait) => super::block_until_released(&wait),
                        None => panic!("core {} fails", core.index()),
                    }
                }
            });
        });
        assert!(text == "core 1 fails" || text.contains("PoisonError"), "{text}");
        drop(release);
        drop(runtime);
    });
}

#[test]
fn a_future_of_block_on_is_the_callers_and_uses_the_runtimes_blocking_threads() {
    must_end(|| {
        let runtime = runtime(1);
        let local = Rc::new(1);
        let (here, mine, cores) = runtime.block_on(async {
            let task = runtime.spawn_on(0, || async { unblock(thread_name).await.unwrap() });
            (*local, unblock(thread_name).await.unwrap(), task.await.unwrap())
        });
        assert_eq!(here, 1);
        assert!(mine.starts_with("t-blocking-") && cores.starts_with("t-blocking-"), "{mine}, {cores}");
    });
}

#[test]
fn the_bound_of_the_blocking_threads_is_kept() {
    must_end(|| {
        let runtime = with_cores(1).blocking_threads(1).blocking_idle(Duration::from_secs(60)).build().unwrap();
        let names = runtime.block_on(async {
            let jobs: Vec<_> = (0..5).map(|_| unblock(thread_name)).collect();
            let mut names = Vec::new();
            for job in jobs {
                names.push(job.await.unwrap());
            }
            names
        });
        assert_eq!(names, ["t-blocking-0"; 5]);
    });
}

#[test]
fn a_task_that_panics_unheard_stops_the_runtime_when_the_policy_says_so() {
    must_end(|| {
        let propagating = || with_cores(2).panic_policy(PanicPolicy::Propagate).build().unwrap();
        // In `run`, whose mains are cancelled.
        let runtime = propagating();
        let text = panic_text(|| {
            runtime.run(|core| async move {
                if core.index() == 1 {
                    spawn(async { panic!("unheard") }).detach();
                }
                pending::<()>().await;
            });
        });
        assert_eq!(text, "unheard");
        assert!(runtime.try_spawn_on(0, || async {}).is_err(), "the shutdown has begun");
        runtime.shutdown(Duration::ZERO);
        // In `block_on`, and only once.
        let runtime = propagating();
        let text = panic_text(|| {
            runtime.block_on(async {
                runtime.spawn_balanced(|| async { spawn(async { panic!("unheard again") }).detach() }).detach();
                pending::<()>().await
            })
        });
        assert_eq!(text, "unheard again");
        runtime.block_on(async {});
        runtime.shutdown(Duration::ZERO);
        // In `shutdown`, after all is done; other tasks end in order.
        let runtime = propagating();
        let dropped = Trace::new();
        let inside = dropped.clone();
        let main = runtime.spawn_on(1, || async move {
            let _guard = OnDrop::new(move || inside.push(()));
            Core::current().unwrap().stopping().await;
        });
        runtime.spawn_on(1, || async { spawn(async { panic!("heard late") }).detach() }).detach();
        wait_until(|| main.is_finished());
        let text = panic_text(|| drop(runtime.shutdown(Duration::from_secs(10))));
        assert_eq!((text.as_str(), dropped.len()), ("heard late", 1));
    });
}

#[test]
fn a_task_that_panics_unheard_is_isolated_by_default() {
    must_end(|| {
        let runtime = runtime(1);
        runtime.spawn_on(0, || async { spawn(async { panic!("nobody hears it") }).detach() }).detach();
        assert_eq!(runtime.run(|_| async { 5 }), [5]);
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

#[test]
fn the_panic_of_a_detached_task_goes_on_in_block_on_and_stays_on_a_core() {
    must_end(|| {
        let runtime = runtime(1);
        let text = panic_text(|| {
            runtime.block_on(async {
                let core = runtime.spawn_on(0, || async { spawn(async { panic!("of a core") }).detach() });
                core.await.unwrap();
                spawn(async { panic!("of this thread") }).detach();
                pending::<()>().await
            })
        });
        assert_eq!(text, "of this thread");
        assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
    });
}

// RQ13: one task that blocks its thread stopped them all.
#[test]
fn a_core_that_is_blocked_keeps_no_other_core_from_its_timers_and_tasks() {
    must_end(|| {
        let runtime = runtime(2);
        let blocked = Blocked::on(&runtime.handle(), 0);
        let other = runtime.spawn_on(1, || async {
            time::sleep(Duration::from_millis(1)).await;
            spawn(async { 5 }).await.unwrap()
        });
        assert_eq!(block_on(other).unwrap(), 5);
        blocked.release();
    });
}

#[test]
fn cores_may_watch_before_they_sleep() {
    must_end(|| {
        let runtime = with_cores(2).spin(Duration::from_micros(20)).build().unwrap();
        for _ in 0..100 {
            let task = runtime.spawn_on(1, || async { 1 });
            assert_eq!(block_on(task).unwrap(), 1);
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_pinned_core_stays_on_its_cpu() {
    use rustix::thread::{CpuSet, sched_getaffinity};

    fn allowed() -> Vec<usize> {
        let set = sched_getaffinity(None).unwrap();
        (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
    }

    let here = allowed();
    if here.len() == 1 {
        return skip("this process may run on one CPU only: every core stays there");
    }
    let cores = 2;
    let runtime = with_cores(cores).pin(true).build().unwrap();
    let pinned = runtime.run(|_| async { allowed() });
    let expected: Vec<_> = here[..cores].iter().map(|&cpu| vec![cpu]).collect();
    assert_eq!(pinned, expected);
    assert_eq!(allowed(), here, "this thread is as free as before");
    // What blocks may run wherever this thread may, whichever core asked first.
    assert_eq!(runtime.run(|_| async { unblock(allowed).await.unwrap() }), vec![here; cores]);
}

#[test]
fn the_metrics_count_what_each_core_does() {
    must_end(|| {
        let runtime = runtime(2);
        let (future, key) = parked();
        let waiting = runtime.spawn_on(1, || future);
        // Counted, so the poll is over, and the core has nothing to do.
        wait_until(|| runtime.metrics().cores[1].polls == 1 && runtime.metrics().cores[1].sleeps > 0);
        key.open_and_wake();
        block_on(waiting).unwrap();
        let held = runtime.spawn_on(1, || async {
            for _ in 0..100 {
                yield_now().await;
            }
            pending::<()>().await;
        });
        wait_until(|| runtime.metrics().cores[1].local_wakes >= 100);
        let metrics = runtime.metrics();
        let (idle, busy) = (metrics.cores[0], metrics.cores[1]);
        assert_eq!((idle.tasks, idle.polls, metrics.waiting), (0, 0, 0));
        assert!(busy.polls >= 103 && busy.remote_wakes >= 1 && busy.sleeps >= 1 && busy.tasks >= 1, "{busy:?}");
        assert!(!busy.busy.is_zero(), "{busy:?}");
        drop(held);
    });
}
