//! Code of a crate that depends on wakeline: a flag that one thread sets and that a task waits for.
//!
//! The page *Model-check your own code* of wakeline's documents tells the story; `tests/` has the
//! models.

use std::task::{Context, Poll, Waker};

/// What threads share comes from loom in a model and from std otherwise.
mod sync {
    #[cfg(wakeline_loom)]
    pub(crate) use loom::sync::{Mutex, atomic};
    #[cfg(not(wakeline_loom))]
    pub(crate) use std::sync::{Mutex, atomic};
}

use sync::Mutex;
use sync::atomic::{AtomicBool, Ordering};

/// Set once, by any thread.
#[derive(Debug)]
pub struct Flag {
    set: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Flag {
    /// Not set.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { set: AtomicBool::new(false), waker: Mutex::new(None) }
    }

    /// Sets it and wakes who waits.
    pub fn set(&self) {
        self.set.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    fn keep(&self, waker: &Waker) {
        *self.waker.lock().unwrap() = Some(waker.clone());
    }

    /// Ready when it is set: keeps the waker first and looks after that.
    pub fn poll_set(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.keep(cx.waker());
        if self.is_set() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The same with a planted bug: it looks first. A `set` between the two finds no waker, and the
    /// wake is lost.
    pub fn poll_set_carelessly(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_set() {
            return Poll::Ready(());
        }
        self.keep(cx.waker());
        Poll::Pending
    }
}
