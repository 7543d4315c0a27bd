//! One TCP connection — owns its socket — must never report an end that the peer has not sent.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
#[cfg(feature = "hyper")]
use std::mem::MaybeUninit;
use std::net::{self, Shutdown, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use super::load::Counted;
use super::socket;
use crate::io::Async;

/// A TCP connection.
///
/// Bytes go through [`AsyncRead`](futures_io::AsyncRead) and [`AsyncWrite`](futures_io::AsyncWrite), which are implemented for
/// `TcpStream` and for `&TcpStream`; the methods that make them pleasant come from `futures-lite` or `futures`. Writes go to the system
/// at once, so flushing does nothing; closing ends the writing side.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
/// use wakeline::net::{TcpListener, TcpStream};
///
/// wakeline::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
///     let (mut server, _) = listener.accept().await?;
///
///     client.write_all(b"hello").await?;
///     client.close().await?;
///
///     let mut text = String::new();
///     server.read_to_string(&mut text).await?;
///     assert_eq!(text, "hello");
///     Ok(())
/// })
/// # }
/// ```
pub struct TcpStream {
    pub(super) io: Async<net::TcpStream>,
    /// For a stream that a balance has given to this core: it counts there until it is dropped, after the socket.
    counted: Option<Counted>,
}

impl TcpStream {
    pub(super) fn new(io: Async<net::TcpStream>) -> Self {
        Self { io, counted: None }
    }

    pub(super) fn counted(io: Async<net::TcpStream>, counted: Counted) -> Self {
        Self { io, counted: Some(counted) }
    }

    /// Takes over a stream of `std`, connected or connecting, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// What the system says. An error that says so where no executor is entered.
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream::new(Async::new(stream)?))
    }

    /// Gives the socket back, for another thread or for blocking use. It stays non-blocking until
    /// [`set_nonblocking(false)`](net::TcpStream::set_nonblocking).
    ///
    /// A [`Balance`](super::Balance) no longer counts it.
    pub fn into_std(self) -> net::TcpStream {
        let Self { io, counted } = self;
        drop(counted);
        io.into_inner()
    }

    /// Reads without taking: the same bytes come again with the next read.
    ///
    /// Waits until there is at least one byte. Returns how many there are, at most `buffer.len()`; 0 when the peer has ended its side.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not by `poll_read_bytes`: what a peek leaves behind is not drained, however little it was.
        let mut peek = |stream: &net::TcpStream| {
            loop {
                match stream.peek(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => return result,
                }
            }
        };
        poll_fn(|cx| self.io.poll_read_with(cx, &mut peek)).await
    }

    /// Ends reading, writing or both; takes effect at once, for all who use this connection.
    ///
    /// After `Write` the peer reads everything that was written and then the end. After `Read` this side reads the end. A connection
    /// that the peer has already reset counts as shut down, on every platform.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.io.get_ref().shutdown(how) {
            // NS5: after a reset some systems say that there is nothing to shut down. That was what the caller wanted.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) after the peer has reset the connection; otherwise what the system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
    }

    /// This side's address.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.get_ref().nodelay()
    }

    /// Sets whether small writes are sent at once, instead of being held back to be sent together.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.get_ref().set_nodelay(nodelay)
    }

    /// The value of `IP_TTL`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets `IP_TTL`: how many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(ttl)
    }

    /// The value of `SO_LINGER`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        socket::linger(self.io.get_ref())
    }

    /// Sets what closing does about bytes that have not been sent yet (`SO_LINGER`, whole seconds).
    ///
    /// `None`, the default: they are sent in the background. Zero: they are dropped and the peer sees a reset. Any other duration makes
    /// the drop of this stream **block its thread** until they are sent, at most that long; on a thread with other tasks that is
    /// rarely wanted.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        socket::set_linger(self.io.get_ref(), linger)
    }

    /// The socket's pending error, which this call takes away.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

impl AsRef<TcpStream> for TcpStream {
    fn as_ref(&self) -> &TcpStream {
        self
    }
}

/// The calls behind the `futures_io` traits of the stream, of references to it and of its halves.
impl TcpStream {
    pub(super) fn poll_read_slice(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_read_bytes(cx, buffer.len(), |mut stream| stream.read(buffer))
    }

    /// For hyper, which reads into memory that nobody has written yet. Says how many bytes at the beginning of `room` are written now.
    #[cfg(feature = "hyper")]
    pub(crate) fn poll_read_uninit(&self, cx: &mut Context<'_>, room: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
        self.io.poll_read_bytes(cx, room.len(), |stream| socket::receive(stream, room))
    }

    pub(super) fn poll_read_slices(&self, cx: &mut Context<'_>, buffers: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        let asked = buffers.iter().fold(0, |asked: usize, buffer| asked.saturating_add(buffer.len()));
        self.io.poll_read_bytes(cx, asked, |mut stream| stream.read_vectored(buffers))
    }

    pub(crate) fn poll_write_slice(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_write_bytes(cx, bytes.len(), |mut stream| stream.write(bytes))
    }

    pub(crate) fn poll_write_slices(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let asked = slices.iter().fold(0, |asked: usize, slice| asked.saturating_add(slice.len()));
        self.io.poll_write_bytes(cx, asked, |mut stream| stream.write_vectored(slices))
    }
}
