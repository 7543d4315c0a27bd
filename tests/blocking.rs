//! `unblock` from outside: results, panics, handles that go early, and every kind of thread that
//! may call it. The pool's bound, its order and its end are tested beside its source, where a test
//! can have a pool of its own.

use std::cell::Cell;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use wakeline::{JoinError, block_on, spawn, time, unblock};

use crate::support::{Counter, Dropped, OnDrop, Trace, assert_contains, must_end, poll_once, rounds, wait_until};

#[test]
fn a_job_runs_on_another_thread_and_gives_its_result() {
    let (thread, sum) = block_on(async {
        let numbers = Vec::from([1, 2, 3]);
        unblock(move || (thread::current().id(), numbers.iter().sum::<i32>())).await.unwrap()
    });
    assert_ne!(thread, thread::current().id());
    assert_eq!(sum, 6);
}

#[test]
fn the_threads_are_named() {
    let name = block_on(unblock(|| thread::current().name().map(String::from))).unwrap().unwrap();
    assert!(name.starts_with("wakeline-blocking-"), "{name}");
}

#[test]
fn the_executor_goes_on_while_a_job_blocks() {
    must_end(|| {
        block_on(async {
            let (release, wait) = channel();
            let job = unblock(move || wait.recv().unwrap());
            // The job ends only because this task gets its turn.
            let task = spawn(async move {
                time::sleep(Duration::from_millis(1)).await;
                release.send(7).unwrap();
            });
            assert_eq!(job.await.unwrap(), 7);
            task.await.unwrap();
        });
    });
}

#[test]
fn jobs_may_wait_for_each_other() {
    must_end(|| {
        let barrier = Arc::new(Barrier::new(20));
        let jobs: Vec<_> = (0..20)
            .map(|_| {
                let barrier = barrier.clone();
                unblock(move || barrier.wait().is_leader())
            })
            .collect();
        let leaders = jobs.into_iter().map(|job| block_on(job).unwrap()).filter(|leader| *leader).count();
        assert_eq!(leaders, 1);
    });
}

#[test]
fn a_panic_reaches_the_awaiter_with_the_line_that_called_unblock() {
    let line = line!() + 1;
    let error = block_on(async { unblock(|| panic!("of the job")).await }).unwrap_err();
    assert_contains(&error.to_string(), &["job #", &format!("tests/blocking.rs:{line}:"), "of the job"]);
    assert!(matches!(error, JoinError::Panicked(panic) if panic.downcast_ref::<&str>() == Some(&"of the job")));
    assert_eq!(block_on(unblock(|| 1)).unwrap(), 1);
}

#[test]
fn a_handle_that_is_dropped_wakes_nobody() {
    must_end(|| {
        let (release, wait) = channel::<()>();
        let (begun, has_begun) = channel();
        let (done, is_done) = sync_channel(1);
        let mut job = unblock(move || {
            begun.send(()).unwrap();
            let _ = wait.recv();
            OnDrop::new(move || done.send(()).unwrap())
        });
        let (waker, counter) = Counter::new();
        assert!(poll_once(&mut job, &waker).is_pending());
        has_begun.recv().unwrap();
        drop(job);
        assert_eq!(Arc::strong_count(&counter), 2, "the handle has let go of the waker");
        drop(release);
        is_done.recv().unwrap();
        assert_eq!(counter.count(), 0);
    });
}

#[test]
fn what_a_job_owns_is_dropped_on_its_thread_before_the_awaiter_hears_of_it() {
    let trace = Trace::new();
    let owned = Dropped::new("owned", &trace);
    let thread = block_on(unblock(move || {
        let _owned = owned;
        thread::current().id()
    }))
    .unwrap();
    assert_eq!(trace.take(), [("owned", thread)]);
}

#[test]
fn the_last_waker_that_polled_is_woken_and_once() {
    must_end(|| {
        let (release, wait) = channel::<()>();
        let mut job = unblock(move || wait.recv().unwrap());
        let ((first, of_first), (second, of_second)) = (Counter::new(), Counter::new());
        assert!(poll_once(&mut job, &first).is_pending());
        assert!(poll_once(&mut job, &second).is_pending());
        release.send(()).unwrap();
        wait_until(|| of_second.count() > 0);
        assert!(matches!(poll_once(&mut job, &second), Poll::Ready(Ok(()))));
        assert_eq!((of_first.count(), of_second.count()), (0, 1));
    });
}

// BP4.
#[test]
fn a_job_may_submit_and_may_run_an_executor() {
    must_end(|| {
        let sum = block_on(unblock(|| {
            let inner = unblock(|| 1);
            block_on(async { spawn(async { 2 }).await.unwrap() + inner.await.unwrap() })
        }));
        assert_eq!(sum.unwrap(), 3);
    });
}

#[test]
fn a_job_can_be_submitted_while_a_thread_local_is_destroyed() {
    struct Late(Cell<Option<std::sync::mpsc::Sender<i32>>>);
    impl Drop for Late {
        fn drop(&mut self) {
            let sender = self.0.take().unwrap();
            let job = unblock(move || sender.send(1).unwrap());
            job.detach();
        }
    }
    std::thread_local! { static LATE: Late = const { Late(Cell::new(None)) } }
    must_end(|| {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            LATE.with(|late| late.0.set(Some(sender)));
            // What names the pool is set up after it, and destroyed before.
            block_on(unblock(|| ())).unwrap();
        })
        .join()
        .unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    });
}

// BP7: begun or taken back, never both and never neither.
#[test]
fn a_handle_dropped_at_any_time_leaves_nothing_behind() {
    must_end(|| {
        let all = rounds(300);
        let (told, heard) = channel();
        for round in 0..all {
            let told = told.clone();
            let guard = OnDrop::new(move || told.send(round).unwrap());
            let job = unblock(move || drop(guard));
            for _ in 0..round % 50 {
                std::hint::spin_loop();
            }
            if round % 3 == 0 {
                job.detach();
            } else {
                drop(job);
            }
        }
        drop(told);
        let mut dropped: Vec<_> = heard.iter().collect();
        dropped.sort_unstable();
        assert_eq!(dropped, (0..all).collect::<Vec<_>>());
    });
}
