//! Signals of the operating system — owns the way from a handler to a task — must never do in a handler what a handler may not do: it
//! stores one flag and writes one byte.
//!
//! On Unix only, and with the feature `signal`, which is on by default: this module does not exist on Windows, which has no signals.
//!
//! ```text
//! the kernel ─▶ handler ─▶ for each Signal of this kind:  pending := true ─▶ one byte into its socket pair
//!                                                            ▲                          │ the reactor wakes the task
//!                                         recv takes it ─────┴──────────────────────────┘ after emptying the socket
//! ```
//!
//! The socket is only a doorbell. That a signal came is said by the flag, which is set before the byte is written and taken after the bytes
//! were read; so a socket that is full loses nothing, and a byte without a flag is a spurious wake and no signal. Several signals of one
//! kind between two calls of `recv` are one, as they are to the kernel.
//!
//! Each [`Signal`] has a flag, a socket pair and an action of its own: nothing is shared between two of them, on one thread or on many,
//! and none needs a thread that hands signals out. The handler itself is that of the `signal-hook-registry` crate, which keeps handlers that
//! others have installed and runs them first.
//!
//! # Forked children
//!
//! A child inherits handlers, flags and sockets, and its socket *is* its parent's. So the handler asks which process it is in, and in a child
//! leaves what its parent made alone; a `Signal` made in the child has its own. In the moment before the child knows that it is one, a byte
//! may still get through; the parent then finds no flag and sleeps on.
//!
//! # Rule
//!
//! - \[S1\] **What a handler may do.** It may run between any two instructions of any thread: it reads and writes atomics and makes one system
//!   call that does not block. It takes no lock, allocates and frees nothing, cannot panic, and calls nothing that does.
//!
//! # Rejected
//!
//! `signalfd` (a signal must be blocked in every thread, also in those that exist already, and children inherit the mask); signal numbers as
//! bytes in one pipe for all (a full pipe loses them, and one reader must serve all threads); waking a task from the handler (the waker of
//! a task is not safe to use there).

use std::io;

mod bell;
mod kind;
mod listener;

#[cfg_attr(wakeline_loom, path = "signal/absent.rs")]
#[cfg_attr(not(wakeline_loom), allow(unsafe_code))]
mod hook;

pub use kind::SignalKind;
pub use listener::Signal;

#[cfg(wakeline_loom)]
pub(crate) use bell::{Bell, Rope};

/// Waits for the next Ctrl-C, which is `SIGINT`.
///
/// The signal is caught from the first poll of this future on, for the rest of the process's life: it will not end the process any more,
/// also when nobody waits for it. A shell starts background jobs with `SIGINT` ignored; that is overridden.
///
/// # Examples
///
/// ```no_run
/// # async fn serve() {}
/// # fn main() -> std::io::Result<()> {
/// wakeline::block_on(async {
///     let serving = wakeline::spawn(serve());
///     wakeline::signal::ctrl_c().await?;
///     println!("stopping");
///     serving.cancel().await;
///     Ok(())
/// })
/// # }
/// ```
///
/// # Errors
///
/// As [`Signal::new`].
///
/// # Cancel safety
///
/// A Ctrl-C that comes between two calls is not seen. To miss none, keep a [`Signal`].
pub async fn ctrl_c() -> io::Result<()> {
    Signal::new(SignalKind::interrupt())?.recv().await
}
