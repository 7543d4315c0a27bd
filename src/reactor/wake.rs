//! Waking what a turn has collected. When a waker panics, the others are woken all the same.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::task::LocalWaker;

/// Wakes all of `woken` with nothing borrowed; the first panic of a foreign waker is returned when
/// the rest have been woken ([R5]).
pub(super) fn wake_each(woken: &mut Vec<LocalWaker>) -> Option<Box<dyn Any + Send>> {
    let mut first = None;
    let mut wakers = woken.drain(..);
    loop {
        match catch_unwind(AssertUnwindSafe(|| wakers.by_ref().for_each(LocalWaker::wake))) {
            Ok(()) => return first,
            Err(payload) if first.is_none() => first = Some(payload),
            // A payload's drop is foreign code too, and this is no place for a second panic.
            Err(payload) => std::mem::forget(payload),
        }
    }
}

/// As [`wake_each`], and resumes the panic, unless one is under way.
pub(crate) fn wake_all(woken: &mut Vec<LocalWaker>) {
    if let Some(payload) = wake_each(woken) {
        if std::thread::panicking() {
            std::mem::forget(payload);
        } else {
            resume_unwind(payload);
        }
    }
}
