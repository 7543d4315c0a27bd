//! TCP_USER_TIMEOUT.

use std::io;
use std::net::TcpStream;

use rustix::net::sockopt;

use crate::reactor::descriptor::BorrowedDescriptor;

pub(super) fn get(stream: &TcpStream) -> io::Result<u32> {
    Ok(sockopt::tcp_user_timeout(stream)?)
}

pub(super) fn set(socket: BorrowedDescriptor<'_>, milliseconds: u32) -> io::Result<()> {
    Ok(sockopt::set_tcp_user_timeout(socket, milliseconds)?)
}
