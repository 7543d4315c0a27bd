//! The handle of a task on another thread: the result arrives once, and whoever waits is woken (L25).
//!
//! 1. A thread polls the handle: it leaves its waker in the slot, under the lock.
//! 2. The owner ends the task: the result goes into the slot, the waker comes out, and is woken after the lock.
//! 3. Or the handle goes first: the result is dropped by the owner.
//! 4. Or the executor goes first: the task's end says that it was cancelled.
//!
//! The rule: nothing of the slot is touched after the lock is let go, and no waker is called and no value dropped within it. Its bugs
//! elsewhere: JC12, CH1, RC15.

#![cfg(wakeline_loom)]

use std::pin::pin;
use std::task::Context;

use loom::sync::Arc;
use loom::thread;
use wakeline_loom_tests::{Bound, Drops, Latch, Letter, executor, model, wait_for, waker_of};

/// L25.
///
/// 1. A thread spawns and awaits.
/// 2. The owner runs the task; what it wrote is seen by the thread, with the result.
#[test]
fn the_result_wakes_who_waits() {
    model(Bound::All, || {
        let (executor, letter) = (executor(), Letter::new());
        let theirs = letter.clone();
        let handle = executor.spawner().spawn(move || async move {
            theirs.write(7);
            1
        });
        let other = thread::spawn(move || {
            assert_eq!(wait_for(handle).unwrap(), 1);
            assert_eq!(letter.read(), 7);
        });
        executor.run_until_stalled();
        other.join().unwrap();
    });
}

/// L25.
///
/// 1. The thread polls once and then drops the handle.
/// 2. The task ends before, between or after.
/// 3. The output is dropped once, and the waker that was left in the slot is dropped too, or loom would count the latch as leaked.
#[test]
fn a_handle_may_go_while_the_task_ends() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let guard = drops.guard();
        let handle = executor.spawner().spawn(move || async move { guard });
        let other = thread::spawn(move || {
            let latch = Arc::new(Latch::new());
            let waker = waker_of(&latch);
            let _ = pin!(handle).poll(&mut Context::from_waker(&waker));
        });
        executor.run_until_stalled();
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
        assert_eq!(drops.threads().len(), 1);
    });
}

/// L25.
///
/// 1. The thread awaits.
/// 2. The owner drops the executor with or without having run the task.
/// 3. The thread hears of it.
#[test]
fn the_end_of_the_executor_wakes_who_waits() {
    model(Bound::All, || {
        let executor = executor();
        let handle = executor.spawner().spawn(|| std::future::pending::<()>());
        let other = thread::spawn(move || assert!(wait_for(handle).unwrap_err().is_cancelled()));
        executor.run_until_stalled();
        drop(executor);
        other.join().unwrap();
    });
}

/// L25.
///
/// 1. The waiting thread replaces the waker it left, while the task ends.
/// 2. The second one is woken, or the result is there.
#[test]
fn a_waker_may_be_replaced_while_the_task_ends() {
    model(Bound::All, || {
        let executor = executor();
        let handle = executor.spawner().spawn(|| async { 1 });
        let other = thread::spawn(move || {
            let mut handle = pin!(handle);
            let first = Arc::new(Latch::new());
            let polled = handle.as_mut().poll(&mut Context::from_waker(&waker_of(&first)));
            if polled.is_pending() {
                assert_eq!(wait_for(handle).unwrap(), 1);
            }
        });
        executor.run_until_stalled();
        other.join().unwrap();
    });
}

/// Two executors.
///
/// 1. One awaits, in `block_on`, a task of the other.
/// 2. The other wakes its root by way of its inbox.
#[test]
fn one_executor_awaits_a_task_of_another() {
    model(Bound::Three, || {
        let owner = executor();
        let handle = owner.spawner().spawn(|| async { 1 });
        let other = thread::spawn(move || assert_eq!(executor().block_on(handle).unwrap(), 1));
        owner.run_until_stalled();
        other.join().unwrap();
    });
}

/// A control that must fail: the owner writes after the task has returned, which nothing orders before the read.
#[test]
#[should_panic = "Causality violation"]
fn control_what_follows_the_result_is_not_ordered() {
    model(Bound::All, || {
        let (executor, letter) = (executor(), Letter::new());
        let theirs = letter.clone();
        let handle = executor.spawner().spawn(|| async { 1 });
        let other = thread::spawn(move || {
            let value = wait_for(handle).unwrap();
            (value, theirs.read())
        });
        executor.run_until_stalled();
        letter.write(7);
        other.join().unwrap();
    });
}
