//! Bytes of a connected socket: the calls that know how much was asked for.
//!
//! The short-transfer rule is here. It is not used for a kind of socket of which it is not true:
//! the caller says with each call, by a constant of the kind, whether a short transfer means that
//! the side is drained. For such a kind fewer bytes than asked for mean that there is nothing more
//! to read, or no more room to write, until the next edge; that saves the call which would have
//! said so.

use std::io;
use std::task::{Context, Poll, ready};

use super::call::{poll_call, uninterrupted};
use super::object::Async;
use crate::reactor::{Edge, Side};

impl<T> Async<T> {
    /// Moves bytes of one side. `call` was given `asked` bytes, or room for so many, and says how
    /// many it has moved.
    #[inline]
    pub(crate) fn poll_bytes(
        &self,
        context: &mut Context<'_>,
        side: Side,
        short_means_drained: bool,
        asked: usize,
        mut call: impl FnMut(&T) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let moved = ready!(poll_call(&self.source, context, side, || uninterrupted(|| call(&self.object))));
        let (count, edge) = moved?;
        self.note_moved(side, edge, short_means_drained, count, asked);
        Poll::Ready(Ok(count))
    }

    /// Moves bytes now or says that it would block; otherwise as [`Async::poll_bytes`].
    pub(crate) fn try_bytes(
        &self,
        side: Side,
        short_means_drained: bool,
        asked: usize,
        mut call: impl FnMut(&T) -> io::Result<usize>,
    ) -> io::Result<usize> {
        // Noted before the call, so that an edge which comes meanwhile survives; there is none when
        // the side is known to be drained.
        let edge = self.source.ready(side);
        self.source.count_call();
        let moved = uninterrupted(|| call(&self.object));
        match (&moved, edge) {
            (Ok(count), Some(edge)) => self.note_moved(side, edge, short_means_drained, *count, asked),
            (Err(error), Some(edge)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.source.drained(side, edge);
            }
            _ => {}
        }
        moved
    }

    /// A call has moved `count` bytes of the `asked`.
    #[inline]
    fn note_moved(&self, side: Side, edge: Edge, short_means_drained: bool, count: usize, asked: usize) {
        // Nothing at all is an end, not a pause, and more than the kernel moves in one call proves
        // nothing when it is not all moved.
        if short_means_drained && 0 < count && count < asked.min(MOST_PER_CALL) {
            self.source.came_short(side, edge);
        }
    }
}

/// What Linux moves in one call, whatever is asked (`MAX_RW_COUNT`): with more, a short transfer is
/// the call's limit and not the stream's.
const MOST_PER_CALL: usize = 0x7fff_f000;
