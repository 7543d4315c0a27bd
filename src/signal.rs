//! Signals of the operating system: wait for Ctrl-C, `SIGTERM`, `SIGHUP` and others in a task.
//!
//! [`ctrl_c`] waits once. A [`Signal`] receives one kind for as long as it lives, and misses none
//! in between; it is a stream too. Only on Unix, and with the feature `signal`, which is on by
//! default: this module does not exist on Windows, which has no signals.
//!
//! ```no_run
//! use wakeline::signal::{Signal, SignalKind};
//!
//! # fn main() -> std::io::Result<()> {
//! wakeline::block_on(async {
//!     let mut end = Signal::new(SignalKind::terminate())?;
//!     let serving = wakeline::spawn(async { /* … */ });
//!     end.recv().await?;
//!     println!("stopping");
//!     serving.cancel().await;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! Several signals of one kind that come before the first was received are one, as they are to the
//! system. Nothing is shared between two `Signal`s, on one thread or on many: each receives every
//! signal of its kind. Handlers that others have installed go on being called, and run first.
//!
//! A signal that was caught once does not get its default action back when the `Signal` is dropped;
//! see [there](Signal).
//!
//! # Forked children
//!
//! A `Signal` receives nothing in a forked child, and says so; one made in the child has its own.
//!
//! # Errors
//!
//! [`Signal::new`] lists them: a signal that cannot be caught, no executor, no descriptors. Nothing
//! here panics.
//!
//! # Cancel safety
//!
//! Dropping a [`Signal::recv`] loses no signal. Between two calls of [`ctrl_c`] one may be missed.

use std::io;

mod handler;
mod kind;
mod listener;
pub(crate) mod self_pipe;

#[cfg_attr(wakeline_loom, path = "signal/unsupported.rs")]
#[allow(unsafe_code)]
mod sys;

pub use kind::SignalKind;
pub use listener::Signal;

/// Waits for the next Ctrl-C, which is `SIGINT`.
///
/// The signal is caught from the first poll of this future on, for the rest of the process's life:
/// it will not end the process any more, also when nobody waits for it. A shell starts background
/// jobs with `SIGINT` ignored; that is overridden.
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
