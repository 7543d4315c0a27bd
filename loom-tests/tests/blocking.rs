//! The blocking pool: every job is begun or taken back, once, whatever its workers are about to do.
//!
//! 1. A submitter puts a job into the queue, under the lock: is a worker free, or is one to be
//!    started?
//! 2. A worker that has nothing to do looks at the queue, under the lock; then it waits, or strikes
//!    itself off the list.
//! 3. The submitter notifies, after the lock, when somebody was waiting.
//! 4. A handle that goes takes its job out of the queue, unless a worker has it.
//! 5. A close takes the whole queue, and the last worker tells who joins.
//! 6. A pool that finishes is worked off: it is closed by the last worker, who has found the queue
//!    empty.
//! 7. A job for which no thread can be had never gets into the queue.
//!
//! The rule: who looks at the queue and then waits or ends does both under one lock. Its bugs
//! elsewhere: BP1, BP2, BP7.

#![cfg(wakeline_loom)]

use std::pin::pin;
use std::task::Context;

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use wakeline::JoinError;
use wakeline::model::{BlockingPool, Idle};
use wakeline_loom_tests::{Bound, Drops, Latch, Letter, executor, model, wait_for, waker_of};

/// Submit against the wait.
///
/// 1. A job is run by the first worker, and its result is taken.
/// 2. The worker is still busy with it, or looks at the queue, or waits.
/// 3. The next job is run all the same, and nothing is left when the pool is closed.
#[test]
fn a_job_ends_the_wait_of_a_worker_or_prevents_it() {
    model(Bound::Three, || {
        let (pool, letter) = (BlockingPool::new(1, Idle::Stays), Letter::new());
        let theirs = letter.clone();
        wait_for(pool.unblock(move || theirs.write(7))).unwrap();
        assert_eq!(wait_for(pool.unblock(move || letter.read())).unwrap(), 7);
        pool.close();
        pool.join();
    });
}

/// Submit against the end of an idle worker.
///
/// 1. The worker has found nothing and ends.
/// 2. A job comes before it is off the list, and it takes it, or after, and another one is started.
#[test]
fn a_job_keeps_a_worker_that_would_end_or_starts_another() {
    model(Bound::Three, || {
        let pool = BlockingPool::new(1, Idle::Ends);
        assert_eq!(wait_for(pool.unblock(|| 1)).unwrap(), 1);
        assert_eq!(wait_for(pool.unblock(|| 2)).unwrap(), 2);
        pool.close();
        pool.join();
    });
}

/// Submit against close.
///
/// 1. A thread submits and awaits.
/// 2. The pool is closed before the submission, before the job is begun, or after.
/// 3. The thread hears which it was, and the closure was called, or dropped, once.
#[test]
fn a_job_is_run_or_cancelled_by_the_close() {
    for idle in [Idle::Stays, Idle::Ends] {
        model(Bound::Three, move || {
            let (pool, theirs) = (BlockingPool::new(1, idle), Drops::default());
            let (submits, guard) = (pool.clone(), theirs.guard());
            let other = thread::spawn(move || {
                let run = wait_for(submits.unblock(move || drop(guard)));
                assert!(run.is_ok() || run.unwrap_err().is_cancelled());
                assert_eq!(theirs.threads().len(), 1, "the closure goes before the handle hears of it");
            });
            pool.close();
            pool.join();
            other.join().unwrap();
            // The thread may have been late.
            pool.join();
        });
    }
}

/// BP7: cancel against start.
///
/// 1. A job waits in the queue.
/// 2. Its handle goes while the worker takes it.
/// 3. The closure is dropped on this thread, uncalled, or called on the worker.
#[test]
fn a_job_is_begun_or_taken_back() {
    model(Bound::All, || {
        let (pool, drops, letter) = (BlockingPool::new(1, Idle::Stays), Drops::default(), Letter::new());
        let (guard, theirs) = (drops.guard(), letter.clone());
        drop(pool.unblock(move || {
            theirs.write(7);
            drop(guard);
        }));
        pool.close();
        pool.join();
        let begun = letter.read() == 7;
        let here = thread::current().id();
        assert!(matches!(&drops.threads()[..], [dropped] if (*dropped == here) != begun));
    });
}

/// Take-back against close.
///
/// 1. A job waits in the queue, or was begun.
/// 2. Its handle goes on one thread while another closes the pool.
/// 3. The closure is dropped once, by whichever had it.
#[test]
fn a_job_is_taken_back_or_dropped_by_the_close() {
    model(Bound::Three, || {
        let (pool, drops) = (BlockingPool::new(1, Idle::Stays), Drops::default());
        let guard = drops.guard();
        let job = pool.unblock(move || drop(guard));
        let other = thread::spawn(move || drop(job));
        pool.close();
        pool.join();
        other.join().unwrap();
        assert_eq!(drops.threads().len(), 1);
    });
}

/// BP1: two submitters, two workers that are idle or about to be.
///
/// 1. Both submit and await; the workers start, look, wait, and are notified.
/// 2. Both hear of their results, so no notification went to a worker that had already looked.
#[test]
fn every_job_of_two_submitters_is_run() {
    model(Bound::Two, || {
        let pool = BlockingPool::new(2, Idle::Stays);
        let submits = pool.clone();
        let other = thread::spawn(move || assert_eq!(wait_for(submits.unblock(|| 1)).unwrap(), 1));
        assert_eq!(wait_for(pool.unblock(|| 2)).unwrap(), 2);
        other.join().unwrap();
        pool.close();
        pool.join();
    });
}

/// The same with one worker for both, which may end in between.
#[test]
fn one_worker_serves_two_submitters() {
    for idle in [Idle::Stays, Idle::Ends] {
        model(Bound::Three, move || {
            let pool = BlockingPool::new(1, idle);
            let submits = pool.clone();
            let other = thread::spawn(move || assert_eq!(wait_for(submits.unblock(|| 1)).unwrap(), 1));
            assert_eq!(wait_for(pool.unblock(|| 2)).unwrap(), 2);
            other.join().unwrap();
            pool.close();
            pool.join();
        });
    }
}

/// Result against drop of the handle.
///
/// 1. The handle was polled, so the slot has a waker.
/// 2. The handle goes before the job is begun, while it is run, or after.
/// 3. The result is dropped once if there is one, the closure otherwise; and the waker is gone, or
///    loom would count the latch as leaked.
#[test]
fn a_handle_may_go_while_the_result_comes() {
    model(Bound::All, || {
        let (pool, drops) = (BlockingPool::new(1, Idle::Stays), Drops::default());
        let guard = drops.guard();
        {
            let mut job = pin!(pool.unblock(move || guard));
            let latch = Arc::new(Latch::new());
            let _ = job.as_mut().poll(&mut Context::from_waker(&waker_of(&latch)));
        }
        pool.close();
        pool.join();
        assert_eq!(drops.threads().len(), 1);
    });
}

/// Join against the last worker.
///
/// 1. A detached job writes; the pool is closed.
/// 2. If the job was begun, the join waits for it, and what it wrote is seen.
#[test]
fn a_join_waits_for_what_was_begun() {
    model(Bound::All, || {
        let (pool, letter) = (BlockingPool::new(2, Idle::Stays), Letter::new());
        let theirs = letter.clone();
        pool.unblock(move || theirs.write(7)).detach();
        pool.close();
        pool.join();
        assert!([0, 7].contains(&letter.read()));
    });
}

/// Finish against begin.
///
/// 1. A detached job is queued; its worker begins it, or has not looked yet.
/// 2. The pool finishes: the job is run all the same, and what it wrote is seen.
#[test]
fn a_pool_that_finishes_runs_what_is_queued() {
    for threads in [1, 2] {
        model(Bound::All, move || {
            let (pool, letter) = (BlockingPool::new(threads, Idle::Stays), Letter::new());
            let theirs = letter.clone();
            pool.unblock(move || theirs.write(7)).detach();
            pool.finish();
            assert_eq!(pool.join(), 0);
            assert_eq!(letter.read(), 7);
        });
    }
}

/// Finish against a job that submits.
///
/// 1. A job submits another one and is over, while the pool finishes.
/// 2. Its worker takes the other one, or another worker that is about to end does: both are run.
#[test]
fn a_pool_that_finishes_runs_the_jobs_of_its_jobs() {
    for threads in [1, 2] {
        model(Bound::Two, move || {
            let (pool, letter) = (BlockingPool::new(threads, Idle::Stays), Letter::new());
            let theirs = letter.clone();
            pool.unblock(move || wakeline::unblock(move || theirs.write(7)).detach()).detach();
            pool.finish();
            assert_eq!(pool.join(), 0);
            assert_eq!(letter.read(), 7);
        });
    }
}

/// Finish against an idle worker.
///
/// 1. A worker has run a job, and waits, or is about to.
/// 2. The pool finishes, and nothing is queued: the worker ends, and who joins hears of it.
#[test]
fn a_pool_that_finishes_ends_its_idle_workers() {
    model(Bound::All, || {
        let pool = BlockingPool::new(1, Idle::Stays);
        wait_for(pool.unblock(|| ())).unwrap();
        pool.finish();
        assert_eq!(pool.join(), 0);
    });
}

/// A refused thread against another submitter.
///
/// 1. Two threads submit; the system refuses the first thread, and grants the next.
/// 2. A job is dropped and its handle says why, or it is run: by its own worker, or by that of the
///    other.
#[test]
fn a_job_is_run_or_told_that_there_is_no_thread() {
    model(Bound::Two, || {
        let (pool, drops) = (BlockingPool::refused(2, 1), Drops::default());
        let submit = |pool: &BlockingPool, drops: &Drops| {
            let guard = drops.guard();
            match wait_for(pool.unblock(move || drop(guard))) {
                Ok(()) => 1,
                Err(JoinError::NoThread(_)) => 0,
                Err(other) => panic!("{other}"),
            }
        };
        let (theirs, dropped) = (pool.clone(), drops.clone());
        let other = thread::spawn(move || submit(&theirs, &dropped));
        let run = submit(&pool, &drops) + other.join().unwrap();
        assert_eq!((run, drops.threads().len()), (1, 2), "the one that was refused was alone");
        pool.finish();
        assert_eq!(pool.join(), 0);
    });
}

/// The whole of it: the process's pool, and the executor's own way to sleep.
#[test]
fn a_task_awaits_a_job() {
    model(Bound::Three, || {
        let letter = Letter::new();
        let theirs = letter.clone();
        let read = executor().block_on(async move {
            wakeline::unblock(move || theirs.write(7)).await.unwrap();
            letter.read()
        });
        assert_eq!(read, 7);
    });
}

/// A control that must fail: a close does not wait, so nothing orders the job before what follows.
#[test]
#[should_panic = "Causality violation"]
fn control_a_close_that_is_not_joined_orders_nothing() {
    model(Bound::All, || {
        let (pool, letter) = (BlockingPool::new(1, Idle::Stays), Letter::new());
        let theirs = letter.clone();
        pool.unblock(move || theirs.write(7)).detach();
        pool.close();
        letter.read();
        pool.join();
    });
}

/// A control that must fail: a close takes what no worker has begun.
#[test]
#[should_panic = "it was run"]
fn control_a_close_is_no_finish() {
    model(Bound::All, || {
        let (pool, letter) = (BlockingPool::new(1, Idle::Stays), Letter::new());
        let theirs = letter.clone();
        pool.unblock(move || theirs.write(7)).detach();
        pool.close();
        pool.join();
        assert_eq!(letter.read(), 7, "it was run");
    });
}

/// A control that must fail.
///
/// 1. A worker looks at the queue and lets the lock go before it waits.
/// 2. The job and its notification come in between.
#[test]
#[should_panic = "deadlock"]
fn control_a_worker_that_lets_the_lock_go_before_it_waits_is_stranded() {
    model(Bound::All, || {
        // Leaked: a model that has failed cannot drop an Arc.
        let (queue, jobs): &(Mutex<usize>, Condvar) = Box::leak(Box::new((Mutex::new(0), Condvar::new())));
        let worker = thread::spawn(move || {
            while *queue.lock().unwrap() == 0 {
                drop(jobs.wait(queue.lock().unwrap()));
            }
        });
        *queue.lock().unwrap() += 1;
        jobs.notify_one();
        worker.join().unwrap();
    });
}
