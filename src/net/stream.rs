//! A connected byte stream of any family: reads, writes, halves and the `futures_io` traits, once.
//!
//! A short transfer means an empty socket only where the socket's kind says so.
//!
//! A family gives its public types: each has a [`Stream`] and says what its socket can do with
//! [`Socket`]. The rest is here.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::sys;
use crate::io::{Async, Receive};
use crate::reactor::descriptor::AsDescriptor;
use crate::reactor::{Kind, Side};

/// What a kind of socket knows of itself. Each call is one system call that does not wait.
pub(super) trait Socket: AsDescriptor + Sized + 'static {
    /// What messages say of a stream of this kind.
    const KIND: &'static Kind;
    /// Whether fewer bytes than asked for mean that there is nothing more, or no more room, for
    /// now.
    const SHORT_MEANS_DRAINED: bool;

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Into no more slices than [`sys::cut`] leaves.
    fn receive_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
    /// As `receive`, and the bytes come again.
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Raises no SIGPIPE.
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
    /// No more slices than [`sys::cut`] leaves; raises no SIGPIPE.
    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

/// By what the kind of socket knows of itself.
enum BySocket {}

impl<S: Socket> Receive<S> for BySocket {
    const SHORT_MEANS_DRAINED: bool = S::SHORT_MEANS_DRAINED;

    fn receive(socket: &S, buffer: &mut [u8]) -> io::Result<usize> {
        socket.receive(buffer)
    }
}

/// A connected socket that tasks can wait for.
pub(super) struct Stream<S> {
    io: Async<S>,
}

impl<S: Socket> Stream<S> {
    /// Made by a call that gave it this crate's form already.
    pub(super) fn new(io: Async<S>) -> Self {
        Self { io }
    }

    /// Takes over a socket, which `maker` was given, and makes it non-blocking.
    pub(super) fn adopt(socket: S, maker: &str) -> io::Result<Self> {
        Ok(Self::new(Async::of_kind(socket, S::KIND, maker)?))
    }

    pub(super) fn socket(&self) -> &S {
        self.io.get_ref()
    }

    pub(super) fn into_socket(self) -> S {
        self.io.into_inner()
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        self.io.readable().await
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        self.io.writable().await
    }

    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_readable(cx)
    }

    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_writable(cx)
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.io.try_bytes(Side::Read, S::SHORT_MEANS_DRAINED, buffer.len(), |socket| socket.receive(buffer))
    }

    pub(super) fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let asked = sum(sys::cut(buffers));
        self.io.try_bytes(Side::Read, S::SHORT_MEANS_DRAINED, asked, |socket| socket.receive_vectored(buffers))
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.io.try_bytes(Side::Write, S::SHORT_MEANS_DRAINED, bytes.len(), |socket| socket.send(bytes))
    }

    pub(super) fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let slices = sys::cut(slices);
        self.io.try_bytes(Side::Write, S::SHORT_MEANS_DRAINED, sum(slices), |socket| socket.send_vectored(slices))
    }

    pub(super) async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not by `poll_bytes`: what a peek leaves behind is not drained, however little it was.
        let mut peek = |socket: &S| {
            loop {
                match socket.peek(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => return result,
                }
            }
        };
        poll_fn(|cx| self.io.poll_read_with(cx, &mut peek)).await
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.socket().shutdown(how) {
            // NS5: after a reset some systems say that there is nothing to shut down. That was
            // what the caller wanted.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_receive(cx, buffer.len(), |socket| socket.receive(buffer))
    }

    pub(super) fn read_lent<R>(&self, read: impl FnOnce(&[u8]) -> R) -> impl Future<Output = io::Result<Option<R>>> {
        self.io.read_lent_by::<BySocket, R>(read)
    }

    pub(super) fn poll_read_lent<R>(&self, cx: &mut Context<'_>, read: impl FnOnce(&[u8]) -> R) -> Poll<io::Result<Option<R>>> {
        self.io.poll_read_lent_by::<BySocket, R>(cx, read)
    }

    pub(super) fn poll_read_vectored(&self, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        self.poll_receive(cx, sum(sys::cut(buffers)), |socket| socket.receive_vectored(buffers))
    }

    /// A read by any call: `receive` has room for `asked` bytes, and says how many came.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        asked: usize,
        receive: impl FnMut(&S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_bytes(cx, Side::Read, S::SHORT_MEANS_DRAINED, asked, receive)
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_bytes(cx, Side::Write, S::SHORT_MEANS_DRAINED, bytes.len(), |socket| socket.send(bytes))
    }

    pub(super) fn poll_write_vectored(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let slices = sys::cut(slices);
        self.io.poll_bytes(cx, Side::Write, S::SHORT_MEANS_DRAINED, sum(slices), |socket| socket.send_vectored(slices))
    }
}

/// How many bytes the slices have together.
fn sum<S: std::ops::Deref<Target = [u8]>>(slices: &[S]) -> usize {
    slices.iter().fold(0, |sum, slice| sum.saturating_add(slice.len()))
}

/// What the owned halves of a stream need of it.
pub(super) trait Duplex {
    /// Tells the peer that nothing more comes.
    fn end_writing(&self);
}

/// One of the two owners of a stream; only reads.
///
/// Reading and writing have separate readiness and separate waiters in the reactor, so a half needs
/// no lock and no state of its own: it is a pointer to the stream.
#[derive(Debug)]
pub(super) struct OwnedReader<T>(Rc<T>);

/// The other one. It alone has a duty, to end the writing side when it is dropped.
#[derive(Debug)]
pub(super) struct OwnedWriter<T: Duplex> {
    stream: Rc<T>,
    on_drop: OnDrop,
}

/// What dropping the writer does about the writing side.
#[derive(Debug, PartialEq, Eq)]
enum OnDrop {
    ShutDown,
    LeaveOpen,
}

pub(super) fn into_halves<T: Duplex>(stream: T) -> (OwnedReader<T>, OwnedWriter<T>) {
    let stream = Rc::new(stream);
    (OwnedReader(Rc::clone(&stream)), OwnedWriter { stream, on_drop: OnDrop::ShutDown })
}

impl<T: Duplex> OwnedReader<T> {
    pub(super) fn stream(&self) -> &T {
        &self.0
    }

    /// The stream again; gives both back when they are of two streams.
    pub(super) fn reunite(self, writer: OwnedWriter<T>) -> Result<T, (Self, OwnedWriter<T>)> {
        if !Rc::ptr_eq(&self.0, &writer.stream) {
            return Err((self, writer));
        }
        drop(self.0);
        Ok(Rc::into_inner(writer.leave_open()).expect("a stream has two halves and no more"))
    }
}

impl<T: Duplex> OwnedWriter<T> {
    pub(super) fn stream(&self) -> &T {
        &self.stream
    }

    /// Ends this half and not the writing side.
    pub(super) fn leave_open(mut self) -> Rc<T> {
        self.on_drop = OnDrop::LeaveOpen;
        Rc::clone(&self.stream)
    }
}

impl<T: Duplex> Drop for OwnedWriter<T> {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::ShutDown {
            self.stream.end_writing();
        }
    }
}

/// `AsyncRead` for what is `AsRef` to a type with a [`Stream`] in its field `bytes`.
macro_rules! read_through {
    ($stream:ty: $($reader:ty),*) => {$(
        impl futures_io::AsyncRead for $reader {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                AsRef::<$stream>::as_ref(&*self).bytes.poll_read(cx, buffer)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                AsRef::<$stream>::as_ref(&*self).bytes.poll_read_vectored(cx, buffers)
            }
        }
    )*};
}

/// `AsyncWrite` likewise. Nothing is kept back, so there is nothing to flush; closing ends the
/// writing side.
macro_rules! write_through {
    ($stream:ty: $($writer:ty),*) => {$(
        impl futures_io::AsyncWrite for $writer {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                AsRef::<$stream>::as_ref(&*self).bytes.poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsRef::<$stream>::as_ref(&*self).bytes.poll_write_vectored(cx, slices)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(AsRef::<$stream>::as_ref(&*self).bytes.shutdown(Shutdown::Write))
            }
        }
    )*};
}

pub(super) use {read_through, write_through};
