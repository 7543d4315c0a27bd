//! Abort from anywhere: the future is dropped at the task's turn, by its owner, and never in the caller's stack (L19).
//!
//! 1. A thread aborts: one read-modify-write sets QUEUED and ABORT; the winner of QUEUED pushes.
//! 2. When QUEUED was set before, the unlink that is to come sees ABORT.
//! 3. The owner drops the future instead of polling it; or the task has ended by itself, and nothing happens.
//!
//! The rule: an abort is a wake that carries one bit more. Its bugs elsewhere: JC1, JC2, TS1.

#![cfg(wakeline_loom)]

use std::future::pending;

use loom::thread;
use wakeline_loom_tests::{Bound, Drops, Probe, executor, model, wait_for};

/// L19.
///
/// 1. One thread aborts, another wakes.
/// 2. The owner polls the task to its end, or drops its future; once, and here.
#[test]
fn an_abort_and_a_wake_and_the_end_drop_the_future_once() {
    model(Bound::Three, || {
        let (executor, probe, drops) = (executor(), Probe::new(), Drops::default());
        let (watched, guard) = (probe.clone(), drops.guard());
        let handle = executor.spawner().spawn(move || {
            watched.watch(move |_| {
                let _held = &guard;
                true
            })
        });
        executor.run_until_stalled();
        let waker = probe.waker();
        let others = [thread::spawn(move || waker.wake()), thread::spawn(move || handle.abort())];
        executor.turn(None).unwrap();
        for other in others {
            other.join().unwrap();
        }
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
        assert_eq!(drops.threads(), [thread::current().id()], "dropped once, here");
    });
}

/// L19.
///
/// 1. A wake has set QUEUED and may have pushed.
/// 2. The same thread aborts: the bit joins the word.
/// 3. The task never ends by itself, so an abort that got lost would leave it there.
#[test]
fn an_abort_of_a_queued_task_is_not_lost() {
    model(Bound::All, || {
        let (executor, probe, drops) = (executor(), Probe::new(), Drops::default());
        let (watched, guard) = (probe.clone(), drops.guard());
        let handle = executor.spawner().spawn(move || {
            watched.watch(move |_| {
                let _held = &guard;
                false
            })
        });
        executor.run_until_stalled();
        let waker = probe.waker();
        let other = thread::spawn(move || {
            waker.wake();
            handle.abort();
            handle.detach();
        });
        executor.turn(None).unwrap();
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0, "the abort was lost");
        assert_eq!(drops.threads(), [thread::current().id()], "dropped once, here");
    });
}

/// 1. A thread cancels and waits.
/// 2. When `cancel` returns, the future has been dropped by its owner.
#[test]
fn cancel_returns_after_the_drop() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let (guard, here) = (drops.guard(), thread::current().id());
        let handle = executor.spawner().spawn(move || async move {
            let _held = guard;
            pending::<()>().await;
        });
        executor.run_until_stalled();
        let other = thread::spawn(move || {
            assert_eq!(wait_for(handle.cancel()), None);
            assert_eq!(drops.threads(), [here], "dropped before, there");
        });
        executor.turn(None).unwrap();
        executor.run_until_stalled();
        other.join().unwrap();
    });
}

/// JC2.
///
/// 1. A thread aborts.
/// 2. The executor is dropped before, during or after.
#[test]
fn an_abort_may_meet_the_end_of_the_executor() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let guard = drops.guard();
        let handle = executor.spawner().spawn(move || async move {
            let _held = guard;
            pending::<()>().await;
        });
        executor.run_until_stalled();
        let other = thread::spawn(move || drop(handle));
        drop(executor);
        other.join().unwrap();
        assert_eq!(drops.threads(), [thread::current().id()], "dropped once, here");
    });
}

/// A control that must fail.
///
/// 1. The thread wakes where it should abort.
/// 2. The task is polled, and stays.
#[test]
#[should_panic = "the abort was lost"]
fn control_a_wake_is_no_abort() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let watched = probe.clone();
        let handle = executor.spawner().spawn(move || watched.watch(|_| false));
        executor.run_until_stalled();
        let waker = probe.waker();
        let other = thread::spawn(move || {
            waker.wake();
            handle.detach();
        });
        executor.turn(None).unwrap();
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0, "the abort was lost");
    });
}
