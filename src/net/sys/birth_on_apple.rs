//! Sockets and sends on Apple's systems, where neither takes flags.

use std::io::{self, IoSlice};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};

use crate::reactor::descriptor::{AsDescriptor, borrow};

/// A TCP socket that does not block and is closed on `exec`.
pub(super) fn tcp_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, Some(ipproto::TCP))?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    // A write to a closed connection is an error, not a signal that ends the process.
    without_sigpipe(&socket)?;
    Ok(socket)
}

/// Sends. The socket has an option against SIGPIPE, which was set when it was made.
pub(crate) fn send(mut socket: impl AsDescriptor + io::Write, bytes: &[u8]) -> io::Result<usize> {
    socket.write(bytes)
}

/// Sends slices, no more than `cut` leaves; otherwise as `send`.
pub(crate) fn send_vectored(mut socket: impl AsDescriptor + io::Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    socket.write_vectored(slices)
}

/// For a socket that was not made here: no write to it raises SIGPIPE.
pub(crate) fn without_sigpipe(socket: &impl AsDescriptor) -> io::Result<()> {
    Ok(sockopt::set_socket_nosigpipe(borrow(socket), true)?)
}
