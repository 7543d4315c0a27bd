//! The socket calls that std has no non-blocking form of — owns the differences between the platforms — must never wait, but for one that says so.
//!
//! Where the platform takes flags, a socket is born non-blocking and closed on `exec`; elsewhere (Apple, Windows) it takes a second call
//! and a thread that forks in between inherits the descriptor.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};

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
    pub(super) nodelay: bool,
}

/// Whether a new connection has its listener's `TCP_NODELAY`, which saves a call per connection.
pub(super) const NODELAY_IS_INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A socket that listens on `addr`.
pub(super) fn listening(addr: SocketAddr, options: Listening) -> io::Result<TcpListener> {
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
    if options.nodelay && NODELAY_IS_INHERITED {
        sockopt::set_tcp_nodelay(&socket, true)?;
    }
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
        Ok((stream, peer))
    }
}

/// Whether an error of `accept` is about the connection that was taken, and not about the listener: the next one may be sound.
pub(super) fn is_about_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    // Linux hands a new connection's pending network errors to accept(2); Windows reports a connection that was reset in the backlog.
    matches!(error.kind(), ConnectionAborted | ConnectionReset | NetworkDown | NetworkUnreachable | HostUnreachable)
}

/// A socket that has begun to connect to `addr`; [`connected`] says how far it is.
pub(super) fn connecting(addr: SocketAddr) -> io::Result<TcpStream> {
    use rustix::io::Errno;
    let socket = new_socket(addr)?;
    match rustix::net::connect(&socket, &addr) {
        Ok(()) => {}
        // A connect that a signal interrupts goes on all the same. WOULDBLOCK is how Windows says INPROGRESS.
        Err(Errno::INPROGRESS | Errno::INTR | Errno::WOULDBLOCK) => {}
        Err(error) => return Err(error.into()),
    }
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

/// Asks the system's resolver, which may take its time: the one call here that blocks, for a thread of the pool.
pub(super) fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

pub(super) fn linger(stream: &TcpStream) -> io::Result<Option<Duration>> {
    Ok(sockopt::socket_linger(stream)?)
}

pub(super) fn set_linger(stream: &TcpStream, linger: Option<Duration>) -> io::Result<()> {
    Ok(sockopt::set_socket_linger(stream, linger)?)
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
