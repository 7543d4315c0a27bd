//! A task's wake from another thread: one more poll, which sees what the waker wrote (L9 to L13).
//!
//! 1. The task is polled once and leaves its waker.
//! 2. Threads write and wake: the winner of QUEUED pushes, the others add their write to the remote
//!    word.
//! 3. The owner takes the task out of the inbox and keeps the link until the task's turn. Then it
//!    unlinks, which clears QUEUED and takes in what all of them wrote, and polls after that.
//!
//! The rule: QUEUED is set by the pusher that wins it and cleared only by the owner, when it
//! unlinks, always before the poll; and every wake writes the word, also one that finds QUEUED set.
//! Its bugs elsewhere: TS1, TS2, SN9.

#![cfg(wakeline_loom)]

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use loom::thread;
use wakeline_loom_tests::{Bound, Letter, Probe, Word, executor, model};

/// L9.
///
/// 1. One wake.
/// 2. Exactly one more poll, after the letter was written.
#[test]
fn a_remote_wake_polls_once_and_shows_what_was_written() {
    model(Bound::All, || {
        let (executor, probe, letter) = (executor(), Probe::new(), Letter::new());
        let theirs = letter.clone();
        let task = executor.spawn(probe.watch(move |_| letter.read() == 7));
        executor.run_until_stalled();
        let waker = probe.waker();
        let other = thread::spawn(move || {
            theirs.write(7);
            waker.wake();
        });
        assert_eq!(executor.block_on(task).unwrap(), 2);
        other.join().unwrap();
    });
}

/// L9 with an owner that wakes for no reason (SN10's condition): a stale notification ends the
/// first sleep.
#[test]
fn a_remote_wake_is_seen_by_an_owner_that_woke_by_itself() {
    model(Bound::All, || {
        let (executor, probe, letter) = (executor(), Probe::new(), Letter::new());
        let theirs = letter.clone();
        let task = executor.spawn(probe.watch(move |_| letter.read() == 7));
        executor.run_until_stalled();
        wakeline::model::notify(&executor.spawner());
        let waker = probe.waker();
        let other = thread::spawn(move || {
            theirs.write(7);
            waker.wake();
        });
        assert_eq!(executor.block_on(task).unwrap(), 2);
        other.join().unwrap();
    });
}

/// L10 (TS2).
///
/// 1. Two threads write a word each and wake.
/// 2. The second finds QUEUED set and pushes nothing.
/// 3. The poll after the unlink sees both words, or another one follows that does.
#[test]
fn a_coalesced_wake_shows_what_was_written_before_it() {
    model(Bound::Two, || {
        let (executor, probe) = (executor(), Probe::new());
        let words = [Word::new(), Word::new()];
        let theirs = words.clone();
        let task = executor.spawn(probe.watch(move |_| words.iter().all(|word| word.read() == 1)));
        executor.run_until_stalled();
        let waker = probe.waker();
        let others = theirs.map(|word| {
            let waker = waker.clone();
            thread::spawn(move || {
                word.write(1);
                waker.wake();
            })
        });
        drop(waker);
        assert!((2..=3).contains(&executor.block_on(task).unwrap()));
        for other in others {
            other.join().unwrap();
        }
    });
}

/// L11 (TS1).
///
/// 1. The first waker has pushed and not returned.
/// 2. The owner drains, polls, and the task waits again.
/// 3. The second waker must not take the first one's bit for a queue entry: it pushes, and the task
///    is polled.
#[test]
fn the_bit_does_not_outlive_the_entry_it_stands_for() {
    model(Bound::Three, || {
        let (executor, probe, word) = (executor(), Probe::new(), Word::new());
        let theirs = word.clone();
        let task = executor.spawn(probe.watch(move |_| word.read() == 1));
        executor.run_until_stalled();
        let first = probe.waker();
        let waker = first.clone();
        let others = [
            thread::spawn(move || first.wake_by_ref()),
            thread::spawn(move || {
                theirs.write(1);
                waker.wake();
            }),
        ];
        assert!((2..=3).contains(&executor.block_on(task).unwrap()));
        for other in others {
            other.join().unwrap();
        }
    });
}

/// L12.
///
/// 1. The first wake makes the task RUNNING.
/// 2. The second comes while it is being polled, after the poll has read the word.
/// 3. The task is polled again.
#[test]
fn a_wake_during_the_poll_polls_again() {
    model(Bound::Three, || {
        let (executor, probe, word) = (executor(), Probe::new(), Word::new());
        let theirs = word.clone();
        let task = executor.spawn(probe.watch(move |_| word.read() == 2));
        executor.run_until_stalled();
        let waker = probe.waker();
        let other = thread::spawn(move || {
            theirs.write(1);
            waker.wake_by_ref();
            theirs.write(2);
            waker.wake();
        });
        assert!((2..=3).contains(&executor.block_on(task).unwrap()));
        other.join().unwrap();
    });
}

/// L13.
///
/// 1. The poll wakes its own task, which is RUNNING: it is queued when the poll returns.
/// 2. A remote wake arrives before, during or after: the task is in both queues at most once.
/// 3. A neighbour in the run queue is polled as well.
#[test]
fn a_task_may_be_in_both_queues() {
    model(Bound::All, || {
        let (executor, probe, word) = (executor(), Probe::new(), Word::new());
        let theirs = word.clone();
        let mut polls = 0;
        let task = executor.spawn(probe.watch(move |cx| {
            polls += 1;
            if polls == 1 {
                cx.waker().wake_by_ref();
                return false;
            }
            word.read() == 1
        }));
        executor.run_until_stalled();
        let waker = probe.waker();
        let neighbour = executor.spawn(wakeline::yield_now());
        waker.wake_by_ref();
        let other = thread::spawn(move || {
            theirs.write(1);
            waker.wake();
        });
        let polls = executor.block_on(async {
            let polls = task.await.unwrap();
            neighbour.await.unwrap();
            polls
        });
        assert!((3..=5).contains(&polls), "{polls}");
        other.join().unwrap();
    });
}

/// The link is kept until the task's turn.
///
/// 1. A remote wake is pushed. The owner drains its inbox and polls another task first, so the task
///    waits in the run queue and stays QUEUED.
/// 2. A second wake finds QUEUED and pushes nothing; or it comes after the unlink, and pushes.
/// 3. The poll that follows the unlink sees what that one wrote, or another one follows that does.
#[test]
fn a_wake_of_a_task_that_waits_for_its_turn_is_seen_by_a_poll() {
    model(Bound::All, || {
        let (executor, probe, letter) = (executor(), Probe::new(), Word::new());
        let theirs = letter.clone();
        let task = executor.spawn(probe.watch(move |_| letter.read() == 7));
        executor.run_until_stalled();
        executor.spawn(async {}).detach();
        let waker = probe.waker();
        waker.wake_by_ref();
        assert!(executor.try_tick(), "the other one; the task is in the run queue, and linked");
        let other = thread::spawn(move || {
            theirs.write(7);
            waker.wake();
        });
        assert!((2..=3).contains(&executor.block_on(task).unwrap()));
        other.join().unwrap();
    });
}

/// SN9.
///
/// 1. A remote wake is pushed.
/// 2. The owner drops the waker that it kept for itself before it drains.
/// 3. The task is polled.
#[test]
fn the_owner_may_drop_its_waker_while_the_task_is_queued() {
    model(Bound::All, || {
        let (executor, probe, letter) = (executor(), Probe::new(), Letter::new());
        let theirs = letter.clone();
        let task = executor.spawn(probe.watch(move |_| letter.read() == 7));
        executor.run_until_stalled();
        let kept = probe.waker();
        let waker = kept.clone();
        let other = thread::spawn(move || {
            theirs.write(7);
            waker.wake();
        });
        drop(kept);
        assert_eq!(executor.block_on(task).unwrap(), 2);
        other.join().unwrap();
    });
}

/// Two executors on a thread.
///
/// 1. A's root ticks B inside its poll. B's task is woken by another thread, which then wakes A's
///    root.
/// 2. When B's task runs it wakes A's root as well: A is not the one that is entered, so that wake
///    goes by way of A's inbox.
/// 3. A's root finds B's task finished, however the three wakes fall.
#[test]
fn an_executor_may_be_ticked_inside_another() {
    model(Bound::All, || {
        let (a, b, probe, letter) = (executor(), executor(), Probe::new(), Letter::new());
        let (theirs, root) = (letter.clone(), Rc::new(Cell::new(None::<Waker>)));
        let inner = root.clone();
        let task = b.spawn(probe.watch(move |_| {
            inner.take().expect("the root was polled before").wake();
            letter.read() == 7
        }));
        b.run_until_stalled();
        let (waker, mut other) = (probe.waker(), None);
        a.block_on(poll_fn(|cx| {
            root.set(Some(cx.waker().clone()));
            other.get_or_insert_with(|| {
                let (letter, waker, root) = (theirs.clone(), waker.clone(), cx.waker().clone());
                thread::spawn(move || {
                    letter.write(7);
                    waker.wake();
                    root.wake();
                })
            });
            b.run_until_stalled();
            if task.is_finished() { Poll::Ready(()) } else { Poll::Pending }
        }));
        other.unwrap().join().unwrap();
    });
}

/// A control that must fail.
///
/// 1. The thread wakes first and writes after that.
/// 2. The poll between the two sees nothing, and no wake follows.
#[test]
#[should_panic = "the wake was lost"]
fn control_a_wake_before_the_write_is_lost() {
    model(Bound::All, || {
        let (executor, probe, word) = (executor(), Probe::new(), Word::new());
        let theirs = word.clone();
        let task = executor.spawn(probe.watch(move |_| word.read() == 1));
        executor.run_until_stalled();
        let waker = probe.waker();
        let other = thread::spawn(move || {
            waker.wake();
            theirs.write(1);
        });
        executor.turn(None).unwrap();
        other.join().unwrap();
        executor.run_until_stalled();
        assert!(task.is_finished(), "the wake was lost");
    });
}
