//! SO_INCOMING_CPU.

use std::io;
use std::net::{TcpListener, TcpStream};

use rustix::net::sockopt;

/// The CPU on which the system has last received something for this connection.
pub(crate) fn get(stream: &TcpStream) -> io::Result<usize> {
    Ok(sockopt::socket_incoming_cpu(stream)? as usize)
}

/// Of several listeners on one port the system prefers the one that has the CPU on which it
/// receives a connection.
pub(crate) fn set(listener: &TcpListener, cpu: usize) -> io::Result<()> {
    let number = u32::try_from(cpu).map_err(|_| io::ErrorKind::InvalidInput)?;
    sockopt::set_socket_incoming_cpu(listener, number).map_err(|error| {
        let text = format!("cannot set SO_INCOMING_CPU to {cpu}, which BalancePolicy::IncomingCpu needs: {error}");
        let is_unknown = error == rustix::io::Errno::NOPROTOOPT;
        io::Error::new(if is_unknown { io::ErrorKind::Unsupported } else { error.kind() }, text)
    })
}
