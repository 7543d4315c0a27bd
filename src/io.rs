//! I/O on any descriptor: [`Async`] makes a socket, a pipe, a terminal or a device usable from
//! tasks.
//!
//! What the platform can wait for can be wrapped: any descriptor on Unix, any socket on Windows.
//! The types of [`net`](crate::net) stand on the same calls. A call that succeeds at once costs
//! that call and nothing else; a descriptor is registered with the system when a call on it has to
//! wait for the first time.
//!
//! ```
//! # #[cfg(unix)] {
//! use std::io::{Read, Write};
//! use std::os::unix::net::UnixStream;
//! use wakeline::io::Async;
//!
//! # fn main() -> std::io::Result<()> {
//! wakeline::block_on(async {
//!     let (left, right) = UnixStream::pair()?;
//!     let (left, right) = (Async::new(left)?, Async::new(right)?);
//!     left.write_with(|mut left| left.write_all(b"hello")).await?;
//!     let mut buffer = [0; 5];
//!     right.read_with(|mut right| right.read_exact(&mut buffer)).await?;
//!     assert_eq!(&buffer, b"hello");
//!     Ok(())
//! })
//! # }
//! # main().unwrap();
//! # }
//! ```
//!
//! [`Async`] implements the `futures_io` traits where the object reads and writes.
//! [`Async::read_lent`] reads without a buffer that waits along with the task.
//! [`Async::readable`] and [`Async::ready`] wait without a call of yours. [`Interest`] and
//! [`Ready`] are what to ask for and what was found.
//!
//! Each type says what its errors are; what has to wait where no executor is entered is an error
//! that says so, never a hang. Nothing here panics unless a closure of yours does, and dropping a
//! future loses no byte.

// Rejected: a `get_mut` (a `&mut T` lets a registered descriptor be swapped for another); a guard
// that the caller must remember to clear after its own call (forgetting it is a hang:
// `Async::readable` asks the kernel instead, and `read_with` sees the result).

mod byte_stream;
mod bytes;
mod call;
mod lent;
mod object;
mod ready;

pub(crate) use lent::Receive;
pub use object::Async;
pub use ready::{Interest, Ready};
