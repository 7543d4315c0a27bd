//! What a handler and a task share — owns the flag — must never take the doorbell for the message.
//!
//! The flag is set before the rope is pulled, and looked at after each time the doorbell was silenced. So whoever finds no flag and then
//! sleeps has either silenced the doorbell before the pull, which will wake it, or a pull is still to come.

use std::io;
use std::task::{Poll, ready};

use crate::fork;
use crate::sync::{AtomicUsize, Ordering};

/// The way to wake the one who waits. Pulling it again before it was answered may do nothing.
pub(crate) trait Rope {
    /// Called in a signal handler ([S1]).
    fn pull(&self);
}

/// A flag and a doorbell.
#[derive(Debug)]
pub(crate) struct Bell<R> {
    /// 1 from a signal until it is taken. Set by handlers on any thread, taken by the owner of the [`Signal`](super::Signal).
    pending: AtomicUsize,
    /// The fork generation it was made in.
    born: u32,
    rope: R,
}

impl<R: Rope> Bell<R> {
    pub(crate) fn new(rope: R) -> Self {
        Self { pending: AtomicUsize::new(0), born: fork::generation(), rope }
    }

    #[cfg(wakeline_loom)]
    pub(crate) fn rope(&self) -> &R {
        &self.rope
    }

    /// A signal has come. Called in a handler ([S1]): a load, a swap, and the rope.
    pub(crate) fn ring(&self) {
        if self.is_of_this_process() {
            // Release: pairs with the Acquire in `take`; what was written before the signal was raised is visible to who receives it. Not a
            // plain store, which would end what an earlier signal published. The rope is pulled in any case: who set the flag before may
            // have been stopped before its pull.
            self.pending.swap(1, Ordering::Release);
            self.rope.pull();
        }
    }

    /// Ready when a signal has come since the last time. `silence` empties the doorbell in steps: ready when it found something, pending when
    /// it found nothing and the next pull will wake the caller.
    pub(crate) fn poll_rung(&self, mut silence: impl FnMut() -> Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        while !self.take() {
            ready!(silence())?;
        }
        Poll::Ready(Ok(()))
    }

    fn take(&self) -> bool {
        // Acquire: pairs with the Release in `ring`.
        self.pending.swap(0, Ordering::Acquire) == 1
    }

    /// Whether it was made in this process and not in the one it was forked from. One relaxed load.
    pub(crate) fn is_of_this_process(&self) -> bool {
        fork::generation() == self.born
    }
}
