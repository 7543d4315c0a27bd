//! From a handler to a receiver: no signal is lost, although the self-pipe holds a single byte.
//!
//! 1. A handler, on any thread, sets the flag and then writes a byte. A pipe that is full stays as
//!    it is.
//! 2. The receiver takes the flag, or finds none and empties the pipe.
//! 3. It was empty: the receiver sleeps, and the byte that follows the flag ends the sleep.
//! 4. There was one in it: the receiver looks at the flag again.
//!
//! The rule: the flag is set before the byte is written and looked at after the pipe was emptied.
//! Its bug elsewhere: SF8.

#![cfg(wakeline_loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use wakeline::model::{Notify, SignalPipe};
use wakeline_loom_tests::{Bound, Latch, Letter, Word, model};

/// A receiver whose pipe is a latch, which holds one byte: what a socket is when it is full.
fn self_pipe() -> Arc<SignalPipe<Latch>> {
    Arc::new(SignalPipe::new(Latch::new()))
}

fn receive(pipe: &SignalPipe<Latch>) {
    while !pipe.has_come(|| pipe.write_end().look()) {
        pipe.write_end().wait();
    }
}

/// 1. A thread writes and raises a signal.
/// 2. The receiver looks before, between or after the flag and the byte; it ends awake and sees
///    what was written.
#[test]
fn a_signal_ends_the_sleep_or_prevents_it_and_shows_what_was_written_before_it() {
    model(Bound::All, || {
        let (pipe, letter) = (self_pipe(), Letter::new());
        let handler = {
            let (pipe, letter) = (pipe.clone(), letter.clone());
            thread::spawn(move || {
                letter.write(7);
                pipe.raise();
            })
        };
        receive(&pipe);
        assert_eq!(letter.read(), 7);
        handler.join().unwrap();
        assert!(!pipe.has_come(|| pipe.write_end().look()), "one signal is received once");
    });
}

/// 1. Two threads raise a signal each; the pipe holds one byte.
/// 2. The receiver goes on until it has seen what both have written, which the last one received
///    shows.
#[test]
fn of_two_signals_the_last_is_not_lost() {
    model(Bound::Three, || {
        let pipe = self_pipe();
        let words = [Word::new(), Word::new()];
        let handlers = words.each_ref().map(|word| {
            let (pipe, word) = (pipe.clone(), word.clone());
            thread::spawn(move || {
                word.write(1);
                pipe.raise();
            })
        });
        while words.iter().any(|word| word.read() == 0) {
            receive(&pipe);
        }
        for handler in handlers {
            handler.join().unwrap();
        }
    });
}

/// 1. A byte without a signal: of a forked child, or of an earlier signal.
/// 2. The receiver finds no flag and sleeps on until the signal comes.
#[test]
fn a_byte_without_a_signal_is_none() {
    model(Bound::All, || {
        let pipe = self_pipe();
        pipe.write_end().disturb();
        assert!(!pipe.has_come(|| pipe.write_end().look()));
        pipe.write_end().disturb();
        let handler = {
            let pipe = pipe.clone();
            thread::spawn(move || pipe.raise())
        };
        receive(&pipe);
        handler.join().unwrap();
    });
}

/// The control: a handler that writes before it sets the flag. The receiver empties the pipe, finds
/// no flag and sleeps for ever.
#[test]
#[should_panic(expected = "deadlock")]
fn control_a_byte_before_the_flag_wakes_in_vain() {
    model(Bound::All, || {
        let (pending, latch) = (Arc::new(AtomicBool::new(false)), Arc::new(Latch::new()));
        let handler = {
            let (pending, latch) = (pending.clone(), latch.clone());
            thread::spawn(move || {
                latch.notify();
                pending.swap(true, Ordering::Release);
            })
        };
        while !pending.swap(false, Ordering::Acquire) {
            latch.wait();
        }
        handler.join().unwrap();
    });
}
