//! The semaphore of one thread.

use std::sync::Arc;
use std::task::{Poll, Waker};

use wakeline::local::{AcquireError, Semaphore, TryAcquireError};
use wakeline::{block_on, spawn, yield_now};

use super::kinds::poll;
use crate::support::{Counter, Trace, panic_text};

/// CH4.
#[test]
fn permits_that_come_back_wake_who_waits_in_order() {
    let (semaphore, trace) = (Semaphore::new(1), Trace::new());
    block_on(async {
        let tasks: Vec<_> = (0..5)
            .map(|number| {
                let (semaphore, trace) = (semaphore.clone(), trace.clone());
                spawn(async move {
                    let _permit = semaphore.acquire(1).await.unwrap();
                    trace.push(number);
                    yield_now().await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(trace.take(), [0, 1, 2, 3, 4]);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn nobody_overtakes_a_large_request() {
    let semaphore = Semaphore::new(3);
    let held = semaphore.try_acquire(2).unwrap();
    let ((large, larges), (small, smalls)) = (Counter::new(), Counter::new());
    let (mut three, mut one) = (semaphore.acquire(3), semaphore.acquire(1));
    assert!(poll!(three, &large).is_pending() && poll!(one, &small).is_pending());
    assert_eq!(semaphore.try_acquire(1).unwrap_err(), TryAcquireError::NoPermits);
    drop(held);
    assert_eq!((larges.count(), smalls.count()), (1, 0));
    let Poll::Ready(Ok(permit)) = poll!(three, &large) else { panic!("it has its permits") };
    assert_eq!((permit.permits(), semaphore.available_permits()), (3, 0));
    drop(permit);
    assert_eq!(smalls.count(), 1);
    assert!(poll!(one, &small).is_ready());
}

/// JC9, CH3.
#[test]
fn a_request_that_is_dropped_passes_on_what_it_was_given() {
    let semaphore = Semaphore::new(0);
    let ((first, firsts), (second, seconds)) = (Counter::new(), Counter::new());
    let (mut one, mut two) = (semaphore.acquire(2), semaphore.acquire(1));
    assert!(poll!(one, &first).is_pending() && poll!(two, &second).is_pending());
    semaphore.add_permits(2);
    assert_eq!((firsts.count(), seconds.count(), semaphore.available_permits()), (1, 0, 0));
    drop(one);
    assert_eq!((seconds.count(), semaphore.available_permits()), (1, 1));
    assert!(poll!(two, &second).is_ready(), "and gives its permit back at once");
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_request_that_is_dropped_does_not_stand_in_the_way() {
    let semaphore = Semaphore::new(1);
    let ((first, firsts), (second, seconds)) = (Counter::new(), Counter::new());
    let (mut large, mut small) = (semaphore.acquire(5), semaphore.acquire(1));
    assert!(poll!(large, &first).is_pending() && poll!(small, &second).is_pending());
    drop(large);
    assert_eq!((firsts.count(), seconds.count()), (0, 1));
    assert_eq!(Arc::strong_count(&firsts), 2);
    assert!(poll!(small, &second).is_ready());
}

/// CH4: a semaphore that was closed stays closed.
#[test]
fn a_closed_semaphore_gives_nothing_and_fails_who_waits() {
    let semaphore = Semaphore::new(1);
    let (waker, counter) = Counter::new();
    let held = semaphore.try_acquire(1).unwrap();
    let (mut one, mut two) = (semaphore.acquire(1), semaphore.acquire(1));
    assert!(poll!(one, &waker).is_pending() && poll!(two, &waker).is_pending());
    assert!(semaphore.close());
    assert!(!semaphore.close() && semaphore.is_closed());
    assert_eq!(counter.count(), 2);
    assert_eq!(poll!(one, &waker).map(Result::err), Poll::Ready(Some(AcquireError::Closed)));
    drop(two);
    drop(held);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(semaphore.try_acquire(1).unwrap_err(), TryAcquireError::Closed);
    assert_eq!(block_on(semaphore.acquire(0)).unwrap_err(), AcquireError::Closed);
    assert_eq!(Arc::strong_count(&counter), 2);
}

#[test]
fn a_request_that_was_given_its_permits_before_the_close_keeps_them() {
    let semaphore = Semaphore::new(0);
    let (waker, _) = Counter::new();
    let mut one = semaphore.acquire(1);
    assert!(poll!(one, &waker).is_pending());
    semaphore.add_permits(1);
    semaphore.close();
    assert!(matches!(poll!(one, &waker), Poll::Ready(Ok(_))));
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    assert_eq!(block_on(semaphore.acquire(usize::MAX)).unwrap_err(), AcquireError::TooMany);
    assert_eq!(semaphore.try_acquire(usize::MAX).unwrap_err(), TryAcquireError::TooMany);
    let permit = semaphore.try_acquire(1).unwrap();
    assert!(panic_text(|| semaphore.add_permits(1)).contains("1 permits added to"));
    assert!(panic_text(|| drop(Semaphore::new(usize::MAX))).contains("a semaphore of"));
    permit.forget();
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    for error in [AcquireError::Closed.to_string(), AcquireError::TooMany.to_string(), TryAcquireError::NoPermits.to_string()] {
        assert!(!error.is_empty());
    }
}

#[test]
fn no_permits_are_there_at_once() {
    let semaphore = Semaphore::new(0);
    let permit = semaphore.try_acquire(0).unwrap();
    assert!(poll!(semaphore.acquire(0), Waker::noop()).is_ready());
    drop(permit);
    assert_eq!(semaphore.available_permits(), 0);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { available: 0, waiting: 0, closed: false }");
}
