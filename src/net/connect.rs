//! Connecting — owns the way from an address to a stream — must never take readiness for success.
//!
//! The socket starts to connect when it is made. From then on "has it finished?" is a call that would block until it has, like any
//! write: tried at once (a loopback connect is often through), and again at each edge. It asks for the pending error first and for
//! the peer second, so a spurious edge costs two calls and decides nothing.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::addr::ToSocketAddrs;
use super::socket;
use super::stream::TcpStream;
use crate::io::Async;
use crate::reactor::Interest;
use crate::time;

impl TcpStream {
    /// Connects to a peer.
    ///
    /// Of several addresses, the first that accepts is taken; they are tried one after the other. Host names are not resolved yet, see
    /// [`ToSocketAddrs`].
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
    /// What the system says about the last address, like [`ConnectionRefused`](io::ErrorKind::ConnectionRefused). How long it tries is
    /// up to the system, often two minutes: see [`connect_timeout`](TcpStream::connect_timeout).
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when there is no address. An error that says so where no executor is entered.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the attempt and closes its socket.
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "no address to connect to");
        for &addr in addr.socket_addrs()?.iter() {
            match connect_to(addr).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Connects to a peer within `limit`, which holds for all addresses together.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # wakeline::block_on(async {
    /// use std::time::Duration;
    /// use wakeline::net::TcpStream;
    ///
    /// let stream = TcpStream::connect_timeout("192.0.2.1:80", Duration::from_secs(3)).await?;
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
    /// Dropping the future gives up the attempt and closes its socket.
    pub async fn connect_timeout(addr: impl ToSocketAddrs, limit: Duration) -> io::Result<TcpStream> {
        time::timeout(limit, TcpStream::connect(addr)).await?
    }
}

async fn connect_to(addr: SocketAddr) -> io::Result<TcpStream> {
    let io = Async::from_nonblocking(socket::connecting(addr)?, Interest::Both)?;
    poll_fn(|cx| io.poll_write_with(cx, socket::connected)).await?;
    Ok(TcpStream::new(io))
}
