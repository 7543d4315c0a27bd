//! The platform's handles of TCP sockets, and the sockets of `std`. What is not a TCP socket is
//! refused.

use std::net;

use super::listener::TcpListener;
use super::stream::TcpStream;
use crate::net::handles::{handles, std_sockets};
use crate::net::sys::check_is_tcp;

handles!(check_is_tcp: TcpListener, TcpStream);
std_sockets!(TcpListener = net::TcpListener, TcpStream = net::TcpStream);
