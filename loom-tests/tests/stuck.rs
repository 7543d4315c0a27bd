//! An executor whose thread does not come back: what it has not begun is dropped by another thread,
//! and everything else stays its own.
//!
//! 1. The executor is in a poll that does not return, or so it seems. Closures and wakes gather in
//!    its inbox.
//! 2. Another thread takes them out. It drops the closures, whose handles hear, and pushes the
//!    wakes again.
//! 3. The executor comes back after all, at any of these steps.
//! 4. The handle of a closure ends it: it sets ABORT while NEW is set, and drops the closure on its
//!    own thread. The one that takes the task out cannot begin it then, and gives up the link.
//!
//! The rule: a link belongs to the one that took it out, and an inbox that says ASLEEP is left
//! alone. A closure belongs to the one that clears NEW, or sets ABORT under it.

#![cfg(wakeline_loom)]

use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
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
/// 2. Its handle aborts it, while a thread drops what has not begun: it is one of the two.
#[test]
fn an_abort_of_a_closure_that_is_dropped_elsewhere_reaches_no_executor() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let (spawner, guard) = (executor.spawner(), drops.guard());
        let handle = spawner.spawn(move || async move { drop(guard) });
        let other = thread::spawn(move || drop_unbegun(&spawner));
        handle.abort();
        let dropped_there = other.join().unwrap() == 1;
        assert!(matches!(&drops.threads()[..], [thread] if (*thread != thread::current().id()) == dropped_there));
        assert!(wait_for(handle).unwrap_err().is_cancelled());
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
    });
}

/// 1. A closure waits in the inbox.
/// 2. Its handle ends it and waits, while the executor comes to it.
/// 3. It was run there, or dropped here before the wait is over; once. Nothing of it is left.
#[test]
fn a_closure_is_begun_by_its_executor_or_ended_by_its_handle() {
    model(Bound::Three, || {
        let (executor, drops) = (executor(), Drops::default());
        let guard = drops.guard();
        let handle = executor.spawner().spawn(move || async move {
            drop(guard);
            thread::current().id()
        });
        let (here, theirs) = (thread::current().id(), drops.clone());
        let other = thread::spawn(move || {
            let ran = wait_for(handle.cancel());
            assert_eq!(theirs.threads().len(), 1, "gone before the wait is over");
            assert!(ran.is_none_or(|there| there == here));
        });
        executor.turn(Some(Duration::ZERO)).unwrap();
        executor.turn(Some(Duration::ZERO)).unwrap();
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!((executor.task_count(), drops.threads().len()), (0, 1));
    });
}

/// 1. A closure waits in the inbox.
/// 2. Its handle goes, while the executor does.
/// 3. It is dropped once; the executor's memory and the task's are touched by nobody who does not
///    keep them, and are freed.
#[test]
fn a_handle_may_go_while_an_executor_does_that_has_not_begun() {
    model(Bound::All, || {
        let (executor, drops) = (executor(), Drops::default());
        let guard = drops.guard();
        let handle = executor.spawner().spawn(move || async move { drop(guard) });
        let other = thread::spawn(move || drop(handle));
        drop(executor);
        other.join().unwrap();
        assert_eq!(drops.threads().len(), 1);
    });
}

/// 1. A closure waits in the inbox, and owns the handle of another one that does.
/// 2. The outer one is ended by its handle, while the executor comes to both.
#[test]
fn a_closure_that_owns_the_handle_of_another_ends_that_one_too() {
    model(Bound::Three, || {
        let (executor, drops) = (executor(), Drops::default());
        let (inner, outer) = (drops.guard(), drops.guard());
        let handle = executor.spawner().spawn(move || async move { drop(inner) });
        let handle = executor.spawner().spawn(move || async move { drop((outer, handle)) });
        let other = thread::spawn(move || drop(handle));
        executor.turn(Some(Duration::ZERO)).unwrap();
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!((executor.task_count(), drops.threads().len()), (0, 2));
    });
}

/// Sweep against the owner. In a model two ended closures are many.
///
/// 1. Three closures wait in the inbox. The handles of the first and the last end them; the second
///    of these drops sweeps the inbox.
/// 2. The executor comes to them meanwhile, sleeps, or is about to.
/// 3. The one in the middle is begun.
#[test]
fn what_a_sweep_puts_back_is_begun() {
    model(Bound::Two, || {
        let (executor, drops) = (executor(), Drops::default());
        let spawner = executor.spawner();
        let ended = [drops.guard(), drops.guard()];
        let kept = drops.guard();
        let [first, last] = ended.map(|guard| move || std::future::ready(drop(guard)));
        let first = spawner.spawn(first);
        let middle = spawner.spawn(move || std::future::ready(drop(kept)));
        let last = spawner.spawn(last);
        let other = thread::spawn(move || drop((first, last)));
        executor.block_on(middle).unwrap();
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!((executor.task_count(), drops.threads().len()), (0, 3));
    });
}

/// Sweep against a push and a wake: each pusher's order is kept.
///
/// 1. A closure and two more wait; the handles of these two are dropped by another thread, which
///    sweeps.
/// 2. This thread pushes a closure behind the first one, which may be in the inbox or out of it.
/// 3. The two are begun in their order.
#[test]
fn a_sweep_keeps_the_order_of_a_pusher() {
    model(Bound::Three, || {
        let (executor, order) = (executor(), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
        let spawner = executor.spawner();
        let ended = [(), ()].map(|()| spawner.spawn(|| std::future::ready(())));
        let send = |number| {
            let order = order.clone();
            spawner.spawn(move || std::future::ready(order.lock().unwrap().push(number))).detach();
        };
        send(1);
        let other = thread::spawn(move || drop(ended));
        send(2);
        other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!(*order.lock().unwrap(), [1, 2]);
    });
}

/// Sweep against the executor's drop.
///
/// 1. Closures and a wake wait in the inbox; a thread that ends two of the closures has taken all
///    of it out.
/// 2. The executor goes: nothing can be put back.
/// 3. Each is dropped and freed once, the wake's task by its own thread.
#[test]
fn what_a_sweep_cannot_put_back_is_dropped_once() {
    model(Bound::Two, || {
        let (executor, probe, drops) = (executor(), Probe::new(), Drops::default());
        executor.spawn(probe.watch(|_| false)).detach();
        executor.run_until_stalled();
        let (spawner, kept) = (executor.spawner(), drops.guard());
        let ended = [drops.guard(), drops.guard()].map(|guard| spawner.spawn(move || std::future::ready(drop(guard))));
        let handle = spawner.spawn(move || std::future::ready(drop(kept)));
        probe.waker().wake();
        let other = thread::spawn(move || drop(ended));
        drop(executor);
        other.join().unwrap();
        assert_eq!(drops.threads().len(), 3);
        assert!(wait_for(handle).unwrap_err().is_cancelled());
    });
}

/// A control that must fail: who puts back what it took one by one, each on top of what has come
/// meanwhile, turns a pusher's order round.
#[test]
#[should_panic = "in order"]
fn control_who_pushes_again_breaks_the_order() {
    model(Bound::All, || {
        let owner = Owner::new(Latch::new());
        let (first, second) = (owner.node(), owner.node());
        let (ids, thief) = ([first.id(), second.id()], owner.thief());
        first.waker().wake();
        let other = thread::spawn(move || thief.take_all());
        second.waker().wake();
        other.join().unwrap();
        assert_eq!(owner.take_all().collect::<Vec<_>>(), ids, "in order");
    });
}

/// A control that must fail: who looks whether it may end the closure, and then does, is not alone.
#[test]
#[should_panic = "ended twice"]
fn control_who_looks_first_and_then_ends_is_not_alone() {
    const NEW: usize = 1;
    const ABORT: usize = 2;
    model(Bound::All, || {
        let (word, ends) = (Arc::new(AtomicUsize::new(NEW)), Arc::new(AtomicUsize::new(0)));
        let (theirs, counts) = (word.clone(), ends.clone());
        let other = thread::spawn(move || {
            if theirs.load(Ordering::Acquire) & NEW != 0 {
                theirs.fetch_or(ABORT, Ordering::AcqRel);
                counts.fetch_add(1, Ordering::Relaxed);
            }
        });
        if word.fetch_and(!NEW, Ordering::AcqRel) & ABORT == 0 {
            ends.fetch_add(1, Ordering::Relaxed);
        }
        other.join().unwrap();
        assert_eq!(ends.load(Ordering::Relaxed), 1, "ended twice");
    });
}

/// A control that must fail: who takes ASLEEP away leaves an owner asleep that the next push does
/// not notify.
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
                owner.notifier().wait();
            }
            seen += owner.take_all().count();
        }
        other.join().unwrap();
        pushing.join().unwrap();
    });
}
