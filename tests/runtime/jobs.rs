//! The closures of `unblock` when their runtime ends: they are run until the deadline, and named
//! when they were not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use wakeline::runtime::{Abandoned, Handle};
use wakeline::{Core, PanicPolicy, Runtime, block_on, unblock};

use super::{Blocked, block_until_released, runtime, with_cores};
use crate::support::{OnDrop, assert_contains, must_end, rounds, wait_until};

const LONG: Duration = Duration::from_secs(25);

/// Counts what has run.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A closure that adds one.
    fn job(&self) -> impl FnOnce() + Send + use<> {
        let count = self.clone();
        move || count.add()
    }
}

fn with_threads(threads: usize) -> Runtime {
    with_cores(2).blocking_threads(threads).build().unwrap()
}

/// A job that occupies a thread of the runtime until the sender is dropped.
fn occupy(runtime: &Runtime) -> std::sync::mpsc::Sender<()> {
    let (release, wait) = channel();
    let (begun, inside) = channel();
    runtime.block_on(async {
        let blocked = unblock(move || {
            begun.send(()).unwrap();
            block_until_released(&wait);
        });
        blocked.detach();
    });
    inside.recv().unwrap();
    release
}

/// A job that ends when both cores have: what is queued behind it on one thread is begun after
/// that.
fn outlast_the_cores(handle: &Handle) -> impl FnOnce() + Send + use<> {
    let handle = handle.clone();
    move || (0..2).for_each(|core| while block_on(handle.spawner(core).spawn(|| async {})).is_ok() {})
}

#[test]
fn detached_jobs_are_run_before_the_runtime_has_ended() {
    must_end(|| {
        for threads in [1, 2, 512] {
            for _ in 0..rounds(20) {
                let (runtime, count) = (with_threads(threads), Count::default());
                runtime.block_on(async {
                    (0..threads.min(2)).for_each(|_| unblock(outlast_the_cores(&runtime.handle())).detach());
                    (0..11).for_each(|_| unblock(count.job()).detach());
                });
                let report = runtime.shutdown(LONG);
                assert_eq!((count.get(), report.is_clean()), (11, true), "{report}");
            }
        }
    });
}

#[test]
fn a_job_that_is_submitted_on_hearing_of_the_end_is_run() {
    must_end(|| {
        for round in 0..rounds(200) {
            let (runtime, count) = (with_threads(1 + round % 2), Count::default());
            for core in 0..2 {
                let flush = count.job();
                let listen = runtime.spawn_on(core, || async {
                    Core::current().unwrap().stopping().await;
                    unblock(flush).detach();
                });
                listen.detach();
            }
            let report = runtime.shutdown(LONG);
            assert_eq!((count.get(), report.is_clean()), (2, true), "round {round}: {report}");
        }
    });
}

#[test]
fn a_job_whose_handle_is_kept_outside_is_run_as_well() {
    must_end(|| {
        let runtime = with_threads(1);
        let jobs: Vec<_> = runtime.block_on(async {
            unblock(outlast_the_cores(&runtime.handle())).detach();
            (0..11).map(|number| unblock(move || number)).collect()
        });
        assert!(runtime.shutdown(LONG).is_clean());
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(block_on(job).unwrap(), number);
        }
    });
}

#[test]
fn a_task_sees_the_results_of_its_jobs_before_it_would_be_cancelled() {
    must_end(|| {
        let runtime = with_threads(1);
        let task = runtime.spawn_on(1, || async {
            let mut sum = 0;
            Core::current().unwrap().stopping().await;
            for number in 0..20 {
                sum += unblock(move || number).await.unwrap();
            }
            sum
        });
        let report = runtime.shutdown(LONG);
        assert_eq!((block_on(task).unwrap(), report.is_clean()), (190, true), "{report}");
    });
}

#[test]
fn jobs_of_jobs_and_of_tasks_that_are_dropped_are_run() {
    fn chain(count: Count, left: usize) {
        count.add();
        if left > 0 {
            unblock(move || chain(count, left - 1)).detach();
        }
    }
    must_end(|| {
        let (runtime, count) = (with_threads(1), Count::default());
        let inside = count.clone();
        runtime.block_on(async {
            unblock(outlast_the_cores(&runtime.handle())).detach();
            unblock(move || chain(inside, 49)).detach();
        });
        // Cancelled by its handle when the end has begun, while its core still runs.
        let (begun, is_begun) = channel();
        let flush = count.job();
        let held = runtime.spawn_on(0, move || async move {
            let _flush = OnDrop::new(|| unblock(flush).detach());
            begun.send(()).unwrap();
            std::future::pending::<()>().await
        });
        is_begun.recv().unwrap();
        let listen = runtime.spawn_on(1, || async move {
            Core::current().unwrap().stopping().await;
            held.cancel().await;
        });
        listen.detach();
        let report = runtime.shutdown(LONG);
        assert_eq!((count.get(), report.is_clean()), (51, true), "{report}");
    });
}

#[test]
fn what_was_not_begun_at_the_deadline_is_dropped_and_named() {
    must_end(|| {
        for deadline in [Duration::ZERO, Duration::from_millis(20)] {
            let runtime = with_threads(1);
            let release = occupy(&runtime);
            let dropped = Count::default();
            let line = line!() + 5;
            runtime.block_on(async {
                for _ in 0..3 {
                    let dropped = dropped.clone();
                    let guard = OnDrop::new(move || dropped.add());
                    unblock(move || drop(guard)).detach();
                }
            });
            let mut awaited = None;
            runtime.block_on(async { awaited = Some(unblock(|| unreachable!("never begun"))) });
            let report = runtime.shutdown(deadline);
            assert!(!report.is_clean());
            assert_eq!((report.not_begun.len(), report.abandoned.len(), dropped.get()), (4, 1, 3), "{report}");
            assert!(matches!(report.abandoned[0], Abandoned::Job(_)));
            let job = &report.not_begun[0];
            assert_eq!((job.name(), job.location().unwrap().line()), (None, line));
            let words = ["4 jobs not begun", "not begun: 3 jobs (spawned at", "not begun: job #", "jobs.rs"];
            assert_contains(&report.to_string(), &words);
            assert!(block_on::<wakeline::Unblock<()>>(awaited.unwrap()).unwrap_err().is_cancelled());
            drop(release);
        }
    });
}

#[test]
fn a_stuck_core_keeps_no_job_from_being_run_or_named() {
    must_end(|| {
        let (runtime, count) = (with_threads(1), Count::default());
        let blocked = Blocked::on(&runtime.handle(), 0).detach();
        runtime.block_on(async { (0..11).for_each(|_| unblock(count.job()).detach()) });
        let report = runtime.shutdown(Duration::from_millis(500));
        assert_eq!((report.abandoned.len(), count.get() + report.not_begun.len()), (1, 11), "{report}");
        drop(blocked);
    });
}

#[test]
fn a_runtime_that_is_dropped_runs_its_jobs_too() {
    must_end(|| {
        let count = Count::default();
        let built = || with_cores(2).blocking_threads(1).drop_deadline(LONG).build().unwrap();
        let runtime = built();
        runtime.block_on(async {
            unblock(outlast_the_cores(&runtime.handle())).detach();
            (0..11).for_each(|_| unblock(count.job()).detach());
        });
        drop(runtime);
        assert_eq!(count.get(), 11);
        // Inside a task nobody waits for it, and nothing is lost all the same.
        let runtime = built();
        runtime.block_on(async {
            unblock(outlast_the_cores(&runtime.handle())).detach();
            (0..11).for_each(|_| unblock(count.job()).detach());
        });
        block_on(async move { drop(runtime) });
        wait_until(|| count.get() == 22);
    });
}

#[test]
fn the_deadline_holds_for_a_runtime_that_nobody_waits_for() {
    must_end(|| {
        let runtime = with_cores(1).blocking_threads(1).drop_deadline(Duration::ZERO).build().unwrap();
        let (release, count) = (occupy(&runtime), Count::default());
        let inside = count.clone();
        let guard = OnDrop::new(move || inside.add());
        let mut job = None;
        let never = move || {
            let _guard = guard;
            unreachable!("never begun")
        };
        runtime.block_on(async { job = Some(unblock(never)) });
        block_on(async move { drop(runtime) });
        drop(release);
        assert!(block_on::<wakeline::Unblock<()>>(job.unwrap()).unwrap_err().is_cancelled());
        assert_eq!(count.get(), 1);
    });
}

#[test]
fn a_detached_job_that_panics_ends_nothing_under_any_policy() {
    must_end(|| {
        for policy in [PanicPolicy::Isolate, PanicPolicy::Propagate] {
            let runtime = with_cores(1).panic_policy(policy).build().unwrap();
            runtime.block_on(async { unblock(|| panic!("of a detached job")).detach() });
            assert!(runtime.shutdown(LONG).is_clean());
        }
        assert!(runtime(1).shutdown(LONG).is_clean());
    });
}
