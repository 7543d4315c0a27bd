//! The balanced queue: a closure that waits is taken, by a core that is free, once.
//!
//! 1. A core that has nothing to do looks into the queue; when it is empty, it goes onto the list
//!    of idle cores, under the same lock.
//! 2. It arms its inbox and sleeps.
//! 3. An addition takes one core off the list, under the lock, and wakes it by way of its inbox;
//!    unless one was called before and has not come.
//! 4. A core that was woken takes a closure, and calls the next core if more wait; or takes itself
//!    off the list. It does so before it polls anything.
//! 5. Before the first addition nobody is on the list; it wakes everybody.
//!
//! The rule: while a closure waits and a core is on the list, a core is on its way.

#![cfg(wakeline_loom)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use wakeline::LocalExecutor;
use wakeline::model::Queue;
use wakeline_loom_tests::{Bound, Drops, model, wait_for};

/// How often closures were called. Not loom's: it must not order anything.
type Calls = std::sync::Arc<AtomicUsize>;

/// Sleeps until so many closures were called, by whomever.
fn run_until(executor: &LocalExecutor, calls: &Calls, count: usize) {
    while calls.load(Ordering::Relaxed) < count {
        executor.turn(None).unwrap();
    }
}

fn call(calls: &Calls) -> impl FnOnce() -> std::future::Ready<()> + Send + 'static {
    let calls = calls.clone();
    move || {
        calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    }
}

/// A closure that keeps its thread until another of its kind runs.
fn meet(both: Arc<(Mutex<usize>, Condvar)>, calls: &Calls) -> impl FnOnce() -> std::future::Ready<()> + Send + 'static {
    let calls = calls.clone();
    move || {
        let (count, condvar) = &*both;
        let mut inside = count.lock().unwrap();
        *inside += 1;
        condvar.notify_all();
        while *inside < 2 {
            inside = condvar.wait(inside).unwrap();
        }
        calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    }
}

/// The first addition against sleep.
///
/// 1. The core sleeps, is about to, or is awake; it has seen the queue shut.
/// 2. The addition opens the queue and wakes all cores.
/// 3. The core takes the closure, or its sleep would have no end.
#[test]
fn the_first_addition_ends_the_sleep_or_prevents_it() {
    model(Bound::Three, || {
        let (queue, calls) = (Queue::new(1), Calls::default());
        let executor = queue.executor(0);
        let (spawner, adding, inside) = (executor.spawner(), queue.clone(), calls.clone());
        let other = thread::spawn(move || adding.spawn(&spawner, call(&inside)).unwrap().detach());
        run_until(&executor, &calls, 1);
        other.join().unwrap();
        assert_eq!(queue.close(), 0);
    });
}

/// A later addition against sleep.
///
/// 1. The core has run a closure, puts itself on the list and sleeps.
/// 2. Another closure comes at any time.
#[test]
fn a_later_addition_ends_the_sleep_or_prevents_it() {
    model(Bound::Three, || {
        let (queue, calls) = (Queue::new(1), Calls::default());
        let executor = queue.executor(0);
        let (spawner, adding, inside) = (executor.spawner(), queue.clone(), calls.clone());
        let other = thread::spawn(move || {
            for _ in 0..2 {
                adding.spawn(&spawner, call(&inside)).unwrap().detach();
            }
        });
        run_until(&executor, &calls, 2);
        other.join().unwrap();
        assert_eq!(queue.close(), 0);
    });
}

/// Two cores, two closures that wait for each other.
///
/// 1. Each keeps its thread until the other runs.
/// 2. So each core takes one, whatever they were doing: a closure that waited for the core that
///    runs the other one would wait for ever.
#[test]
fn a_closure_does_not_wait_for_a_core_that_is_blocked() {
    model(Bound::Three, || {
        let (queue, calls) = (Queue::new(2), Calls::default());
        let here = queue.executor(0);
        let (both, theirs) = (Arc::new((Mutex::new(0), Condvar::new())), (queue.clone(), calls.clone()));
        let other = thread::spawn(move || {
            let there = theirs.0.executor(1);
            run_until(&there, &theirs.1, 1);
        });
        for _ in 0..2 {
            queue.spawn(&here.spawner(), meet(both.clone(), &calls)).unwrap().detach();
        }
        run_until(&here, &calls, 1);
        other.join().unwrap();
        assert_eq!((calls.load(Ordering::Relaxed), queue.close()), (2, 0));
    });
}

/// A core that was idle and got something else to do.
///
/// 1. A core is on the list, or about to be, when it gets a task of its own.
/// 2. That task adds a closure, and keeps the thread until it was called.
/// 3. So the other core is woken for it, if it sleeps; who called the first one by mistake would
///    wait for ever.
#[test]
fn a_core_that_woke_for_something_else_is_not_counted_on() {
    model(Bound::Three, || {
        let (queue, calls, ended) = (Queue::new(2), Calls::default(), Calls::default());
        let here = queue.executor(0);
        // The queue is open from here on.
        queue.spawn(&here.spawner(), || std::future::ready(())).unwrap().detach();
        here.run_until_stalled();
        let spawner = here.spawner();
        let (theirs, inside, end) = (queue.clone(), calls.clone(), ended.clone());
        let other = thread::spawn(move || {
            let (adding, home) = (theirs.clone(), spawner.clone());
            let (called, counting) = (Arc::new((Mutex::new(false), Condvar::new())), inside.clone());
            let add_and_wait = move || {
                let tell = called.clone();
                let closure = move || {
                    counting.fetch_add(1, Ordering::Relaxed);
                    *tell.0.lock().unwrap() = true;
                    tell.1.notify_all();
                    std::future::ready(())
                };
                adding.spawn(&home, closure).unwrap().detach();
                let mut done = called.0.lock().unwrap();
                while !*done {
                    done = called.1.wait(done).unwrap();
                }
                end.fetch_add(1, Ordering::Relaxed);
                std::future::ready(())
            };
            spawner.spawn(add_and_wait).detach();
            run_until(&theirs.executor(1), &inside, 1);
        });
        run_until(&here, &ended, 1);
        other.join().unwrap();
        assert_eq!(queue.close(), 0);
    });
}

/// Addition against close.
///
/// 1. A closure is refused, or waits and is dropped by the close, or was taken before.
/// 2. It is called or dropped, once, and its handle hears which.
#[test]
fn a_closure_is_taken_or_dropped_by_the_close() {
    model(Bound::Three, || {
        let (queue, drops, calls) = (Queue::new(1), Drops::default(), Calls::default());
        let executor = queue.executor(0);
        let (spawner, adding, guard, inside) = (executor.spawner(), queue.clone(), drops.guard(), calls.clone());
        let other = thread::spawn(move || {
            let task = adding.spawn(&spawner, move || {
                drop(guard);
                call(&inside)()
            });
            task.is_some_and(|task| wait_for(task).is_ok())
        });
        executor.run_until_stalled();
        queue.close();
        executor.run_until_stalled();
        let ran = other.join().unwrap();
        assert_eq!((calls.load(Ordering::Relaxed), drops.threads().len()), (usize::from(ran), 1));
    });
}

/// Abort against take.
///
/// 1. A closure waits; its handle ends it while the core takes it.
/// 2. It was called by the core, or dropped by either, once, before the wait for its end is over.
/// 3. Its place in the queue is free.
#[test]
fn an_abort_may_meet_the_core_that_takes_the_closure() {
    model(Bound::Three, || {
        let (queue, drops, calls) = (Queue::new(1), Drops::default(), Calls::default());
        let executor = queue.executor(0);
        let (guard, inside) = (drops.guard(), calls.clone());
        let task = queue
            .spawn(&executor.spawner(), move || {
                drop(guard);
                call(&inside)()
            })
            .unwrap();
        let theirs = drops.clone();
        let other = thread::spawn(move || {
            let ran = wait_for(task.cancel()).is_some();
            assert_eq!(theirs.threads().len(), 1, "gone before the wait is over");
            ran
        });
        executor.turn(Some(Duration::ZERO)).unwrap();
        executor.turn(Some(Duration::ZERO)).unwrap();
        let ran = other.join().unwrap();
        executor.run_until_stalled();
        assert_eq!((executor.task_count(), queue.close()), (0, 0));
        assert!(calls.load(Ordering::Relaxed) >= usize::from(ran), "who hears of an output has been run");
        assert_eq!(drops.threads().len(), 1);
    });
}

/// Abort against close.
///
/// 1. A closure waits; no core comes to it.
/// 2. Its handle goes while the queue is closed: one of the two drops the closure.
#[test]
fn an_abort_may_meet_the_close() {
    model(Bound::All, || {
        let (queue, drops) = (Queue::new(1), Drops::default());
        let executor = queue.executor(0);
        let guard = drops.guard();
        let task = queue.spawn(&executor.spawner(), move || std::future::ready(drop(guard))).unwrap();
        let other = thread::spawn(move || drop(task));
        queue.close();
        other.join().unwrap();
        assert_eq!((drops.threads().len(), queue.close()), (1, 0));
    });
}

/// Two additions, two cores that sleep.
///
/// 1. Both cores are on the list, or about to be.
/// 2. Two closures are added that wait for each other. A core that stayed on the list when it was
///    called for the first would be called for the second, and the other one would sleep on.
#[test]
fn two_additions_call_two_cores() {
    model(Bound::Two, || {
        let (queue, calls) = (Queue::new(2), Calls::default());
        let here = queue.executor(0);
        // The queue is open from here on.
        queue.spawn(&here.spawner(), || std::future::ready(())).unwrap().detach();
        here.run_until_stalled();
        let (both, theirs) = (Arc::new((Mutex::new(0), Condvar::new())), (queue.clone(), calls.clone()));
        let other = thread::spawn(move || run_until(&theirs.0.executor(1), &theirs.1, 1));
        let (adding, spawner, meeting) = (queue.clone(), here.spawner(), calls.clone());
        let third = thread::spawn(move || {
            for _ in 0..2 {
                adding.spawn(&spawner, meet(both.clone(), &meeting)).unwrap().detach();
            }
        });
        run_until(&here, &calls, 1);
        third.join().unwrap();
        other.join().unwrap();
        assert_eq!((calls.load(Ordering::Relaxed), queue.close()), (2, 0));
    });
}

/// A control that must fail.
///
/// 1. The core looks, finds nothing, and sleeps without being on the list.
/// 2. The closure comes in between, and wakes nobody.
#[test]
#[should_panic = "deadlock"]
fn control_a_core_that_is_not_listed_sleeps_on() {
    model(Bound::All, || {
        let (queue, calls) = (Queue::new(1), Calls::default());
        let executor = queue.unlisted_executor(0);
        let (spawner, adding, inside) = (executor.spawner(), queue.clone(), calls.clone());
        let other = thread::spawn(move || adding.spawn(&spawner, call(&inside)).unwrap().detach());
        run_until(&executor, &calls, 1);
        other.join().unwrap();
    });
}
