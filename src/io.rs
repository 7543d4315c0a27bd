//! I/O on any descriptor — owns [`Async`], which ties an object to the reactor — must never enter the kernel's event queue itself.
//!
//! [`Async`] makes an existing object usable from tasks: a socket, a pipe, a terminal, a device, whatever the platform can wait for. The
//! types of `net` are built on the same few lines: ask for readiness, try the call, and on *would block* hand the note back and
//! wait. A call that succeeds at once costs that call and nothing else.
//!
//! Rejected: a `get_mut` (a `&mut T` lets a registered descriptor be swapped for another); a guard that the caller must remember to
//! clear after its own call (forgetting it is a hang: [`Async::readable`] asks the kernel instead, and `read_with` sees the result).

mod byte_stream;

mod call;

mod object;

mod ready;

pub use object::Async;
pub use ready::{Interest, Ready};
