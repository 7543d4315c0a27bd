//! The platform's handles of our sockets, and the sockets of `std`: one form for every family.
//!
//! A descriptor's kind is checked before the reactor gets it.

#[cfg_attr(unix, path = "handles/unix.rs")]
#[cfg_attr(windows, path = "handles/windows.rs")]
mod platform;

pub(super) use platform::handles;

/// The way to and from `std`, for sockets with the methods `into_std` and `from_std`.
macro_rules! std_sockets {
    ($($socket:ident = $std:ty),*) => {$(
        /// As `into_std`.
        impl From<$socket> for $std {
            fn from(socket: $socket) -> Self {
                socket.into_std()
            }
        }

        /// As `from_std`.
        impl TryFrom<$std> for $socket {
            type Error = std::io::Error;

            fn try_from(socket: $std) -> std::io::Result<Self> {
                $socket::from_std(socket)
            }
        }
    )*};
}

pub(super) use std_sockets;
