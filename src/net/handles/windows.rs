//! The sockets of Windows for this crate's sockets.

/// For sockets with the methods `socket`, `into_std` and `from_std`. `check` refuses what is not of
/// their kind.
macro_rules! handles {
    ($check:path: $($socket:ident),*) => {$(
        /// To ask or tell the socket what this crate has no method for.
        impl std::os::windows::io::AsSocket for $socket {
            fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                std::os::windows::io::AsSocket::as_socket(self.socket())
            }
        }

        impl std::os::windows::io::AsRawSocket for $socket {
            fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
                std::os::windows::io::AsRawSocket::as_raw_socket(self.socket())
            }
        }

        /// As `into_std`: the socket stays non-blocking, and closing it is the caller's.
        impl std::os::windows::io::IntoRawSocket for $socket {
            fn into_raw_socket(self) -> std::os::windows::io::RawSocket {
                std::os::windows::io::IntoRawSocket::into_raw_socket(self.into_std())
            }
        }

        /// As `into_std`: the socket stays non-blocking.
        impl From<$socket> for std::os::windows::io::OwnedSocket {
            fn from(socket: $socket) -> Self {
                socket.into_std().into()
            }
        }

        /// As `from_std`. [`InvalidInput`](std::io::ErrorKind::InvalidInput) for a socket of
        /// another kind. On an error the socket is closed.
        impl TryFrom<std::os::windows::io::OwnedSocket> for $socket {
            type Error = std::io::Error;

            fn try_from(socket: std::os::windows::io::OwnedSocket) -> std::io::Result<Self> {
                $check(&socket)?;
                $socket::from_std(socket.into())
            }
        }
    )*};
}

pub(crate) use handles;
