//! The handle of a task on another thread: the result arrives once, and who waits is woken
//! (L25).
//!
//! 1. A thread polls the handle: it leaves its waker in the slot, under the lock.
//! 2. The owner ends the task: the result goes into the slot, the waker comes out, and is woken
//!    after the lock.
//! 3. Or the handle goes first: the result is dropped by the owner.
//! 4. Or the executor goes first: the task's end says that it was cancelled.
//!
//! The rule: nothing of the slot is touched after the lock is let go, and no waker is called and no
//! value dropped within it. Its bugs elsewhere: JC12, CH1, RC15.

#![cfg(wakeline_loom)]

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use loom::sync::Arc;
use loom::thread;
use wakeline::{JoinError, LocalExecutor, RemoteTask};
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
/// 3. The output is dropped once, and the waker that was left in the slot is dropped too, or loom
///    would count the latch as leaked.
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

/// Writes the letter when it is dropped, as the last thing that its task does.
struct WritesLate(Letter);

impl Drop for WritesLate {
    fn drop(&mut self) {
        self.0.write(7);
    }
}

/// 1. A thread awaits a task whose future writes a letter in its drop.
/// 2. The task returns, panics, or is cancelled by the end of its executor.
/// 3. What the thread hears comes after the drop: it reads the letter.
#[test]
fn the_future_has_gone_when_its_result_is_there() {
    type Step = fn() -> Poll<()>;
    let ways: [(Step, fn(Result<(), JoinError>) -> bool); 3] = [
        (|| Poll::Ready(()), |result| result.is_ok()),
        (|| std::panic::resume_unwind(Box::new("boom")), |result| result.unwrap_err().is_panic()),
        (|| Poll::Pending, |result| result.unwrap_err().is_cancelled()),
    ];
    for (step, is_right) in ways {
        model(Bound::All, move || {
            let (executor, letter) = (executor(), Letter::new());
            let late = WritesLate(letter.clone());
            let handle = executor.spawner().spawn(move || {
                poll_fn(move |_| {
                    let _held = &late;
                    step()
                })
            });
            let other = thread::spawn(move || {
                assert!(is_right(wait_for(handle)));
                assert_eq!(letter.read(), 7, "the drop came first");
            });
            executor.run_until_stalled();
            drop(executor);
            other.join().unwrap();
        });
    }
}

/// The same for a task that is aborted.
///
/// 1. A thread aborts and awaits.
/// 2. The owner drops the future at the task's turn, which writes the letter; in one of two models
///    it panics after that.
#[test]
fn the_future_of_an_aborted_task_has_gone_when_its_handle_hears() {
    /// Panics when it is dropped, without the hook.
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("boom"));
        }
    }
    for panics in [false, true] {
        model(Bound::Three, move || {
            let (executor, letter) = (executor(), Letter::new());
            let held = (WritesLate(letter.clone()), panics.then(|| Bomb));
            let handle = executor.spawner().spawn(move || async move {
                let _held = held;
                std::future::pending::<()>().await;
            });
            executor.run_until_stalled();
            let other = thread::spawn(move || {
                handle.abort();
                assert_eq!(wait_for(handle).unwrap_err().is_panic(), panics);
                assert_eq!(letter.read(), 7, "the drop came first");
            });
            // Asleep or not when the abort comes.
            executor.turn(None).unwrap();
            executor.run_until_stalled();
            other.join().unwrap();
        });
    }
}

/// 1. A thread polls the handle of a task that never ends, and drops it.
/// 2. The slot has let go of the waker at once; it does not wait for the task's end, which has only
///    been asked for.
#[test]
fn a_handle_that_goes_takes_its_waker_along() {
    model(Bound::All, || {
        let executor = executor();
        let handle = executor.spawner().spawn(std::future::pending::<()>);
        executor.run_until_stalled();
        let other = thread::spawn(move || {
            let latch = Arc::new(Latch::new());
            let waker = waker_of(&latch);
            let mut handle = handle;
            assert!(pin!(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
            drop(handle);
            drop(waker);
            assert_eq!(Arc::strong_count(&latch), 1, "the slot keeps the waker");
        });
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
    });
}

/// 1. A thread drops the handle of a task that never ends by itself.
/// 2. The owner, asleep or about to be, ends the task: an abort that did not come would leave it
///    there.
#[test]
fn a_handle_that_goes_ends_its_task() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let handle = never_ends(&executor, &drops);
        let other = thread::spawn(move || drop(handle));
        executor.turn(None).unwrap();
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0, "the task goes on");
        assert_eq!(drops.threads(), [thread::current().id()], "dropped once, here");
    });
}

fn never_ends(executor: &LocalExecutor, drops: &Drops) -> RemoteTask<()> {
    let guard = drops.guard();
    let handle = executor.spawner().spawn(move || async move {
        let _held = guard;
        std::future::pending::<()>().await;
    });
    executor.run_until_stalled();
    handle
}

/// A control that must fail: a handle that lets its task run on.
#[test]
#[should_panic = "the task goes on"]
fn control_a_handle_that_only_leaves_ends_nothing() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let handle = never_ends(&executor, &drops);
        let other = thread::spawn(move || handle.detach());
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0, "the task goes on");
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

/// A control that must fail: the owner writes after the task has returned, which nothing orders
/// before the read.
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
