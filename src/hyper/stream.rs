//! Bytes between hyper and the kernel, read into hyper's buffer without a copy.
//!
//! # Rule
//!
//! - \[H1\] **hyper's buffer stays as initialised as it was.** The part of a cursor that is lent
//!   out is written by the kernel alone, and it is advanced by what the kernel says it wrote there.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::rt::{Read, ReadBufCursor, Write};
use futures_io::AsyncWrite;

use crate::net::TcpStream;

/// With the feature `hyper`. The kernel writes straight into hyper's buffer.
impl Read for TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        // SAFETY: [H1] the room goes to one receive call, which writes and never takes an
        // initialised byte back; handing it to a caller that could would leave hyper with bytes
        // that it takes for initialised.
        let room = unsafe { buffer.as_mut() };
        let count = ready!(self.poll_read_uninit(cx, room))?;
        // SAFETY: [H1] the kernel has written `count` bytes at the beginning of the room; a larger
        // count would show hyper what nobody wrote.
        unsafe { buffer.advance(count) };
        Poll::Ready(Ok(()))
    }
}

/// With the feature `hyper`. Nothing is kept back, so there is nothing to flush; the shutdown ends
/// the writing side.
impl Write for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(self, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown(Shutdown::Write))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write_vectored(self, cx, slices)
    }
}
