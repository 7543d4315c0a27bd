//! One value on its way from one thread to another. The wait blocks the thread, so an executor's
//! tasks do not wait here.
//!
//! A runtime's threads hand over what they were started with, and that they have ended. Who waits
//! does so in the kernel, with a deadline, because a thread that is stuck cannot be joined. As a
//! waker it ends the wait of a thread that has no executor at hand.
//!
//! **The end of a thread is the end of its thread-locals.** Their destructors are the user's code,
//! and one that never returns would hold up the thread that joins. So a core's end is told by a
//! thread-local of this module: it is the first that the thread makes, and thread-locals are
//! destroyed in the reverse order. Where a platform destroys them in another order, the join that
//! follows waits for the rest.

use std::cell::RefCell;
use std::sync::PoisonError;
use std::task::Wake;
use std::time::{Duration, Instant};

use crate::sync::{Arc, Condvar, Mutex, MutexGuard, owner_local};

/// Beyond this a wait is cut in pieces: some platforms' clocks end sooner than `Duration`.
const PIECE: Duration = Duration::from_secs(3600);

/// Room for one value, and somebody who waits for it.
#[derive(Debug)]
pub(super) struct Handoff<T> {
    value: Mutex<Option<T>>,
    condvar: Condvar,
}

impl<T> Handoff<T> {
    pub(super) fn new() -> Self {
        Self { value: Mutex::new(None), condvar: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, value: T) {
        let old = self.lock().replace(value);
        self.condvar.notify_one();
        drop(old);
    }

    /// Waits for the value, until `until` if there is one.
    pub(super) fn take(&self, until: Option<Instant>) -> Option<T> {
        let mut value = self.lock();
        loop {
            if let Some(value) = value.take() {
                return Some(value);
            }
            let left = until.map_or(PIECE, |until| until.saturating_duration_since(crate::clock::instant_now()));
            if left.is_zero() {
                return None;
            }
            let waited = self.condvar.wait_timeout(value, left.min(PIECE));
            value = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Ends the wait of a thread that polls something without an executor.
impl Wake for Handoff<()> {
    fn wake(self: std::sync::Arc<Self>) {
        self.put(());
    }
}

/// Tells that the thread has ended, when it is dropped.
struct AtEnd(Arc<Handoff<()>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.put(());
    }
}

owner_local! {
    /// Who hears of this thread's end.
    static LAST: RefCell<Option<AtEnd>> = RefCell::new(None)
}

/// To be called first of all on a new thread: `done` hears when its last thread-local has been
/// destroyed.
pub(super) fn notify_at_thread_end(done: Arc<Handoff<()>>) {
    let at_end = AtEnd(done);
    LAST.try_with(|last| *last.borrow_mut() = Some(at_end)).expect("the thread has just begun");
}
