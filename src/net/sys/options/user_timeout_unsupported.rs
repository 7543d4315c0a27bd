//! Where there is no TCP_USER_TIMEOUT.

use std::io;
use std::net::TcpStream;

use crate::reactor::descriptor::BorrowedDescriptor;

pub(super) fn get(_: &TcpStream) -> io::Result<u32> {
    Err(unsupported())
}

pub(super) fn set(_: BorrowedDescriptor<'_>, _: u32) -> io::Result<()> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this platform has no TCP_USER_TIMEOUT")
}
