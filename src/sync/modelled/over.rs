//! Whether the model has failed. The answer is noted: asking loom a second time would panic, and
//! show in the output.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, UnwindSafe, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use loom::thread;

std::thread_local! {
    /// The model that unwinds here has failed in a way that loom does not survive. Of the real
    /// thread, which runs all threads of a model.
    static OVER: Cell<bool> = const { Cell::new(false) };
}

/// Has the model failed, so that loom knows no running thread any more, and is its panic unwinding?
pub(crate) fn is_over() -> bool {
    if !std::thread::panicking() {
        OVER.set(false);
        return false;
    }
    if !OVER.get() {
        // Asked of loom itself, since the deadlock may have been found in a primitive that is not
        // one of ours.
        OVER.set(is_silent());
    }
    OVER.get()
}

/// std's, for code of a user's; but what ends the model is handed on, and ends it with the message
/// that it has.
pub(crate) fn catch_unwind<R>(f: impl FnOnce() -> R + UnwindSafe) -> std::thread::Result<R> {
    let caught = panic::catch_unwind(f);
    match caught {
        Err(payload) if !std::thread::panicking() && (OVER.get() || is_silent()) => {
            OVER.set(true);
            resume_unwind(payload)
        }
        caught => caught,
    }
}

/// Does loom know no running thread?
fn is_silent() -> bool {
    panic::catch_unwind(|| drop(thread::current())).is_err()
}

/// The root of a `block_on`, which is not dropped by the end of a model.
pub(crate) fn root<F: Future>(future: F) -> impl Future<Output = F::Output> {
    Root(Some(Box::pin(future)))
}

struct Root<F>(Option<Pin<Box<F>>>);

impl<F: Future> Future for Root<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().expect("it is there until the drop").as_mut().poll(cx)
    }
}

impl<F> Drop for Root<F> {
    fn drop(&mut self) {
        let future = self.0.take();
        if is_over() {
            std::mem::forget(future);
        }
    }
}

/// Writes down that a step has failed.
struct Fails;

impl Drop for Fails {
    fn drop(&mut self) {
        OVER.set(true);
    }
}

/// One step of loom's; none when the model is over, or is by this very step.
#[track_caller]
pub(super) fn step<R>(f: impl FnOnce() -> R) -> Option<R> {
    if std::thread::panicking() {
        return if is_over() { None } else { last_step(f) };
    }
    if OVER.replace(false) && is_silent() {
        OVER.set(true);
        panic!("the model has ended before, in a deadlock for example, and that panic was caught");
    }
    let fails = Fails;
    let stepped = f();
    std::mem::forget(fails);
    Some(stepped)
}

/// A step in a destructor that a panic has called.
#[cold]
fn last_step<R>(f: impl FnOnce() -> R) -> Option<R> {
    match panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(stepped) => Some(stepped),
        Err(payload) => {
            OVER.set(true);
            std::mem::forget(payload);
            None
        }
    }
}
