//! What the two kinds of channel have in common: each test runs for both.

/// Polls a future once.
macro_rules! poll {
    ($future:expr, $waker:expr) => {
        std::pin::Pin::new(&mut $future).poll(&mut std::task::Context::from_waker($waker))
    };
}
pub(super) use poll;

macro_rules! tests_of {
    ($name:ident) => {
        mod $name {
            use std::rc::Rc;
            use std::sync::Arc;
            use std::task::{Poll, Waker};

            use futures_core::Stream;
            use futures_lite::StreamExt;
            use wakeline::$name::{self as channel, RecvError, SendError, TryRecvError, TrySendError};
            use wakeline::{block_on, spawn, yield_now};

            use crate::support::{Counter, allocations};

            #[test]
            fn messages_arrive_in_the_order_in_which_they_were_sent() {
                for capacity in [0, 1, 2, 7, usize::MAX] {
                    block_on(async {
                        let (sender, receiver) = channel::bounded(capacity);
                        spawn(async move {
                            for number in 0..1000 {
                                sender.send(number).await.unwrap();
                                if number % 5 == 0 {
                                    yield_now().await;
                                }
                            }
                        })
                        .detach();
                        for number in 0..1000 {
                            assert_eq!(receiver.recv().await, Ok(number));
                        }
                        assert_eq!(receiver.recv().await, Err(RecvError));
                    });
                }
            }

            #[test]
            fn senders_that_wait_are_served_in_their_order() {
                let (sender, receiver) = channel::bounded(1);
                let (waker, _) = Counter::new();
                let mut sends: Vec<_> = (0..5).map(|number| sender.send(number)).collect();
                assert_eq!(poll!(sends[0], &waker), Poll::Ready(Ok(())));
                for index in [3, 1, 4, 2] {
                    assert!(poll!(sends[index], &waker).is_pending());
                }
                // One that goes leaves its place to the next.
                drop(sends.remove(1));
                assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
                let received: Vec<_> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
                assert_eq!(received, [0, 3, 4, 2]);
                for send in &mut sends[1..] {
                    assert_eq!(poll!(*send, &waker), Poll::Ready(Ok(())));
                }
            }

            /// CH10, CH11.
            #[test]
            fn closing_a_full_channel_fails_who_waits_and_keeps_what_was_sent() {
                let (sender, receiver) = channel::bounded(1);
                let (waker, counter) = Counter::new();
                sender.try_send(1).unwrap();
                let (mut second, mut third) = (sender.send(2), sender.send(3));
                assert!(poll!(second, &waker).is_pending() && poll!(third, &waker).is_pending());
                assert!(receiver.close());
                assert!(!receiver.close() && !sender.close() && sender.is_closed() && receiver.is_closed());
                assert_eq!(counter.count(), 2);
                assert_eq!(poll!(second, &waker), Poll::Ready(Err(SendError(2))));
                assert_eq!(receiver.try_recv(), Ok(1));
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
                assert_eq!(poll!(third, &waker), Poll::Ready(Err(SendError(3))));
                assert_eq!(sender.try_send(4), Err(TrySendError::Closed(4)));
                assert_eq!(block_on(sender.send(5)), Err(SendError(5)));
            }

            /// CH10.
            #[test]
            fn closing_an_empty_channel_wakes_who_waits_for_a_message() {
                for last_sender_goes in [false, true] {
                    let (sender, receiver) = channel::bounded::<u8>(4);
                    let another = sender.clone();
                    let (waker, counter) = Counter::new();
                    let (mut one, mut two) = (receiver.recv(), receiver.recv());
                    assert!(poll!(one, &waker).is_pending() && poll!(two, &waker).is_pending());
                    drop(another);
                    assert_eq!(counter.count(), 0, "a sender is left");
                    if last_sender_goes {
                        drop(sender);
                    } else {
                        assert!(sender.close());
                    }
                    assert_eq!(counter.count(), 2);
                    assert_eq!(poll!(one, &waker), Poll::Ready(Err(RecvError)));
                    assert_eq!(poll!(two, &waker), Poll::Ready(Err(RecvError)));
                    assert_eq!(block_on(receiver.recv()), Err(RecvError));
                }
            }

            /// CH5, CH10.
            #[test]
            fn the_last_receiver_drops_what_is_in_the_channel_and_wakes_the_senders() {
                for count in [0, 1, 31, 32, 33] {
                    let message = Rc::new(());
                    let (sender, receiver) = channel::unbounded();
                    let another = receiver.clone();
                    (0..count).for_each(|_| sender.try_send(message.clone()).unwrap());
                    drop(receiver);
                    assert_eq!((sender.len(), sender.is_closed()), (count, false));
                    drop(another);
                    assert_eq!((Rc::strong_count(&message), sender.is_closed()), (1, true));
                    assert!(sender.try_send(message.clone()).unwrap_err().is_closed());
                }
                let (sender, receiver) = channel::bounded(1);
                let (waker, counter) = Counter::new();
                sender.try_send(1).unwrap();
                let mut waits = sender.send(2);
                assert!(poll!(waits, &waker).is_pending());
                drop(receiver);
                assert_eq!(counter.count(), 1);
                assert_eq!(poll!(waits, &waker), Poll::Ready(Err(SendError(2))));
            }

            #[test]
            fn a_rendezvous_is_over_when_the_message_was_taken() {
                let (sender, receiver) = channel::bounded(0);
                let (waker, counter) = Counter::new();
                let mut send = sender.send(1);
                assert!(poll!(send, &waker).is_pending() && poll!(send, &waker).is_pending());
                assert_eq!((sender.len(), sender.capacity()), (0, Some(0)));
                assert_eq!(receiver.try_recv(), Ok(1));
                assert_eq!(counter.count(), 1);
                assert_eq!(poll!(send, &waker), Poll::Ready(Ok(())));
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
                // The receiver may also come first.
                let mut receive = receiver.recv();
                assert!(poll!(receive, &waker).is_pending());
                let mut send = sender.send(2);
                assert!(poll!(send, &waker).is_pending());
                assert_eq!(counter.count(), 2);
                assert_eq!(poll!(receive, &waker), Poll::Ready(Ok(2)));
                assert_eq!(counter.count(), 3);
                assert_eq!(poll!(send, &waker), Poll::Ready(Ok(())));
            }

            #[test]
            fn one_can_try_a_rendezvous_where_somebody_waits_for_it() {
                let (sender, receiver) = channel::bounded(0);
                let (waker, counter) = Counter::new();
                assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
                let (mut one, mut two) = (receiver.recv(), receiver.recv());
                assert!(poll!(one, &waker).is_pending() && poll!(two, &waker).is_pending());
                assert_eq!(sender.try_send(1), Ok(()));
                assert_eq!(sender.try_send(2), Ok(()));
                assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)), "each who waits has a message on its way");
                assert_eq!(counter.count(), 2);
                drop(one);
                // What the one was woken for is the next one's.
                assert_eq!(poll!(two, &waker), Poll::Ready(Ok(1)));
                assert_eq!(receiver.try_recv(), Ok(2));
                let mut send = sender.send(4);
                assert!(poll!(send, &waker).is_pending());
                assert_eq!(sender.try_send(5), Err(TrySendError::Full(5)), "nobody overtakes");
            }

            #[test]
            fn the_largest_capacity_is_one_like_others() {
                let before = allocations();
                let (sender, receiver) = channel::bounded(usize::MAX);
                assert!(allocations() - before <= 2);
                assert_eq!(sender.capacity(), Some(usize::MAX));
                sender.try_send(()).unwrap();
                block_on(sender.send(())).unwrap();
                assert_eq!((receiver.len(), receiver.is_empty()), (2, false));
            }

            /// CH3, JC9.
            #[test]
            fn a_receiver_that_goes_passes_on_what_it_was_woken_for() {
                let (sender, receiver) = channel::bounded(4);
                let ((first, firsts), (second, seconds), (third, thirds)) = (Counter::new(), Counter::new(), Counter::new());
                let (mut one, mut two, mut three) = (receiver.recv(), receiver.recv(), receiver.recv());
                assert!(poll!(one, &first).is_pending() && poll!(two, &second).is_pending() && poll!(three, &third).is_pending());
                sender.try_send(7).unwrap();
                assert_eq!((firsts.count(), seconds.count(), thirds.count()), (1, 0, 0));
                drop(one);
                assert_eq!((firsts.count(), seconds.count(), thirds.count()), (1, 1, 0));
                drop(two);
                assert_eq!(thirds.count(), 1);
                assert_eq!(poll!(three, &third), Poll::Ready(Ok(7)));
            }

            #[test]
            fn a_receiver_that_goes_wakes_nobody_for_a_message_that_is_gone() {
                let (sender, receiver) = channel::bounded(4);
                let (first, second) = (Counter::new(), Counter::new());
                let (mut one, mut two) = (receiver.recv(), receiver.recv());
                assert!(poll!(one, &first.0).is_pending() && poll!(two, &second.0).is_pending());
                sender.try_send(7).unwrap();
                assert_eq!(receiver.try_recv(), Ok(7));
                drop(one);
                assert_eq!(second.1.count(), 0);
                sender.try_send(8).unwrap();
                assert_eq!(second.1.count(), 1);
            }

            #[test]
            fn who_was_woken_in_vain_waits_in_front() {
                let (sender, receiver) = channel::unbounded();
                let (first, second) = (Counter::new(), Counter::new());
                let (mut one, mut two) = (receiver.recv(), receiver.recv());
                assert!(poll!(one, &first.0).is_pending() && poll!(two, &second.0).is_pending());
                sender.try_send(1).unwrap();
                assert_eq!(receiver.try_recv(), Ok(1), "no message is promised to anybody");
                assert!(poll!(one, &first.0).is_pending());
                sender.try_send(2).unwrap();
                assert_eq!((first.1.count(), second.1.count()), (2, 0));
                assert_eq!(poll!(one, &first.0), Poll::Ready(Ok(2)));
            }

            /// JC9.
            #[test]
            fn a_send_that_is_dropped_was_delivered_or_takes_its_message_along() {
                let message = Rc::new(());
                let (sender, receiver) = channel::bounded(1);
                let (waker, _) = Counter::new();
                sender.try_send(message.clone()).unwrap();
                let (mut delivered, mut withdrawn) = (sender.send(message.clone()), sender.send(message.clone()));
                assert!(poll!(delivered, &waker).is_pending() && poll!(withdrawn, &waker).is_pending());
                drop(withdrawn);
                assert_eq!(Rc::strong_count(&message), 3);
                drop(receiver.try_recv());
                drop(delivered);
                assert!(receiver.try_recv().is_ok());
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
                assert_eq!(Rc::strong_count(&message), 1);
                // One that was never polled has not even begun.
                drop(sender.send(message.clone()));
                assert_eq!((receiver.len(), Rc::strong_count(&message)), (0, 1));
            }

            #[test]
            fn a_receiver_is_woken_once_per_sleep_however_many_messages_arrive() {
                let (sender, receiver) = channel::unbounded();
                let (waker, counter) = Counter::new();
                for sleep in 1..4 {
                    let mut receive = receiver.recv();
                    assert!(poll!(receive, &waker).is_pending() && poll!(receive, &waker).is_pending());
                    (0..100).for_each(|number| sender.try_send(number).unwrap());
                    assert_eq!(counter.count(), sleep);
                    assert_eq!(poll!(receive, &waker), Poll::Ready(Ok(0)));
                    (1..100).for_each(|number| assert_eq!(receiver.try_recv(), Ok(number)));
                }
            }

            #[test]
            fn the_waker_of_the_last_poll_is_woken() {
                let (sender, receiver) = channel::bounded(1);
                let ((old, olds), (new, news)) = (Counter::new(), Counter::new());
                let mut receive = receiver.recv();
                assert!(poll!(receive, &old).is_pending() && poll!(receive, &new).is_pending());
                sender.try_send(1).unwrap();
                assert_eq!((olds.count(), news.count()), (0, 1));
                let mut send = sender.send(2);
                assert!(poll!(send, &old).is_pending() && poll!(send, &new).is_pending());
                assert_eq!(receiver.try_recv(), Ok(1));
                assert_eq!((olds.count(), news.count()), (0, 2));
                assert_eq!((Arc::strong_count(&olds), Arc::strong_count(&news)), (2, 2), "nobody keeps them");
            }

            #[test]
            fn a_stream_gives_all_messages_and_ends() {
                block_on(async {
                    let (sender, mut receiver) = channel::bounded(1);
                    spawn(async move {
                        for number in 0..10 {
                            sender.send(number).await.unwrap();
                        }
                    })
                    .detach();
                    let mut sum = 0;
                    while let Some(number) = receiver.next().await {
                        sum += number;
                    }
                    assert_eq!(sum, 45);
                    assert_eq!(receiver.next().await, None);
                });
            }

            /// CH3.
            #[test]
            fn a_stream_that_is_dropped_passes_on_what_it_was_woken_for() {
                let (sender, mut stream) = channel::unbounded();
                let receiver = stream.clone();
                let ((first, firsts), (second, seconds)) = (Counter::new(), Counter::new());
                let pinned = std::pin::Pin::new(&mut stream);
                assert!(pinned.poll_next(&mut std::task::Context::from_waker(&first)).is_pending());
                let mut receive = receiver.recv();
                assert!(poll!(receive, &second).is_pending());
                sender.try_send(1).unwrap();
                assert_eq!((firsts.count(), seconds.count()), (1, 0));
                drop(stream);
                assert_eq!(seconds.count(), 1);
                assert_eq!(poll!(receive, &second), Poll::Ready(Ok(1)));
            }

            #[test]
            fn messages_cost_no_allocation_once_the_channel_is_warm() {
                block_on(async {
                    let (sender, receiver) = channel::bounded(2);
                    let (there, back) = channel::bounded(2);
                    let echo = spawn(async move {
                        while let Ok(message) = receiver.recv().await {
                            there.send(message).await.unwrap();
                        }
                    });
                    let mut before = 0;
                    for number in 0..100 {
                        if number == 10 {
                            before = allocations();
                        }
                        sender.send(number).await.unwrap();
                        assert_eq!(back.recv().await, Ok(number));
                    }
                    assert_eq!(allocations(), before);
                    drop(sender);
                    echo.await.unwrap();
                });
            }

            #[test]
            fn a_channel_works_without_an_executor() {
                let (sender, receiver) = channel::bounded(1);
                let noop = Waker::noop();
                for number in 0..1000 {
                    assert_eq!(poll!(sender.send(number), noop), Poll::Ready(Ok(())));
                    assert_eq!(poll!(receiver.recv(), noop), Poll::Ready(Ok(number)));
                }
            }

            /// The room that is made while a send waits is its own, so a later one cannot starve
            /// it.
            #[test]
            fn who_sends_later_waits_longer() {
                let (sender, receiver) = channel::bounded(1);
                let (waker, _) = Counter::new();
                sender.try_send(1).unwrap();
                let mut waits = sender.send(2);
                assert!(poll!(waits, &waker).is_pending());
                assert_eq!(receiver.try_recv(), Ok(1));
                assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
                assert_eq!(receiver.try_recv(), Ok(2));
                assert_eq!(poll!(waits, &waker), Poll::Ready(Ok(())));
            }
        }
    };
}

tests_of!(channel);
tests_of!(local);
