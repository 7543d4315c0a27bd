//! The socket calls of a model: every call fails, because loom explores no kernel.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::net::settings::{Keepalive, Listening, Setting};
use crate::reactor::descriptor::{AsDescriptor, borrow};

pub(super) const OPTIONS_ARE_INHERITED: bool = true;

pub(super) fn listening(addr: SocketAddr, options: Listening, settings: &[Setting]) -> io::Result<TcpListener> {
    Err(unsupported(format_args!("listen on {addr} with {options:?} and {settings:?}")))
}

pub(super) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    Err(unsupported(format_args!("accept on {listener:?}")))
}

pub(super) fn is_about_the_connection(_: &io::Error) -> bool {
    false
}

pub(super) fn is_shortage(_: &io::Error) -> bool {
    false
}

pub(super) fn connecting(addr: SocketAddr, settings: &[Setting]) -> io::Result<TcpStream> {
    Err(unsupported(format_args!("connect to {addr} with {settings:?}")))
}

pub(super) fn connected(stream: &TcpStream) -> io::Result<()> {
    Err(unsupported(format_args!("connect {stream:?}")))
}

pub(super) fn receive<R>(stream: &TcpStream, _: R) -> io::Result<usize> {
    Err(unsupported(format_args!("receive from {stream:?}")))
}

pub(super) fn cut<S>(slices: &[S]) -> &[S] {
    slices
}

pub(super) fn receive_vectored(stream: &TcpStream, _: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    Err(unsupported(format_args!("receive from {stream:?}")))
}

pub(super) fn send(stream: &TcpStream, _: &[u8]) -> io::Result<usize> {
    Err(unsupported(format_args!("send to {stream:?}")))
}

pub(super) fn send_vectored(stream: &TcpStream, _: &[IoSlice<'_>]) -> io::Result<usize> {
    Err(unsupported(format_args!("send to {stream:?}")))
}

pub(super) fn without_sigpipe(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

pub(super) fn check_is_tcp(socket: &impl AsDescriptor) -> io::Result<()> {
    Err(unsupported(format_args!("ask {:?}", borrow(socket))))
}

pub(super) fn look_up(host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
    Err(unsupported(format_args!("look up {host}")))
}

pub(super) fn set(socket: &impl AsDescriptor, setting: Setting) -> io::Result<()> {
    setting.check()?;
    Err(unsupported(format_args!("tell {:?} {setting}", borrow(socket))))
}

pub(super) fn keepalive(stream: &TcpStream) -> io::Result<Option<Keepalive>> {
    Err(unsupported(format_args!("ask {stream:?}")))
}

pub(super) fn user_timeout(stream: &TcpStream) -> io::Result<Option<Duration>> {
    Err(unsupported(format_args!("ask {stream:?}")))
}

pub(super) fn linger(stream: &TcpStream) -> io::Result<Option<Duration>> {
    Err(unsupported(format_args!("ask {stream:?}")))
}

pub(super) fn recv_buffer_size(stream: &TcpStream) -> io::Result<usize> {
    Err(unsupported(format_args!("ask {stream:?}")))
}

pub(super) fn send_buffer_size(stream: &TcpStream) -> io::Result<usize> {
    Err(unsupported(format_args!("ask {stream:?}")))
}

fn unsupported(what: std::fmt::Arguments<'_>) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("cannot {what}: there are no sockets under `--cfg wakeline_loom`"))
}

pub(super) fn incoming_cpu(stream: &TcpStream) -> io::Result<usize> {
    Err(unsupported(format_args!("ask for the CPU of {stream:?}")))
}

pub(super) fn set_incoming_cpu(listener: &TcpListener, cpu: usize) -> io::Result<()> {
    Err(unsupported(format_args!("bind {listener:?} to CPU {cpu}")))
}
