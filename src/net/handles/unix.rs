//! The descriptors of Unix for this crate's sockets.

/// For sockets with the methods `socket`, `into_std` and `from_std`. `check` refuses what is not of
/// their kind.
macro_rules! handles {
    ($check:path: $($socket:ident),*) => {$(
        /// To ask or tell the socket what this crate has no method for.
        impl std::os::fd::AsFd for $socket {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                std::os::fd::AsFd::as_fd(self.socket())
            }
        }

        impl std::os::fd::AsRawFd for $socket {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd(self.socket())
            }
        }

        /// As `into_std`: the descriptor stays non-blocking, and closing it is the caller's.
        impl std::os::fd::IntoRawFd for $socket {
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                std::os::fd::IntoRawFd::into_raw_fd(self.into_std())
            }
        }

        /// As `into_std`: the descriptor stays non-blocking.
        impl From<$socket> for std::os::fd::OwnedFd {
            fn from(socket: $socket) -> Self {
                socket.into_std().into()
            }
        }

        /// As `from_std`. [`InvalidInput`](std::io::ErrorKind::InvalidInput) for a socket of
        /// another kind. On an error the descriptor is closed.
        impl TryFrom<std::os::fd::OwnedFd> for $socket {
            type Error = std::io::Error;

            fn try_from(descriptor: std::os::fd::OwnedFd) -> std::io::Result<Self> {
                $check(&descriptor)?;
                $socket::from_std(descriptor.into())
            }
        }
    )*};
}

pub(crate) use handles;
