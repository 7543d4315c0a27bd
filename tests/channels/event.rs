//! The event of one thread.

use std::sync::Arc;
use std::task::Waker;

use wakeline::local::Event;
use wakeline::{block_on, spawn, yield_now};

use super::kinds::poll;
use crate::support::{Counter, Trace};

#[test]
fn everyone_who_waited_goes_on_even_if_the_event_is_cleared_at_once() {
    let (event, trace) = (Event::new(), Trace::new());
    block_on(async {
        let waits = |name| {
            let (event, trace) = (event.clone(), trace.clone());
            spawn(async move {
                event.wait().await;
                trace.push(name);
            })
        };
        let (one, two) = (waits(1), waits(2));
        yield_now().await;
        event.set();
        event.clear();
        let late = waits(3);
        one.await.unwrap();
        two.await.unwrap();
        yield_now().await;
        assert!(!late.is_finished() && !event.is_set());
        event.set();
        late.await.unwrap();
    });
    assert_eq!(trace.take(), [1, 2, 3]);
}

#[test]
fn an_event_that_is_set_lets_everyone_through_until_it_is_cleared() {
    let event = Event::new();
    event.set();
    event.set();
    let mut wait = event.wait();
    assert!(poll!(wait, Waker::noop()).is_ready());
    event.clear();
    assert!(poll!(wait, Waker::noop()).is_ready(), "a wait that is over stays over");
    assert!(poll!(event.wait(), Waker::noop()).is_pending());
}

#[test]
fn a_wait_that_is_dropped_keeps_no_waker_and_nobody_else_waiting() {
    let event = Event::new();
    let ((first, firsts), (second, seconds)) = (Counter::new(), Counter::new());
    let (mut one, mut two) = (event.wait(), event.wait());
    assert!(poll!(one, &first).is_pending() && poll!(two, &second).is_pending() && poll!(two, &second).is_pending());
    drop(one);
    assert_eq!(Arc::strong_count(&firsts), 2);
    event.set();
    assert_eq!((firsts.count(), seconds.count()), (0, 1));
    // One that was called may go as well.
    drop(two);
    assert_eq!(format!("{event:?}"), "Event { set: true, waiting: 0 }");
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let event = Event::new();
    let ((old, olds), (new, news)) = (Counter::new(), Counter::new());
    let mut wait = event.wait();
    assert!(poll!(wait, &old).is_pending() && poll!(wait, &new).is_pending());
    assert_eq!(Arc::strong_count(&olds), 2);
    event.set();
    assert_eq!((olds.count(), news.count()), (0, 1));
}

#[test]
fn waiting_for_an_event_spends_the_budget() {
    let (event, trace) = (Event::new(), Trace::new());
    block_on(async {
        event.set();
        let (waits, others) = (trace.clone(), trace.clone());
        let busy = spawn(async move {
            for _ in 0..1000 {
                event.wait().await;
            }
            waits.push("busy");
        });
        let patient = spawn(async move { others.push("patient") });
        busy.await.unwrap();
        patient.await.unwrap();
    });
    assert_eq!(trace.take(), ["patient", "busy"]);
}
