//! Channels between threads: what is sent is received once, and who waits is woken.
//!
//! 1. A sender takes the lock: its message goes into the queue, a waiting receiver comes out of the
//!    list.
//! 2. It lets the lock go and wakes that receiver.
//! 3. Meanwhile that receiver, or another, may poll, give up or go; the channel may be closed;
//!    other senders may send.
//!
//! The rule: while a receiver waits uncalled and there are messages, there is a called one that no
//! later one has overtaken. A permit's room is its own until it is used or dropped. Nothing is
//! woken, cloned or dropped under the lock. Bugs elsewhere: CH1, CH3, CH5, CH10, JC9.

#![cfg(wakeline_loom)]

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use loom::sync::Arc;
use loom::thread;
use wakeline::channel::{self, Receiver, Sender, TryRecvError};
use wakeline_loom_tests::{Bound, Drops, Latch, Letter, executor, model, wait_for, waker_of};

/// CH10.
///
/// 1. A thread waits for a message, as often as it takes.
/// 2. The owner writes a letter and sends: the message shows what was written before.
/// 3. The owner drops its sender: the thread hears that nothing more will come.
#[test]
fn a_message_and_the_end_wake_who_waits() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(1);
        let letter = Letter::new();
        let theirs = letter.clone();
        let other = thread::spawn(move || {
            assert_eq!(wait_for(receiver.recv()), Ok(1));
            assert_eq!(theirs.read(), 7);
            assert!(wait_for(receiver.recv()).is_err());
        });
        letter.write(7);
        sender.try_send(1).unwrap();
        drop(sender);
        other.join().unwrap();
    });
}

/// The waker of a task of ours, which is kept under the same lock.
///
/// 1. A task waits for a message, in `block_on`.
/// 2. The send of another thread wakes it by way of its inbox.
#[test]
fn a_message_wakes_a_task() {
    model(Bound::All, || {
        let (sender, receiver) = channel::unbounded();
        // The sender is kept: its end would wake the task as well.
        let other = thread::spawn(move || sender.try_send(1).map(|()| sender).unwrap());
        assert_eq!(executor().block_on(receiver.recv()), Ok(1));
        drop(other.join().unwrap());
    });
}

/// 1. The queue is full.
/// 2. A thread sends another message, and waits for room.
/// 3. The owner receives both: the wait is over at the first.
#[test]
fn room_wakes_a_sender_that_waits() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(1);
        sender.try_send(1).unwrap();
        let other = thread::spawn(move || wait_for(sender.send(2)).unwrap());
        assert_eq!(wait_for(receiver.recv()), Ok(1));
        assert_eq!(wait_for(receiver.recv()), Ok(2));
        other.join().unwrap();
    });
}

/// A capacity of zero.
///
/// 1. A thread sends, and waits until its message is taken.
/// 2. The owner receives, whichever comes first; what the sender wrote before is seen.
/// 3. The sender goes on: the message has been taken.
#[test]
fn a_rendezvous_lets_both_go() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(0);
        let letter = Letter::new();
        let theirs = letter.clone();
        let other = thread::spawn(move || {
            theirs.write(7);
            wait_for(sender.send(1)).unwrap();
            assert_eq!(sender.len(), 0);
        });
        assert_eq!(wait_for(receiver.recv()), Ok(1));
        assert_eq!(letter.read(), 7);
        other.join().unwrap();
    });
}

/// CH10, CH11.
///
/// 1. The queue is full, and a thread waits with another message, or has not come yet.
/// 2. The owner closes: what is in the queue stays, what waits goes back.
#[test]
fn a_close_fails_who_waits_for_room() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(1);
        sender.try_send(1).unwrap();
        let other = thread::spawn(move || assert_eq!(wait_for(sender.send(2)).unwrap_err().into_inner(), 2));
        receiver.close();
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        other.join().unwrap();
    });
}

/// CH5.
///
/// 1. A thread sends, or finds the channel closed.
/// 2. The owner drops the only receiver.
/// 3. The message is dropped once, by the one or by the other.
#[test]
fn a_message_that_meets_the_last_receiver_is_dropped_once() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(1);
        let drops = Drops::default();
        let message = drops.guard();
        let other = thread::spawn(move || {
            drop(sender.try_send(message));
            sender
        });
        drop(receiver);
        // The sender keeps the queue, and nothing in it.
        let sender = other.join().unwrap();
        assert_eq!(drops.threads().len(), 1);
        drop(sender);
    });
}

/// JC9.
///
/// 1. The queue is full; a thread begins to wait with another message and gives up.
/// 2. The owner receives what there is.
/// 3. The message was delivered, or was dropped with the send.
#[test]
fn a_send_that_gives_up_was_delivered_or_not() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(1);
        let drops = Drops::default();
        let message = drops.guard();
        sender.try_send(None).unwrap();
        let other = thread::spawn(move || {
            let waker = waker_of(&Arc::new(Latch::new()));
            let _ = pin!(sender.send(Some(message))).poll(&mut Context::from_waker(&waker));
        });
        assert!(receiver.try_recv().is_ok_and(|message| message.is_none()));
        let early = receiver.try_recv().is_ok();
        other.join().unwrap();
        let late = receiver.try_recv().is_ok();
        assert!(!(early && late));
        assert_eq!(drops.threads().len(), 1);
    });
}

/// How a receive is given up.
enum GivenUp {
    Dropped,
    Forgotten,
}

/// Asks once and gives up. What it was given it sends again.
fn asks_once(receiver: Receiver<u8>, sender: Sender<u8>, how: GivenUp) {
    let waker = waker_of(&Arc::new(Latch::new()));
    let mut receive = receiver.recv();
    match (Pin::new(&mut receive).poll(&mut Context::from_waker(&waker)), how) {
        (Poll::Ready(message), _) => sender.try_send(message.unwrap()).unwrap(),
        (Poll::Pending, GivenUp::Dropped) => drop(receive),
        (Poll::Pending, GivenUp::Forgotten) => std::mem::forget(receive),
    }
}

/// CH3.
///
/// 1. Two threads wait for one message; the first of them gives up after its first poll.
/// 2. The owner sends.
/// 3. Whichever was woken, the one that goes on waiting gets the message.
#[test]
fn a_receive_that_gives_up_passes_the_message_on() {
    model(Bound::Three, || {
        let (sender, receiver) = channel::unbounded();
        let (ours, theirs) = (receiver.clone(), sender.clone());
        let first = thread::spawn(move || asks_once(ours, theirs, GivenUp::Dropped));
        let second = thread::spawn(move || assert_eq!(wait_for(receiver.recv()), Ok(1)));
        sender.try_send(1).unwrap();
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// 1. Two threads send one message each into a queue for one.
/// 2. The owner receives two.
#[test]
fn two_senders_meet_one_receiver() {
    model(Bound::Three, || {
        let (sender, receiver) = channel::bounded(1);
        let another = sender.clone();
        let one = thread::spawn(move || wait_for(sender.send(1)).unwrap());
        let two = thread::spawn(move || wait_for(another.send(2)).unwrap());
        let sum = wait_for(receiver.recv()).unwrap() + wait_for(receiver.recv()).unwrap();
        assert_eq!(sum, 3);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    });
}

/// 1. A thread sends three messages.
/// 2. The owner polls once meanwhile: if it has to wait, it is woken once, and if it has not, not
///    at all.
#[test]
fn a_receiver_is_woken_once_however_many_messages_arrive() {
    model(Bound::All, || {
        let (sender, receiver) = channel::unbounded();
        let latch = Arc::new(Latch::new());
        let waker = waker_of(&latch);
        let other = thread::spawn(move || (0..3).for_each(|number| sender.try_send(number).unwrap()));
        let mut receive = pin!(receiver.recv());
        let waits = receive.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
        if waits {
            latch.wait();
        }
        other.join().unwrap();
        assert_eq!(latch.notifications(), usize::from(waits));
    });
}

/// 1. The first receiver in the list is called and never comes.
/// 2. Two threads wait for one message each; the owner sends two, of which the first may call the
///    one that never comes.
/// 3. The one that takes a message has overtaken it, and calls the other for what is left.
#[test]
fn a_receiver_that_never_comes_gives_way_to_who_takes_a_message() {
    model(Bound::Three, || {
        let (sender, receiver) = channel::unbounded();
        waits_and_never_comes(&receiver);
        let another = receiver.clone();
        let one = thread::spawn(move || wait_for(another.recv()).unwrap());
        let two = thread::spawn(move || wait_for(receiver.recv()).unwrap());
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        assert_eq!(one.join().unwrap() + two.join().unwrap(), 3);
    });
}

/// Polls a receive that has to wait, and forgets it.
fn waits_and_never_comes(receiver: &Receiver<u8>) {
    let waker = waker_of(&Arc::new(Latch::new()));
    let mut receive = Box::new(receiver.recv());
    assert!(Pin::new(&mut *receive).poll(&mut Context::from_waker(&waker)).is_pending());
    // Its memory is not loom's; its waker goes with the channel.
    std::mem::forget(receive);
}

/// 1. The only room is reserved; a thread waits for room with a message.
/// 2. The owner drops the permit: the thread's message moves in.
#[test]
fn a_permit_that_is_dropped_wakes_a_sender_that_waits() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(1);
        let another = sender.clone();
        let permit = sender.try_reserve().unwrap();
        let other = thread::spawn(move || wait_for(another.send(1)).unwrap());
        drop(permit);
        other.join().unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
    });
}

/// 1. The queue is full; a thread reserves, and sends with its permit.
/// 2. The owner receives both: what the thread wrote before is seen.
#[test]
fn room_wakes_a_reservation_that_waits() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(1);
        sender.try_send(1).unwrap();
        let letter = Letter::new();
        let theirs = letter.clone();
        let other = thread::spawn(move || {
            let permit = wait_for(sender.reserve()).unwrap();
            theirs.write(7);
            permit.send(2);
        });
        assert_eq!(wait_for(receiver.recv()), Ok(1));
        assert_eq!(wait_for(receiver.recv()), Ok(2));
        assert_eq!(letter.read(), 7);
        other.join().unwrap();
    });
}

/// How a reservation is given up.
fn reserves_once(sender: &Sender<u8>, how: GivenUp) {
    let waker = waker_of(&Arc::new(Latch::new()));
    let mut reserve = sender.reserve();
    match (Pin::new(&mut reserve).poll(&mut Context::from_waker(&waker)), how) {
        (Poll::Pending, GivenUp::Forgotten) => std::mem::forget(reserve),
        // The permit, if there is one, gives its room back.
        (polled, _) => drop(polled),
    }
}

/// CH3.
///
/// 1. The queue is full; a thread reserves, polls once and gives up.
/// 2. Another thread waits for room with a message.
/// 3. The owner receives: for whichever thread there is room now, its message moves in.
#[test]
fn a_reservation_that_gives_up_passes_the_room_on() {
    model(Bound::Three, || {
        let (sender, receiver) = channel::bounded(1);
        sender.try_send(1).unwrap();
        let (one, two) = (sender.clone(), sender.clone());
        let first = thread::spawn(move || reserves_once(&one, GivenUp::Dropped));
        let second = thread::spawn(move || wait_for(two.send(2)).unwrap());
        assert_eq!(wait_for(receiver.recv()), Ok(1));
        assert_eq!(wait_for(receiver.recv()), Ok(2));
        first.join().unwrap();
        second.join().unwrap();
        assert!(sender.try_send(3).is_ok(), "all room is there again");
    });
}

/// 1. A thread holds a permit, and sends with it or drops it.
/// 2. The owner closes and receives until the end: it gets what is sent, and hears of the end.
#[test]
fn a_close_lets_a_permit_finish() {
    for sends in [false, true] {
        model(Bound::All, move || {
            let (sender, receiver) = channel::bounded(1);
            let other = thread::spawn(move || {
                let Ok(permit) = sender.try_reserve() else { return 0 };
                if sends {
                    permit.send(1);
                }
                usize::from(sends)
            });
            receiver.close();
            let mut received = 0;
            while wait_for(receiver.recv()).is_ok() {
                received += 1;
            }
            assert_eq!(other.join().unwrap(), received);
        });
    }
}

/// 1. Two threads wait for the end, each with a handle of its own.
/// 2. The owner drops the receiver.
#[test]
fn the_last_receiver_wakes_who_waits_for_the_close() {
    model(Bound::Three, || {
        let (sender, receiver) = channel::bounded::<u8>(1);
        let another = sender.clone();
        let one = thread::spawn(move || wait_for(sender.closed()));
        let two = thread::spawn(move || wait_for(another.closed()));
        drop(receiver);
        one.join().unwrap();
        two.join().unwrap();
    });
}

/// A control that must fail: the room that a reservation was given is fetched by nobody, and its
/// future was not dropped.
#[test]
#[should_panic = "the room was lost"]
fn control_a_reservation_that_is_forgotten_keeps_its_room() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(1);
        sender.try_send(1).unwrap();
        let another = sender.clone();
        let other = thread::spawn(move || reserves_once(&another, GivenUp::Forgotten));
        assert_eq!(receiver.try_recv(), Ok(1));
        other.join().unwrap();
        // A permit that was had at once was given back.
        assert!(sender.try_send(2).is_ok(), "the room was lost");
    });
}

/// A control that must fail: the thread's receive neither takes the message nor gives its place
/// back, so that it keeps the wake to itself.
#[test]
#[should_panic = "the wake was lost"]
fn control_a_receive_that_is_forgotten_passes_nothing_on() {
    model(Bound::All, || {
        let (sender, receiver) = channel::unbounded();
        let (ours, theirs) = (receiver.clone(), sender.clone());
        let first = thread::spawn(move || asks_once(ours, theirs, GivenUp::Forgotten));
        let latch = Arc::new(Latch::new());
        let waker = waker_of(&latch);
        let mut receive = Box::pin(receiver.recv());
        assert!(receive.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        sender.try_send(1).unwrap();
        first.join().unwrap();
        drop(receive);
        assert!(latch.notifications() == 1, "the wake was lost");
    });
}

/// A control that must fail: what is written after the send is not ordered before the receive.
#[test]
#[should_panic = "Causality violation"]
fn control_what_follows_the_send_is_not_ordered() {
    model(Bound::All, || {
        let (sender, receiver) = channel::bounded(1);
        let letter = Letter::new();
        let theirs = letter.clone();
        let other = thread::spawn(move || (wait_for(receiver.recv()), theirs.read()));
        sender.try_send(1).unwrap();
        letter.write(7);
        other.join().unwrap().0.unwrap();
    });
}
