//! What is dropped by a panic that unwinds may call foreign wakers; one that panics then must not
//! end the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};

use wakeline::local::{Event, Semaphore};

use super::kinds::poll;
use crate::support::{Counter, Hooked, text_of};

/// A waker that panics in its wake and in its drop.
fn rude() -> (Waker, Arc<Hooked>) {
    Hooked::new(|at| panic!("a waker's panic at {at:?}"))
}

/// Drops a value by a panic that unwinds. The panic that arrives is the first one.
#[track_caller]
fn dropped_by_a_panic<T>(hooked: &Hooked, value: T) {
    hooked.arm();
    let result = catch_unwind(AssertUnwindSafe(move || {
        let _value = value;
        panic!("the first panic");
    }));
    hooked.disarm();
    assert_eq!(text_of(&*result.unwrap_err()), "the first panic");
}

macro_rules! tests_of {
    ($name:ident) => {
        mod $name {
            use wakeline::$name as channel;

            use super::*;

            /// The last sender wakes receivers, the last receiver wakes senders and who waits for
            /// the close.
            #[test]
            fn the_end_of_a_channel() {
                let ((waker, hooked), (good, counter)) = (rude(), Counter::new());
                let (sender, receiver) = channel::bounded::<u8>(1);
                let (mut one, mut two) = (receiver.recv(), receiver.recv());
                assert!(poll!(one, &waker).is_pending() && poll!(two, &good).is_pending());
                dropped_by_a_panic(&hooked, sender);
                assert_eq!(counter.count(), 1, "the other one is woken all the same");
                assert!(poll!(one, &good).is_ready() && poll!(two, &good).is_ready());

                let (sender, receiver) = channel::bounded(1);
                sender.try_send(1).unwrap();
                let (mut send, mut reserve, mut closed) = (sender.send(2), sender.reserve(), sender.closed());
                assert!(poll!(send, &waker).is_pending() && poll!(reserve, &waker).is_pending());
                assert!(poll!(closed, &waker).is_pending());
                dropped_by_a_panic(&hooked, receiver);
                assert!(poll!(send, &good).is_ready() && poll!(reserve, &good).is_ready() && poll!(closed, &good).is_ready());
            }

            /// A receive that was called wakes the next one; one that was not drops its own waker.
            #[test]
            fn a_receive() {
                let ((waker, hooked), (good, _)) = (rude(), Counter::new());
                let (sender, receiver) = channel::unbounded();
                let (mut one, mut two) = (receiver.recv(), receiver.recv());
                assert!(poll!(one, &good).is_pending() && poll!(two, &waker).is_pending());
                sender.try_send(1).unwrap();
                dropped_by_a_panic(&hooked, one);
                assert_eq!(poll!(two, &good), Poll::Ready(Ok(1)));
                let mut three = receiver.recv();
                assert!(poll!(three, &waker).is_pending());
                dropped_by_a_panic(&hooked, three);
                assert!(receiver.is_empty());
            }

            /// A stream's end is that of its receive, and of the channel.
            #[test]
            fn a_stream() {
                let ((waker, hooked), (good, _)) = (rude(), Counter::new());
                let (sender, mut stream) = channel::unbounded();
                let receiver = stream.clone();
                let polled =
                    futures_core::Stream::poll_next(std::pin::Pin::new(&mut stream), &mut std::task::Context::from_waker(&good));
                assert!(polled.is_pending());
                let mut other = receiver.recv();
                assert!(poll!(other, &waker).is_pending());
                sender.try_send(1).unwrap();
                dropped_by_a_panic(&hooked, stream);
                assert_eq!(poll!(other, &good), Poll::Ready(Ok(1)));
            }

            #[test]
            fn a_send_and_a_wait_for_the_close() {
                let (waker, hooked) = rude();
                let (sender, receiver) = channel::bounded(1);
                sender.try_send(1).unwrap();
                let (mut send, mut closed) = (sender.send(2), sender.closed());
                assert!(poll!(send, &waker).is_pending() && poll!(closed, &waker).is_pending());
                dropped_by_a_panic(&hooked, (send, closed));
                assert_eq!((receiver.try_recv(), receiver.try_recv().is_err()), (Ok(1), true));
            }

            /// A permit, and a reservation that was granted and not fetched, give their room to the
            /// next.
            #[test]
            fn a_permit() {
                let ((waker, hooked), (good, _)) = (rude(), Counter::new());
                let (sender, receiver) = channel::bounded(1);
                let permit = sender.try_reserve().unwrap();
                let (mut one, mut two) = (sender.reserve(), sender.send(2));
                assert!(poll!(one, &waker).is_pending() && poll!(two, &waker).is_pending());
                dropped_by_a_panic(&hooked, permit);
                dropped_by_a_panic(&hooked, one);
                assert_eq!((receiver.try_recv(), poll!(two, &good)), (Ok(2), Poll::Ready(Ok(()))));
                let permit = sender.try_reserve().unwrap();
                let mut receive = receiver.recv();
                assert!(poll!(receive, &waker).is_pending());
                sender.close();
                dropped_by_a_panic(&hooked, permit);
                assert!(poll!(receive, &good).is_ready());
            }

            #[test]
            fn the_ends_of_a_oneshot() {
                let ((waker, hooked), (good, _)) = (rude(), Counter::new());
                let (sender, mut receiver) = channel::oneshot::<u8>();
                assert!(poll!(receiver, &waker).is_pending());
                dropped_by_a_panic(&hooked, sender);
                assert!(poll!(receiver, &good).is_ready());
                let (mut sender, mut receiver) = channel::oneshot::<u8>();
                assert!(poll!(sender.closed(), &waker).is_pending());
                let mut cx = std::task::Context::from_waker(&waker);
                assert!(sender.poll_closed(&mut cx).is_pending() && poll!(receiver, &waker).is_pending());
                dropped_by_a_panic(&hooked, receiver);
                assert!(sender.is_closed());
                let (mut sender, receiver) = channel::oneshot::<u8>();
                let mut closed = sender.closed();
                assert!(poll!(closed, &waker).is_pending());
                dropped_by_a_panic(&hooked, closed);
                drop(receiver);
            }

            /// What a user's destructor does with a channel is no different.
            #[test]
            fn what_a_destructor_sends_and_closes() {
                struct Tells(channel::Sender<u8>, channel::Sender<u8>);
                impl Drop for Tells {
                    fn drop(&mut self) {
                        self.0.try_send(1).unwrap();
                        self.1.close();
                    }
                }
                let ((waker, hooked), (good, _)) = (rude(), Counter::new());
                let ((sender, receiver), (other, others)) = (channel::unbounded(), channel::unbounded());
                let (mut one, mut two) = (receiver.recv(), others.recv());
                assert!(poll!(one, &waker).is_pending() && poll!(two, &waker).is_pending());
                dropped_by_a_panic(&hooked, Tells(sender, other));
                assert!(poll!(one, &good).is_ready() && poll!(two, &good).is_ready());
            }
        }
    };
}

tests_of!(channel);
tests_of!(local);

#[test]
fn a_permit_and_an_acquire_of_a_semaphore() {
    let ((waker, hooked), (good, counter)) = (rude(), Counter::new());
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire(1).unwrap();
    let (mut one, mut two, mut three) = (semaphore.acquire(1), semaphore.acquire(1), semaphore.acquire(1));
    assert!(poll!(one, &waker).is_pending() && poll!(two, &waker).is_pending() && poll!(three, &good).is_pending());
    dropped_by_a_panic(&hooked, permit);
    dropped_by_a_panic(&hooked, one);
    assert_eq!(counter.count(), 0);
    dropped_by_a_panic(&hooked, two);
    assert_eq!(counter.count(), 1);
    assert!(poll!(three, &good).is_ready());
    let held = semaphore.try_acquire(1).unwrap();
    let mut waits = semaphore.acquire(1);
    assert!(poll!(waits, &waker).is_pending());
    dropped_by_a_panic(&hooked, waits);
    drop(held);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_wait_for_an_event() {
    struct Sets(Event);
    impl Drop for Sets {
        fn drop(&mut self) {
            self.0.set();
        }
    }
    let ((waker, hooked), (good, counter)) = (rude(), Counter::new());
    let event = Event::new();
    let (mut one, mut two, mut three) = (event.wait(), event.wait(), event.wait());
    assert!(poll!(one, &waker).is_pending() && poll!(two, &waker).is_pending() && poll!(three, &good).is_pending());
    dropped_by_a_panic(&hooked, one);
    dropped_by_a_panic(&hooked, Sets(event.clone()));
    assert_eq!(counter.count(), 1);
    assert!(poll!(two, &good).is_ready());
}
