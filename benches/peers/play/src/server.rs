//! What a server says and what its connections get — owns nothing — must never serve.

use std::net::SocketAddr;

/// Bytes of a connection's own buffer: what people write who have read nothing about it.
pub const BUFFER: usize = 4096;

/// Says where the server listens. Standard output is a pipe here, and is flushed by the line.
pub fn announce(address: SocketAddr) {
    println!("listening {address}");
}
