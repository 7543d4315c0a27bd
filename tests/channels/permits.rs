//! Room that is reserved: each test runs for both kinds of channel.

use super::kinds::poll;

macro_rules! tests_of {
    ($name:ident) => {
        mod $name {
            use std::rc::Rc;
            use std::task::Poll;

            use futures_lite::future;
            use wakeline::$name::{self as channel, RecvError, SendError, TryRecvError, TrySendError};
            use wakeline::{block_on, spawn, yield_now};

            use super::poll;
            use crate::support::{Counter, allocations};

            #[test]
            fn a_permit_counts_as_a_message_until_it_is_used_or_dropped() {
                let (sender, receiver) = channel::bounded(2);
                let (one, two) = (sender.try_reserve().unwrap(), sender.try_reserve().unwrap());
                assert_eq!(sender.try_reserve().unwrap_err(), TrySendError::Full(()));
                assert_eq!((sender.try_send(9), receiver.len()), (Err(TrySendError::Full(9)), 0));
                one.send(1);
                assert_eq!((sender.try_send(9), receiver.len()), (Err(TrySendError::Full(9)), 1));
                drop(two);
                assert_eq!(sender.try_send(2), Ok(()));
                assert_eq!(receiver.drain().collect::<Vec<_>>(), [1, 2]);
                for _ in 0..100 {
                    drop(sender.try_reserve().unwrap());
                    sender.try_reserve().unwrap().send(3);
                    assert_eq!(receiver.try_recv(), Ok(3));
                }
                assert!(sender.try_reserve().is_ok());
            }

            /// Nothing is delivered by what loses, whenever the room comes.
            #[test]
            fn a_reservation_that_loses_a_select_delivers_nothing() {
                for room_first in [false, true] {
                    block_on(async {
                        let (sender, receiver) = channel::bounded(1);
                        sender.send(1).await.unwrap();
                        let (mut waits, other) = (sender.reserve(), sender.clone());
                        let (waker, counter) = Counter::new();
                        assert!(poll!(waits, &waker).is_pending());
                        if room_first {
                            assert_eq!(receiver.try_recv(), Ok(1));
                            assert_eq!(
                                (counter.count(), other.try_send(9)),
                                (1, Err(TrySendError::Full(9))),
                                "the room is its own"
                            );
                        }
                        let sends = async {
                            waits.await.unwrap().send(2);
                            true
                        };
                        assert!(!future::or(async { false }, sends).await);
                        assert_eq!(other.try_send(3).is_ok(), room_first, "the room is given back");
                        let expected: &[i32] = if room_first { &[3] } else { &[1] };
                        assert_eq!(receiver.drain().collect::<Vec<_>>(), expected);
                    });
                }
            }

            #[test]
            fn senders_and_reservations_wait_in_one_line() {
                let (sender, receiver) = channel::bounded(1);
                let (waker, counter) = Counter::new();
                sender.try_send(0).unwrap();
                let (mut one, mut two, mut three) = (sender.send(1), sender.reserve(), sender.send(3));
                assert!(poll!(one, &waker).is_pending() && poll!(two, &waker).is_pending() && poll!(three, &waker).is_pending());
                assert_eq!((receiver.try_recv(), counter.count()), (Ok(0), 1));
                assert_eq!((receiver.try_recv(), counter.count()), (Ok(1), 2));
                let Poll::Ready(Ok(permit)) = poll!(two, &waker) else { panic!("it is its turn") };
                permit.send(2);
                assert_eq!((receiver.try_recv(), counter.count()), (Ok(2), 3));
                assert_eq!((poll!(one, &waker), poll!(three, &waker)), (Poll::Ready(Ok(())), Poll::Ready(Ok(()))));
                assert_eq!(receiver.try_recv(), Ok(3));
            }

            #[test]
            fn room_that_is_given_back_wakes_the_next() {
                let (sender, receiver) = channel::bounded(1);
                let ((first, firsts), (second, seconds), (third, thirds)) = (Counter::new(), Counter::new(), Counter::new());
                let permit = sender.try_reserve().unwrap();
                let (mut one, mut two, mut three) = (sender.reserve(), sender.reserve(), sender.send(3));
                assert!(poll!(one, &first).is_pending() && poll!(two, &second).is_pending() && poll!(three, &third).is_pending());
                drop(permit);
                assert_eq!((firsts.count(), seconds.count(), thirds.count()), (1, 0, 0));
                // One that was given room and does not fetch it, one that gives up in the line.
                drop(one);
                assert_eq!((seconds.count(), thirds.count()), (1, 0));
                let Poll::Ready(Ok(permit)) = poll!(two, &second) else { panic!("it is its turn") };
                let mut four = sender.reserve();
                assert!(poll!(four, &first).is_pending());
                drop(four);
                drop(permit);
                assert_eq!((thirds.count(), poll!(three, &third)), (1, Poll::Ready(Ok(()))));
                assert_eq!(receiver.try_recv(), Ok(3));
                assert!(sender.try_reserve().is_ok());
            }

            #[test]
            fn a_close_lets_permits_finish() {
                let (sender, receiver) = channel::bounded(3);
                let ((waker, counter), (other, others)) = (Counter::new(), Counter::new());
                let (one, two) = (sender.try_reserve().unwrap(), sender.try_reserve().unwrap());
                let (mut receive, mut second) = (receiver.recv(), receiver.recv());
                assert!(poll!(receive, &waker).is_pending());
                assert!(receiver.close() && sender.is_closed());
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "something may still come");
                assert!(poll!(receive, &waker).is_pending() && poll!(second, &other).is_pending());
                assert_eq!(sender.try_reserve().unwrap_err(), TrySendError::Closed(()));
                assert_eq!(block_on(sender.reserve()).unwrap_err(), SendError(()));
                assert_eq!(block_on(sender.send(9)), Err(SendError(9)));
                one.send(1);
                assert_eq!((counter.count(), others.count()), (1, 0));
                assert_eq!(poll!(receive, &waker), Poll::Ready(Ok(1)));
                drop(two);
                assert_eq!(others.count(), 1, "the last permit's end is the channel's");
                assert_eq!(poll!(second, &other), Poll::Ready(Err(RecvError)));
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
            }

            #[test]
            fn the_message_of_the_last_permit_is_received_and_then_the_end() {
                block_on(async {
                    let (sender, receiver) = channel::bounded(1);
                    let permit = sender.reserve().await.unwrap();
                    let tasks: Vec<_> = (0..3)
                        .map(|_| {
                            spawn({
                                let receiver = receiver.clone();
                                async move { receiver.recv().await }
                            })
                        })
                        .collect();
                    yield_now().await;
                    sender.close();
                    yield_now().await;
                    permit.send(1);
                    let mut received = Vec::new();
                    for task in tasks {
                        received.extend(task.await.unwrap());
                    }
                    assert_eq!(received, [1]);
                });
            }

            #[test]
            fn a_reservation_that_was_granted_before_the_close_is_a_permit() {
                let (sender, receiver) = channel::bounded(1);
                let (waker, counter) = Counter::new();
                sender.try_send(1).unwrap();
                let (mut granted, mut late) = (sender.reserve(), sender.reserve());
                assert!(poll!(granted, &waker).is_pending() && poll!(late, &waker).is_pending());
                assert_eq!(receiver.try_recv(), Ok(1));
                receiver.close();
                assert_eq!(counter.count(), 2);
                let Poll::Ready(Ok(permit)) = poll!(granted, &waker) else { panic!("it was granted") };
                assert_eq!(poll!(late, &waker).map(|reserved| reserved.is_ok()), Poll::Ready(false));
                permit.send(2);
                assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Err(TryRecvError::Closed)));
                // One that is not fetched ends the channel with its drop.
                let (sender, receiver) = channel::bounded(1);
                sender.try_send(1).unwrap();
                let mut granted = sender.reserve();
                assert!(poll!(granted, &waker).is_pending());
                assert_eq!(receiver.try_recv(), Ok(1));
                sender.close();
                let mut receive = receiver.recv();
                assert!(poll!(receive, &waker).is_pending());
                drop(granted);
                assert_eq!(poll!(receive, &waker), Poll::Ready(Err(RecvError)));
            }

            #[test]
            fn what_is_sent_where_nobody_is_left_is_dropped() {
                let message = Rc::new(());
                let (sender, receiver) = channel::bounded(2);
                let permit = sender.try_reserve().unwrap();
                drop(receiver);
                permit.send(message.clone());
                assert_eq!((Rc::strong_count(&message), sender.len()), (1, 0));
            }

            /// Where all room is reserved, a send that waits is served by who receives.
            #[test]
            fn a_reservation_keeps_no_receiver_from_who_waits_behind_it() {
                let (sender, receiver) = channel::bounded(1);
                let (waker, counter) = Counter::new();
                let permit = sender.try_reserve().unwrap();
                let mut receive = receiver.recv();
                assert!(poll!(receive, &waker).is_pending());
                let (mut reserve, mut send) = (sender.reserve(), sender.send(1));
                assert!(poll!(reserve, &waker).is_pending() && poll!(send, &waker).is_pending());
                assert_eq!((counter.count(), poll!(receive, &waker)), (1, Poll::Ready(Ok(1))));
                assert_eq!((counter.count(), poll!(send, &waker)), (2, Poll::Ready(Ok(()))));
                permit.send(2);
                assert_eq!(receiver.try_recv(), Ok(2));
                assert!(poll!(reserve, &waker).is_ready());
            }

            #[test]
            fn a_rendezvous_can_be_reserved_where_somebody_waits_for_it() {
                let (sender, receiver) = channel::bounded(0);
                let ((waker, counter), (other, others)) = (Counter::new(), Counter::new());
                assert_eq!(sender.try_reserve().unwrap_err(), TrySendError::Full(()));
                let (mut reserve, mut later) = (sender.reserve(), sender.reserve());
                assert!(poll!(reserve, &waker).is_pending() && poll!(later, &waker).is_pending());
                let mut receive = receiver.recv();
                assert!(poll!(receive, &other).is_pending());
                assert_eq!(counter.count(), 1, "one receiver, one permit");
                let Poll::Ready(Ok(permit)) = poll!(reserve, &waker) else { panic!("a receiver waits") };
                assert_eq!((sender.try_send(9), others.count()), (Err(TrySendError::Full(9)), 0));
                permit.send(1);
                assert_eq!((others.count(), poll!(receive, &other)), (1, Poll::Ready(Ok(1))));
                // A permit that is given back goes to the next sender, for which the same receiver
                // does.
                let mut receive = receiver.recv();
                assert!(poll!(receive, &other).is_pending());
                let Poll::Ready(Ok(permit)) = poll!(later, &waker) else { panic!("a receiver waits") };
                let mut last = sender.reserve();
                assert!(poll!(last, &waker).is_pending());
                drop(permit);
                let Poll::Ready(Ok(permit)) = poll!(last, &waker) else { panic!("the room was given back") };
                // The receiver goes: the message is for the next.
                drop(receive);
                permit.send(2);
                assert_eq!(block_on(receiver.recv()), Ok(2));
            }

            #[test]
            fn an_unbounded_channel_always_has_room() {
                let (sender, receiver) = channel::unbounded();
                let permits: Vec<_> = (0..10).map(|_| sender.try_reserve().unwrap()).collect();
                sender.try_send(0).unwrap();
                permits.into_iter().for_each(|permit| permit.send(1));
                assert_eq!(receiver.len(), 11);
            }

            #[test]
            fn a_permit_that_is_forgotten_keeps_its_room() {
                let (sender, receiver) = channel::bounded(2);
                std::mem::forget(sender.try_reserve().unwrap());
                sender.try_send(1).unwrap();
                assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
                sender.close();
                assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Err(TryRecvError::Empty)));
            }

            #[test]
            fn who_has_many_permits_at_hand_still_yields() {
                block_on(async {
                    let (sender, _receiver) = channel::bounded::<u8>(1);
                    let busy = spawn(async move {
                        for _ in 0..1000 {
                            drop(sender.reserve().await.unwrap());
                        }
                    });
                    spawn(async {}).await.unwrap();
                    assert!(!busy.is_finished());
                    busy.await.unwrap();
                });
            }

            #[test]
            fn permits_cost_no_allocation_once_the_channel_is_warm() {
                block_on(async {
                    let (sender, receiver) = channel::bounded(1);
                    let receives = spawn(async move {
                        while receiver.recv().await.is_ok() {
                            yield_now().await;
                        }
                    });
                    let mut before = 0;
                    for number in 0..100 {
                        if number == 10 {
                            before = allocations();
                        }
                        sender.reserve().await.unwrap().send(number);
                        let _ = future::or(async { drop(sender.reserve().await) }, yield_now()).await;
                    }
                    assert_eq!(allocations(), before);
                    drop(sender);
                    receives.await.unwrap();
                });
            }
        }
    };
}

tests_of!(channel);
tests_of!(local);
