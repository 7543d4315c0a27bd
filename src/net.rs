//! TCP for tasks: listeners, connections, host names, and a balance between cores.
//!
//! | to | use |
//! |---|---|
//! | take connections | [`TcpListener::bind`], [`TcpListener::accept`], [`TcpListener::incoming`] |
//! | make one | [`TcpStream::connect`], [`TcpStream::connect_timeout`], [`TcpStream::builder`] |
//! | read and write | the `futures_io` traits, [`TcpStream::try_read`], [`TcpStream::try_write`] |
//! | use both directions at once | [`TcpStream::split`], [`TcpStream::into_split`] |
//! | ask for a host's addresses | [`resolve`]; connecting and binding do it themselves |
//! | serve one port on several cores | [`Balance`] |
//!
//! ```
//! use futures_lite::{AsyncReadExt, AsyncWriteExt};
//! use wakeline::net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! wakeline::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let addr = listener.local_addr()?;
//!     let client = wakeline::spawn(async move {
//!         let mut stream = TcpStream::connect(addr).await?;
//!         stream.write_all(b"hello").await?;
//!         stream.close().await
//!     });
//!     let (mut stream, _peer) = listener.accept().await?;
//!     let mut text = String::new();
//!     stream.read_to_string(&mut text).await?;
//!     assert_eq!(text, "hello");
//!     client.await.expect("the client does not panic")
//! })
//! # }
//! ```
//!
//! # Threads
//!
//! A socket belongs to the thread that made it. [`into_std`](TcpStream::into_std) and
//! [`from_std`](TcpStream::from_std) carry it to another. It is non-blocking and closed on `exec`
//! from its birth, in one system call where the platform can do that.
//!
//! # Errors
//!
//! Constructors return an error, and the system is not asked, where no executor is entered. So does
//! a call that would have to wait there. Everything else is what the system says; each method names
//! the cases that a program should expect. No call here panics.
//!
//! # Cancel safety
//!
//! Dropping a future of this module loses no byte, and no connection that was made. What was under
//! way is given up: a `connect` closes the sockets of its attempts.

mod addr;
mod balance;
mod handles;
mod load;
mod pause;
mod race;
mod resolve;
mod settings;
mod stream;
#[cfg_attr(wakeline_loom, path = "net/unsupported.rs")]
mod sys;
mod tcp;
mod text;

pub use addr::ToSocketAddrs;
#[cfg(wakeline_loom)]
pub(crate) use balance::members;
pub use balance::{Balance, BalanceBuilder, BalanceMetrics, BalancePolicy, BalancedListener};
pub use resolve::resolve;
pub use settings::Keepalive;
pub use tcp::{
    Incoming, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, TcpListener, TcpListenerBuilder, TcpStream,
    TcpStreamBuilder, WriteHalf,
};
