//! The socket calls that `std` has no non-blocking form of.
//!
//! How the platforms differ in them is hidden in here. Of the rest of `net`, `handles` asks for the
//! platform for the traits of `std`, and the guard of a balance asks for Linux. The resolver's call
//! blocks, and says so; no other one does.
//!
//! Where the platform takes flags, a socket is born non-blocking and closed on `exec`; elsewhere
//! (Apple, Windows) it takes a second call, and a thread that forks in between inherits the
//! descriptor. `birth` is either of the two.

use std::io::{self, IoSliceMut, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

use rustix::buffer::Buffer;
use rustix::net::{AddressFamily, RecvFlags, SocketType, sockopt};

use super::settings::{Listening, Setting};
use crate::reactor::descriptor::{AsDescriptor, borrow};

// Those whose accept4(2) rustix knows.
#[cfg_attr(
    not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
        target_os = "illumos"
    )),
    path = "sys/accept_without_flags.rs"
)]
mod accept;
#[cfg_attr(target_vendor = "apple", path = "sys/birth_on_apple.rs")]
#[cfg_attr(windows, path = "sys/birth_on_windows.rs")]
mod birth;
mod errors;
mod options;
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "sys/platform_of_linux.rs")]
#[cfg_attr(windows, path = "sys/platform_of_windows.rs")]
mod platform;

pub(super) use accept::accept;
pub(super) use birth::{send, send_vectored, without_sigpipe};
use errors::begun;
pub(super) use errors::{is_about_the_connection, is_shortage};
pub(super) use options::{
    incoming_cpu, keepalive, linger, recv_buffer_size, send_buffer_size, set, set_incoming_cpu, user_timeout,
};

/// Whether a new connection has the options of its listener, which saves some calls per connection.
pub(super) const OPTIONS_ARE_INHERITED: bool = platform::OPTIONS_ARE_INHERITED;

/// A socket that listens on `addr`.
pub(super) fn listening(addr: SocketAddr, options: Listening, settings: &[Setting]) -> io::Result<TcpListener> {
    let socket = birth::tcp_socket(family(addr))?;
    // Without it a restarted server could not bind while old connections linger.
    if platform::REUSE_ADDRESS {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    if options.reuse_port {
        options::set_reuse_port(&socket)?;
    }
    if let (true, Some(v6only)) = (addr.is_ipv6(), options.v6only) {
        sockopt::set_ipv6_v6only(&socket, v6only)?;
    }
    // Everywhere, although not all systems hand all of them on: the window that a peer is offered
    // comes from the listener.
    settings.iter().try_for_each(|setting| set(&socket, *setting))?;
    rustix::net::bind(&socket, &addr)?;
    rustix::net::listen(&socket, i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from(socket))
}

/// A socket that has begun to connect to `addr`; [`connected`] says how far it is.
pub(super) fn connecting(addr: SocketAddr, settings: &[Setting]) -> io::Result<TcpStream> {
    let socket = birth::tcp_socket(family(addr))?;
    settings.iter().try_for_each(|setting| set(&socket, *setting))?;
    begun(rustix::net::connect(&socket, &addr))?;
    Ok(TcpStream::from(socket))
}

/// Whether a connect has finished: an error of kind `WouldBlock` says that it has not.
///
/// Readiness alone proves nothing (RD12): it may be spurious. The pending error says why a connect
/// failed, the peer's address that it has succeeded.
pub(super) fn connected(stream: &TcpStream) -> io::Result<()> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}

/// Receives what is there, as many bytes as it says, into memory that may be unwritten.
pub(super) fn receive(stream: &TcpStream, room: impl Buffer<u8>) -> io::Result<usize> {
    let (_, count) = rustix::net::recv(stream, room, RecvFlags::empty())?;
    Ok(count)
}

/// How many slices one call takes: `IOV_MAX` of Linux, the BSDs and Apple; POSIX asks for 16, which
/// Solaris has. To know it is to know how much was asked for: the rest of a longer list was not,
/// and says nothing about the socket.
const MOST_SLICES: usize = if cfg!(any(target_os = "solaris", target_os = "illumos", target_os = "haiku")) { 16 } else { 1024 };

/// As many slices as one call takes.
pub(super) fn cut<S>(slices: &[S]) -> &[S] {
    &slices[..slices.len().min(MOST_SLICES)]
}

/// Receives into slices, into no more than [`cut`] leaves.
pub(super) fn receive_vectored(mut stream: &TcpStream, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let most = cut(buffers).len();
    stream.read_vectored(&mut buffers[..most])
}

/// Refuses what is no TCP socket, as far as that can be seen. A listener of datagrams would fail
/// each `accept` as a sound one fails those of bad connections; and what is known of short reads
/// holds for TCP alone.
pub(super) fn check_is_tcp(socket: &impl AsDescriptor) -> io::Result<()> {
    let socket = borrow(socket);
    let is_stream = sockopt::socket_type(socket)? == SocketType::STREAM;
    if is_stream && SocketAddr::try_from(rustix::net::getsockname(socket)?).is_ok() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "this descriptor is not that of a TCP socket"))
}

/// Asks the system's resolver, which may take its time: the one call here that blocks, for a thread
/// of the pool.
pub(super) fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

fn family(addr: SocketAddr) -> AddressFamily {
    if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}
