//! Abort from anywhere: the future is dropped at the task's turn, by its owner, and never in the
//! caller's stack (L19).
//!
//! 1. A thread aborts: one read-modify-write sets QUEUED and ABORT; the winner of QUEUED pushes.
//! 2. When QUEUED was set before, the unlink that is to come sees ABORT.
//! 3. The owner drops the future instead of polling it; or the task has ended by itself, and
//!    nothing happens.
//!
//! The rule: an abort is a wake that carries one bit more. Its bugs elsewhere: JC1, JC2, TS1.

#![cfg(wakeline_loom)]

use std::future::pending;
use std::sync::Arc;

use loom::thread;
use wakeline::{LocalExecutor, RemoteTask};
use wakeline_loom_tests::{Bound, Drops, Letter, Probe, executor, model, wait_for};

/// An executor with a task that was polled once and left its waker. When it is polled again it
/// ends, or never does.
fn waiting_task(ends: bool) -> (LocalExecutor, RemoteTask<usize>, Arc<Probe>, Drops) {
    let (executor, probe, drops) = (executor(), Probe::new(), Drops::default());
    let (watched, guard) = (probe.clone(), drops.guard());
    let handle = executor.spawner().spawn(move || {
        watched.watch(move |_| {
            let _held = &guard;
            ends
        })
    });
    executor.run_until_stalled();
    (executor, handle, probe, drops)
}

/// L19.
///
/// 1. One thread aborts, another wakes.
/// 2. The owner polls the task to its end, or drops its future; once, and here.
#[test]
fn an_abort_and_a_wake_and_the_end_drop_the_future_once() {
    model(Bound::Three, || {
        let (executor, handle, probe, drops) = waiting_task(true);
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

/// The link is kept until the task's turn.
///
/// 1. A task that was woken waits in the run queue, and is QUEUED.
/// 2. The abort joins the word; or it comes after the unlink, and pushes.
/// 3. The future is dropped by its owner, at that turn or the next one.
#[test]
fn an_abort_of_a_task_that_waits_for_its_turn_is_not_lost() {
    model(Bound::All, || {
        let (executor, handle, probe, drops) = waiting_task(false);
        executor.spawn(async {}).detach();
        probe.waker().wake();
        assert!(executor.try_tick(), "the other one; the task is in the run queue, and linked");
        let other = thread::spawn(move || {
            handle.abort();
            handle.detach();
        });
        executor.turn(None).unwrap();
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
        assert_eq!(drops.threads(), [thread::current().id()], "dropped once, here");
    });
}

/// The executor goes with a task that waits for its turn, QUEUED.
///
/// 1. It gives the link up before it ends the task.
/// 2. A wake and an abort find QUEUED, or push into an inbox that may be closed, or find the task
///    over.
/// 3. The future is dropped once, here; the memory goes with the last of them.
#[test]
fn an_executor_may_go_with_tasks_that_wait_for_their_turn() {
    model(Bound::Three, || {
        let (executor, handle, probe, drops) = waiting_task(false);
        executor.spawn(async {}).detach();
        let waker = probe.waker();
        waker.wake_by_ref();
        assert!(executor.try_tick(), "the other one; the task is in the run queue, and linked");
        let other = thread::spawn(move || {
            waker.wake();
            handle.abort();
        });
        drop(executor);
        other.join().unwrap();
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
        let (executor, handle, probe, drops) = waiting_task(false);
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

/// Writes the letter when it is dropped.
struct WritesLate(Letter);

impl Drop for WritesLate {
    fn drop(&mut self) {
        self.0.write(7);
    }
}

/// An abort handle of a task of the owner's.
///
/// 1. The task's own handle stays with the owner, and nobody awaits it: so the task is not DEAD
///    before that goes.
/// 2. Another thread aborts, and looks whether the future is gone. When it hears so, what the drop
///    wrote is there.
/// 3. The owner ends the task at its turn, once, and the memory is freed by the one that goes last.
#[test]
fn who_hears_that_the_future_is_gone_sees_what_its_drop_wrote() {
    model(Bound::All, || {
        let (executor, letter) = (executor(), Letter::new());
        let late = WritesLate(letter.clone());
        let task = executor.spawn(async move {
            let _late = late;
            pending::<()>().await;
        });
        executor.run_until_stalled();
        let handle = task.abort_handle();
        let other = thread::spawn(move || {
            handle.abort();
            if handle.is_finished() {
                assert_eq!(letter.read(), 7);
            }
            handle
        });
        executor.turn(None).unwrap();
        let handle = other.join().unwrap();
        executor.run_until_stalled();
        assert!(handle.is_finished() && task.is_finished());
        assert!(wait_for(task).unwrap_err().is_cancelled());
    });
}

/// The same of a task that ends by itself, and of one that another thread spawned.
///
/// 1. Two abort handles are with two threads: one aborts, the other looks.
/// 2. The task returns, or is aborted first. Its future is dropped once, by its owner; a closure
///    that was not begun, by who aborts.
#[test]
fn an_abort_handle_meets_the_end_of_its_task() {
    for remote in [false, true] {
        model(Bound::Two, move || {
            let (executor, drops, letter) = (executor(), Drops::default(), Letter::new());
            let held = (WritesLate(letter.clone()), drops.guard());
            let future = move || async move { drop(held) };
            let aborts = if remote {
                let task = executor.spawner().spawn(future);
                let handle = task.abort_handle();
                task.detach();
                handle
            } else {
                let task = executor.spawn(future());
                let handle = task.abort_handle();
                task.detach();
                handle
            };
            let looks = aborts.clone();
            let others = [
                thread::spawn(move || aborts.abort()),
                thread::spawn(move || {
                    if looks.is_finished() {
                        assert_eq!(letter.read(), 7);
                    }
                }),
            ];
            executor.run_until_stalled();
            for other in others {
                other.join().unwrap();
            }
            executor.run_until_stalled();
            assert_eq!(executor.task_count(), 0);
            let here = thread::current().id();
            assert!(matches!(&drops.threads()[..], [dropped] if remote || *dropped == here), "dropped once, here");
        });
    }
}

/// A remote handle hears, and then asks an abort handle: both say the same.
#[test]
fn a_result_comes_after_its_task_is_said_to_be_gone() {
    model(Bound::Three, || {
        let executor = executor();
        let handle = executor.spawner().spawn(|| async { 1 });
        let other = thread::spawn(move || {
            let abort = handle.abort_handle();
            assert_eq!(wait_for(handle).unwrap(), 1);
            assert!(abort.is_finished());
        });
        executor.run_until_stalled();
        other.join().unwrap();
    });
}

/// An abort handle may outlive the executor, and abort into its end.
#[test]
fn an_abort_handle_may_meet_the_end_of_the_executor() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let guard = drops.guard();
        let task = executor.spawn(async move {
            let _held = guard;
            pending::<()>().await;
        });
        executor.run_until_stalled();
        let handle = task.abort_handle();
        task.detach();
        let other = thread::spawn(move || {
            handle.abort();
            handle.is_finished()
        });
        drop(executor);
        other.join().unwrap();
        assert_eq!(drops.threads(), [thread::current().id()], "dropped once, here");
    });
}

/// A control that must fail: who does not ask whether the future is gone reads what its drop writes
/// at the same time.
#[test]
#[should_panic = "Causality violation"]
fn control_an_abort_alone_orders_nothing() {
    model(Bound::All, || {
        let (executor, letter) = (executor(), Letter::new());
        let late = WritesLate(letter.clone());
        let task = executor.spawn(async move {
            let _late = late;
            pending::<()>().await;
        });
        executor.run_until_stalled();
        let handle = task.abort_handle();
        let other = thread::spawn(move || {
            handle.abort();
            letter.read()
        });
        executor.turn(None).unwrap();
        other.join().unwrap();
        executor.run_until_stalled();
        // What the drop panics with is the handle's.
        match wait_for(task) {
            Err(error) if error.is_panic() => error.resume_unwind(),
            ended => assert!(ended.unwrap_err().is_cancelled()),
        }
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
