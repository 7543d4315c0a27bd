//! Sockets and sends on Windows, where sockets take no flags and there are no signals.

use std::io::{self, IoSlice};
use std::sync::Once;

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, ipproto};

use crate::reactor::descriptor::AsDescriptor;

/// A TCP socket that does not block.
pub(super) fn tcp_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    static START: Once = Once::new();
    // Fails only where there is no Winsock 2.2, and then `socket` says so. std ends it never, and
    // neither do we.
    START.call_once(|| {
        let _ = rustix::net::wsa_startup();
    });
    let socket = rustix::net::socket(family, SocketType::STREAM, Some(ipproto::TCP))?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

pub(crate) fn send(mut socket: impl AsDescriptor + io::Write, bytes: &[u8]) -> io::Result<usize> {
    socket.write(bytes)
}

/// Sends slices, no more than `cut` leaves.
pub(crate) fn send_vectored(mut socket: impl AsDescriptor + io::Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    socket.write_vectored(slices)
}

/// For a socket that was not made here: nothing to do.
pub(crate) fn without_sigpipe(_: &impl AsDescriptor) -> io::Result<()> {
    Ok(())
}
