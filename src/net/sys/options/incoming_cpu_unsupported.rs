//! Where there is no SO_INCOMING_CPU.

use std::io;
use std::net::{TcpListener, TcpStream};

pub(crate) fn get(_: &TcpStream) -> io::Result<usize> {
    Err(unsupported())
}

pub(crate) fn set(_: &TcpListener, _: usize) -> io::Result<()> {
    Err(unsupported())
}

fn unsupported() -> io::Error {
    let text = "this platform has no SO_INCOMING_CPU, which BalancePolicy::IncomingCpu needs";
    io::Error::new(io::ErrorKind::Unsupported, text)
}
