//! A future that has been ready panics at the next poll and names itself, or is fused: it stays
//! ready.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_core::FusedFuture;
use wakeline::local::{Event, Semaphore};

use crate::support::panic_text;

/// Polls until it is ready; a second poll must panic with the name.
#[track_caller]
fn ends_once<F: FusedFuture>(name: &str, future: F) {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(!future.is_terminated());
    assert!(future.as_mut().poll(&mut cx).is_ready() && future.is_terminated());
    for _ in 0..2 {
        let text = panic_text(|| assert!(future.as_mut().poll(&mut cx).is_ready()));
        assert_eq!(text, format!("`{name}` polled after completion"));
    }
}

/// Pending at first, then ready, after `then`; ready for ever.
#[track_caller]
fn stays_ready<F: FusedFuture<Output = ()>>(future: F, then: impl FnOnce()) {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_pending() && !future.is_terminated());
    then();
    for _ in 0..3 {
        assert_eq!(future.as_mut().poll(&mut cx), Poll::Ready(()));
        assert!(future.is_terminated());
    }
}

macro_rules! tests_of {
    ($name:ident) => {
        mod $name {
            use std::pin::Pin;

            use futures_core::{FusedStream, Stream};
            use wakeline::$name as channel;

            use super::*;

            #[test]
            fn what_has_been_ready_is_not_polled_again() {
                let (sender, receiver) = channel::bounded(1);
                ends_once("Sending", sender.send(1));
                ends_once("Receiving", receiver.recv());
                assert!(receiver.try_recv().is_err(), "the polls that panicked took and sent nothing");
                sender.try_send(2).unwrap();
                ends_once("Receiving", receiver.recv());
                ends_once("Reserving", sender.reserve());
                assert!(sender.try_reserve().is_ok(), "the permit was dropped");
                receiver.close();
                ends_once("Sending", sender.send(3));
                ends_once("Receiving", receiver.recv());
                ends_once("Reserving", sender.reserve());
            }

            /// One that has waited in between.
            #[test]
            fn what_has_waited_and_been_ready_is_not_polled_again() {
                let mut cx = Context::from_waker(Waker::noop());
                let (sender, receiver) = channel::bounded(1);
                let mut receive = receiver.recv();
                assert!(Pin::new(&mut receive).poll(&mut cx).is_pending());
                sender.try_send(1).unwrap();
                ends_once("Receiving", receive);
                sender.try_send(2).unwrap();
                let mut send = sender.send(3);
                assert!(Pin::new(&mut send).poll(&mut cx).is_pending());
                assert_eq!(receiver.try_recv(), Ok(2));
                ends_once("Sending", send);
                let mut reserve = sender.reserve();
                assert!(Pin::new(&mut reserve).poll(&mut cx).is_pending());
                assert_eq!(receiver.try_recv(), Ok(3));
                ends_once("Reserving", reserve);
            }

            #[test]
            fn a_oneshot_receiver_that_has_been_ready_is_not_polled_again() {
                let (sender, receiver) = channel::oneshot();
                sender.send(1).unwrap();
                ends_once("Receiver", receiver);
                let (sender, receiver) = channel::oneshot::<u8>();
                drop(sender);
                ends_once("Receiver", receiver);
                // The message was taken otherwise: the future has not been ready.
                let (sender, mut receiver) = channel::oneshot();
                sender.send(1).unwrap();
                assert_eq!(receiver.try_recv(), Ok(1));
                ends_once("Receiver", receiver);
            }

            #[test]
            fn what_waits_for_a_close_stays_ready() {
                let (sender, receiver) = channel::bounded::<u8>(1);
                stays_ready(sender.closed(), || drop(receiver));
                let (mut sender, receiver) = channel::oneshot::<u8>();
                stays_ready(sender.closed(), || drop(receiver));
            }

            #[test]
            fn a_stream_that_has_ended_stays_ended() {
                let mut cx = Context::from_waker(Waker::noop());
                let (sender, mut receiver) = channel::bounded(1);
                sender.try_send(1).unwrap();
                assert!(Pin::new(&mut receiver).poll_next(&mut cx).is_ready() && !receiver.is_terminated());
                assert!(Pin::new(&mut receiver).poll_next(&mut cx).is_pending() && !receiver.is_terminated());
                drop(sender);
                assert!(!receiver.is_terminated(), "the end has not been seen");
                for _ in 0..3 {
                    assert_eq!(Pin::new(&mut receiver).poll_next(&mut cx), Poll::Ready(None));
                    assert!(receiver.is_terminated());
                }
            }
        }
    };
}

tests_of!(channel);
tests_of!(local);

#[test]
fn an_acquire_that_has_been_ready_is_not_polled_again() {
    let semaphore = Semaphore::new(1);
    ends_once("Acquire", semaphore.acquire(1));
    assert_eq!(semaphore.available_permits(), 1);
    ends_once("Acquire", semaphore.acquire(usize::MAX));
    semaphore.close();
    ends_once("Acquire", semaphore.acquire(1));
}

#[test]
fn a_wait_for_an_event_stays_ready() {
    let event = Event::new();
    stays_ready(event.wait(), || {
        event.set();
        event.clear();
    });
}
