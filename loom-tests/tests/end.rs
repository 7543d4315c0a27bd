//! The end of a task: its future is dropped once, by its owner; its memory is freed once, by
//! the one that leaves last (L14 to L17).
//!
//! 1. The task ends: its future is gone, the owner gives up the registry's reference, by a look
//!    that finds no other or by the read-modify- write that sets DEAD.
//! 2. Other threads hold wakers: they wake, clone, drop.
//! 3. From DEAD on the remote word alone decides: the one step that makes it *DEAD, count 0, not
//!    QUEUED* frees.
//!
//! The rule: QUEUED is the inbox's reference, each waker counts for itself, and every step that
//! gives one up is ordered before the free. Memory that is freed twice, too early, or never fails
//! these models: a canary lies in it. Bugs elsewhere: TS3, TS4, RC1, RC2, RC15.

#![cfg(wakeline_loom)]

use std::cell::RefCell;
use std::future::poll_fn;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use loom::thread;
use wakeline::LocalExecutor;
use wakeline_loom_tests::{Bound, Drops, Probe, executor, model};

/// A task that has left its waker, and ends at its next poll.
fn waiting(executor: &LocalExecutor, probe: &std::sync::Arc<Probe>) -> wakeline::Task<usize> {
    let task = executor.spawn(probe.watch(|_| true));
    executor.run_until_stalled();
    task
}

/// L14.
///
/// 1. The owner polls the task, which ends.
/// 2. A remote wake by value comes before, during or after.
/// 3. No poll follows the end, and the block is freed by the drain or by the waker.
#[test]
fn a_wake_of_a_task_that_ends_polls_nothing_and_frees_once() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let task = waiting(&executor, &probe);
        let waker = probe.waker();
        waker.wake_by_ref();
        let other = thread::spawn(move || waker.wake());
        executor.run_until_stalled();
        assert!(task.is_finished());
        drop(task);
        executor.run_until_stalled();
        assert_eq!(probe.polls(), 2);
        other.join().unwrap();
        executor.run_until_stalled();
    });
}

/// L15.
///
/// 1. The owner ends the task and looks whether others refer to it.
/// 2. Another thread drops the last waker, before or after.
#[test]
fn the_last_waker_or_the_owner_frees() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let task = waiting(&executor, &probe);
        let waker = probe.waker();
        waker.wake_by_ref();
        let other = thread::spawn(move || drop(waker));
        executor.run_until_stalled();
        drop(task);
        other.join().unwrap();
        assert_eq!(probe.polls(), 2);
    });
}

/// L16.
///
/// 1. Another thread clones its waker and drops both.
/// 2. The owner's look that finds the registry's reference alone comes before the clone or after
///    both drops; else DEAD is set and the last drop frees.
#[test]
fn a_clone_made_elsewhere_counts() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let task = waiting(&executor, &probe);
        let waker = probe.waker();
        waker.wake_by_ref();
        let other = thread::spawn(move || {
            let clone = waker.clone();
            drop(waker);
            drop(clone);
        });
        executor.run_until_stalled();
        drop(task);
        other.join().unwrap();
    });
}

/// L15 with two threads: the last of three parties frees, whichever it is.
#[test]
fn of_two_wakers_and_the_owner_the_last_frees() {
    model(Bound::Three, || {
        let (executor, probe) = (executor(), Probe::new());
        let task = waiting(&executor, &probe);
        let waker = probe.waker();
        let wakers = [waker.clone(), waker.clone()];
        waker.wake();
        let others = wakers.map(|waker| thread::spawn(move || drop(waker)));
        executor.run_until_stalled();
        drop(task);
        for other in others {
            other.join().unwrap();
        }
    });
}

/// L17.
///
/// 1. A remote wake is on its way: QUEUED is won, the push may or may not have happened.
/// 2. The owner cancels the task and lets go.
/// 3. The link is a reference: the drain that unlinks it, or the waker that goes last, frees.
#[test]
fn a_task_that_dies_while_it_is_queued_is_freed_once() {
    model(Bound::All, || {
        let (executor, probe, drops) = (executor(), Probe::new(), Drops::default());
        let guard = drops.guard();
        let task = executor.spawn(probe.watch(move |_| {
            let _held = &guard;
            true
        }));
        executor.run_until_stalled();
        let waker = probe.waker();
        let other = thread::spawn(move || waker.wake());
        drop(task);
        executor.run_until_stalled();
        assert_eq!(drops.threads(), [thread::current().id()], "dropped once, here");
        executor.run_until_stalled();
        other.join().unwrap();
        drop(executor);
    });
}

/// L17, and the next sleep: the drain that frees comes after a sleep that the dead task's push has
/// ended.
#[test]
fn a_dead_task_in_the_inbox_disturbs_nobody() {
    model(Bound::Two, || {
        let (executor, probe, live) = (executor(), Probe::new(), Probe::new());
        let task = waiting(&executor, &probe);
        let other_task = executor.spawn(live.watch(|_| true));
        executor.run_until_stalled();
        let (dead, waker) = (probe.waker(), live.waker());
        let others = [thread::spawn(move || dead.wake()), thread::spawn(move || waker.wake())];
        drop(task);
        assert_eq!(executor.block_on(other_task).unwrap(), 2);
        for other in others {
            other.join().unwrap();
        }
    });
}

/// The output goes to the handle while a waker is still out.
///
/// 1. The task ends, its handle holds the output.
/// 2. The waker goes.
/// 3. The handle takes the output and goes. Nobody frees before.
#[test]
fn an_output_waits_for_its_handle() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let mut task = waiting(&executor, &probe);
        let waker = probe.waker();
        waker.wake_by_ref();
        let other = thread::spawn(move || waker.wake());
        assert_eq!(executor.block_on(&mut task).unwrap(), 2);
        drop(task);
        other.join().unwrap();
    });
}

/// A task returns the handle of another that it has awaited.
///
/// 1. The other's joiner is a reference to the first that stays on this thread.
/// 2. The first has ended, its handle goes, and with it the output, and with that the other's
///    handle and the reference in it.
/// 3. That reference is the last one, in the middle of the drop of the handle, which must not free
///    what it goes on to read.
#[test]
fn an_output_may_hold_the_last_reference_to_its_own_task() {
    model(Bound::All, || {
        let executor = executor();
        let task = executor.spawn(async {
            let mut other = wakeline::spawn(std::future::pending::<()>());
            poll_fn(|cx| {
                assert!(Pin::new(&mut other).poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            other
        });
        executor.run_until_stalled();
        assert!(task.is_finished());
        drop(task);
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
    });
}

/// A task that is over is kept by the references that travel, and by nothing else.
///
/// 1. A task ends and is settled; its waker is still there.
/// 2. Something on this thread is polled with that waker, keeps it for later, and the waker goes.
/// 3. What was kept is woken: it must have been a reference of its own that the task's memory waits
///    for.
#[test]
fn a_waker_of_an_ended_task_can_still_be_waited_with() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let ended = waiting(&executor, &probe);
        let waker = probe.waker();
        drop(ended);
        executor.run_until_stalled();
        let mut task = executor.spawn(wakeline::yield_now());
        executor.block_on(poll_fn(|_| {
            assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
            Poll::Ready(())
        }));
        drop(waker);
        executor.run_until_stalled();
        assert!(task.is_finished());
    });
}

/// A joiner's `clone` is anybody's code.
///
/// 1. The handle is polled with a waker whose clone runs the executor.
/// 2. The task ends in there, when no joiner is known yet.
/// 3. The poll of the handle finds the end by itself; else nobody would ever wake it.
#[test]
fn a_task_that_ends_while_its_joiner_is_cloned_is_not_waited_for() {
    thread_local! { static EXECUTOR: RefCell<Option<Rc<LocalExecutor>>> = const { RefCell::new(None) } }
    fn run_the_executor() {
        let executor = EXECUTOR.take();
        if let Some(executor) = executor {
            executor.run_until_stalled();
        }
    }
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            run_the_executor();
            RawWaker::new(ptr::null(), &VTABLE)
        },
        |_| {},
        |_| {},
        |_| {},
    );
    model(Bound::All, || {
        let executor = Rc::new(executor());
        EXECUTOR.set(Some(executor.clone()));
        let mut task = executor.spawn(async { 5 });
        // SAFETY: the functions of this waker touch no data.
        let waker = unsafe { Waker::new(ptr::null(), &VTABLE) };
        let polled = Pin::new(&mut task).poll(&mut Context::from_waker(&waker));
        assert!(matches!(polled, Poll::Ready(Ok(5))), "{polled:?}");
    });
}

/// A panic's payload is anybody's type.
///
/// 1. A detached task panics, and nobody wants the payload.
/// 2. The drop of the payload panics.
/// 3. The task has ended once, and the executor goes on.
#[test]
fn a_payload_whose_drop_panics_ends_its_task_once() {
    struct Spiteful;
    impl Drop for Spiteful {
        fn drop(&mut self) {
            panic!("from the drop of a payload");
        }
    }
    model(Bound::All, || {
        let executor = LocalExecutor::new();
        let drops = Drops::default();
        let guard = drops.guard();
        executor
            .spawn(async move {
                let _held = guard;
                std::panic::panic_any(Spiteful)
            })
            .detach();
        executor.run_until_stalled();
        assert_eq!(drops.threads().len(), 1);
        assert_eq!(executor.task_count(), 0);
        let task = executor.spawn(async { 1 });
        assert_eq!(executor.block_on(task).unwrap(), 1);
    });
}

/// A control that must fail.
///
/// 1. A thread drops a reference that it does not have.
/// 2. The owner, or that thread, frees under the other.
#[test]
#[should_panic]
fn control_a_waker_dropped_twice_is_noticed() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let task = waiting(&executor, &probe);
        let waker = probe.waker();
        waker.wake_by_ref();
        let second = waker.clone();
        let other = thread::spawn(move || {
            let waker = ManuallyDrop::new(waker);
            // SAFETY: there is no such right; that is what this control shows.
            drop(unsafe { ptr::read(&*waker) });
            // SAFETY: as above.
            drop(unsafe { ptr::read(&*waker) });
        });
        executor.run_until_stalled();
        drop(task);
        other.join().unwrap();
        second.wake();
    });
}

/// A control that must fail: a waker that is never dropped keeps its task's memory.
#[test]
#[should_panic = "leaked"]
fn control_a_waker_that_is_forgotten_is_counted_as_a_leak() {
    model(Bound::All, || {
        let (executor, probe) = (executor(), Probe::new());
        let task = waiting(&executor, &probe);
        std::mem::forget(probe.waker());
        drop(task);
        executor.run_until_stalled();
    });
}
