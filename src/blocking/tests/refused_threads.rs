//! A system that grants no thread, or not at once.

use super::*;

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
    assert!(text.starts_with("job #") && text.contains(&format!("{}:{line}:", file!())), "{text}");
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
