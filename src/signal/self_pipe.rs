//! What a signal's handler and a task share: a flag, and a byte that wakes the task. The flag is
//! the message; the byte only wakes.
//!
//! ```text
//! the kernel ─▶ handler ─▶ for each Signal of this kind:
//!
//!               pending := true ─▶ one byte into its socket pair
//!                  ▲                          │ the reactor wakes the task
//! recv takes it ───┴──────────────────────────┘ after emptying the socket
//! ```
//!
//! The flag is set before the byte is written, and looked at after each time the pipe was emptied.
//! So a receiver that finds no flag and then sleeps has either emptied the pipe before the write,
//! which will wake it, or a write is still to come. A pipe that is full loses nothing, and a byte
//! without a flag is a spurious wake and no signal. Several signals of one kind between two
//! receives are one, as they are to the kernel.
//!
//! A forked child inherits handlers, flags and sockets, and its socket *is* its parent's. So the
//! handler asks which process it is in, and in a child leaves what its parent made alone. In the
//! moment before the child knows that it is one, a byte may still get through; the parent then
//! finds no flag and sleeps on.
//!
//! # Rule
//!
//! - \[S1\] **What a handler may do.** It may run between any two instructions of any thread: it
//!   reads and writes atomics and makes one system call that does not block. It takes no lock,
//!   allocates and frees nothing, cannot panic, and calls nothing that does.
//!
//! # Rejected
//!
//! `signalfd` (a signal must be blocked in every thread, also in those that exist already, and
//! children inherit the mask); signal numbers as bytes in one pipe for all (a full pipe loses them,
//! and one reader must serve all threads); waking a task from the handler (the waker of a task is
//! not safe to use there).

use std::io;
use std::task::{Poll, ready};

use crate::fork;
use crate::sync::{AtomicUsize, Ordering};

/// The end of a pipe that a handler writes to.
pub(crate) trait WriteEnd {
    /// Wakes the reader. Called in a signal handler ([S1]). Before the reader has emptied the pipe
    /// a second byte may do nothing.
    fn write_byte(&self);
}

/// A flag, and the way to wake the task that looks at it.
#[derive(Debug)]
pub(crate) struct SelfPipe<W> {
    /// 1 from a signal until it is taken. Set by handlers on any thread, taken by the owner of the
    /// [`Signal`](super::Signal).
    pending: AtomicUsize,
    /// The fork generation it was made in.
    born: u32,
    pub(crate) write_end: W,
}

impl<W: WriteEnd> SelfPipe<W> {
    pub(crate) fn new(write_end: W) -> Self {
        Self { pending: AtomicUsize::new(0), born: fork::generation(), write_end }
    }

    /// A signal has come. Called in a handler ([S1]): a load, a swap, and the byte.
    pub(crate) fn raise(&self) {
        if self.is_of_this_process() {
            // Release: pairs with the Acquire in `take`; what was written before the signal was
            // raised is visible to its receiver. Not a plain store, which would end what an earlier
            // signal published. The byte is written in any case: the handler that set the flag
            // before may have been stopped before its write.
            self.pending.swap(1, Ordering::Release);
            self.write_end.write_byte();
        }
    }

    /// Ready when a signal has come since the last time. `drain` empties the pipe in steps: ready
    /// when it found something, pending when it found nothing and the next byte will wake the
    /// caller.
    pub(crate) fn poll_raised(&self, mut drain: impl FnMut() -> Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        while !self.take() {
            ready!(drain())?;
        }
        Poll::Ready(Ok(()))
    }

    fn take(&self) -> bool {
        // Acquire: pairs with the Release in `raise`.
        self.pending.swap(0, Ordering::Acquire) == 1
    }

    /// Whether it was made in this process and not in the one it was forked from. One relaxed load.
    pub(crate) fn is_of_this_process(&self) -> bool {
        fork::generation() == self.born
    }
}
