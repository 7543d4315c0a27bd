//! Accepting TCP connections. One bad connection is not the end of the listener.
//!
//! A connection that died in the backlog (ECONNABORTED and its kin) is passed over. When something
//! has run out, descriptors above all, the connection stays in the backlog, and accepting again at
//! once fails again at once: so there is a pause before the error goes to the caller. Linux says
//! that descriptors have run out before it looks whether there is a connection at all; then the
//! kernel is asked, and a listener that nobody connects to waits in silence. Every try, failed or
//! not, takes from the task's budget.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{self, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::stream::{STREAM, TcpStream};
use crate::executor::context;
use crate::io::Async;
use crate::net::addr::{Addrs, ToSocketAddrs};
use crate::net::pause::Pause;
use crate::net::race::all_failed;
use crate::net::settings::{Keepalive, Listening, Setting, builder_options};
use crate::net::sys;
use crate::reactor::descriptor::borrow;
use crate::reactor::{self, Kind, Side, Sides};

static LISTENER: Kind =
    Kind { sides: Sides::READ, read: "TcpListener::accept", write: "a TcpListener, which is never written to," };

/// How many connections may wait to be accepted, unless the builder says otherwise. It is Linux's
/// own bound (`somaxconn`) since 5.4; a smaller one of the system prevails.
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
///         match listener.accept().await {
///             Ok((stream, _peer)) => wakeline::spawn(serve(stream)).detach(),
///             // Too many connections for now: this comes ten times a second at most.
///             Err(error) => eprintln!("not accepting: {error}"),
///         }
///     }
/// })
/// # }
/// ```
pub struct TcpListener {
    io: Async<net::TcpListener>,
    /// What to set on each accepted connection; empty where connections have the options of their
    /// listener.
    settings: Vec<Setting>,
    pause: Pause,
}

impl TcpListener {
    /// Listens on `addr`, with the options of [`builder`](TcpListener::builder) at their defaults.
    ///
    /// Port 0 lets the system choose; [`local_addr`](TcpListener::local_addr) tells. Of several
    /// addresses, and of those that a host name [resolves](crate::net::resolve) to, the first that
    /// can be bound is taken. The address may be bound again while old connections on it linger
    /// (`SO_REUSEADDR`, except on Windows, where this is the system's default).
    ///
    /// # Errors
    ///
    /// What the system says, like [`AddrInUse`](io::ErrorKind::AddrInUse). An error that says so
    /// where no executor is entered.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        TcpListener::builder().bind(addr).await
    }

    /// Options for a new listener.
    pub fn builder() -> TcpListenerBuilder {
        let options = Listening { reuse_port: false, backlog: BACKLOG, v6only: None };
        TcpListenerBuilder { options, settings: Vec::new() }
    }

    /// Takes the next connection: its stream, and the peer's address.
    ///
    /// Several tasks may accept from one listener.
    ///
    /// # Errors
    ///
    /// Connections that failed before they were accepted are passed over. What remains concerns the
    /// process, and passes: a server logs it and goes on, as in the
    /// [example](TcpListener#examples), and does not end.
    ///
    /// When descriptors or memory have run out (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`) while a
    /// connection waits, `accept` pauses and tries once more; only what is then still wrong is
    /// returned. The first pause has 5 ms and each further one twice as many, 100 ms at most, until
    /// a connection is accepted again. So a loop that ignores these errors goes round ten times a
    /// second, while other tasks go on. The connection stays in the backlog meanwhile.
    ///
    /// An error that says so, if it would have to wait where no executor is entered; a connection
    /// that is there is taken there, too.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection. A pause is the listener's: the next call waits for
    /// what is left of it.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for the next connection; see [`accept`](TcpListener::accept). Every task that was told
    /// `Pending` is woken, not only the last.
    ///
    /// # Errors
    ///
    /// As [`accept`](TcpListener::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (stream, peer) = ready!(self.poll_accept_socket(cx))?;
        Poll::Ready(Ok((TcpStream::new(self.adopt(stream)), peer)))
    }

    /// Another thread's way to what waits here. It has a descriptor of its own, so the port is in
    /// use as long as it lives.
    pub(in crate::net) fn backlog(&self) -> io::Result<Backlog> {
        Ok(Backlog { listener: self.socket().try_clone()?, settings: self.settings.clone() })
    }

    pub(in crate::net) fn io(&self) -> &Async<net::TcpListener> {
        &self.io
    }

    /// Ties a connection, which is non-blocking, to this thread's reactor.
    pub(in crate::net) fn adopt(&self, stream: net::TcpStream) -> Async<net::TcpStream> {
        self.io.beside(stream, &STREAM)
    }

    /// As [`poll_accept`](TcpListener::poll_accept); the socket is non-blocking and not yet tied to
    /// any thread's reactor.
    pub(in crate::net) fn poll_accept_socket(&self, cx: &mut Context<'_>) -> Poll<io::Result<(net::TcpStream, SocketAddr)>> {
        loop {
            ready!(self.pause.poll_over(cx, || self.io.check_turned(Side::Read)))?;
            match self.io.poll_read_with(cx, accept_one) {
                Poll::Pending => {
                    self.pause.settle();
                    return Poll::Pending;
                }
                Poll::Ready(Ok((stream, peer))) => {
                    self.pause.forget();
                    apply(&self.settings, &stream);
                    return Poll::Ready(Ok((stream, peer)));
                }
                // The try has been charged to the budget, so a peer that aborts without end cannot
                // hold the thread here.
                Poll::Ready(Err(error)) if sys::is_about_the_connection(&error) => {}
                Poll::Ready(Err(error)) if sys::is_shortage(&error) => self.pause.begin(error)?,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
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
        self.socket().local_addr()
    }

    /// The value of `IP_TTL`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket().ttl()
    }

    /// Sets `IP_TTL`, also for connections accepted from now on.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket().set_ttl(ttl)
    }

    /// Takes over a listener of `std` and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// What the system says. [`InvalidInput`](io::ErrorKind::InvalidInput) for what was made from
    /// the descriptor of something else than a TCP socket. An error that says so where no executor
    /// is entered.
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        sys::check_is_tcp(&listener)?;
        Ok(TcpListener::new(Async::of_kind(listener, &LISTENER, "TcpListener::from_std")?, Vec::new()))
    }

    fn new(io: Async<net::TcpListener>, settings: Vec<Setting>) -> TcpListener {
        TcpListener { io, settings, pause: Pause::new() }
    }

    pub(in crate::net) fn socket(&self) -> &net::TcpListener {
        self.io.get_ref()
    }

    /// Gives the socket back. It stays non-blocking.
    pub fn into_std(self) -> net::TcpListener {
        self.io.into_inner()
    }
}

/// A connection that no thread has tied to its reactor yet.
pub(in crate::net) type Accepted = (net::TcpStream, SocketAddr);

/// What waits to be accepted, for any thread.
pub(in crate::net) struct Backlog {
    listener: net::TcpListener,
    settings: Vec<Setting>,
}

impl Backlog {
    /// The next connection, if there is one and nothing has run out.
    pub(in crate::net) fn take(&self) -> Option<Accepted> {
        loop {
            match accept_one(&self.listener) {
                Ok((stream, peer)) => {
                    apply(&self.settings, &stream);
                    return Some((stream, peer));
                }
                Err(error) if sys::is_about_the_connection(&error) => {}
                Err(_) => return None,
            }
        }
    }

    pub(in crate::net) fn socket(&self) -> &net::TcpListener {
        &self.listener
    }
}

/// Sets what a connection does not have from its listener.
fn apply(settings: &[Setting], stream: &net::TcpStream) {
    for setting in settings {
        // Fails only on a connection that is already reset, and then its first read will say so.
        let _ = sys::set(stream, *setting);
    }
}

/// Takes a connection out of the backlog; would block when there is none, also when the system says
/// first what has run out.
fn accept_one(listener: &net::TcpListener) -> io::Result<(net::TcpStream, SocketAddr)> {
    let accepted = sys::accept(listener);
    let is_shortage = accepted.as_ref().is_err_and(sys::is_shortage);
    if is_shortage && reactor::is_ready(borrow(listener), Side::Read).is_ok_and(|waits| !waits) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    accepted
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

/// Options for a [`TcpListener`]; made by [`TcpListener::builder`].
///
/// What is said of connections holds for all that the listener accepts. On Linux they inherit it
/// from the listening socket at no cost; elsewhere it is set on each that is accepted. A value that
/// the system refuses is an error of [`bind`](TcpListenerBuilder::bind).
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
    /// For the connections; each option once.
    settings: Vec<Setting>,
}

impl TcpListenerBuilder {
    builder_options!();

    /// Lets several listeners, all with this option, share one port; the system spreads the
    /// connections. Off by default.
    ///
    /// `SO_REUSEPORT`, or FreeBSD's `SO_REUSEPORT_LB`. Elsewhere than on Linux and FreeBSD the
    /// spread may be uneven; on Windows and Solaris `bind` fails with
    /// [`Unsupported`](io::ErrorKind::Unsupported).
    pub fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.options.reuse_port = reuse_port;
        self
    }

    /// How many connections may wait to be accepted; 4096 by default. The system may allow fewer.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.options.backlog = backlog;
        self
    }

    /// Whether an IPv6 listener refuses IPv4 peers. Left to the system by default, and systems
    /// differ.
    pub fn v6only(mut self, v6only: bool) -> Self {
        self.options.v6only = Some(v6only);
        self
    }

    /// Listens on the first of the addresses that can be bound.
    ///
    /// # Errors
    ///
    /// What the system says; of several addresses, what it says of each, in an error of the last
    /// one's kind. What the resolver says, see [`resolve`](crate::net::resolve).
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an option's value that cannot be. An error
    /// that says so where no executor is entered.
    pub async fn bind(self, addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        // Before anybody is asked: here the socket would be refused in the end.
        context::reactor("TcpListener::bind")?;
        match addr.addrs()? {
            Addrs::One(addr) => self.bind_to(addr),
            list @ Addrs::List(addrs) => self.bind_first(list, addrs),
            all @ Addrs::Name(name) => self.bind_first(all, &(name.look_up)(name.host, name.port).await?),
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
        let socket = sys::listening(addr, self.options, &self.settings)?;
        let settings = if sys::OPTIONS_ARE_INHERITED { Vec::new() } else { self.settings.clone() };
        Ok(TcpListener::new(Async::from_nonblocking(socket, &LISTENER, "TcpListener::bind")?, settings))
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

/// It never ends, whatever an accept has said.
impl FusedStream for Incoming<'_> {
    fn is_terminated(&self) -> bool {
        false
    }
}
