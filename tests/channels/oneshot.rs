//! Channels for one message: each test runs for both kinds.

use super::kinds::poll;

macro_rules! tests_of {
    ($name:ident) => {
        mod $name {
            use std::rc::Rc;
            use std::sync::Arc;
            use std::task::Poll;

            use wakeline::$name::{self as channel, RecvError, TryRecvError};
            use wakeline::{block_on, spawn};

            use super::poll;
            use crate::support::Counter;

            #[test]
            fn the_message_arrives_whichever_is_first() {
                let (sender, receiver) = channel::oneshot();
                sender.send(1).unwrap();
                assert_eq!(block_on(receiver), Ok(1));
                block_on(async {
                    let (sender, receiver) = channel::oneshot();
                    let waits = spawn(receiver);
                    wakeline::yield_now().await;
                    sender.send(2).unwrap();
                    assert_eq!(waits.await.unwrap(), Ok(2));
                });
            }

            #[test]
            fn a_sender_that_goes_without_a_message_wakes_who_waits() {
                let (sender, mut receiver) = channel::oneshot::<u8>();
                let (waker, counter) = Counter::new();
                assert!(poll!(receiver, &waker).is_pending());
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
                drop(sender);
                assert_eq!(counter.count(), 1);
                assert_eq!(poll!(receiver, &waker), Poll::Ready(Err(RecvError)));
                assert_eq!((receiver.try_recv(), receiver.is_closed()), (Err(TryRecvError::Closed), true));
            }

            #[test]
            fn a_message_that_nobody_will_take_comes_back() {
                let (sender, receiver) = channel::oneshot();
                assert!(!sender.is_closed());
                drop(receiver);
                assert!(sender.is_closed());
                assert_eq!(sender.send(1), Err(1));
            }

            #[test]
            fn a_receiver_that_has_closed_still_gets_what_was_sent() {
                let (sender, mut receiver) = channel::oneshot();
                sender.send(1).unwrap();
                assert!(receiver.is_closed() && !receiver.close());
                assert_eq!(receiver.try_recv(), Ok(1));
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
                assert_eq!(block_on(&mut receiver), Err(RecvError));

                let (sender, mut receiver) = channel::oneshot();
                assert!(receiver.close() && !receiver.close());
                assert_eq!(sender.send(1), Err(1));
                assert_eq!(block_on(receiver), Err(RecvError));
            }

            #[test]
            fn the_end_of_the_receiver_can_be_waited_for() {
                for by_close in [false, true] {
                    let (mut sender, mut receiver) = channel::oneshot::<u8>();
                    let (waker, counter) = Counter::new();
                    let mut closed = sender.closed();
                    assert!(poll!(closed, &waker).is_pending() && poll!(closed, &waker).is_pending());
                    if by_close {
                        receiver.close();
                    }
                    drop(receiver);
                    assert_eq!(counter.count(), 1);
                    assert!(poll!(closed, &waker).is_ready() && poll!(closed, &waker).is_ready());
                    drop(closed);
                    assert_eq!(Arc::strong_count(&counter), 2);
                }
            }

            /// RC12: a waker that waits for nothing any more is not kept by who forgets the other
            /// end.
            #[test]
            fn an_end_that_goes_takes_its_waker_along() {
                let (sender, mut receiver) = channel::oneshot::<u8>();
                let (waker, counter) = Counter::new();
                assert!(poll!(receiver, &waker).is_pending());
                assert_eq!(Arc::strong_count(&counter), 3);
                drop(receiver);
                assert_eq!(Arc::strong_count(&counter), 2);
                std::mem::forget(sender);

                let (mut sender, receiver) = channel::oneshot::<u8>();
                let mut closed = sender.closed();
                assert!(poll!(closed, &waker).is_pending());
                drop(closed);
                assert_eq!(Arc::strong_count(&counter), 2);
                std::mem::forget(receiver);
            }

            #[test]
            fn a_receiver_that_closes_and_is_done_keeps_no_waker() {
                let (sender, mut receiver) = channel::oneshot::<u8>();
                let (waker, counter) = Counter::new();
                assert!(poll!(receiver, &waker).is_pending());
                receiver.close();
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
                assert_eq!((Arc::strong_count(&counter), counter.count()), (2, 0));
                drop(sender);
            }

            #[test]
            fn a_message_is_dropped_once_wherever_it_ends() {
                let message = Rc::new(());
                let (sender, receiver) = channel::oneshot();
                sender.send(message.clone()).unwrap();
                assert_eq!(Rc::strong_count(&message), 2);
                drop(receiver);
                assert_eq!(Rc::strong_count(&message), 1);
                let (sender, receiver) = channel::oneshot();
                sender.send(message.clone()).unwrap();
                drop(block_on(receiver));
                assert_eq!(Rc::strong_count(&message), 1);
            }

            #[test]
            fn the_waker_of_the_last_poll_is_woken() {
                let (sender, mut receiver) = channel::oneshot();
                let ((old, olds), (new, news)) = (Counter::new(), Counter::new());
                assert!(poll!(receiver, &old).is_pending() && poll!(receiver, &new).is_pending());
                assert_eq!(Arc::strong_count(&olds), 2);
                sender.send(1).unwrap();
                assert_eq!((olds.count(), news.count()), (0, 1));
            }
        }
    };
}

tests_of!(channel);
tests_of!(local);
