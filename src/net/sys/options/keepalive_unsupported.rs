//! Where a socket's keep-alive has no numbers of its own.

use std::io;
use std::net::TcpStream;

use crate::net::settings::Keepalive;
use crate::reactor::descriptor::BorrowedDescriptor;

pub(super) fn numbers(_: &TcpStream) -> io::Result<Keepalive> {
    Err(unsupported())
}

pub(super) fn set_numbers(_: BorrowedDescriptor<'_>, _: Keepalive) -> io::Result<()> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this platform has no keep-alive numbers of a socket")
}
