//! From a handler to a receiver: no signal is lost, although the doorbell holds a single ring.
//!
//! 1. A handler, on any thread, sets the flag and then rings. A doorbell that has rung already stays as it is.
//! 2. The receiver takes the flag, or finds none and silences the doorbell.
//! 3. It was not ringing: the receiver sleeps, and the ring that follows the flag ends the sleep.
//! 4. It was ringing: the receiver looks at the flag again.
//!
//! The rule: the flag is set before the ring and looked at after the silencing. Its bug elsewhere: SF8.

#![cfg(wakeline_loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use wakeline::model::{Bell, SignalBell};
use wakeline_loom_tests::{Bound, Latch, Letter, Word, model};

/// A receiver whose doorbell is a latch, which holds one ring: what a socket is when it is full.
fn bell() -> Arc<SignalBell<Latch>> {
    Arc::new(SignalBell::new(Latch::new()))
}

fn receive(bell: &SignalBell<Latch>) {
    while !bell.has_rung(|| bell.doorbell().look()) {
        bell.doorbell().wait();
    }
}

/// 1. A thread writes and raises a signal.
/// 2. The receiver looks before, between or after the flag and the ring; it ends awake and sees what was written.
#[test]
fn a_signal_ends_the_sleep_or_prevents_it_and_shows_what_was_written_before_it() {
    model(Bound::All, || {
        let (bell, letter) = (bell(), Letter::new());
        let handler = {
            let (bell, letter) = (bell.clone(), letter.clone());
            thread::spawn(move || {
                letter.write(7);
                bell.ring();
            })
        };
        receive(&bell);
        assert_eq!(letter.read(), 7);
        handler.join().unwrap();
        assert!(!bell.has_rung(|| bell.doorbell().look()), "one signal is received once");
    });
}

/// 1. Two threads raise a signal each; the doorbell holds one ring.
/// 2. The receiver goes on until it has seen what both have written, which the last one received shows.
#[test]
fn of_two_signals_the_last_is_not_lost() {
    model(Bound::Three, || {
        let bell = bell();
        let words = [Word::new(), Word::new()];
        let handlers = words.each_ref().map(|word| {
            let (bell, word) = (bell.clone(), word.clone());
            thread::spawn(move || {
                word.write(1);
                bell.ring();
            })
        });
        while words.iter().any(|word| word.read() == 0) {
            receive(&bell);
        }
        for handler in handlers {
            handler.join().unwrap();
        }
    });
}

/// 1. The doorbell rings without a signal: a byte of a forked child, or of an earlier signal.
/// 2. The receiver finds no flag and sleeps on until the signal comes.
#[test]
fn a_ring_without_a_signal_is_none() {
    model(Bound::All, || {
        let bell = bell();
        bell.doorbell().disturb();
        assert!(!bell.has_rung(|| bell.doorbell().look()));
        bell.doorbell().disturb();
        let handler = {
            let bell = bell.clone();
            thread::spawn(move || bell.ring())
        };
        receive(&bell);
        handler.join().unwrap();
    });
}

/// The control: a handler that rings before it sets the flag. The receiver silences the doorbell, finds no flag and sleeps for ever.
#[test]
#[should_panic(expected = "deadlock")]
fn control_a_ring_before_the_flag_wakes_in_vain() {
    model(Bound::All, || {
        let (pending, latch) = (Arc::new(AtomicBool::new(false)), Arc::new(Latch::new()));
        let handler = {
            let (pending, latch) = (pending.clone(), latch.clone());
            thread::spawn(move || {
                latch.ring();
                pending.swap(true, Ordering::Release);
            })
        };
        while !pending.swap(false, Ordering::Acquire) {
            latch.wait();
        }
        handler.join().unwrap();
    });
}
