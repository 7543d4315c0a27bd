//! The end of an executor: what a late waker, or a late spawner, touches is still there (L18, L24).
//!
//! 1. A waker has pushed its task, and found the owner asleep.
//! 2. The owner wakes for another reason, takes the task, ends it, and drops the executor.
//! 3. The waker comes to notify: the task's memory is kept by the waker's own reference, and the
//!    executor's memory by the task, which took a reference to it before DEAD could be seen.
//!
//! The rule: a waker gives its reference back after its last access to the task and to the
//! executor; a settled task holds the executor's memory. Its bugs elsewhere: SN10
//! (async-executor#163), SN11, SN12, SD12.

#![cfg(wakeline_loom)]

use std::future::poll_fn;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr;
use std::task::{Poll, Waker};

use loom::thread;
use wakeline_loom_tests::{Bound, Drops, Findings, Probe, executor, model, wait_for};

/// L18 (SN10), as told above: a stale notification is what wakes the owner, which sleeps once and
/// then drops everything.
#[test]
fn a_waker_may_notify_after_its_executor_has_gone() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let task = executor.spawn(probe.watch(|_| true));
        executor.run_until_stalled();
        wakeline::model::notify(&executor.spawner());
        let waker = probe.waker();
        let other = thread::spawn(move || waker.wake());
        executor.turn(None).unwrap();
        drop(task);
        drop(executor);
        other.join().unwrap();
    });
}

/// L18.
///
/// 1. The owner drops the executor with the task waiting.
/// 2. The wake comes before the close and is drained by it, or after and is refused; either way the
///    future is dropped once, here, and the last of the two frees.
#[test]
fn a_wake_is_drained_or_refused_by_the_end() {
    model(Bound::All, || {
        let (executor, probe, drops) = (executor(), Probe::new(), Drops::default());
        let guard = drops.guard();
        executor
            .spawn(probe.watch(move |_| {
                let _held = &guard;
                true
            }))
            .detach();
        executor.run_until_stalled();
        let waker = probe.waker();
        let other = thread::spawn(move || waker.wake());
        drop(executor);
        assert_eq!(drops.threads(), [thread::current().id()], "dropped once, here");
        other.join().unwrap();
    });
}

/// L18 with two wakers of one task: a refused one takes its bit back while the other comes to win
/// it.
#[test]
fn two_wakers_may_meet_a_closed_inbox() {
    model(Bound::Three, || {
        let (executor, probe) = (executor(), Probe::new());
        executor.spawn(probe.watch(|_| true)).detach();
        executor.run_until_stalled();
        let waker = probe.waker();
        let others = [waker.clone(), waker].map(|waker| thread::spawn(move || waker.wake()));
        drop(executor);
        for other in others {
            other.join().unwrap();
        }
    });
}

/// L18 for the root.
///
/// 1. The waker of `block_on`'s future is with another thread.
/// 2. The call returns, and the executor is dropped.
#[test]
fn a_waker_of_the_root_may_come_late() {
    model(Bound::All, || {
        let executor = executor();
        let waker = executor.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let other = thread::spawn(move || waker.wake());
        drop(executor);
        other.join().unwrap();
    });
}

/// One executor's root waits for another's task.
///
/// 1. The root of B has left a reference that stays on this thread in a task of A.
/// 2. B is dropped.
/// 3. The task ends and wakes it: B's wake cell and B's memory are still there to refuse the wake.
#[test]
fn a_root_that_somebody_still_waits_with_outlives_its_executor() {
    model(Bound::All, || {
        let a = executor();
        let mut task = a.spawn(wakeline::yield_now());
        let b = executor();
        b.block_on(poll_fn(|cx| {
            assert!(Pin::new(&mut task).poll(cx).is_pending());
            Poll::Ready(())
        }));
        drop(b);
        a.run_until_stalled();
        assert!(task.is_finished());
    });
}

/// The same, and B's wake cell goes last because A's task never ends.
#[test]
fn a_root_is_freed_by_the_last_who_waits_with_it() {
    model(Bound::All, || {
        let a = executor();
        let mut task = a.spawn(std::future::pending::<()>());
        let b = executor();
        b.block_on(poll_fn(|cx| {
            assert!(Pin::new(&mut task).poll(cx).is_pending());
            Poll::Ready(())
        }));
        drop(b);
        drop(task);
        drop(a);
    });
}

/// L24.
///
/// 1. Another thread spawns: the task is pushed, or refused.
/// 2. The owner drops the executor.
/// 3. The closure, and the value in it, is dropped once, by one of the two, and the handle learns
///    of it.
#[test]
fn a_remote_spawn_against_the_end_is_dropped_once() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let (spawner, guard) = (executor.spawner(), drops.guard());
        let other = thread::spawn(move || {
            let task = spawner.spawn(move || {
                let _held = guard;
                std::future::ready(())
            });
            task.detach();
        });
        drop(executor);
        other.join().unwrap();
        assert_eq!(drops.threads().len(), 1);
    });
}

/// L24.
///
/// 1. Another thread spawns and awaits.
/// 2. The owner turns once and drops the executor.
/// 3. The handle gets the value or hears that the task was cancelled; it never waits for ever.
#[test]
fn a_remote_handle_hears_of_the_end() {
    model(Bound::Three, || {
        let (executor, drops) = (executor(), Drops::default());
        let (spawner, guard) = (executor.spawner(), drops.guard());
        let other = thread::spawn(move || {
            let result = wait_for(spawner.spawn(move || {
                let _held = guard;
                std::future::ready(6 * 7)
            }));
            match result {
                Ok(value) => assert_eq!(value, 42),
                Err(error) => assert!(error.is_cancelled()),
            }
        });
        executor.run_until_stalled();
        drop(executor);
        other.join().unwrap();
        assert_eq!(drops.threads().len(), 1);
    });
}

/// 1. B is dropped inside a task of A. What B's task does in its drop goes the way of other
///    threads: it wakes A's root, which is not the executor entered there, spawns on B, which is
///    over, and aborts itself.
/// 2. Another thread wakes B's task at any moment.
#[test]
fn an_executor_may_be_dropped_inside_a_task_of_another() {
    struct Busy {
        root: Waker,
        own: Option<Waker>,
        spawner: wakeline::Spawner,
        drops: Drops,
        findings: Findings,
    }
    impl Drop for Busy {
        fn drop(&mut self) {
            self.root.wake_by_ref();
            if let Some(own) = self.own.take() {
                own.wake();
            }
            let guard = self.drops.guard();
            let task = self.spawner.spawn(move || async move { drop(guard) });
            self.findings.note("refused", task.is_finished());
            let guard = self.drops.guard();
            let task = wakeline::spawn(async move { drop(guard) });
            self.findings.note("cancelled at once", task.is_finished());
            task.abort();
        }
    }
    model(Bound::Three, || {
        let (a, b, probe, drops) = (executor(), executor(), Probe::new(), Drops::default());
        let findings = Findings::default();
        let root = a.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let mut busy = Busy { root, own: None, spawner: b.spawner(), drops: drops.clone(), findings: findings.clone() };
        b.spawn(probe.watch(move |cx| {
            busy.own.replace(cx.waker().clone());
            false
        }))
        .detach();
        b.run_until_stalled();
        let waker = probe.waker();
        waker.wake_by_ref();
        b.run_until_stalled();
        let other = thread::spawn(move || waker.wake());
        a.block_on(async move { drop(b) });
        assert_eq!(drops.threads().len(), 2);
        findings.judge(2);
        other.join().unwrap();
    });
}

/// 1. An executor with four tasks is dropped, newest first. The drop of the newest wakes the third,
///    the drop of the second wakes the first.
/// 2. The third is dropped and freed before the second is. Were it made ready by its wake, it would
///    be linked in the run queue as it is freed, and the wake of the first would touch it there.
/// 3. Another thread wakes the first at any moment.
#[test]
fn what_is_woken_while_the_executor_goes_is_not_made_ready() {
    /// Wakes another task when it is dropped.
    struct WakesAnother(Option<Waker>);
    impl Drop for WakesAnother {
        fn drop(&mut self) {
            self.0.take().expect("dropped once").wake();
        }
    }
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let spawn = |wakes: Option<WakesAnother>| {
            let (probe, guard) = (Probe::new(), drops.guard());
            let watched = probe.watch(move |_| {
                let _held = (&wakes, &guard);
                false
            });
            executor.spawn(watched).detach();
            executor.run_until_stalled();
            probe.waker()
        };
        let first = spawn(None);
        let elsewhere = first.clone();
        let _second = spawn(Some(WakesAnother(Some(first))));
        let third = spawn(None);
        let _fourth = spawn(Some(WakesAnother(Some(third))));
        let other = thread::spawn(move || elsewhere.wake());
        drop(executor);
        assert_eq!(drops.threads(), [thread::current().id(); 4], "each dropped once, here");
        other.join().unwrap();
    });
}

/// 1. A task's drop spawns another, on the executor that is being dropped, and detaches it.
/// 2. It is dropped within the spawn: were it registered, it would be, too; were it made ready,
///    nobody would ever take it out.
#[test]
fn what_is_spawned_while_the_executor_goes_is_dropped_at_once() {
    /// Spawns when it is dropped, and looks what has become of it.
    struct Spawns(Drops, Findings);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let guard = self.0.guard();
            let task = wakeline::spawn(async move { drop(guard) });
            self.1.note("dropped within the spawn", task.is_finished() && self.0.threads().len() == 1);
            task.detach();
        }
    }
    model(Bound::All, || {
        let (executor, drops, findings) = (executor(), Drops::default(), Findings::default());
        let spawns = Spawns(drops.clone(), findings.clone());
        executor
            .spawn(async move {
                let _spawns = spawns;
                std::future::pending::<()>().await;
            })
            .detach();
        executor.run_until_stalled();
        drop(executor);
        findings.judge(1);
        assert_eq!(drops.threads().len(), 1);
    });
}

/// A control that must fail (SN10).
///
/// 1. A broken waker gives its reference back before it wakes.
/// 2. The owner ends the task meanwhile, and nothing keeps the memory that the waker goes on to
///    touch.
#[test]
#[should_panic]
fn control_a_waker_that_lets_go_before_it_notifies_touches_freed_memory() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let task = executor.spawn(probe.watch(|_| true));
        executor.run_until_stalled();
        wakeline::model::notify(&executor.spawner());
        let waker = probe.waker();
        let other = thread::spawn(move || {
            // SAFETY: there is no such right; that is what this control shows.
            let copy = ManuallyDrop::new(unsafe { ptr::read(&waker) });
            drop(waker);
            copy.wake_by_ref();
        });
        drop(task);
        executor.turn(None).unwrap();
        drop(executor);
        other.join().unwrap();
    });
}
