//! A runtime's threads: they begin, they hear of the end, and what is spawned meanwhile is run or
//! dropped.
//!
//! 1. `build` starts the threads; each makes its executor and waits for the word.
//! 2. A spawn reads that the gate is open, and pushes into the core's inbox; or it reads that it is
//!    shut.
//! 3. `shutdown` shuts the gate, drops what waits in the balanced queue, sets each core's phase
//!    under its lock, and wakes who waits for it.
//! 4. A core hears of it in its loop, runs down what it has, drops the rest and closes its inbox.
//! 5. Its thread tells that it has ended when its thread-locals have gone.
//!
//! The rule: whatever has passed the gate meets an inbox that is drained, or one that is closed.

#![cfg(wakeline_loom)]

use std::future::pending;
use std::time::Duration;

use loom::thread;
use wakeline::{Core, Cores, Runtime, unblock};
use wakeline_loom_tests::{Bound, Drops, Letter, model, wait_for};

/// A runtime whose end, if it comes by a drop, waits for every task.
fn runtime(cores: usize) -> Runtime {
    Runtime::builder().cores(Cores::exactly(cores)).drop_deadline(Duration::MAX).build().unwrap()
}

/// Shutdown against a spawn from elsewhere.
///
/// 1. A thread spawns on the core and awaits.
/// 2. The runtime is shut down meanwhile.
/// 3. The closure is run, or dropped, once, and the thread hears which.
#[test]
fn a_spawn_that_meets_the_shutdown_is_run_or_dropped() {
    model(Bound::Two, || {
        let (runtime, drops) = (runtime(1), Drops::default());
        let (handle, guard) = (runtime.handle(), drops.guard());
        let other = thread::spawn(move || wait_for(handle.spawn_on(0, move || async move { drop(guard) })).is_ok());
        let report = runtime.shutdown(Duration::MAX);
        other.join().unwrap();
        assert_eq!(drops.threads().len(), 1, "run or dropped, once");
        assert!(report.is_clean());
    });
}

/// The same, by way of the balanced queue.
#[test]
fn a_balanced_spawn_that_meets_the_shutdown_is_run_or_dropped() {
    model(Bound::Two, || {
        let (runtime, drops) = (runtime(1), Drops::default());
        let (handle, guard) = (runtime.handle(), drops.guard());
        let other = thread::spawn(move || wait_for(handle.spawn_balanced(move || async move { drop(guard) })).is_ok());
        let report = runtime.shutdown(Duration::MAX);
        let ran = other.join().unwrap();
        assert_eq!(drops.threads().len(), 1, "run or dropped, once");
        assert!(ran || report.finished == 0, "what was refused or dropped has not run");
    });
}

/// The request to stop against a task that is about to wait for it.
///
/// 1. A task waits for the end, or is about to; its core sleeps, or is about to.
/// 2. Another thread asks for the end.
/// 3. The task ends, and then the runtime does.
#[test]
fn a_task_that_waits_for_the_end_hears_of_it() {
    model(Bound::Two, || {
        let runtime = runtime(1);
        let handle = runtime.handle();
        let task = runtime.spawn_on(0, || async { Core::current().unwrap().stopping().await });
        let other = thread::spawn(move || handle.stop());
        assert!(runtime.shutdown(Duration::MAX).is_clean());
        other.join().unwrap();
        wait_for(task).unwrap();
    });
}

/// A job that is detached when the end is near.
///
/// 1. A task waits for the end; when it hears of it, it detaches a job and is over.
/// 2. Its core ends, and leaves the pool, which finishes.
/// 3. The job is run before the shutdown returns, and what it wrote is seen.
#[test]
fn a_job_that_is_detached_on_hearing_of_the_end_is_run() {
    model(Bound::Two, || {
        let (runtime, letter) = (runtime(1), Letter::new());
        let theirs = letter.clone();
        let flush = || async {
            Core::current().unwrap().stopping().await;
            unblock(move || theirs.write(7)).detach();
        };
        runtime.spawn_on(0, flush).detach();
        assert!(runtime.shutdown(Duration::MAX).is_clean());
        assert_eq!(letter.read(), 7);
    });
}

/// A closure that somebody has taken out of the inbox for a moment.
///
/// 1. Three closures are sent to a core. Before it has begun them the handles of two are dropped by
///    another thread, which then sweeps the inbox; in a model two are many.
/// 2. The runtime is shut down meanwhile: the core finds its inbox empty.
/// 3. It waits for the third one all the same, and runs it.
#[test]
fn a_closure_that_is_out_for_a_sweep_is_run_before_the_end() {
    model(Bound::Two, || {
        let (runtime, drops) = (runtime(1), Drops::default());
        let guard = drops.guard();
        let ended = [(), ()].map(|()| runtime.spawn_on(0, || async {}));
        let kept = runtime.spawn_on(0, move || async move { drop(guard) });
        let other = thread::spawn(move || drop(ended));
        let report = runtime.shutdown(Duration::MAX);
        other.join().unwrap();
        wait_for(kept).unwrap();
        assert!(report.is_clean() && drops.threads().len() == 1);
    });
}

/// The end of a core that sleeps, with a task that never ends.
///
/// 1. The core has nothing to do.
/// 2. The deadline has passed when it hears of the end; the task is dropped there.
#[test]
fn what_never_ends_is_dropped_by_its_core() {
    model(Bound::Three, || {
        let (runtime, drops) = (runtime(1), Drops::default());
        let guard = drops.guard();
        let task = runtime.spawn_on(0, move || async move {
            let _held = guard;
            pending::<()>().await
        });
        let report = runtime.shutdown(Duration::ZERO);
        assert_eq!((report.cancelled.len(), report.abandoned.len()), (1, 0));
        assert!(wait_for(task).unwrap_err().is_cancelled());
        let dropped = drops.threads();
        assert!(dropped.len() == 1 && dropped[0] != thread::current().id(), "dropped once, there");
    });
}

/// A main.
///
/// 1. The core is sent its main, and the caller sleeps.
/// 2. What it returns comes back, and the core sleeps until the runtime's drop.
#[test]
fn a_main_returns_to_who_waits() {
    model(Bound::Two, || {
        let runtime = runtime(1);
        assert_eq!(runtime.run(|core| async move { core.index() + 5 }), [5]);
    });
}

/// The gate, for those who know.
///
/// 1. The end is asked for, and then a thread begins.
/// 2. What that thread spawns is refused, by either way, although the core still runs.
#[test]
fn who_knows_that_the_end_has_begun_is_refused() {
    model(Bound::Three, || {
        let runtime = runtime(1);
        let handle = runtime.handle();
        handle.stop();
        let other = thread::spawn(move || {
            [handle.spawn_on(0, || async {}), handle.spawn_balanced(|| async {})].map(|task| wait_for(task).is_err())
        });
        let refused = other.join().unwrap();
        runtime.shutdown(Duration::MAX);
        assert_eq!(refused, [true, true]);
    });
}

/// A control that must fail: a spawner has no gate. What it brings while the core still runs is
/// run.
#[test]
#[should_panic = "it was refused"]
fn control_a_spawner_is_not_refused() {
    model(Bound::Three, || {
        let runtime = runtime(1);
        let handle = runtime.handle();
        handle.stop();
        let other = thread::spawn(move || wait_for(handle.spawner(0).spawn(|| async {})).is_err());
        let refused = other.join().unwrap();
        runtime.shutdown(Duration::MAX);
        assert!(refused, "it was refused");
    });
}
