//! A channel for one message: it arrives, comes back, or is dropped, once, whichever end goes
//! first.
//!
//! 1. The sender takes the lock: the message goes in, the receiver's waker comes out, and is woken
//!    after the lock.
//! 2. The receiver polls, closes or goes before, between or after.
//! 3. The one that goes takes its own waker out and touches nothing after the lock, so that the
//!    other may be the one that frees (JC12, CH1).
//!
//! The rule: what the machine hands out under the lock belongs to one party.

#![cfg(wakeline_loom)]

use std::pin::Pin;
use std::task::Context;

use loom::sync::Arc;
use loom::thread;
use wakeline::channel;
use wakeline_loom_tests::{Bound, Drops, Latch, Letter, executor, model, wait_for, waker_of};

/// 1. A thread awaits the message.
/// 2. The owner writes a letter and sends: the message shows what was written.
#[test]
fn the_message_wakes_who_waits() {
    model(Bound::All, || {
        let (sender, receiver) = channel::oneshot();
        let letter = Letter::new();
        let theirs = letter.clone();
        let other = thread::spawn(move || {
            assert_eq!(wait_for(receiver), Ok(1));
            assert_eq!(theirs.read(), 7);
        });
        letter.write(7);
        sender.send(1).unwrap();
        other.join().unwrap();
    });
}

/// 1. A task awaits the message, in `block_on`.
/// 2. Another thread sends it.
#[test]
fn the_message_wakes_a_task() {
    model(Bound::All, || {
        let (sender, receiver) = channel::oneshot();
        let other = thread::spawn(move || sender.send(1).unwrap());
        assert_eq!(executor().block_on(receiver), Ok(1));
        other.join().unwrap();
    });
}

/// JC12, CH1.
///
/// 1. A thread polls once and drops the receiver.
/// 2. The owner sends before, between or after: the message is taken, comes back, or goes with the
///    channel.
/// 3. It is dropped once, and so is the waker that was left, or loom would count the latch as
///    leaked.
#[test]
fn a_receiver_may_go_while_the_message_comes() {
    model(Bound::All, || {
        let (sender, mut receiver) = channel::oneshot();
        let drops = Drops::default();
        let message = drops.guard();
        let other = thread::spawn(move || {
            let waker = waker_of(&Arc::new(Latch::new()));
            let _ = Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker));
        });
        drop(sender.send(message));
        other.join().unwrap();
        assert_eq!(drops.threads().len(), 1);
    });
}

/// 1. A thread awaits the message.
/// 2. The owner drops the sender: the thread hears of it.
#[test]
fn a_sender_that_goes_wakes_who_waits() {
    model(Bound::All, || {
        let (sender, receiver) = channel::oneshot::<u8>();
        let other = thread::spawn(move || assert!(wait_for(receiver).is_err()));
        drop(sender);
        other.join().unwrap();
    });
}

/// CH1.
///
/// 1. A thread sends.
/// 2. The owner closes and looks: the message is there exactly if the send has succeeded.
#[test]
fn a_close_and_a_send_agree() {
    model(Bound::All, || {
        let (sender, mut receiver) = channel::oneshot();
        let other = thread::spawn(move || sender.send(1).is_ok());
        receiver.close();
        let received = receiver.try_recv().is_ok();
        assert_eq!(other.join().unwrap(), received);
    });
}

/// 1. A thread waits for the receiver's end.
/// 2. The owner drops the receiver.
#[test]
fn the_end_of_the_receiver_wakes_the_sender() {
    model(Bound::All, || {
        let (mut sender, receiver) = channel::oneshot::<u8>();
        let other = thread::spawn(move || {
            wait_for(sender.closed());
            assert_eq!(sender.send(1), Err(1));
        });
        drop(receiver);
        other.join().unwrap();
    });
}

/// 1. The waiting thread replaces the waker it left, while the message comes.
/// 2. The second one is woken, or the message is there.
#[test]
fn a_waker_may_be_replaced_while_the_message_comes() {
    model(Bound::All, || {
        let (sender, mut receiver) = channel::oneshot();
        let other = thread::spawn(move || {
            let waker = waker_of(&Arc::new(Latch::new()));
            if Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker)).is_pending() {
                assert_eq!(wait_for(receiver), Ok(1));
            }
        });
        sender.send(1).unwrap();
        other.join().unwrap();
    });
}

/// A control that must fail: what is written after the send is not ordered before the receive.
#[test]
#[should_panic = "Causality violation"]
fn control_what_follows_the_message_is_not_ordered() {
    model(Bound::All, || {
        let (sender, receiver) = channel::oneshot();
        let letter = Letter::new();
        let theirs = letter.clone();
        let other = thread::spawn(move || (wait_for(receiver), theirs.read()));
        sender.send(1).unwrap();
        letter.write(7);
        other.join().unwrap().0.unwrap();
    });
}
