//! One TCP connection: a byte stream with addresses and, in a balance, a place in a core's count.
//!
//! An end is reported only when the peer has sent it.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{self, Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::io::Async;
use crate::net::load::Counted;
use crate::net::stream::{Duplex, Socket, Stream, read_through, write_through};
use crate::net::sys;
use crate::reactor::{Kind, Sides};

pub(super) static STREAM: Kind = Kind { sides: Sides::BOTH, read: "a read of a TcpStream", write: "a write to a TcpStream" };

impl Socket for net::TcpStream {
    const KIND: &'static Kind = &STREAM;
    const SHORT_MEANS_DRAINED: bool = true;

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        sys::receive(self, buffer)
    }

    fn receive_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        sys::receive_vectored(self, buffers)
    }

    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        net::TcpStream::peek(self, buffer)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        sys::send(self, bytes)
    }

    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        sys::send_vectored(self, slices)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        net::TcpStream::shutdown(self, how)
    }
}

/// A TCP connection.
///
/// Bytes go through [`AsyncRead`](futures_io::AsyncRead) and
/// [`AsyncWrite`](futures_io::AsyncWrite), which are implemented for `TcpStream` and for
/// `&TcpStream`; the methods that make them pleasant come from `futures-lite` or `futures`. Writes
/// go to the system at once, so flushing does nothing; closing ends the writing side.
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
    pub(super) bytes: Stream<net::TcpStream>,
    /// For a stream that a balance has given to this core: it counts there until it is dropped,
    /// after the socket.
    counted: Option<Counted>,
}

impl TcpStream {
    pub(super) fn new(io: Async<net::TcpStream>) -> Self {
        Self { bytes: Stream::new(io), counted: None }
    }

    /// A stream that counts for a core of a balance as long as it lives.
    pub(in crate::net) fn counted(io: Async<net::TcpStream>, counted: Counted) -> Self {
        Self { bytes: Stream::new(io), counted: Some(counted) }
    }

    pub(super) fn socket(&self) -> &net::TcpStream {
        self.bytes.socket()
    }

    /// Takes over a stream of `std`, connected or connecting, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// What the system says. An error that says so where no executor is entered.
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        sys::without_sigpipe(&stream)?;
        Ok(TcpStream { bytes: Stream::adopt(stream, "TcpStream::from_std")?, counted: None })
    }

    /// Gives the socket back, for another thread or for blocking use. It stays non-blocking until
    /// [`set_nonblocking(false)`](net::TcpStream::set_nonblocking).
    ///
    /// A [`Balance`](crate::net::Balance) no longer counts it.
    pub fn into_std(self) -> net::TcpStream {
        let Self { bytes, counted } = self;
        drop(counted);
        bytes.into_socket()
    }

    /// Reads into a buffer that the thread lends, and calls `read` with what came, at least one
    /// byte. `None` says that the peer has ended its side: there was nothing to call `read` with.
    ///
    /// This is the way to read for a server of many connections. A task that waits in this call
    /// holds no buffer, and what it holds is small; a task that waits with a buffer of its own
    /// holds it for as long as its peer is silent, which is most of the time, and the buffer has
    /// left the processor's caches when the peer speaks at last.
    ///
    /// `read` is called once at most, in the poll that ends the future, and is not asynchronous:
    /// it parses, copies what has to stay, or writes with [`try_write`](TcpStream::try_write).
    ///
    /// The buffer belongs to the thread: 64 KiB, made by the first read of this kind there and kept
    /// until the thread ends. It is as large as that so that the read of a request comes back short
    /// and says that there is no more, which saves a system call, and so that bulk data comes in
    /// few calls. More than 64 KiB come in several reads. Inside `read` other streams may be read
    /// in the same way: such a read gets a buffer of its own, which costs an allocation.
    ///
    /// # Examples
    ///
    /// An echo that holds bytes only as long as the peer does not take them. The [page](crate::net)
    /// of the module says how to make it smaller still:
    ///
    /// ```
    /// use std::io;
    /// use futures_lite::AsyncWriteExt;
    /// use wakeline::net::TcpStream;
    ///
    /// async fn echo(stream: &TcpStream) -> io::Result<()> {
    ///     loop {
    ///         let read = stream.read_lent(|bytes| write_now(stream, bytes)).await?;
    ///         let Some(rest) = read.transpose()? else { return Ok(()) };
    ///         (&*stream).write_all(&rest).await?;
    ///     }
    /// }
    ///
    /// /// Writes what there is room for, and gives back a copy of the rest: mostly nothing.
    /// fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    ///     match stream.try_write(bytes) {
    ///         Ok(count) => Ok(bytes[count..].to_vec()),
    ///         Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(bytes.to_vec()),
    ///         Err(error) => Err(error),
    ///     }
    /// }
    /// # use futures_lite::AsyncReadExt;
    /// # wakeline::block_on(async {
    /// # let listener = wakeline::net::TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut peer = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (stream, _) = listener.accept().await?;
    /// # peer.write_all(b"hello").await?;
    /// # peer.close().await?;
    /// # echo(&stream).await?;
    /// # drop(stream);
    /// # let mut text = String::new();
    /// # peer.read_to_string(&mut text).await?;
    /// # assert_eq!(text, "hello");
    /// # Ok::<(), io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// What the system says, and as [`Async::readable`].
    ///
    /// # Panics
    ///
    /// If `read` panics, with its payload; the stream and the thread's buffer remain usable. If it
    /// is polled after completion.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no byte: either nothing was read, or `read` was called with the
    /// bytes and the future is over.
    pub fn read_lent<R>(&self, read: impl FnOnce(&[u8]) -> R) -> impl Future<Output = io::Result<Option<R>>> {
        self.bytes.read_lent(read)
    }

    /// The poll function behind [`read_lent`](TcpStream::read_lent). `read` is dropped when it is
    /// not called. Every task that was told `Pending` is woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`read_lent`](TcpStream::read_lent).
    ///
    /// # Panics
    ///
    /// If `read` panics, with its payload.
    pub fn poll_read_lent<R>(&self, cx: &mut Context<'_>, read: impl FnOnce(&[u8]) -> R) -> Poll<io::Result<Option<R>>> {
        self.bytes.poll_read_lent(cx, read)
    }

    /// Waits until a read would do something: there are bytes, an end, or an error.
    ///
    /// For use with [`try_read`](TcpStream::try_read), where [`read_lent`](TcpStream::read_lent)
    /// does not fit: it costs a system call more. The kernel is asked, so the answer is right
    /// also after calls that were made on the descriptor directly; by the time the caller acts
    /// another task may have been faster.
    ///
    /// # Errors
    ///
    /// As [`Async::readable`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping this future: readiness stays until a call uses it up.
    pub async fn readable(&self) -> io::Result<()> {
        self.bytes.readable().await
    }

    /// Waits until a write would do something: there is room, or an error to report. Otherwise as
    /// [`readable`](TcpStream::readable).
    ///
    /// # Errors
    ///
    /// As [`Async::readable`].
    ///
    /// # Cancel safety
    ///
    /// As [`readable`](TcpStream::readable).
    pub async fn writable(&self) -> io::Result<()> {
        self.bytes.writable().await
    }

    /// The poll function behind [`readable`](TcpStream::readable). Every task that was told
    /// `Pending` is woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`Async::readable`].
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bytes.poll_readable(cx)
    }

    /// The poll function behind [`writable`](TcpStream::writable). Every task that was told
    /// `Pending` is woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`Async::readable`].
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bytes.poll_writable(cx)
    }

    /// Reads what is there now, and does not wait. Returns how many bytes there were; 0 when the
    /// peer has ended its side.
    ///
    /// It is one call of the kernel each time, whatever is known of the stream's readiness, takes
    /// nothing from the task's budget and works where no executor is entered.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is nothing, and otherwise what the
    /// system says.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.try_read(buffer)
    }

    /// [`try_read`](TcpStream::try_read) into several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// As [`try_read`](TcpStream::try_read).
    pub fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.bytes.try_read_vectored(buffers)
    }

    /// Writes what there is room for now, and does not wait. Returns how many bytes that were.
    /// Otherwise as [`try_read`](TcpStream::try_read).
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is no room, and otherwise what the
    /// system says.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.try_write(bytes)
    }

    /// [`try_write`](TcpStream::try_write) out of several buffers, one after the other.
    ///
    /// # Errors
    ///
    /// As [`try_write`](TcpStream::try_write).
    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.bytes.try_write_vectored(slices)
    }

    /// Reads without taking: the same bytes come again with the next read.
    ///
    /// Waits until there is at least one byte. Returns how many there are, at most `buffer.len()`;
    /// 0 when the peer has ended its side.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.peek(buffer).await
    }

    /// Ends reading, writing or both; takes effect at once, for all who use this connection.
    ///
    /// After `Write` the peer reads everything that was written and then the end. After `Read` this
    /// side reads the end. A connection that the peer has already reset counts as shut down, on
    /// every platform.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.bytes.shutdown(how)
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// [`NotConnected`](io::ErrorKind::NotConnected) after the peer has reset the connection;
    /// otherwise what the system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// This side's address.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// The socket's pending error, which this call takes away.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().take_error()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

impl AsRef<TcpStream> for TcpStream {
    fn as_ref(&self) -> &TcpStream {
        self
    }
}

impl Duplex for TcpStream {
    fn end_writing(&self) {
        // Fails only on a connection that has ended anyway.
        let _ = self.bytes.shutdown(Shutdown::Write);
    }
}

read_through!(TcpStream: TcpStream, &TcpStream);
write_through!(TcpStream: TcpStream, &TcpStream);
