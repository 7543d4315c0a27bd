//! `futures_io`'s traits for a connection and its halves — owns nothing — must never keep a byte.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::stream::TcpStream;

/// `AsyncRead` for what is `AsRef<TcpStream>`.
macro_rules! read_through {
    ($($reader:ty),*) => {$(
        impl AsyncRead for $reader {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                AsRef::<TcpStream>::as_ref(&*self).poll_read_slice(cx, buffer)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                AsRef::<TcpStream>::as_ref(&*self).poll_read_slices(cx, buffers)
            }
        }
    )*};
}

/// `AsyncWrite` for what is `AsRef<TcpStream>`. Nothing is kept back, so there is nothing to flush; closing ends the writing side.
macro_rules! write_through {
    ($($writer:ty),*) => {$(
        impl AsyncWrite for $writer {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                AsRef::<TcpStream>::as_ref(&*self).poll_write_slice(cx, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsRef::<TcpStream>::as_ref(&*self).poll_write_slices(cx, slices)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(AsRef::<TcpStream>::as_ref(&*self).shutdown(Shutdown::Write))
            }
        }
    )*};
}

read_through!(TcpStream, &TcpStream, ReadHalf<'_>, OwnedReadHalf);
write_through!(TcpStream, &TcpStream, WriteHalf<'_>, OwnedWriteHalf);
