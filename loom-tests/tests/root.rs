//! The future of `block_on`: its waker is a task's waker, so a wake of it goes the one way that all
//! wakes go (L7).
//!
//! 1. The root is polled, gives its waker away and returns pending.
//! 2. Nothing is ready: the inbox takes ASLEEP, the thread sleeps.
//! 3. Another thread writes its data and wakes by value: QUEUED, push, notify.
//! 4. The owner drains, finds its own wake cell and polls the root.
//!
//! The rule: the root is a task like others to its wakers. Its bugs elsewhere: SN5, SN6.

#![cfg(wakeline_loom)]

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;

use loom::thread;
use wakeline_loom_tests::{Bound, Letter, Probe, executor, model};

/// L7: as told above.
#[test]
fn a_remote_wake_by_value_polls_the_root() {
    model(Bound::All, || {
        let executor = executor();
        let (letter, mut polls, mut pusher) = (Letter::new(), 0, None);
        let read = executor.block_on(poll_fn(|cx| {
            polls += 1;
            if pusher.is_some() {
                return Poll::Ready(letter.read());
            }
            let (waker, letter) = (cx.waker().clone(), letter.clone());
            pusher = Some(thread::spawn(move || {
                letter.write(7);
                waker.wake();
            }));
            Poll::Pending
        }));
        assert_eq!((read, polls), (7, 2));
        pusher.unwrap().join().unwrap();
    });
}

/// L7, with an owner that wakes for no reason.
///
/// 1. A stale notification ends the sleep.
/// 2. The root was not woken, so it is not polled.
/// 3. The owner goes to sleep again, and the wake comes before, between or after.
#[test]
fn a_stale_notification_does_not_poll_the_root() {
    model(Bound::All, || {
        let executor = executor();
        wakeline::model::notify(&executor.spawner());
        let (letter, mut polls, mut pusher) = (Letter::new(), 0, None);
        let read = executor.block_on(poll_fn(|cx| {
            polls += 1;
            if pusher.is_some() {
                return Poll::Ready(letter.read());
            }
            let (waker, letter) = (cx.waker().clone(), letter.clone());
            pusher = Some(thread::spawn(move || {
                letter.write(7);
                waker.wake();
            }));
            Poll::Pending
        }));
        assert_eq!((read, polls), (7, 2));
        pusher.unwrap().join().unwrap();
    });
}

/// A waker of a `block_on` that has returned.
///
/// 1. The root's first future leaves its waker to a thread and returns.
/// 2. The thread wakes while the executor runs a second future, or sleeps in it, or has returned.
/// 3. At worst the second is polled once more.
#[test]
fn a_waker_of_an_earlier_call_costs_at_most_one_poll() {
    model(Bound::All, || {
        let executor = executor();
        let stale = executor.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let pusher = RefCell::new(None);
        let mut polls = 0;
        executor.block_on(poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                let (waker, stale) = (cx.waker().clone(), stale.clone());
                *pusher.borrow_mut() = Some(thread::spawn(move || {
                    stale.wake();
                    waker.wake();
                }));
                return Poll::Pending;
            }
            Poll::Ready(())
        }));
        assert_eq!(polls, 2);
        pusher.take().unwrap().join().unwrap();
    });
}

/// The free functions work on the threads of a model.
///
/// 1. A thread runs `block_on` and, inside it, `spawn`.
/// 2. Another one wakes its task.
#[test]
fn block_on_and_spawn_work_on_the_threads_of_a_model() {
    model(Bound::All, || {
        let probe = Probe::new();
        let letter = Letter::new();
        let (watched, theirs) = (probe.clone(), letter.clone());
        wakeline::block_on(async move {
            let task = wakeline::spawn(watched.watch(move |_| letter.read() == 7));
            wakeline::yield_now().await;
            let waker = probe.waker();
            let other = thread::spawn(move || {
                theirs.write(7);
                waker.wake();
            });
            assert_eq!(task.await.unwrap(), 2);
            other.join().unwrap();
        });
    });
}

/// A spawner that was made inside keeps the memory, and not the executor.
///
/// 1. The root asks for the spawner of the executor that runs, and gives it to a thread.
/// 2. The thread spawns, while the executor ends or has ended.
/// 3. The closure is dropped by one of the two, and the memory is given back once.
#[test]
fn a_spawner_that_was_found_inside_outlives_its_executor() {
    model(Bound::All, || {
        let executor = executor();
        let guard = executor.enter();
        let spawner = executor.block_on(async { wakeline::Spawner::current().expect("an executor runs") });
        drop(guard);
        let other = thread::spawn(move || spawner.spawn(|| async {}));
        drop(executor);
        let task = other.join().unwrap();
        assert!(wakeline::block_on(task).unwrap_err().is_cancelled());
    });
}

/// A control that must fail.
///
/// 1. The thread wakes, and writes its data after that.
/// 2. The root is polled in between.
#[test]
#[should_panic = "Causality violation"]
fn control_data_written_after_the_wake_is_not_ordered() {
    model(Bound::All, || {
        let executor = executor();
        let (letter, mut pusher) = (Letter::new(), None);
        executor.block_on(poll_fn(|cx| {
            if pusher.is_some() {
                return Poll::Ready(letter.read());
            }
            let (waker, letter) = (cx.waker().clone(), letter.clone());
            pusher = Some(thread::spawn(move || {
                waker.wake();
                letter.write(7);
            }));
            Poll::Pending
        }));
        pusher.unwrap().join().unwrap();
    });
}
