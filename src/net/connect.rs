//! Connecting — owns the way from an address to a stream — must never take readiness for success.
//!
//! The socket starts to connect when it is made. From then on "has it finished?" is a call that would block until it has, like any
//! write: tried at once (a loopback connect is often through), and again at each edge. It asks for the pending error first and for
//! the peer second, so a spurious edge costs two calls and decides nothing.
//!
//! One address in numbers goes straight there, without a timer and without an allocation; names and lists take the way by the resolver and
//! the [race](super::race).

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::addr::{Addrs, ToSocketAddrs};
use super::race::{DELAY, all_failed, interleave, race};
use super::resolve::look_up;
use super::socket;
use super::stream::TcpStream;
use crate::executor::context;
use crate::io::Async;
use crate::reactor::Interest;
use crate::time;

impl TcpStream {
    /// Connects to a peer.
    ///
    /// A host name is [resolved](super::resolve), and its addresses are raced as [RFC 8305](https://www.rfc-editor.org/rfc/rfc8305) says: IPv6
    /// and IPv4 take turns, each address gets 250 ms before the next is tried beside it, a failure starts the next at once, and the first
    /// connection is taken. A list of addresses is raced in its own order. A single address is simply tried. See [`ToSocketAddrs`] for what
    /// is accepted.
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
    /// What the system says, like [`ConnectionRefused`](io::ErrorKind::ConnectionRefused). Of several addresses, what it says of each, in an
    /// error of the last one's kind. How long it tries is up to the system, often two minutes: see
    /// [`connect_timeout`](TcpStream::connect_timeout). What the resolver says, see [`resolve`](super::resolve).
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no address. An error that says so where no executor is entered.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up all attempts and closes their sockets; a question to the resolver is taken back, or left to its thread if
    /// it was asked.
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<TcpStream> {
        connect(addr.addrs()?).await
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
    /// [`TimedOut`](io::ErrorKind::TimedOut) when the limit is reached first; otherwise as [`connect`](TcpStream::connect).
    ///
    /// # Cancel safety
    ///
    /// As [`connect`](TcpStream::connect).
    pub async fn connect_timeout(addr: impl ToSocketAddrs, limit: Duration) -> io::Result<TcpStream> {
        let addrs = addr.addrs()?;
        match time::timeout(limit, connect(addrs)).await {
            Ok(connected) => connected,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection to {addrs} within {limit:?}"))),
        }
    }
}

async fn connect(addrs: Addrs<'_>) -> io::Result<TcpStream> {
    match addrs {
        Addrs::One(addr) => connect_to(addr).await,
        // In a box, so that the future of a single address stays small.
        Addrs::List(list) => Box::pin(connect_any(addrs, list)).await,
        Addrs::Name(host, port) => Box::pin(connect_by_name(addrs, host, port)).await,
    }
}

async fn connect_by_name(addrs: Addrs<'_>, host: &str, port: u16) -> io::Result<TcpStream> {
    // Before anybody is asked: here the connection would be refused in the end.
    context::reactor("TcpStream::connect")?;
    connect_any(addrs, &interleave(look_up(host, port).await?)).await
}

async fn connect_any(addrs: Addrs<'_>, list: &[SocketAddr]) -> io::Result<TcpStream> {
    let connected = race(list, connect_to, || time::sleep(DELAY)).await;
    connected.map_err(|failures| all_failed(&format!("connect to {addrs}"), failures))
}

async fn connect_to(addr: SocketAddr) -> io::Result<TcpStream> {
    let io = Async::from_nonblocking(socket::connecting(addr)?, Interest::Both)?;
    poll_fn(|cx| io.poll_write_with(cx, socket::connected)).await?;
    Ok(TcpStream::new(io))
}
