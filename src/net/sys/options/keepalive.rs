//! The numbers of a socket's keep-alive.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::sockopt;

use crate::net::settings::{Keepalive, seconds};
use crate::reactor::descriptor::BorrowedDescriptor;

pub(super) fn numbers(stream: &TcpStream) -> io::Result<Keepalive> {
    let (idle, interval) = (sockopt::tcp_keepidle(stream)?, sockopt::tcp_keepintvl(stream)?);
    Ok(Keepalive::new(idle, interval, sockopt::tcp_keepcnt(stream)?))
}

pub(super) fn set_numbers(socket: BorrowedDescriptor<'_>, keepalive: Keepalive) -> io::Result<()> {
    let whole = |duration| Duration::from_secs(seconds(duration) as u64);
    sockopt::set_tcp_keepidle(socket, whole(keepalive.idle))?;
    sockopt::set_tcp_keepintvl(socket, whole(keepalive.interval))?;
    sockopt::set_tcp_keepcnt(socket, keepalive.count)?;
    Ok(())
}
