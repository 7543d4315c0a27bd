//! TCP for tasks: listeners, connections, host names, and a balance between cores.
//!
//! | to | use |
//! |---|---|
//! | take connections | [`TcpListener::bind`], [`TcpListener::accept`], [`TcpListener::incoming`] |
//! | make one | [`TcpStream::connect`], [`TcpStream::connect_timeout`], [`TcpStream::builder`] |
//! | read and write | the `futures_io` traits, [`TcpStream::try_read`], [`TcpStream::try_write`] |
//! | read on many connections | [`TcpStream::read_lent`] |
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
//! # Many connections
//!
//! Of ten thousand connections nearly all are silent at any moment, and what a silent one holds is
//! what a server's memory is made of. The kernel's part aside, that is its task, a header of 56
//! bytes and the future with all that it keeps across the `.await` where it waits; 88 bytes for the
//! descriptor; and 24 to 48 in two tables. So:
//!
//! - **Wait without a buffer.** [`TcpStream::read_lent`] lends a buffer of the thread for as long
//!   as a closure runs: 64 KiB for the thread in place of one buffer for each connection. What the
//!   closure cannot deal with at once, and only that, is copied.
//! - **Keep the future small.** A variable that lives across an `.await` is part of the future. End
//!   it before, and put what is rarely awaited into a `Box::pin`. What is matched on in a
//!   `while let` lives as long as the loop's body; a `let` before the body is smaller. Hand a
//!   socket on by reference: an `async fn` that takes it by value has room for it twice.
//!
//! ```
//! use std::io;
//! use futures_lite::AsyncWriteExt;
//! use wakeline::net::TcpStream;
//!
//! async fn echo(stream: &TcpStream) -> io::Result<()> {
//!     loop {
//!         let read = stream.read_lent(|bytes| write_now(stream, bytes)).await?;
//!         let Some(rest) = read.transpose()? else { return Ok(()) };
//!         if !rest.is_empty() {
//!             // Boxed, so that a connection which is silent has no room for it.
//!             Box::pin(write_rest(stream, rest)).await?;
//!         }
//!     }
//! }
//!
//! /// Writes what there is room for, and gives back a copy of the rest: mostly nothing.
//! fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
//!     match stream.try_write(bytes) {
//!         Ok(count) => Ok(bytes[count..].to_vec()),
//!         Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(bytes.to_vec()),
//!         Err(error) => Err(error),
//!     }
//! }
//!
//! async fn write_rest(mut stream: &TcpStream, rest: Vec<u8>) -> io::Result<()> {
//!     stream.write_all(&rest).await
//! }
//! # use futures_lite::AsyncReadExt;
//! # wakeline::block_on(async {
//! # let listener = wakeline::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let mut peer = TcpStream::connect(listener.local_addr()?).await?;
//! # let (stream, _) = listener.accept().await?;
//! # peer.write_all(b"hello").await?;
//! # peer.close().await?;
//! # echo(&stream).await?;
//! # drop(stream);
//! # let mut text = String::new();
//! # peer.read_to_string(&mut text).await?;
//! # assert_eq!(text, "hello");
//! # Ok::<(), io::Error>(())
//! # }).unwrap();
//! ```
//!
//! An idle connection of this server, spawned as `async move { echo(&stream).await }`, takes fewer
//! than 300 bytes on 64-bit Linux; the example `c10k` counts them.
//!
//! A protocol whose messages come in pieces keeps a buffer only while it has part of a message:
//! `None` in an `Option<Vec<u8>>` between two of them.
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
//! the cases that a program should expect. No call here panics unless a closure of yours does.
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
