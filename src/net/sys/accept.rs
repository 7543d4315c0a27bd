//! Accepting where the call takes flags.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::net::SocketFlags;

/// Takes one connection out of the backlog. It is non-blocking and closed on `exec` from its birth.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (socket, peer) = rustix::io::retry_on_intr(|| rustix::net::acceptfrom_with(listener, flags))?;
    // A peer that has gone leaves some systems without its address; the connection is one that was
    // aborted.
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((TcpStream::from(socket), peer))
}
