//! A signal's self-pipe without the signal and without the socket.

use std::task::Poll;

use crate::inbox::Notify;
use crate::signal::self_pipe::{SelfPipe, WriteEnd};

impl<N: Notify> WriteEnd for N {
    fn write_byte(&self) {
        self.notify();
    }
}

/// What a signal's handler writes to and its receiver reads, with `N` for the socket between them.
pub struct SignalPipe<N>(SelfPipe<N>);

impl<N: Notify> SignalPipe<N> {
    /// No signal has come.
    pub fn new(write_end: N) -> Self {
        Self(SelfPipe::new(write_end))
    }

    /// What the handler writes to.
    pub fn write_end(&self) -> &N {
        &self.0.write_end
    }

    /// The handler runs.
    pub fn raise(&self) {
        self.0.raise();
    }

    /// Whether a signal has come; if not, `drain` has found the pipe empty. It says of each look
    /// whether there was anything in it.
    pub fn has_come(&self, mut drain: impl FnMut() -> bool) -> bool {
        self.0.poll_raised(|| if drain() { Poll::Ready(Ok(())) } else { Poll::Pending }).is_ready()
    }
}
