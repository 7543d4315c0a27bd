//! TCP: a listener, a connection, its halves, and the ways to make them.
//!
//! What TCP adds to a byte stream is here: addresses, connecting, accepting, options. Nothing here
//! waits in a system call.

mod connect;
mod convert;
mod listener;
mod options;
mod split;
mod stream;
#[cfg(feature = "hyper")]
mod uninit;

pub use connect::TcpStreamBuilder;
pub(super) use listener::{Accepted, Backlog};
pub use listener::{Incoming, TcpListener, TcpListenerBuilder};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
