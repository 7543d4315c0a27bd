//! What tasks of one thread tell each other, without an atomic operation.
//!
//! [`oneshot()`], [`bounded`] and [`unbounded`] have the shapes, the promises and the errors of
//! those in [`channel`](crate::channel), but take no lock, and messages need not be `Send`. Their
//! handles stay on the thread that made them.
//!
//! [`Event`] is a flag to wait for; [`Semaphore`] a number of permits. For locks there is
//! `RefCell`, or `async-lock` where a guard has to be held while waiting.
//!
//! No executor has to be entered: wakers of other runtimes do.
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

// The channels are the machine of `channel` in a `RefCell`. Rejected: types of their own for "many
// senders, one receiver" (the one machine is as quick, since with one receiver its list has one
// entry, which costs no allocation).

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
