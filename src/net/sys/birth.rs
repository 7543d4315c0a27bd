//! Sockets and sends where both take flags: Linux, the BSDs and most of Unix.

use std::io::{self, IoSlice};

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, ipproto};

use crate::reactor::descriptor::AsDescriptor;

/// A TCP socket that does not block and is closed on `exec`.
pub(super) fn tcp_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?)
}

/// Sends, and raises no SIGPIPE when the peer has gone.
pub(crate) fn send(socket: impl AsDescriptor + io::Write, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
}

/// Sends slices, no more than `cut` leaves, and raises no SIGPIPE when the peer has gone: `writev`
/// knows no flag for that.
pub(crate) fn send_vectored(socket: impl AsDescriptor + io::Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(rustix::net::sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?)
}

/// For a socket that was not made here: nothing to do, because each send says so itself.
pub(crate) fn without_sigpipe(_: &impl AsDescriptor) -> io::Result<()> {
    Ok(())
}
