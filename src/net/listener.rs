//! Accepting — owns one listening socket — must never take one bad connection for the end of all.
//!
//! A connection that died in the backlog (ECONNABORTED and its kin) is passed over. An error of the process, no descriptors left, is the
//! caller's: the connection stays in the backlog, so accepting again at once fails again at once. Every try, failed or not, takes from
//! the task's budget, so an accept loop that ignores errors leaves the other tasks their turn.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{self, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::addr::{Addrs, ToSocketAddrs};
use super::race::all_failed;
use super::resolve::look_up;
use super::socket::{self, Listening};
use super::stream::TcpStream;
use crate::executor::context;
use crate::io::Async;
use crate::reactor::Interest;

/// How many connections may wait to be accepted, unless the builder says otherwise. It is Linux's own bound (`somaxconn`) since 5.4; a
/// smaller one of the system prevails.
const BACKLOG: u32 = 4096;

/// A TCP socket that takes connections.
///
/// # Examples
///
/// ```no_run
/// # async fn serve(stream: wakeline::net::TcpStream) {}
/// use wakeline::net::TcpListener;
///
/// # fn main() -> std::io::Result<()> {
/// wakeline::block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:8080").await?;
///     loop {
///         let (stream, _peer) = listener.accept().await?;
///         wakeline::spawn(serve(stream)).detach();
///     }
/// })
/// # }
/// ```
pub struct TcpListener {
    pub(super) io: Async<net::TcpListener>,
    /// Whether to set `TCP_NODELAY` on what is accepted.
    nodelay: bool,
}

impl TcpListener {
    /// Listens on `addr`, with the options of [`builder`](TcpListener::builder) at their defaults.
    ///
    /// Port 0 lets the system choose; [`local_addr`](TcpListener::local_addr) tells. Of several addresses, and of those that a host name
    /// [resolves](super::resolve) to, the first that can be bound is taken. The address may be bound again while old connections on it
    /// linger (`SO_REUSEADDR`, except on Windows, where this is the system's default).
    ///
    /// # Errors
    ///
    /// What the system says, like [`AddrInUse`](io::ErrorKind::AddrInUse). An error that says so where no executor is entered.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        TcpListener::builder().bind(addr).await
    }

    /// Options for a new listener.
    pub fn builder() -> TcpListenerBuilder {
        TcpListenerBuilder { options: Listening { reuse_port: false, backlog: BACKLOG, v6only: None, nodelay: false } }
    }

    /// Takes the next connection: its stream, and the peer's address.
    ///
    /// Several tasks may accept from one listener.
    ///
    /// # Errors
    ///
    /// Connections that failed before they were accepted are passed over. What remains concerns the process: with no descriptors left
    /// (`EMFILE`, `ENFILE`) the connection stays in the backlog, and accepting again fails again until one is free. A server should
    /// wait a little then, or close something.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for the next connection; see [`accept`](TcpListener::accept).
    ///
    /// # Errors
    ///
    /// As [`accept`](TcpListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (stream, peer) = ready!(self.poll_accept_socket(cx))?;
        Poll::Ready(Async::from_nonblocking(stream, Interest::Both).map(|io| (TcpStream::new(io), peer)))
    }

    /// As [`poll_accept`](TcpListener::poll_accept); the socket is non-blocking and not yet tied to any thread's reactor.
    pub(super) fn poll_accept_socket(&self, cx: &mut Context<'_>) -> Poll<io::Result<(net::TcpStream, SocketAddr)>> {
        loop {
            match ready!(self.io.poll_read_with(cx, socket::accept)) {
                Ok((stream, peer)) => {
                    if self.nodelay && !socket::NODELAY_IS_INHERITED {
                        // Fails only on a connection that is already reset, and then its first read will say so.
                        let _ = stream.set_nodelay(true);
                    }
                    return Poll::Ready(Ok((stream, peer)));
                }
                // The try has been charged to the budget, so a peer that aborts without end cannot hold the thread here.
                Err(error) if socket::is_about_the_connection(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// The connections as a stream that never ends.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address that this socket is bound to.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// The value of `IP_TTL`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Sets `IP_TTL`, also for connections accepted from now on.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(ttl)
    }

    /// Takes over a listener of `std` and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// What the system says. An error that says so where no executor is entered.
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        Ok(TcpListener { io: Async::with_interest(listener, Interest::Read)?, nodelay: false })
    }

    /// Gives the socket back. It stays non-blocking.
    pub fn into_std(self) -> net::TcpListener {
        self.io.into_inner()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

/// Options for a [`TcpListener`]; made by [`TcpListener::builder`].
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// use wakeline::net::TcpListener;
///
/// let listener = TcpListener::builder().backlog(64).nodelay(true).bind("127.0.0.1:0").await?;
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder listens on nothing until `bind`"]
pub struct TcpListenerBuilder {
    options: Listening,
}

impl TcpListenerBuilder {
    /// Lets several listeners, all with this option, share one port; the system spreads the connections. Off by default.
    ///
    /// `SO_REUSEPORT`, or FreeBSD's `SO_REUSEPORT_LB`. Elsewhere than on Linux and FreeBSD the spread may be uneven; on Windows and
    /// Solaris `bind` fails with [`Unsupported`](io::ErrorKind::Unsupported).
    pub fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.options.reuse_port = reuse_port;
        self
    }

    /// How many connections may wait to be accepted; 4096 by default. The system may allow fewer.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.options.backlog = backlog;
        self
    }

    /// Whether an IPv6 listener refuses IPv4 peers. Left to the system by default, and systems differ.
    pub fn v6only(mut self, v6only: bool) -> Self {
        self.options.v6only = Some(v6only);
        self
    }

    /// Whether accepted streams send small writes at once (`TCP_NODELAY`). Off by default.
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.options.nodelay = nodelay;
        self
    }

    /// Listens on the first of the addresses that can be bound.
    ///
    /// # Errors
    ///
    /// What the system says; of several addresses, what it says of each, in an error of the last one's kind. What the resolver says, see
    /// [`resolve`](super::resolve). An error that says so where no executor is entered.
    pub async fn bind(self, addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        match addr.addrs()? {
            Addrs::One(addr) => self.bind_to(addr),
            list @ Addrs::List(addrs) => self.bind_first(list, addrs),
            name @ Addrs::Name(host, port) => {
                // Before anybody is asked: here the socket would be refused in the end.
                context::reactor("TcpListener::bind")?;
                self.bind_first(name, &Box::pin(look_up(host, port)).await?)
            }
        }
    }

    fn bind_first(&self, what: Addrs<'_>, addrs: &[SocketAddr]) -> io::Result<TcpListener> {
        let mut failures = Vec::new();
        for &addr in addrs {
            match self.bind_to(addr) {
                Ok(listener) => return Ok(listener),
                Err(error) => failures.push((addr, error)),
            }
        }
        Err(all_failed(&format!("listen on {what}"), failures))
    }

    fn bind_to(&self, addr: SocketAddr) -> io::Result<TcpListener> {
        let socket = socket::listening(addr, self.options)?;
        Ok(TcpListener { io: Async::from_nonblocking(socket, Interest::Read)?, nodelay: self.options.nodelay })
    }
}

/// A stream of connections; made by [`TcpListener::incoming`]. It never ends.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = ready!(self.listener.poll_accept(cx));
        Poll::Ready(Some(accepted.map(|(stream, _)| stream)))
    }
}
