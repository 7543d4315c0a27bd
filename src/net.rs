//! Sockets for tasks — owns what a network socket can do beyond readiness — must never wait in a system call.
//!
//! A socket here is [`io::Async`](crate::io::Async) around the socket of `std`, and adds what TCP adds: addresses, connecting,
//! accepting, halves, options. It belongs to the thread that made it; [`into_std`](TcpStream::into_std) and
//! [`from_std`](TcpStream::from_std) carry it to another. All sockets are closed on `exec` and non-blocking from birth, in one system call
//! where the platform can do that.
//!
//! Constructors return an error, and the kernel is not asked, where no executor is entered. A socket that was made costs no registration
//! until a call on it would block for the first time.
//!
//! Addresses must be numeric for now: host names need a resolver, and that needs the blocking pool, which comes with later work.
//! [`ToSocketAddrs`] says what is accepted.

mod addr;
mod connect;
mod listener;
#[cfg_attr(wakeline_loom, path = "net/absent.rs")]
mod socket;
mod split;
mod stream;

pub use addr::ToSocketAddrs;
pub use listener::{Incoming, TcpListener, TcpListenerBuilder};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
