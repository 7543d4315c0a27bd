//! The platform's handles of our sockets — owns nothing — must never tie a descriptor to the reactor that is not a TCP socket's.

use std::io;
use std::net;
#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
#[cfg(windows)]
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, IntoRawSocket, OwnedSocket, RawSocket};

use super::listener::TcpListener;
use super::socket::check_is_tcp;
use super::stream::TcpStream;

macro_rules! convert {
    ($($socket:ident),*) => {$(
        /// To ask or tell the socket what this crate has no method for.
        #[cfg(unix)]
        impl AsFd for $socket {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.io.get_ref().as_fd()
            }
        }

        #[cfg(unix)]
        impl AsRawFd for $socket {
            fn as_raw_fd(&self) -> RawFd {
                self.io.get_ref().as_raw_fd()
            }
        }

        /// As `into_std`: the descriptor stays non-blocking, and closing it is the caller's.
        #[cfg(unix)]
        impl IntoRawFd for $socket {
            fn into_raw_fd(self) -> RawFd {
                self.into_std().into_raw_fd()
            }
        }

        /// As `into_std`: the descriptor stays non-blocking.
        #[cfg(unix)]
        impl From<$socket> for OwnedFd {
            fn from(socket: $socket) -> Self {
                socket.into_std().into()
            }
        }

        /// As `from_std`. [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no TCP socket. On an error the descriptor is closed.
        #[cfg(unix)]
        impl TryFrom<OwnedFd> for $socket {
            type Error = io::Error;

            fn try_from(descriptor: OwnedFd) -> io::Result<Self> {
                check_is_tcp(&descriptor)?;
                $socket::from_std(descriptor.into())
            }
        }

        /// To ask or tell the socket what this crate has no method for.
        #[cfg(windows)]
        impl AsSocket for $socket {
            fn as_socket(&self) -> BorrowedSocket<'_> {
                self.io.get_ref().as_socket()
            }
        }

        #[cfg(windows)]
        impl AsRawSocket for $socket {
            fn as_raw_socket(&self) -> RawSocket {
                self.io.get_ref().as_raw_socket()
            }
        }

        /// As `into_std`: the socket stays non-blocking, and closing it is the caller's.
        #[cfg(windows)]
        impl IntoRawSocket for $socket {
            fn into_raw_socket(self) -> RawSocket {
                self.into_std().into_raw_socket()
            }
        }

        /// As `into_std`: the socket stays non-blocking.
        #[cfg(windows)]
        impl From<$socket> for OwnedSocket {
            fn from(socket: $socket) -> Self {
                socket.into_std().into()
            }
        }

        /// As `from_std`. [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no TCP socket. On an error the socket is closed.
        #[cfg(windows)]
        impl TryFrom<OwnedSocket> for $socket {
            type Error = io::Error;

            fn try_from(socket: OwnedSocket) -> io::Result<Self> {
                check_is_tcp(&socket)?;
                $socket::from_std(socket.into())
            }
        }

        /// As `into_std`.
        impl From<$socket> for net::$socket {
            fn from(socket: $socket) -> Self {
                socket.into_std()
            }
        }

        /// As `from_std`.
        impl TryFrom<net::$socket> for $socket {
            type Error = io::Error;

            fn try_from(socket: net::$socket) -> io::Result<Self> {
                $socket::from_std(socket)
            }
        }
    )*};
}

convert!(TcpListener, TcpStream);
