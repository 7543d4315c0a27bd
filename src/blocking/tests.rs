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

// BP5: a job that was begun is run to its end; BP4: after the end there are only refusals.
#[test]
fn a_close_lets_running_jobs_end_and_cancels_the_others() {
    let pool = Tested::new(1);
    let (release, busy) = pool.occupy();
    let (told, who) = tell();
    let queued = pool.unblock(move || drop(told));
    close(&pool.0);
    assert_eq!(who.recv().unwrap(), thread::current().id());
    assert!(block_on(queued).unwrap_err().is_cancelled());
    let (told, who) = tell();
    let late = pool.unblock(move || drop(told));
    assert_eq!(who.recv().unwrap(), thread::current().id());
    assert!(late.is_finished());
    assert!(block_on(late).unwrap_err().is_cancelled());
    drop(release);
    assert!(pool.0.join(None).running.is_empty());
    block_on(busy).unwrap();
}

#[test]
fn a_stuck_job_holds_up_nobody_and_is_named() {
    let pool = Tested::new(2);
    let (release, busy) = pool.occupy();
    let idle = pool.unblock(|| ());
    block_on(idle).unwrap();
    // Its thread has nothing more to do with it a moment later.
    wait_until(|| pool.0.counts()[1] == 1);
    close(&pool.0);
    for until in [Instant::now(), Instant::now() + Duration::from_millis(5)] {
        let left = pool.0.join(Some(until)).running;
        assert_eq!(left.len(), 1);
        assert!(left[0].location().unwrap().file().ends_with("blocking/tests.rs"));
        assert!(left[0].to_string().contains("job #") && left[0].to_string().contains("running for"), "{}", left[0]);
    }
    // Its thread ends after it.
    drop(release);
    block_on(busy).unwrap();
    assert!(pool.0.join(None).running.is_empty());
}

#[test]
fn a_pool_that_finishes_works_its_queue_off_and_is_closed_by_its_last_worker() {
    let pool = Tested::new(2);
    let (release, busy) = pool.occupy();
    let (second, other) = pool.occupy();
    let ran = Arc::new(AtomicUsize::new(0));
    let (again, shared) = (ran.clone(), pool.0.clone());
    for _ in 0..10 {
        let (ran, again) = (ran.clone(), again.clone());
        pool.unblock(move || {
            ran.fetch_add(1, Ordering::Relaxed);
            // Submitted while it finishes.
            unblock(move || again.fetch_add(1, Ordering::Relaxed)).detach();
        })
        .detach();
    }
    finish(&pool.0, None);
    drop((release, second));
    assert!(pool.0.join(None).not_begun.is_empty());
    assert_eq!(ran.load(Ordering::Relaxed), 20);
    [busy, other].into_iter().for_each(|job| block_on(job).unwrap());
    let late = pool.unblock(|| 1);
    assert_eq!(shared.counts(), [0; 4], "closed: no thread is started for it");
    assert!(block_on(late).unwrap_err().is_cancelled());
}

#[test]
fn a_worker_closes_a_pool_whose_time_is_up() {
    let pool = Tested::new(1);
    let (release, busy) = pool.occupy();
    let (told, who) = tell();
    pool.unblock(move || drop(told)).detach();
    let until = Instant::now() + Duration::from_millis(5);
    finish(&pool.0, Some(until));
    wait_until(|| Instant::now() >= until);
    assert!(who.try_recv().is_err(), "nobody has come by");
    drop(release);
    let worker = who.recv().unwrap();
    assert_ne!(worker, thread::current().id());
    let left = pool.0.join(None);
    assert_eq!((left.not_begun.len(), left.not_begun[0].running_for()), (1, None));
    assert!(left.not_begun[0].to_string().ends_with(", not begun"), "{}", left.not_begun[0]);
    block_on(busy).unwrap();
}

#[test]
fn a_job_can_be_aborted_until_it_is_begun() {
    let pool = Tested::new(1);
    let (release, mut busy) = pool.occupy();
    let (told, who) = tell();
    let mut queued = pool.unblock(move || drop(told));
    assert!(poll(&mut queued).is_pending());
    queued.abort();
    assert_eq!(who.recv().unwrap(), thread::current().id());
    assert!(queued.is_finished());
    assert!(matches!(poll(&mut queued), Poll::Ready(Err(JoinError::Cancelled))));
    queued.abort();
    busy.abort();
    assert!(poll(&mut busy).is_pending(), "it runs on");
    drop(release);
    block_on(busy).unwrap();
}

#[test]
fn a_close_before_the_first_job_and_a_second_close_are_nothing_special() {
    let pool = Tested::new(1);
    close(&pool.0);
    close(&pool.0);
    assert!(pool.0.join(None).running.is_empty());
    assert!(block_on(pool.unblock(|| 1)).unwrap_err().is_cancelled());
}

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

// -- no threads
// -------------------------------------------------------------------------------------------------

/// A system that grants so many threads, and refuses further ones.
#[derive(Clone)]
struct Granted(Arc<Mutex<(usize, usize)>>);

impl Granted {
    fn new(threads: usize) -> Self {
        Self(Arc::new(Mutex::new((threads, 0))))
    }

    fn grant(&self, threads: usize) {
        self.0.lock().unwrap().0 += threads;
    }

    fn refusals(&self) -> usize {
        self.0.lock().unwrap().1
    }

    fn pool(&self, threads: usize) -> Tested {
        self.patient_pool(threads, Duration::ZERO)
    }

    fn patient_pool(&self, threads: usize, patience: Duration) -> Tested {
        let granted = self.clone();
        let start = move |name, run| {
            let mut granted = granted.0.lock().unwrap();
            if granted.0 == 0 {
                granted.1 += 1;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            granted.0 -= 1;
            start_thread(name, run)
        };
        Tested(Pool::starting(PoolOptions { patience, ..options(threads, LONG) }, Box::new(start)))
    }
}

#[test]
fn a_job_that_gets_no_thread_of_its_own_is_run_by_one_that_is_there() {
    let granted = Granted::new(1);
    let pool = granted.pool(4);
    let (release, busy) = pool.occupy();
    let jobs: Vec<_> = (0..3).map(|number| pool.unblock(move || (number, thread_name()))).collect();
    assert_eq!(pool.0.counts(), [1, 1, 0, 3]);
    assert_eq!(granted.refusals(), 3);
    drop(release);
    for (number, job) in jobs.into_iter().enumerate() {
        assert_eq!(block_on(job).unwrap(), (number, "pool-blocking-0".to_string()));
    }
    block_on(busy).unwrap();
}

// A system that refuses a thread once lost a detached job for ever.
#[test]
fn a_thread_that_is_refused_for_a_moment_is_asked_for_again() {
    // Without any worker, and beside one that has no time.
    for busy in [false, true] {
        let granted = Granted::new(usize::from(busy));
        let pool = granted.patient_pool(2, LONG);
        let occupied = busy.then(|| pool.occupy());
        let (done, wait) = channel();
        let giving = {
            let granted = granted.clone();
            thread::spawn(move || {
                wait_until(|| granted.refusals() >= 3);
                granted.grant(1);
            })
        };
        pool.unblock(move || done.send(1).unwrap()).detach();
        assert_eq!(wait.recv(), Ok(1));
        giving.join().unwrap();
        assert_eq!(pool.0.counts()[0], 1 + usize::from(busy));
        if let Some((release, job)) = occupied {
            drop(release);
            block_on(job).unwrap();
        }
    }
}

#[test]
fn a_job_for_which_no_thread_is_granted_ends_with_an_error_that_says_so() {
    let granted = Granted::new(0);
    let pool = granted.patient_pool(2, Duration::from_millis(5));
    let (told, who) = tell();
    let line = line!() + 1;
    let mut job = pool.unblock(move || drop(told));
    assert_eq!(who.recv().unwrap(), thread::current().id());
    assert!(granted.refusals() > 1, "it was tried again");
    assert!(job.is_finished());
    // Ready at once: nobody spins, and no executor is needed.
    let Poll::Ready(Err(error)) = poll(&mut job) else { panic!("it is not pending") };
    assert!(!error.is_cancelled() && !error.is_panic() && matches!(error, JoinError::NoThread(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("job #") && text.contains(&format!("tests.rs:{line}:")), "{text}");
    assert!(text.contains("could not be begun: the system grants no thread: "), "{text}");
    assert_eq!(pool.0.counts(), [0; 4]);
    // The patience was spent: the next ones are told at once, until a thread is granted.
    let is_told_at_once = || {
        let refusals = granted.refusals();
        assert!(matches!(block_on(pool.unblock(|| ())), Err(JoinError::NoThread(_))));
        granted.refusals() == refusals + 1
    };
    // Not where this thread was kept waiting for a second in between.
    assert!((0..10).any(|_| is_told_at_once()));
    granted.grant(1);
    assert_eq!(block_on(pool.unblock(|| 1)).unwrap(), 1);
}

#[test]
fn a_detached_job_for_which_no_thread_is_granted_is_named_in_the_end() {
    let granted = Granted::new(0);
    let pool = granted.pool(1);
    pool.unblock(|| ()).detach();
    drop(pool.unblock(|| ()));
    finish(&pool.0, None);
    let left = pool.0.join(None);
    assert_eq!((left.not_begun.len(), left.running.len()), (1, 0));
}

#[test]
fn a_name_that_no_thread_is_granted_for_is_an_error_of_the_connection() {
    let pool = Granted::new(0).pool(1);
    let _entered = pool.0.enter();
    // `localhost` is a name; numbers ask nobody.
    let errors = block_on(async {
        [
            crate::net::resolve("localhost", 1).await.map(drop).unwrap_err(),
            crate::net::TcpStream::connect("localhost:1").await.map(drop).unwrap_err(),
        ]
    });
    for error in errors {
        let text = error.to_string();
        assert!(text.contains("`localhost`") && text.contains("the system grants no thread"), "{text}");
    }
}

#[test]
fn a_submitter_that_waits_for_a_thread_hears_of_the_end() {
    let granted = Granted::new(0);
    let pool = granted.patient_pool(1, LONG);
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(|| granted.refusals() > 1);
            close(&pool.0);
        });
        assert!(block_on(pool.unblock(|| 1)).unwrap_err().is_cancelled());
    });
}

#[test]
fn a_pool_recovers_its_threads_once_the_system_grants_them_again() {
    let granted = Granted::new(1);
    let pool = granted.pool(3);
    let (release, busy) = pool.occupy();
    let barrier = Arc::new(Barrier::new(3));
    let jobs: Vec<_> = (0..3)
        .map(|_| {
            let barrier = barrier.clone();
            pool.unblock(move || {
                barrier.wait();
            })
        })
        .collect();
    granted.grant(2);
    // Starts one; what that one begins starts the other. All three have to meet.
    let last = pool.unblock(|| ());
    drop(release);
    jobs.into_iter().chain([busy, last]).for_each(|job| block_on(job).unwrap());
}

#[test]
fn a_handle_that_is_polled_after_its_result_names_its_type() {
    let pool = Tested::new(1);
    let refusing = Granted::new(0).pool(1);
    for mut job in [pool.unblock(|| ()), refusing.unblock(|| ())] {
        let _ = block_on(&mut job);
        let payload = catch_unwind(AssertUnwindSafe(|| drop(poll(&mut job)))).unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "`Unblock` polled after completion");
    }
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
