//! Accepting where the call takes no flags.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Takes one connection out of the backlog, and makes it non-blocking.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    super::without_sigpipe(&stream)?;
    Ok((stream, peer))
}
