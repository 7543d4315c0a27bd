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
mod convert;
mod listener;
mod load;
mod options;
mod pause;
mod race;
mod resolve;
mod settings;
#[cfg_attr(wakeline_loom, path = "net/absent.rs")]
mod socket;

mod split;
mod stream;

pub use addr::ToSocketAddrs;
#[cfg(wakeline_loom)]
pub(crate) use balance::seats;
pub use balance::{Balance, BalanceBuilder, BalanceMetrics, BalancedListener};
pub use connect::TcpStreamBuilder;
pub use listener::{Incoming, TcpListener, TcpListenerBuilder};
pub use resolve::resolve;
pub use settings::Keepalive;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
