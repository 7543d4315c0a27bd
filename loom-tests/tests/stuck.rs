//! An executor whose thread does not come back: what it has not begun is dropped by another thread, and everything else stays its own.
//!
//! 1. The executor is in a poll that does not return, or so it seems. Closures and wakes gather in its inbox.
//! 2. Another thread takes them out. It drops the closures, whose handles hear, and pushes the wakes again.
//! 3. The executor comes back after all, at any of these steps.
//!
//! The rule: a link belongs to whoever took it out, and an inbox that says ASLEEP is left alone.

#![cfg(wakeline_loom)]

use loom::thread;
use wakeline::model::{Owner, drop_unbegun};
use wakeline_loom_tests::{Bound, Drops, Latch, Probe, executor, model, wait_for};

/// 1. A closure waits in the inbox.
/// 2. A thread drops what has not begun, while the executor comes back and takes it.
/// 3. It is run or dropped, once, and its handle hears which.
#[test]
fn a_closure_is_begun_by_its_executor_or_dropped_elsewhere() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let (spawner, guard) = (executor.spawner(), drops.guard());
        let handle = spawner.spawn(move || async move { drop(guard) });
        let other = thread::spawn(move || drop_unbegun(&spawner));
        executor.run_until_stalled();
        let dropped = other.join().unwrap();
        assert_eq!(drops.threads().len(), 1);
        assert_eq!(wait_for(handle).is_err(), dropped == 1);
        assert_eq!(executor.task_count(), 0);
    });
}

/// 1. A wake of a begun task is in the inbox, or on its way there.
/// 2. A thread takes it out and pushes it again, while the executor sleeps, is about to, or wakes.
/// 3. The task is polled.
#[test]
fn a_wake_that_is_taken_out_comes_back() {
    model(Bound::Three, || {
        let (executor, probe) = (executor(), Probe::new());
        let task = executor.spawn(probe.watch(|_| true));
        executor.run_until_stalled();
        let (waker, spawner) = (probe.waker(), executor.spawner());
        let waking = thread::spawn(move || waker.wake());
        let other = thread::spawn(move || assert_eq!(drop_unbegun(&spawner), 0));
        assert_eq!(executor.block_on(task).unwrap(), 2);
        waking.join().unwrap();
        other.join().unwrap();
    });
}

/// 1. A wake and a closure are in the inbox.
/// 2. A thread takes them out, while the executor is dropped.
/// 3. Both tasks are dropped and freed, once, the wake's by its own thread.
#[test]
fn what_is_taken_out_while_the_executor_ends_is_freed_once() {
    model(Bound::All, || {
        let (executor, probe, drops) = (executor(), Probe::new(), Drops::default());
        executor.spawn(probe.watch(|_| false)).detach();
        executor.run_until_stalled();
        let (spawner, guard) = (executor.spawner(), drops.guard());
        probe.waker().wake();
        let handle = spawner.spawn(move || async move { drop(guard) });
        let other = thread::spawn(move || drop_unbegun(&spawner));
        drop(executor);
        other.join().unwrap();
        assert_eq!(drops.threads().len(), 1);
        assert!(wait_for(handle).unwrap_err().is_cancelled());
    });
}

/// 1. A closure waits in the inbox.
/// 2. Its handle aborts it, while a thread drops it.
#[test]
fn an_abort_of_a_closure_that_is_dropped_elsewhere_reaches_no_executor() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let (spawner, guard) = (executor.spawner(), drops.guard());
        let handle = spawner.spawn(move || async move { drop(guard) });
        let other = thread::spawn(move || assert_eq!(drop_unbegun(&spawner), 1));
        handle.abort();
        other.join().unwrap();
        assert_eq!(drops.threads().len(), 1);
        assert!(wait_for(handle).unwrap_err().is_cancelled());
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
    });
}

/// A control that must fail: who takes ASLEEP away leaves an owner asleep whom the next push does not ring.
#[test]
#[should_panic = "deadlock"]
fn control_who_takes_asleep_away_lets_the_owner_oversleep() {
    model(Bound::Three, || {
        let owner = Owner::new(Latch::new());
        let node = owner.node();
        let (waker, thief) = (node.waker(), owner.thief());
        let other = thread::spawn(move || thief.take_all());
        let pushing = thread::spawn(move || waker.wake());
        let mut seen = 0;
        while seen == 0 {
            if owner.arm() {
                owner.bell().wait();
            }
            seen += owner.take_all().count();
        }
        other.join().unwrap();
        pushing.join().unwrap();
    });
}
