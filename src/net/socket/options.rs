//! The options of a socket — owns the differences between the platforms — must never pass on a value that nobody has looked at.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::sockopt;

use crate::net::settings::{Keepalive, Setting, milliseconds, seconds};
use crate::reactor::descriptor::{AsDescriptor, BorrowedDescriptor, borrow};

/// Sets one option. Says which, and to what, when that fails.
pub(in crate::net) fn set(socket: &impl AsDescriptor, setting: Setting) -> io::Result<()> {
    setting.check()?;
    tell(borrow(socket), setting).map_err(|error| io::Error::new(error.kind(), format!("cannot set {setting}: {error}")))
}

fn tell(socket: BorrowedDescriptor<'_>, setting: Setting) -> io::Result<()> {
    match setting {
        Setting::Nodelay(nodelay) => sockopt::set_tcp_nodelay(socket, nodelay)?,
        Setting::Keepalive(keepalive) => {
            if let Some(keepalive) = keepalive {
                // First, so that an error leaves it off.
                set_keepalive_numbers(socket, keepalive)?;
            }
            sockopt::set_socket_keepalive(socket, keepalive.is_some())?;
        }
        Setting::UserTimeout(timeout) => set_user_timeout(socket, timeout)?,
        Setting::Linger(linger) => sockopt::set_socket_linger(socket, linger)?,
        Setting::RecvBuffer(size) => sockopt::set_socket_recv_buffer_size(socket, size)?,
        Setting::SendBuffer(size) => sockopt::set_socket_send_buffer_size(socket, size)?,
    }
    Ok(())
}

pub(in crate::net) fn keepalive(stream: &TcpStream) -> io::Result<Option<Keepalive>> {
    if !sockopt::socket_keepalive(stream)? {
        return Ok(None);
    }
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "nto", target_os = "redox")))]
    {
        let (idle, interval) = (sockopt::tcp_keepidle(stream)?, sockopt::tcp_keepintvl(stream)?);
        Ok(Some(Keepalive::new(idle, interval, sockopt::tcp_keepcnt(stream)?)))
    }
    #[cfg(any(target_os = "openbsd", target_os = "haiku", target_os = "nto", target_os = "redox"))]
    Err(missing("keep-alive numbers of a socket"))
}

fn set_keepalive_numbers(socket: BorrowedDescriptor<'_>, keepalive: Keepalive) -> io::Result<()> {
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "nto", target_os = "redox")))]
    {
        let whole = |duration| Duration::from_secs(seconds(duration) as u64);
        sockopt::set_tcp_keepidle(socket, whole(keepalive.idle))?;
        sockopt::set_tcp_keepintvl(socket, whole(keepalive.interval))?;
        sockopt::set_tcp_keepcnt(socket, keepalive.count)?;
        Ok(())
    }
    #[cfg(any(target_os = "openbsd", target_os = "haiku", target_os = "nto", target_os = "redox"))]
    {
        let _ = (socket, keepalive, seconds);
        Err(missing("keep-alive numbers of a socket"))
    }
}

pub(in crate::net) fn user_timeout(stream: &TcpStream) -> io::Result<Option<Duration>> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    {
        let milliseconds = sockopt::tcp_user_timeout(stream)?;
        Ok((milliseconds > 0).then(|| Duration::from_millis(milliseconds.into())))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")))]
    {
        let _ = stream;
        Err(missing("TCP_USER_TIMEOUT"))
    }
}

fn set_user_timeout(socket: BorrowedDescriptor<'_>, timeout: Option<Duration>) -> io::Result<()> {
    let milliseconds = timeout.map_or(0, milliseconds) as u32;
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    return Ok(sockopt::set_tcp_user_timeout(socket, milliseconds)?);
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")))]
    {
        let _ = (socket, milliseconds);
        Err(missing("TCP_USER_TIMEOUT"))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")))]
fn missing(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("this platform has no {what}"))
}

pub(in crate::net) fn linger(stream: &TcpStream) -> io::Result<Option<Duration>> {
    Ok(sockopt::socket_linger(stream)?)
}

pub(in crate::net) fn recv_buffer_size(stream: &TcpStream) -> io::Result<usize> {
    Ok(sockopt::socket_recv_buffer_size(stream)?)
}

pub(in crate::net) fn send_buffer_size(stream: &TcpStream) -> io::Result<usize> {
    Ok(sockopt::socket_send_buffer_size(stream)?)
}
