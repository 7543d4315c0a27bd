//! The pool from inside: its numbers, its order, what happens when the system grants no thread.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::{Pool, PoolOptions, Unblock, unblock};
use crate::sync::start_thread;
use crate::{JoinError, block_on};

mod ending;
mod refused_threads;

const LONG: Duration = Duration::from_secs(3600);

fn options(threads: usize, idle: Duration) -> PoolOptions {
    PoolOptions { threads, idle, name: "pool".into(), patience: Duration::ZERO }
}

/// Ends the pool when the test ends, and fails it when something is left.
struct Tested(Pool);

impl Tested {
    fn new(threads: usize) -> Self {
        Self(Pool::new(options(threads, LONG)))
    }

    #[track_caller]
    fn unblock<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Unblock<T> {
        let _entered = self.0.enter();
        unblock(f)
    }

    /// Occupies one worker until the sender is dropped.
    fn occupy(&self) -> (Sender<()>, Unblock<()>) {
        let (release, wait) = channel::<()>();
        let (begun, has_begun) = channel();
        let job = self.unblock(move || {
            begun.send(()).unwrap();
            let _ = wait.recv();
        });
        has_begun.recv().unwrap();
        (release, job)
    }
}

impl Drop for Tested {
    fn drop(&mut self) {
        close(&self.0);
        if !thread::panicking() {
            let left = self.0.join(Some(Instant::now() + Duration::from_secs(30)));
            assert!(left.running.is_empty(), "{left:?}");
            // BP2: the numbers return to zero.
            assert_eq!(self.0.counts(), [0; 4]);
        }
    }
}

/// Ends the pool at once.
fn close(pool: &Pool) {
    pool.end(Some(Instant::now()));
}

/// Ends the pool when its jobs have.
fn finish(pool: &Pool, until: Option<Instant>) {
    pool.end(until);
    pool.leave();
}

/// Says on which thread it was dropped.
struct Tell(Sender<ThreadId>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.send(thread::current().id()).unwrap();
    }
}

fn tell() -> (Tell, Receiver<ThreadId>) {
    let (sender, receiver) = channel();
    (Tell(sender), receiver)
}

#[track_caller]
fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain");
        thread::yield_now();
    }
}

fn poll<T>(job: &mut Unblock<T>) -> Poll<Result<T, JoinError>> {
    pin!(job).poll(&mut Context::from_waker(Waker::noop()))
}

fn thread_name() -> String {
    thread::current().name().unwrap().to_string()
}

// -- threads
// -------------------------------------------------------------------------------------------------

#[test]
fn threads_are_started_on_demand_named_and_used_again() {
    let pool = Tested::new(4);
    assert_eq!(pool.0.counts(), [0; 4]);
    for _ in 0..3 {
        assert_eq!(block_on(pool.unblock(thread_name)).unwrap(), "pool-blocking-0");
        // A job that finds an idle worker starts none.
        wait_until(|| pool.0.counts() == [1, 0, 1, 0]);
    }
    let (release, busy) = pool.occupy();
    assert_eq!(block_on(pool.unblock(thread_name)).unwrap(), "pool-blocking-1");
    drop(release);
    block_on(busy).unwrap();
}

#[test]
fn as_many_jobs_run_at_once_as_the_bound_allows_and_no_more() {
    let pool = Tested::new(3);
    let barrier = Arc::new(Barrier::new(4));
    let jobs: Vec<_> = (0..3)
        .map(|_| {
            let barrier = barrier.clone();
            pool.unblock(move || barrier.wait().is_leader())
        })
        .collect();
    let (waits, is_run) = channel();
    let fourth = pool.unblock(move || waits.send(()).unwrap());
    wait_until(|| pool.0.counts() == [3, 3, 0, 1]);
    assert!(is_run.try_recv().is_err());
    barrier.wait();
    jobs.into_iter().for_each(|job| drop(block_on(job)));
    block_on(fourth).unwrap();
    assert_eq!(pool.0.counts()[0], 3);
}

#[test]
fn threads_end_when_they_were_idle_for_long_enough() {
    for idle in [Duration::ZERO, Duration::from_millis(1)] {
        let pool = Tested(Pool::new(options(2, idle)));
        for _ in 0..3 {
            assert_eq!(block_on(pool.unblock(thread_name)).unwrap(), "pool-blocking-0");
            wait_until(|| pool.0.counts() == [0; 4]);
        }
    }
}

#[test]
fn a_bound_of_zero_is_one() {
    let pool = Tested::new(0);
    assert_eq!(block_on(pool.unblock(|| 1)).unwrap(), 1);
}

#[test]
fn a_name_that_the_system_cannot_have_is_made_one_that_it_can() {
    let pool = Tested(Pool::new(PoolOptions { name: "a\0b".into(), ..options(1, LONG) }));
    assert_eq!(block_on(pool.unblock(thread_name)).unwrap(), "ab-blocking-0");
}

// BP1: a notification hit a worker that had already looked, and jobs were stranded.
#[test]
fn every_job_of_two_submitters_is_run_by_two_workers() {
    let jobs = if cfg!(miri) { 10 } else { 300 };
    // At rest between the jobs, and ending between them.
    for idle in [LONG, Duration::ZERO] {
        let pool = Tested(Pool::new(options(2, idle)));
        let run = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..jobs {
                        let run = run.clone();
                        block_on(pool.unblock(move || run.fetch_add(1, Ordering::Relaxed))).unwrap();
                    }
                });
            }
        });
        assert_eq!(run.load(Ordering::Relaxed), 2 * jobs);
    }
}

#[test]
fn jobs_begin_in_the_order_of_their_submission() {
    let pool = Tested::new(1);
    let (release, busy) = pool.occupy();
    let order = Arc::new(Mutex::new(Vec::new()));
    let jobs: Vec<_> = (0..20)
        .map(|number| {
            let order = order.clone();
            pool.unblock(move || order.lock().unwrap().push(number))
        })
        .collect();
    drop(release);
    jobs.into_iter().chain([busy]).for_each(|job| block_on(job).unwrap());
    assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

// -- handles
// -------------------------------------------------------------------------------------------------

// BP7, the half that needs no race.
#[test]
fn a_handle_dropped_before_the_job_began_takes_it_back_and_drops_it_here() {
    let pool = Tested::new(1);
    let (release, busy) = pool.occupy();
    let (told, who) = tell();
    let (first, between) = (pool.unblock(|| 1), pool.unblock(move || drop(told)));
    let last = pool.unblock(|| 3);
    assert_eq!(pool.0.counts()[3], 3);
    drop(between);
    assert_eq!(who.recv().unwrap(), thread::current().id());
    assert_eq!(pool.0.counts()[3], 2);
    drop(release);
    assert_eq!((block_on(first).unwrap(), block_on(last).unwrap()), (1, 3));
    block_on(busy).unwrap();
}

#[test]
fn a_handle_dropped_after_the_job_began_leaves_it_running_and_its_result_to_the_thread() {
    let pool = Tested::new(1);
    let (release, wait) = channel::<()>();
    let (begun, has_begun) = channel();
    let (told, who) = tell();
    let job = pool.unblock(move || {
        begun.send(thread::current().id()).unwrap();
        wait.recv().unwrap();
        told
    });
    let worker = has_begun.recv().unwrap();
    drop(job);
    assert!(who.try_recv().is_err());
    release.send(()).unwrap();
    assert_eq!(who.recv().unwrap(), worker);
}

#[test]
fn a_detached_job_is_run_whether_it_had_begun_or_not() {
    let pool = Tested::new(1);
    let (release, busy) = pool.occupy();
    busy.detach();
    let (done, wait) = channel();
    pool.unblock(move || done.send(1).unwrap()).detach();
    drop(release);
    assert_eq!(wait.recv(), Ok(1));
}

#[test]
fn a_handle_says_when_it_is_finished() {
    let pool = Tested::new(1);
    let (release, mut busy) = pool.occupy();
    assert!(poll(&mut busy).is_pending());
    assert!(!busy.is_finished());
    drop(release);
    wait_until(|| busy.is_finished());
    assert!(matches!(poll(&mut busy), Poll::Ready(Ok(()))));
}

// BP6: two jobs with one key.
#[test]
fn a_finished_handle_takes_back_nobody_elses_job() {
    let pool = Tested::new(1);
    let finished = pool.unblock(|| 1);
    wait_until(|| finished.is_finished());
    let (release, busy) = pool.occupy();
    let next = pool.unblock(|| 2);
    drop(finished);
    assert_eq!(pool.0.counts()[3], 1);
    drop(release);
    assert_eq!(block_on(next).unwrap(), 2);
    block_on(busy).unwrap();
}

// -- panics
// -------------------------------------------------------------------------------------------------

#[test]
fn a_panic_goes_to_the_awaiter_and_the_thread_lives_on() {
    let pool = Tested::new(1);
    let line = line!() + 1;
    let error = block_on(pool.unblock(|| panic!("of job {}", 7))).unwrap_err();
    assert!(error.to_string().starts_with("job #"), "{error}");
    let JoinError::Panicked(panic) = error else { panic!("{error}") };
    assert_eq!(panic.message(), Some("of job 7"));
    assert_eq!(panic.task().location().unwrap().line(), line);
    assert_eq!(block_on(pool.unblock(thread_name)).unwrap(), "pool-blocking-0");
    assert_eq!(pool.0.counts()[0], 1);
}

/// Panics when it is dropped, or woken.
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("dropped");
        }
    }
}

#[test]
fn panics_that_nobody_receives_do_no_harm() {
    struct Refuses;
    impl Wake for Refuses {
        fn wake(self: Arc<Self>) {
            panic!("woken");
        }
    }
    let pool = Tested::new(1);
    let (release, mut busy) = pool.occupy();
    let waker = Waker::from(Arc::new(Refuses));
    assert!(pin!(&mut busy).poll(&mut Context::from_waker(&waker)).is_pending());
    // The drops of a closure that is taken back, of a result, of what a panic carries.
    let bomb = PanicsInDrop;
    drop(pool.unblock(move || drop(bomb)));
    pool.unblock(|| PanicsInDrop).detach();
    pool.unblock(|| std::panic::panic_any(PanicsInDrop)).detach();
    drop(release);
    assert_eq!(block_on(pool.unblock(thread_name)).unwrap(), "pool-blocking-0");
    block_on(busy).unwrap();
}

#[test]
fn a_waker_may_use_the_pool_that_wakes_it() {
    struct Reenters(Pool, Sender<usize>);
    impl Wake for Reenters {
        fn wake(self: Arc<Self>) {
            let _entered = self.0.enter();
            drop(unblock(|| 1));
            self.1.send(self.0.counts()[1]).unwrap();
        }
    }
    let pool = Tested::new(1);
    let (release, mut busy) = pool.occupy();
    let (sender, woken) = channel();
    let waker = Waker::from(Arc::new(Reenters(pool.0.clone(), sender)));
    assert!(pin!(&mut busy).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(release);
    assert_eq!(woken.recv(), Ok(1));
}

// -- the end
// -------------------------------------------------------------------------------------------------

// BP4: a job that submits a job.
#[test]
fn a_job_may_submit_to_its_own_pool_even_to_one_of_one_thread() {
    let pool = Tested::new(1);
    let inner = block_on(pool.unblock(|| unblock(thread_name))).unwrap();
    assert_eq!(block_on(inner).unwrap(), "pool-blocking-0");
}

#[test]
fn a_pool_that_was_entered_inside_another_gives_way_when_it_is_left() {
    let (outer, inner) = (Tested::new(1), Tested::new(1));
    let in_outer = outer.0.enter();
    {
        let _in_inner = inner.0.enter();
        block_on(unblock(|| ())).unwrap();
    }
    assert_eq!((outer.0.counts()[0], inner.0.counts()[0]), (0, 1));
    block_on(unblock(|| ())).unwrap();
    drop(in_outer);
    assert_eq!((outer.0.counts()[0], inner.0.counts()[0]), (1, 1));
}

#[test]
fn a_panic_while_a_pool_is_entered_leaves_it() {
    let pool = Tested::new(1);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _entered = pool.0.enter();
        panic!("out of here");
    }));
    assert!(outcome.is_err());
    assert_ne!(block_on(unblock(thread_name)).unwrap(), "pool-blocking-0");
}
