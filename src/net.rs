//! Sockets for tasks — owns what a network socket can do beyond readiness — must never wait in a system call.
//!
//! A socket here is [`io::Async`](crate::io::Async) around the socket of `std`, and adds what TCP adds: addresses, connecting,
//! accepting, halves, options. It belongs to the thread that made it; [`into_std`](TcpStream::into_std) and
//! [`from_std`](TcpStream::from_std) carry it to another. All sockets are closed on `exec` and non-blocking from birth, in one system call
//! where the platform can do that.
//!
//! [`Balance`] shares out the connections of a server that listens on several cores.
//!
//! Constructors return an error, and the kernel is not asked, where no executor is entered. A socket that was made costs no registration
//! until a call on it would block for the first time.
//!
//! Host names are resolved by the system, on the blocking pool; addresses in numbers never go there. [`ToSocketAddrs`] says what is
//! accepted, [`resolve`] asks for itself.

mod addr;
mod balance;
mod byte_stream;
mod connect;
mod listener;
mod load;
mod race;
mod resolve;
#[cfg_attr(wakeline_loom, path = "net/absent.rs")]
mod socket;

mod split;
mod stream;

pub use addr::ToSocketAddrs;
#[cfg(wakeline_loom)]
pub(crate) use balance::seats;
pub use balance::{Balance, BalanceBuilder, BalanceMetrics, BalancedListener};
pub use listener::{Incoming, TcpListener, TcpListenerBuilder};
pub use resolve::resolve;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;

/// The platform's borrowed handle, to ask or tell a socket what this crate has no method for.
macro_rules! borrows_as_descriptor {
    ($($socket:ty),*) => {$(
        #[cfg(unix)]
        impl std::os::fd::AsFd for $socket {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.io.get_ref().as_fd()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsSocket for $socket {
            fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                self.io.get_ref().as_socket()
            }
        }
    )*};
}

borrows_as_descriptor!(TcpListener, TcpStream);
