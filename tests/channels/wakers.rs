//! What a channel does with wakers that are not this crate's: it calls them with nothing held.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};

use wakeline::local::{Event, Semaphore};

use super::kinds::poll;
use crate::support::{Counter, Hooked, Site};

macro_rules! tests_of {
    ($name:ident) => {
        mod $name {
            use wakeline::$name::{self as channel, Receiver, Sender};

            use super::*;

            std::thread_local! {
                /// What the wakers' code calls back into.
                static ENDS: RefCell<Option<(Sender<u8>, Receiver<u8>)>> = const { RefCell::new(None) };
            }

            /// Everything that can be done to a channel, from a waker's clone, wake and drop.
            fn call_back() {
                let ends = ENDS.with(|ends| ends.borrow().clone());
                let Some((sender, receiver)) = ends else { return };
                let _ = poll!(receiver.recv(), Waker::noop());
                let _ = poll!(sender.send(1), Waker::noop());
                let _ = (sender.try_send(2), receiver.try_recv(), receiver.len(), sender.is_closed());
            }

            /// CH8.
            #[test]
            fn a_waker_may_call_back_into_its_channel() {
                for capacity in [0, 1, 3] {
                    for close in [false, true] {
                        let (sender, receiver) = channel::bounded(capacity);
                        ENDS.with(|ends| ends.replace(Some((sender.clone(), receiver.clone()))));
                        let (waker, hooked) = Hooked::new(|_| call_back());
                        hooked.arm();
                        let mut waits: Vec<_> = (0..3).map(|_| receiver.recv()).collect();
                        let mut sends: Vec<_> = (0..5).map(|number| sender.send(number)).collect();
                        for _ in 0..2 {
                            waits.retain_mut(|wait| poll!(*wait, &waker).is_pending());
                            sends.retain_mut(|send| poll!(*send, &waker).is_pending());
                            // Another waker takes the place of the first one, which is dropped.
                            sends.retain_mut(|send| poll!(*send, Waker::noop()).is_pending());
                        }
                        if close {
                            sender.close();
                        }
                        drop((waits, sends));
                        drop(ENDS.with(|ends| ends.take()));
                        drop((sender, receiver, waker));
                        hooked.disarm();
                        assert_eq!(hooked.alive(), 0);
                    }
                }
            }

            /// JC8.
            #[test]
            fn a_waker_that_panics_leaves_a_channel_that_works() {
                for site in [Site::Clone, Site::Wake, Site::Drop] {
                    let (sender, receiver) = channel::bounded(1);
                    let (waker, hooked) = Hooked::new(move |at| {
                        if at == site {
                            panic!("a waker's panic");
                        }
                    });
                    hooked.arm();
                    let mut receive = receiver.recv();
                    let mut panics = 0;
                    let mut count = |result: std::thread::Result<()>| panics += usize::from(result.is_err());
                    count(catch_unwind(AssertUnwindSafe(|| assert!(poll!(receive, &waker).is_pending()))));
                    count(catch_unwind(AssertUnwindSafe(|| assert!(poll!(receive, Waker::noop()).is_pending()))));
                    count(catch_unwind(AssertUnwindSafe(|| assert!(poll!(receive, &waker).is_pending()))));
                    count(catch_unwind(AssertUnwindSafe(|| sender.try_send(1).unwrap())));
                    hooked.disarm();
                    assert!(panics > 0, "{site:?} was called");
                    drop(receive);
                    // Nothing is locked, borrowed or lost.
                    assert_eq!(receiver.try_recv(), Ok(1));
                    let (good, counter) = Counter::new();
                    let mut receive = receiver.recv();
                    assert!(poll!(receive, &good).is_pending());
                    sender.try_send(2).unwrap();
                    assert_eq!(counter.count(), 1);
                    assert_eq!(poll!(receive, &good), Poll::Ready(Ok(2)));
                    drop(waker);
                    assert_eq!(hooked.alive(), 0);
                }
            }

            /// JC8: of all that are woken by a close, one panics.
            #[test]
            fn a_waker_that_panics_keeps_no_other_asleep() {
                let (sender, receiver) = channel::bounded::<u8>(1);
                let (bad, hooked) = Hooked::new(|at| assert_ne!(at, Site::Wake, "a waker's panic"));
                let (good, counter) = Counter::new();
                let mut waits: Vec<_> = (0..4).map(|_| receiver.recv()).collect();
                for (index, wait) in waits.iter_mut().enumerate() {
                    assert!(poll!(*wait, if index % 2 == 0 { &bad } else { &good }).is_pending());
                }
                hooked.arm();
                assert!(catch_unwind(AssertUnwindSafe(|| sender.close())).is_err());
                hooked.disarm();
                assert_eq!(counter.count(), 2);
                waits.iter_mut().for_each(|wait| assert!(poll!(*wait, &good).is_ready()));
            }

            /// RC12.
            #[test]
            fn a_receiver_that_goes_takes_its_waker_along() {
                let (sender, mut stream) = channel::bounded::<u8>(1);
                let (waker, counter) = Counter::new();
                let mut receive = stream.recv();
                assert!(poll!(receive, &waker).is_pending());
                drop(receive);
                assert_eq!(Arc::strong_count(&counter), 2);
                let pinned = std::pin::Pin::new(&mut stream);
                let polled = futures_core::Stream::poll_next(pinned, &mut std::task::Context::from_waker(&waker));
                assert!(polled.is_pending());
                assert_eq!(Arc::strong_count(&counter), 3);
                drop(stream);
                assert_eq!(Arc::strong_count(&counter), 2);
                std::mem::forget(sender);
            }

            /// RC12: the task's memory.
            #[test]
            fn a_task_is_freed_though_somebody_forgets_the_sender_it_waited_for() {
                let left = crate::support::blocks_left_by(|| {
                    wakeline::block_on(async {
                        let (sender, receiver) = channel::bounded::<u8>(1);
                        let task = wakeline::spawn(async move { receiver.recv().await });
                        wakeline::yield_now().await;
                        task.cancel().await;
                        std::mem::forget(sender);
                    });
                });
                // The channel itself is what was forgotten.
                assert_eq!(left, 1);
            }

            std::thread_local! {
                static SENDER: RefCell<Option<channel::oneshot::Sender<u8>>> = const { RefCell::new(None) };
            }

            /// CH8: clone at the first poll, drop at the second, wake by the sender's end, drop by
            /// the receiver's.
            #[test]
            fn a_waker_may_call_back_into_its_oneshot() {
                fn call_back() {
                    SENDER.with(|sender| sender.try_borrow().map(|sender| sender.as_ref().map(|sender| sender.is_closed()))).ok();
                }
                for receiver_first in [false, true] {
                    let (sender, mut receiver) = channel::oneshot();
                    SENDER.with(|slot| slot.replace(Some(sender)));
                    let (waker, hooked) = Hooked::new(|_| call_back());
                    let (other, others) = Hooked::new(|_| call_back());
                    hooked.arm();
                    others.arm();
                    assert!(poll!(receiver, &waker).is_pending() && poll!(receiver, &other).is_pending());
                    if receiver_first {
                        drop(receiver);
                    }
                    drop(SENDER.with(|slot| slot.take()));
                    hooked.disarm();
                    others.disarm();
                    drop((waker, other));
                }
            }

            /// A value's drop may call back as well.
            #[test]
            fn a_messages_drop_may_use_its_channel() {
                struct Nosy(Sender<Option<Nosy>>);
                impl Drop for Nosy {
                    fn drop(&mut self) {
                        assert!(self.0.is_closed());
                        assert!(self.0.try_send(None).is_err());
                    }
                }
                let (sender, receiver) = channel::unbounded();
                for _ in 0..3 {
                    sender.try_send(Some(Nosy(sender.clone()))).unwrap_or_else(|_| panic!("there is room"));
                }
                drop(receiver);
            }
        }
    };
}

tests_of!(channel);
tests_of!(local);

std::thread_local! {
    static EVENT: Event = Event::new();
    static SEMAPHORE: Semaphore = Semaphore::new(2);
}

/// CH8.
#[test]
fn a_waker_may_call_back_into_its_event() {
    let (waker, hooked) = Hooked::new(|_| {
        EVENT.with(|event| {
            event.clear();
            assert!(poll!(event.wait(), Waker::noop()).is_pending());
            event.set();
        });
    });
    hooked.arm();
    EVENT.with(|event| {
        let mut waits: Vec<_> = (0..3).map(|_| event.wait()).collect();
        let pending = waits.iter_mut().filter_map(|wait| poll!(*wait, &waker).is_pending().then_some(())).count();
        assert_eq!(pending, 0, "the clone of the waker has set the event");
        event.clear();
        hooked.disarm();
        let mut waits: Vec<_> = (0..3).map(|_| event.wait()).collect();
        waits.iter_mut().for_each(|wait| assert!(poll!(*wait, &waker).is_pending()));
        hooked.arm();
        waits.truncate(2);
        event.set();
        waits.iter_mut().for_each(|wait| assert!(poll!(*wait, Waker::noop()).is_ready()));
    });
    hooked.disarm();
    drop(waker);
    assert_eq!(hooked.alive(), 0);
}

/// CH8.
#[test]
fn a_waker_may_call_back_into_its_semaphore() {
    let (waker, hooked) = Hooked::new(|_| {
        SEMAPHORE.with(|semaphore| {
            drop(semaphore.try_acquire(1));
            let _ = poll!(semaphore.acquire(1), Waker::noop());
            assert!(semaphore.available_permits() <= 2);
        });
    });
    hooked.arm();
    SEMAPHORE.with(|semaphore| {
        let held = semaphore.try_acquire(2).unwrap();
        let mut requests: Vec<_> = (1..4).map(|permits| semaphore.acquire(permits % 2 + 1)).collect();
        for _ in 0..2 {
            requests.iter_mut().for_each(|request| assert!(poll!(*request, &waker).is_pending()));
        }
        assert!(poll!(requests[1], Waker::noop()).is_pending());
        drop(held);
        requests.retain_mut(|request| poll!(*request, Waker::noop()).is_pending());
        requests.retain_mut(|request| poll!(*request, Waker::noop()).is_pending());
        drop(requests);
        assert_eq!(semaphore.available_permits(), 2);
    });
    hooked.disarm();
    drop(waker);
    assert_eq!(hooked.alive(), 0);
}
