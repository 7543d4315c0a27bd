//! Who waits with others: receivers that do not come, senders that wait for the end, and what is
//! there at once. For both kinds of channel.

use super::kinds::poll;

macro_rules! tests_of {
    ($name:ident) => {
        mod $name {
            use std::sync::Arc;
            use std::task::Poll;

            use wakeline::$name as channel;
            use wakeline::{block_on, spawn, yield_now};

            use super::poll;
            use crate::support::{Counter, Trace, allocations};

            /// The one that is called first never comes.
            #[test]
            fn a_receiver_that_is_woken_and_not_polled_gives_way_to_the_next_event() {
                for kept in [false, true] {
                    let (sender, receiver) = channel::unbounded();
                    let (waker, counter) = Counter::new();
                    let mut never = receiver.recv();
                    assert!(poll!(never, &waker).is_pending());
                    let mut never = Some(never);
                    if !kept {
                        std::mem::forget(never.take());
                    }
                    let got = Trace::new();
                    block_on(async {
                        let tasks: Vec<_> = (0..3)
                            .map(|_| {
                                spawn({
                                    let (receiver, got) = (receiver.clone(), got.clone());
                                    async move { got.push(receiver.recv().await.unwrap()) }
                                })
                            })
                            .collect();
                        yield_now().await;
                        sender.try_send(1).unwrap();
                        assert_eq!(counter.count(), 1);
                        // From here on each message that comes is announced, and so is each that is
                        // left.
                        sender.try_send(2).unwrap();
                        sender.try_send(3).unwrap();
                        for task in tasks {
                            task.await.unwrap();
                        }
                    });
                    assert_eq!(got.take(), [1, 2, 3]);
                    drop(never);
                }
            }

            /// Two never come; one that was woken gives up.
            #[test]
            fn a_receiver_that_gives_up_passes_on_what_others_do_not_fetch() {
                let (sender, receiver) = channel::unbounded();
                let ((waker, _), (good, counter)) = (Counter::new(), Counter::new());
                let (mut never, mut gives_up, mut waits) = (receiver.recv(), receiver.recv(), receiver.recv());
                assert!(poll!(never, &waker).is_pending() && poll!(gives_up, &waker).is_pending());
                assert!(poll!(waits, &good).is_pending());
                sender.try_send(1).unwrap();
                sender.try_send(2).unwrap();
                assert_eq!((receiver.try_recv(), counter.count()), (Ok(1), 1), "a message is left, and two have not come for it");
                drop(gives_up);
                assert_eq!(poll!(waits, &good), Poll::Ready(Ok(2)));
                assert!(poll!(never, &waker).is_pending());
            }

            /// Receivers and senders that wait, one that comes out of turn, one that gives up.
            #[test]
            fn many_who_wait_cost_no_allocation_once_the_channel_is_warm() {
                block_on(async {
                    let (sender, receiver) = channel::bounded(1);
                    let waker = std::future::poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                    let mut before = 0;
                    for round in 0..50 {
                        yield_now().await;
                        if round == 10 {
                            before = allocations();
                        }
                        let mut receives = [receiver.recv(), receiver.recv(), receiver.recv(), receiver.recv()];
                        receives.iter_mut().for_each(|receive| assert!(poll!(*receive, &waker).is_pending()));
                        let mut sends = [sender.send(1), sender.send(2), sender.send(3)];
                        let waits = sends.iter_mut().filter_map(|send| poll!(*send, &waker).is_pending().then_some(())).count();
                        assert_eq!(waits, 2);
                        let [mut one, mut two, three, mut four] = receives;
                        assert_eq!(poll!(two, &waker), Poll::Ready(Ok(1)), "wakes a sender, and the fourth receiver");
                        drop(three);
                        assert_eq!(poll!(four, &waker), Poll::Ready(Ok(2)));
                        assert_eq!(poll!(one, &waker), Poll::Ready(Ok(3)));
                    }
                    assert_eq!(allocations(), before);
                });
            }

            #[test]
            fn every_sender_that_waits_for_the_end_hears_of_it() {
                for by_close in [false, true] {
                    let (sender, receiver) = channel::bounded::<u8>(1);
                    let (waker, counter) = Counter::new();
                    let (another, receivers) = (sender.clone(), receiver.clone());
                    let (mut one, mut two, mut gone) = (sender.closed(), another.closed(), sender.closed());
                    assert!(
                        poll!(one, &waker).is_pending() && poll!(two, &waker).is_pending() && poll!(gone, &waker).is_pending()
                    );
                    assert!(poll!(one, &waker).is_pending());
                    drop(gone);
                    assert_eq!(Arc::strong_count(&counter), 4, "who gives up takes its waker along");
                    drop(receiver);
                    assert_eq!(counter.count(), 0, "a receiver is left");
                    if by_close {
                        receivers.close();
                    } else {
                        drop(receivers);
                    }
                    assert_eq!(counter.count(), 2);
                    assert!(poll!(one, &waker).is_ready() && poll!(two, &waker).is_ready());
                    assert!(poll!(sender.closed(), &waker).is_ready());
                    drop((one, two));
                    assert_eq!(Arc::strong_count(&counter), 2);
                }
            }

            #[test]
            fn a_task_gives_work_up_when_its_receivers_go() {
                block_on(async {
                    let (sender, receiver) = channel::bounded::<u8>(1);
                    let works = spawn(async move {
                        sender.closed().await;
                        sender.try_send(1).is_err()
                    });
                    yield_now().await;
                    assert!(!works.is_finished());
                    drop(receiver);
                    assert!(works.await.unwrap());
                });
            }

            #[test]
            fn a_drain_gives_what_is_there_and_wakes_who_waited_with_it() {
                let (sender, receiver) = channel::bounded(2);
                let (waker, counter) = Counter::new();
                let mut sends: Vec<_> = (0..5).map(|number| sender.send(number)).collect();
                let pending = sends.iter_mut().filter_map(|send| poll!(*send, &waker).is_pending().then_some(())).count();
                assert_eq!(pending, 3);
                let mut drain = receiver.drain();
                assert_eq!(drain.size_hint(), (0, Some(5)));
                assert_eq!(drain.next(), Some(0));
                drop(drain);
                assert_eq!(counter.count(), 1);
                assert_eq!(receiver.drain().collect::<Vec<_>>(), [1, 2, 3, 4]);
                assert_eq!((counter.count(), receiver.drain().next()), (3, None));
            }

            /// It ends, however much is sent meanwhile.
            #[test]
            fn a_drain_ends_although_more_comes() {
                let (sender, receiver) = channel::unbounded();
                (0..3).for_each(|number| sender.try_send(number).unwrap());
                let drained: Vec<_> = receiver.drain().inspect(|number| sender.try_send(number + 3).unwrap()).collect();
                assert_eq!((drained, receiver.len()), (vec![0, 1, 2], 3));
                let mut drain = receiver.drain();
                assert_eq!(receiver.try_recv(), Ok(3));
                assert_eq!((drain.next(), drain.next(), drain.next()), (Some(4), Some(5), None));
                sender.try_send(9).unwrap();
                assert_eq!(drain.next(), None, "it stays at its end");
                sender.close();
                assert_eq!(receiver.drain().next(), Some(9));
            }

            #[test]
            fn a_oneshot_says_what_is_there() {
                let (mut sender, mut receiver) = channel::oneshot();
                let (waker, counter) = Counter::new();
                assert!(receiver.is_empty() && !receiver.is_closed() && !sender.is_closed());
                let mut cx = std::task::Context::from_waker(&waker);
                assert!(sender.poll_closed(&mut cx).is_pending());
                assert_eq!(Arc::strong_count(&counter), 3, "the waker is remembered");
                sender.send(1).unwrap();
                assert_eq!(Arc::strong_count(&counter), 2, "until the sender has sent");
                assert!(!receiver.is_empty() && receiver.is_closed());
                assert_eq!(receiver.try_recv(), Ok(1));
                assert!(receiver.is_empty());

                let (mut sender, receiver) = channel::oneshot::<u8>();
                assert!(sender.poll_closed(&mut cx).is_pending());
                drop(receiver);
                assert_eq!(counter.count(), 1);
                assert!(sender.poll_closed(&mut cx).is_ready() && sender.poll_closed(&mut cx).is_ready());
            }
        }
    };
}

tests_of!(channel);
tests_of!(local);
