//! Connecting: the way from an address to a stream. Readiness alone is no success.
//!
//! The socket starts to connect when it is made. From then on "has it finished?" is a call that
//! would block until it has, like any write: tried at once (a loopback connect is often through),
//! and again at each edge. It asks for the pending error first and for the peer second, so a
//! spurious edge costs two calls and decides nothing.
//!
//! One address in numbers goes straight there, without a timer and without an allocation; names and
//! lists take the way by the resolver and the race.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::stream::{STREAM, TcpStream};
use crate::executor::context;
use crate::io::Async;
use crate::net::addr::{Addrs, Name, ToSocketAddrs};
use crate::net::race::{DELAY, all_failed, interleave, race};
use crate::net::settings::{Keepalive, Setting, builder_options};
use crate::net::sys;
use crate::reactor::{Kind, Sides};
use crate::time;

/// A stream that does not exist yet.
static CONNECTING: Kind = Kind { sides: Sides::BOTH, read: "TcpStream::connect", write: "TcpStream::connect" };

impl TcpStream {
    /// Connects to a peer.
    ///
    /// A host name is [resolved](crate::net::resolve), and its addresses are raced as [RFC
    /// 8305](https://www.rfc-editor.org/rfc/rfc8305) says: IPv6 and IPv4 take turns, each address
    /// gets 250 ms before the next is tried beside it, a failure starts the next at once, and the
    /// first connection is taken. A list of addresses is raced in its own order. A single address
    /// is simply tried. See [`ToSocketAddrs`] for what is accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// # wakeline::block_on(async {
    /// use std::net::Ipv4Addr;
    /// use wakeline::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (server, peer) = listener.accept().await?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// What the system says, like [`ConnectionRefused`](io::ErrorKind::ConnectionRefused). Of
    /// several addresses, what it says of each, in an error of the last one's kind. How long it
    /// tries is up to the system, often two minutes: see
    /// [`connect_timeout`](TcpStream::connect_timeout). What the resolver says, see
    /// [`resolve`](crate::net::resolve). [`InvalidInput`](io::ErrorKind::InvalidInput) when there
    /// is no address. An error that says so where no executor is entered.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up all attempts and closes their sockets; a question to the
    /// resolver is taken back, or left to its thread if it was asked.
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<TcpStream> {
        connect(addr.addrs()?, &[]).await
    }

    /// Connects to a peer within `limit`, which holds for the resolver and all addresses together.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # wakeline::block_on(async {
    /// use std::time::Duration;
    /// use wakeline::net::TcpStream;
    ///
    /// let stream = TcpStream::connect_timeout("example.org:80", Duration::from_secs(3)).await?;
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the limit is reached first; otherwise as
    /// [`connect`](TcpStream::connect).
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](TcpStream::connect).
    pub async fn connect_timeout(addr: impl ToSocketAddrs, limit: Duration) -> io::Result<TcpStream> {
        connect_within(addr.addrs()?, &[], limit).await
    }

    /// Options for a new connection, to be set before it is made.
    pub fn builder() -> TcpStreamBuilder {
        TcpStreamBuilder { settings: Vec::new() }
    }
}

/// Options for a connection; made by [`TcpStream::builder`].
///
/// A stream that lives can be told the same by its own methods; what concerns the connecting
/// itself, the buffers' sizes above all, is best said here. A value that the system refuses is an
/// error of [`connect`](TcpStreamBuilder::connect).
///
/// # Examples
///
/// ```no_run
/// # wakeline::block_on(async {
/// use std::time::Duration;
/// use wakeline::net::TcpStream;
///
/// let (idle, interval) = (Duration::from_secs(60), Duration::from_secs(10));
/// let patient = TcpStream::builder().nodelay(true).keepalive(idle, interval, 3);
/// let stream = patient.connect("example.org:80").await?;
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder connects to nothing until `connect`"]
pub struct TcpStreamBuilder {
    /// Each option once.
    settings: Vec<Setting>,
}

impl TcpStreamBuilder {
    builder_options!();

    /// Connects to a peer, as [`TcpStream::connect`] does.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::connect`]. [`InvalidInput`](io::ErrorKind::InvalidInput) also for an
    /// option's value that cannot be.
    ///
    /// # Cancel safety
    ///
    /// As [`TcpStream::connect`].
    pub async fn connect(&self, addr: impl ToSocketAddrs) -> io::Result<TcpStream> {
        connect(addr.addrs()?, &self.settings).await
    }

    /// Connects to a peer within `limit`, as [`TcpStream::connect_timeout`] does.
    ///
    /// # Errors
    ///
    /// As [`TcpStream::connect_timeout`], and as [`connect`](TcpStreamBuilder::connect).
    ///
    /// # Cancel safety
    ///
    /// As [`TcpStream::connect`].
    pub async fn connect_timeout(&self, addr: impl ToSocketAddrs, limit: Duration) -> io::Result<TcpStream> {
        connect_within(addr.addrs()?, &self.settings, limit).await
    }
}

async fn connect_within(addrs: Addrs<'_>, settings: &[Setting], limit: Duration) -> io::Result<TcpStream> {
    match time::timeout(limit, connect(addrs, settings)).await {
        Ok(connected) => connected,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection to {addrs} within {limit:?}"))),
    }
}

async fn connect(addrs: Addrs<'_>, settings: &[Setting]) -> io::Result<TcpStream> {
    // Before anybody is asked: here the connection would be refused in the end.
    context::reactor("TcpStream::connect")?;
    match addrs {
        Addrs::One(addr) => connect_to(addr, settings).await,
        // In a box, so that the future of a single address stays small.
        Addrs::List(list) => Box::pin(connect_any(addrs, list, settings)).await,
        Addrs::Name(name) => Box::pin(connect_by_name(addrs, name, settings)).await,
    }
}

async fn connect_by_name(addrs: Addrs<'_>, name: Name<'_>, settings: &[Setting]) -> io::Result<TcpStream> {
    connect_any(addrs, &interleave((name.look_up)(name.host, name.port).await?), settings).await
}

async fn connect_any(addrs: Addrs<'_>, list: &[SocketAddr], settings: &[Setting]) -> io::Result<TcpStream> {
    let connected = race(list, |addr| connect_to(addr, settings), || time::sleep(DELAY)).await;
    connected.map_err(|failures| all_failed(&format!("connect to {addrs}"), failures))
}

async fn connect_to(addr: SocketAddr, settings: &[Setting]) -> io::Result<TcpStream> {
    let io = Async::from_nonblocking(sys::connecting(addr, settings)?, &CONNECTING, "TcpStream::connect")?;
    poll_fn(|cx| io.poll_write_with(cx, sys::connected)).await?;
    Ok(TcpStream::new(io.turned_into(&STREAM)))
}
