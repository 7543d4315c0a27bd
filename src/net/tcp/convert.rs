//! The platform's handles of TCP sockets, and the sockets of `std`.
//!
//! It never ties a descriptor to the reactor that is not a TCP socket's.

use std::net;

use super::listener::TcpListener;
use super::stream::TcpStream;
use crate::net::handles::{handles, std_sockets};
use crate::net::sys::check_is_tcp;

handles!(check_is_tcp: TcpListener, TcpStream);
std_sockets!(TcpListener = net::TcpListener, TcpStream = net::TcpStream);
