//! How a pool ends.

use super::*;

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
