//! The options of a socket, where platforms differ. A setting is checked before the system gets it.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::sockopt;

use crate::net::settings::{Keepalive, Setting, milliseconds};
use crate::reactor::descriptor::{AsDescriptor, BorrowedDescriptor, borrow};

#[cfg_attr(not(target_os = "linux"), path = "options/incoming_cpu_unsupported.rs")]
mod incoming_cpu;
#[cfg_attr(
    any(target_os = "openbsd", target_os = "haiku", target_os = "nto", target_os = "redox"),
    path = "options/keepalive_unsupported.rs"
)]
mod keepalive;
#[cfg_attr(target_os = "freebsd", path = "options/reuse_port_of_freebsd.rs")]
#[cfg_attr(any(windows, target_os = "solaris", target_os = "illumos"), path = "options/reuse_port_unsupported.rs")]
mod reuse_port;
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")),
    path = "options/user_timeout_unsupported.rs"
)]
mod user_timeout;

pub(crate) use incoming_cpu::{get as incoming_cpu, set as set_incoming_cpu};
pub(super) use reuse_port::set_reuse_port;

/// Sets one option. Says which, and to what, when that fails.
pub(crate) fn set(socket: &impl AsDescriptor, setting: Setting) -> io::Result<()> {
    setting.check()?;
    tell(borrow(socket), setting).map_err(|error| io::Error::new(error.kind(), format!("cannot set {setting}: {error}")))
}

fn tell(socket: BorrowedDescriptor<'_>, setting: Setting) -> io::Result<()> {
    match setting {
        Setting::Nodelay(nodelay) => sockopt::set_tcp_nodelay(socket, nodelay)?,
        Setting::Keepalive(keepalive) => {
            if let Some(keepalive) = keepalive {
                // First, so that an error leaves it off.
                keepalive::set_numbers(socket, keepalive)?;
            }
            sockopt::set_socket_keepalive(socket, keepalive.is_some())?;
        }
        Setting::UserTimeout(timeout) => user_timeout::set(socket, timeout.map_or(0, milliseconds) as u32)?,
        Setting::Linger(linger) => sockopt::set_socket_linger(socket, linger)?,
        Setting::RecvBuffer(size) => sockopt::set_socket_recv_buffer_size(socket, size)?,
        Setting::SendBuffer(size) => sockopt::set_socket_send_buffer_size(socket, size)?,
    }
    Ok(())
}

pub(crate) fn keepalive(stream: &TcpStream) -> io::Result<Option<Keepalive>> {
    if !sockopt::socket_keepalive(stream)? {
        return Ok(None);
    }
    keepalive::numbers(stream).map(Some)
}

pub(crate) fn user_timeout(stream: &TcpStream) -> io::Result<Option<Duration>> {
    let milliseconds = user_timeout::get(stream)?;
    Ok((milliseconds > 0).then(|| Duration::from_millis(milliseconds.into())))
}

pub(crate) fn linger(stream: &TcpStream) -> io::Result<Option<Duration>> {
    Ok(sockopt::socket_linger(stream)?)
}

pub(crate) fn recv_buffer_size(stream: &TcpStream) -> io::Result<usize> {
    Ok(sockopt::socket_recv_buffer_size(stream)?)
}

pub(crate) fn send_buffer_size(stream: &TcpStream) -> io::Result<usize> {
    Ok(sockopt::socket_send_buffer_size(stream)?)
}
