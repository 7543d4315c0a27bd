//! The socket calls of a model — owns nothing — must never pretend: every call fails, because loom explores no kernel.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(super) struct Listening {
    pub(super) reuse_port: bool,
    pub(super) backlog: u32,
    pub(super) v6only: Option<bool>,
    pub(super) nodelay: bool,
}

pub(super) const NODELAY_IS_INHERITED: bool = true;

pub(super) fn listening(addr: SocketAddr, _: Listening) -> io::Result<TcpListener> {
    Err(absent(format_args!("listen on {addr}")))
}

pub(super) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    Err(absent(format_args!("accept on {listener:?}")))
}

pub(super) fn is_about_the_connection(_: &io::Error) -> bool {
    false
}

pub(super) fn connecting(addr: SocketAddr) -> io::Result<TcpStream> {
    Err(absent(format_args!("connect to {addr}")))
}

pub(super) fn connected(stream: &TcpStream) -> io::Result<()> {
    Err(absent(format_args!("connect {stream:?}")))
}

#[cfg(feature = "hyper")]
pub(super) fn receive(stream: &TcpStream, _: &mut [std::mem::MaybeUninit<u8>]) -> io::Result<usize> {
    Err(absent(format_args!("receive from {stream:?}")))
}

pub(super) fn look_up(host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
    Err(absent(format_args!("look up {host}")))
}

pub(super) fn linger(stream: &TcpStream) -> io::Result<Option<Duration>> {
    Err(absent(format_args!("ask {stream:?}")))
}

pub(super) fn set_linger(stream: &TcpStream, _: Option<Duration>) -> io::Result<()> {
    Err(absent(format_args!("tell {stream:?}")))
}

fn absent(what: std::fmt::Arguments<'_>) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("cannot {what}: there are no sockets under `--cfg wakeline_loom`"))
}
