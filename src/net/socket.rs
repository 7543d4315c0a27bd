//! The socket calls that std has no non-blocking form of — owns the differences between the platforms — must never wait, but for one that says so.
//!
//! Where the platform takes flags, a socket is born non-blocking and closed on `exec`; elsewhere (Apple, Windows) it takes a second call
//! and a thread that forks in between inherits the descriptor.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};

use super::settings::Setting;
use crate::reactor::descriptor::{AsDescriptor, borrow};

mod errors;
mod options;

use errors::begun;
pub(super) use errors::{is_about_the_connection, is_shortage};
pub(super) use options::{keepalive, linger, recv_buffer_size, send_buffer_size, set, user_timeout};

#[cfg(unix)]
type Owned = std::os::fd::OwnedFd;
#[cfg(windows)]
type Owned = std::os::windows::io::OwnedSocket;

/// What a listening socket is born with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listening {
    pub(super) reuse_port: bool,
    pub(super) backlog: u32,
    /// `None` leaves it to the system.
    pub(super) v6only: Option<bool>,
}

/// Whether a new connection has the options of its listener, which saves some calls per connection.
pub(super) const OPTIONS_ARE_INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A socket that listens on `addr`.
pub(super) fn listening(addr: SocketAddr, options: Listening, settings: &[Setting]) -> io::Result<TcpListener> {
    let socket = new_socket(addr)?;
    // Without it a restarted server could not bind while old connections linger. On Windows it means something else: it would let
    // another process take the port away.
    #[cfg(unix)]
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if options.reuse_port {
        set_reuse_port(&socket)?;
    }
    if let (true, Some(v6only)) = (addr.is_ipv6(), options.v6only) {
        sockopt::set_ipv6_v6only(&socket, v6only)?;
    }
    // Everywhere, although not all systems hand all of them on: the window that a peer is offered comes from the listener.
    settings.iter().try_for_each(|setting| set(&socket, *setting))?;
    rustix::net::bind(&socket, &addr)?;
    rustix::net::listen(&socket, i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from(socket))
}

/// Takes one connection out of the backlog.
pub(super) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
        target_os = "illumos"
    ))]
    {
        use rustix::net::SocketFlags;
        let (socket, peer) =
            rustix::io::retry_on_intr(|| rustix::net::acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK))?;
        // A peer that has gone leaves some systems without its address; the connection is one that was aborted.
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).ok_or(io::ErrorKind::ConnectionAborted)?;
        Ok((TcpStream::from(socket), peer))
    }
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
        target_os = "illumos"
    )))]
    {
        let (stream, peer) = listener.accept()?;
        stream.set_nonblocking(true)?;
        without_sigpipe(&stream)?;
        Ok((stream, peer))
    }
}

/// A socket that has begun to connect to `addr`; [`connected`] says how far it is.
pub(super) fn connecting(addr: SocketAddr, settings: &[Setting]) -> io::Result<TcpStream> {
    let socket = new_socket(addr)?;
    settings.iter().try_for_each(|setting| set(&socket, *setting))?;
    begun(rustix::net::connect(&socket, &addr))?;
    Ok(TcpStream::from(socket))
}

/// Whether a connect has finished: an error of kind `WouldBlock` says that it has not.
///
/// Readiness alone proves nothing (RD12): it may be spurious. The pending error says why a connect failed, the peer's address that it has
/// succeeded.
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

/// Receives into memory that nobody has written yet; as many bytes as it says are written then.
#[cfg(feature = "hyper")]
pub(super) fn receive(stream: &TcpStream, room: &mut [std::mem::MaybeUninit<u8>]) -> io::Result<usize> {
    let ((written, _), _) = rustix::net::recv(stream, room, rustix::net::RecvFlags::empty())?;
    Ok(written.len())
}

/// How many slices one call takes: `IOV_MAX` of Linux, the BSDs and Apple; POSIX asks for 16, which Solaris has. To know it is to know how much
/// was asked for: the rest of a longer list was not, and says nothing about the socket.
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

/// Sends, and raises no SIGPIPE when the peer has gone.
pub(super) fn send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(not(any(target_vendor = "apple", windows)))]
    return Ok(rustix::net::send(stream, bytes, rustix::net::SendFlags::NOSIGNAL)?);
    // Apple's sockets have an option for it, which was set when this one was made; Windows has no signals.
    #[cfg(any(target_vendor = "apple", windows))]
    return io::Write::write(&mut &*stream, bytes);
}

/// Sends slices, no more than [`cut`] leaves, and raises no SIGPIPE when the peer has gone: `writev` knows no flag for that.
pub(super) fn send_vectored(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    #[cfg(not(any(target_vendor = "apple", windows)))]
    {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
        Ok(sendmsg(stream, slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?)
    }
    #[cfg(any(target_vendor = "apple", windows))]
    io::Write::write_vectored(&mut &*stream, slices)
}

/// For a socket that was not made here: no write to it raises SIGPIPE. Elsewhere than on Apple's systems each write says so itself.
pub(super) fn without_sigpipe(stream: &TcpStream) -> io::Result<()> {
    #[cfg(target_vendor = "apple")]
    sockopt::set_socket_nosigpipe(stream, true)?;
    let _ = stream;
    Ok(())
}

/// Refuses what is no TCP socket, as far as that can be seen. A listener of datagrams would fail each `accept` as a sound one fails those of
/// bad connections; and what is known of short reads holds for TCP alone.
pub(super) fn check_is_tcp(socket: &impl AsDescriptor) -> io::Result<()> {
    let socket = borrow(socket);
    let is_stream = sockopt::socket_type(socket)? == SocketType::STREAM;
    if is_stream && SocketAddr::try_from(rustix::net::getsockname(socket)?).is_ok() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "this descriptor is not that of a TCP socket"))
}

/// Asks the system's resolver, which may take its time: the one call here that blocks, for a thread of the pool.
pub(super) fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

fn new_socket(addr: SocketAddr) -> io::Result<Owned> {
    let family = if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    #[cfg(not(any(target_vendor = "apple", windows)))]
    {
        use rustix::net::SocketFlags;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        Ok(rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?)
    }
    #[cfg(target_vendor = "apple")]
    {
        let socket = rustix::net::socket(family, SocketType::STREAM, Some(ipproto::TCP))?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        // A write to a closed connection is an error, not a signal that ends the process.
        sockopt::set_socket_nosigpipe(&socket, true)?;
        Ok(socket)
    }
    #[cfg(windows)]
    {
        static START: std::sync::Once = std::sync::Once::new();
        // Fails only where there is no Winsock 2.2, and then `socket` says so. std ends it never, and neither do we.
        START.call_once(|| {
            let _ = rustix::net::wsa_startup();
        });
        let socket = rustix::net::socket(family, SocketType::STREAM, Some(ipproto::TCP))?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(socket)
    }
}

/// Lets several listeners share the port, each with its own backlog.
fn set_reuse_port(socket: &Owned) -> io::Result<()> {
    // FreeBSD's SO_REUSEPORT gives all connections to the last listener; this is the one that shares them out.
    #[cfg(target_os = "freebsd")]
    return Ok(sockopt::set_socket_reuseport_lb(socket, true)?);
    #[cfg(all(unix, not(any(target_os = "freebsd", target_os = "solaris", target_os = "illumos"))))]
    return Ok(sockopt::set_socket_reuseport(socket, true)?);
    #[cfg(any(windows, target_os = "solaris", target_os = "illumos"))]
    {
        let _ = socket;
        Err(io::Error::new(io::ErrorKind::Unsupported, "this platform has no SO_REUSEPORT"))
    }
}
