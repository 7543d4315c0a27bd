//! Channels, an event and a semaphore for the tasks of one thread, without an atomic operation.
//!
//! | | for |
//! |---|---|
//! | [`oneshot()`] | one message, sent once: a reply |
//! | [`bounded`], [`unbounded`] | a queue of messages, with and without backpressure |
//! | [`Event`] | a flag to wait for |
//! | [`Semaphore`] | a number of permits: so many at a time |
//!
//! The channels have the shapes, the promises and the errors of those in
//! [`channel`](crate::channel), but take no lock, and messages need not be `Send`. All
//! handles stay on the thread that made them; the compiler checks that.
//!
//! For locks there is `RefCell`, or `async-lock` where a guard has to be held while waiting.
//!
//! # Examples
//!
//! ```
//! use wakeline::{block_on, local, spawn};
//!
//! block_on(async {
//!     let (sender, receiver) = local::bounded(1);
//!     spawn(async move {
//!         for word in ["a", "b", "c"] {
//!             sender.send(word).await.unwrap();
//!         }
//!     })
//!     .detach();
//!     let mut text = String::new();
//!     while let Ok(word) = receiver.recv().await {
//!         text.push_str(word);
//!     }
//!     assert_eq!(text, "abc");
//! });
//! ```
//!
//! # Errors
//!
//! Those of [`channel`](crate::channel) for the channels. A request for permits fails when the
//! semaphore is closed, or can never have so many. An event never fails.
//!
//! # Panics
//!
//! A future that is polled again after it was ready panics, but the waits for a close and for an
//! event: once ready they stay ready. [`Semaphore::new`] and [`Semaphore::add_permits`] panic
//! beyond [`Semaphore::MAX_PERMITS`].
//!
//! # Cancel safety
//!
//! Each future can be dropped at any time: a receive has taken nothing, a request gives its permits
//! to the next, and of a send that is dropped nobody is told whether it delivered its message.
//!
//! No executor has to be entered: the wakers of other runtimes work as well.

mod error;

mod event;

mod semaphore;

pub mod oneshot;

mod many {
    crate::channel::handles::many! { crate::channel::flavor::OneThread, "local" }
}

pub use error::{AcquireError, TryAcquireError};
pub use event::{Event, EventWait};
pub use many::{Closed, Drain, Receiver, Receiving, Reserving, SendPermit, Sender, Sending, bounded, unbounded};
pub use semaphore::{Acquire, Permit, Semaphore};

pub use crate::channel::{RecvError, SendError, TryRecvError, TrySendError};

/// A channel for one message, within a thread.
///
/// # Examples
///
/// ```
/// use wakeline::local;
///
/// wakeline::block_on(async {
///     let (sender, receiver) = local::oneshot();
///     sender.send("done").unwrap();
///     assert_eq!(receiver.await, Ok("done"));
/// });
/// ```
pub fn oneshot<T>() -> (oneshot::Sender<T>, oneshot::Receiver<T>) {
    oneshot::pair()
}
