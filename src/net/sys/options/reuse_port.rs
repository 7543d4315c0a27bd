//! SO_REUSEPORT where it shares connections out.

use std::io;

use rustix::fd::OwnedFd;
use rustix::net::sockopt;

/// Lets several listeners share the port, each with its own backlog.
pub(crate) fn set_reuse_port(socket: &OwnedFd) -> io::Result<()> {
    Ok(sockopt::set_socket_reuseport(socket, true)?)
}
