//! `futures_io`'s traits for [`Async`]. Nothing is buffered.
//!
//! The short-read rule is not used here: an `Async` may hold a terminal, a Unix socket or a file of
//! packets, where less than was asked does not mean that there is no more.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::call::{poll_call, uninterrupted};
use super::object::Async;
use crate::reactor::Side;

/// One call on the object, without the note that only the short-read rule needs.
macro_rules! call {
    ($io:expr, $context:expr, $side:expr, $call:expr) => {
        poll_call(&$io.source, $context, $side, || uninterrupted(|| $call)).map_ok(|(result, _)| result)
    };
}

/// A flush is tried before anything is asked: most have nothing to do, and must not wait for room
/// that they do not need.
macro_rules! flush {
    ($io:expr, $context:expr, $call:expr) => {
        match uninterrupted(|| $call) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => call!($io, $context, Side::Write, $call),
            result => Poll::Ready(result),
        }
    };
}

/// Every task that was told `Pending` is woken, not only the last.
impl<T: Read> AsyncRead for Async<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let io = self.get_mut();
        call!(io, context, Side::Read, io.object.read(buffer))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let io = self.get_mut();
        call!(io, context, Side::Read, io.object.read_vectored(buffers))
    }
}

/// Every task that was told `Pending` is woken, not only the last.
impl<T> AsyncRead for &Async<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        call!(self, context, Side::Read, (&self.object).read(buffer))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        call!(self, context, Side::Read, (&self.object).read_vectored(buffers))
    }
}

/// Closing flushes and does no more: what ends a stream differs from one kind of object to the
/// next.
impl<T: Write> AsyncWrite for Async<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let io = self.get_mut();
        call!(io, context, Side::Write, io.object.write(buffer))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let io = self.get_mut();
        call!(io, context, Side::Write, io.object.write_vectored(buffers))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        flush!(io, context, io.object.flush())
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// Closing flushes and does no more: what ends a stream differs from one kind of object to the
/// next.
impl<T> AsyncWrite for &Async<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        call!(self, context, Side::Write, (&self.object).write(buffer))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        call!(self, context, Side::Write, (&self.object).write_vectored(buffers))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        flush!(self, context, (&self.object).flush())
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}
