//! Channels: messages between tasks, on any threads.
//!
//! | | holds | for |
//! |---|---|---|
//! | [`oneshot()`] | one message, sent once | a reply |
//! | [`bounded`] | at most so many messages; senders wait for room | a queue with backpressure |
//! | `bounded(0)` | none: a send is over when a receiver has taken the message | a rendezvous |
//! | [`unbounded`] | what memory holds; nobody waits to send | events whose source must not wait |
//!
//! Both handles can be cloned: every message goes to one receiver. The channels work on any thread
//! and under any executor. [`Sender::try_send`] and [`Receiver::try_recv`] work where there is
//! none.
//!
//! For tasks of one thread the [`local`](crate::local) channels have the same shapes, need no
//! `Send`, and cost a few nanoseconds.
//!
//! # Examples
//!
//! ```
//! use std::thread;
//! use wakeline::channel;
//!
//! let (sender, receiver) = channel::bounded(4);
//! let producer = thread::spawn(move || {
//!     wakeline::block_on(async {
//!         for number in 0..100 {
//!             sender.send(number).await.unwrap();
//!         }
//!     })
//! });
//! let sum = wakeline::block_on(async {
//!     let mut sum = 0;
//!     while let Ok(number) = receiver.recv().await {
//!         sum += number;
//!     }
//!     sum
//! });
//! producer.join().unwrap();
//! assert_eq!(sum, 4950);
//! ```
//!
//! # Promises
//!
//! - *Order.* Messages are received in the order in which they were sent; senders that wait for
//!   room are served in the order in which they began to wait.
//! - *Nothing is lost.* A send that has returned `Ok` is received, unless every receiver goes away
//!   first.
//! - *Close.* A channel is closed by [`Sender::close`] or [`Receiver::close`], or when the last
//!   handle of one side is dropped. That wakes everyone: senders get their messages back, receivers
//!   get what is still in the queue, what is sent with a permit, and then [`RecvError`]. When the
//!   last receiver goes, what is in the queue is dropped with it.
//! - *One wake per sleep.* A receiver that waits is woken once, however many messages arrive before
//!   it runs.
//! - *Fairness.* Receiving and sending spend the poll's budget, so that a task whose channel is
//!   always ready still yields.
//!
//! # Errors
//!
//! A send fails when the channel is closed, and gives the message back in its error. A receive
//! fails when the channel is closed and nothing more can come. The `try_` methods also fail where
//! the others would wait.
//!
//! # Panics
//!
//! A future that is polled again after it was ready panics, but the wait for the close: once ready
//! it stays ready.
//!
//! # Cancel safety
//!
//! A receive that is dropped has taken nothing. A send that is dropped has delivered its message
//! whole or not at all, and nobody is told which. Where a send may lose a `select` and must then
//! not be delivered, [`Sender::reserve`] comes before it.

mod error;

mod fifo;

mod queue;

pub(crate) mod flavor;

pub(crate) mod ends;

pub(crate) mod steps;

pub(crate) mod handles;

pub mod oneshot;

mod many {
    super::handles::many! { super::flavor::Threads, "channel" }
}

pub use error::{RecvError, SendError, TryRecvError, TrySendError};
pub use many::{Closed, Drain, Receiver, Receiving, Reserving, SendPermit, Sender, Sending, bounded, unbounded};

/// A channel for one message.
///
/// # Examples
///
/// ```
/// use wakeline::channel;
///
/// let (sender, receiver) = channel::oneshot();
/// std::thread::spawn(move || sender.send("done").unwrap());
/// assert_eq!(wakeline::block_on(receiver), Ok("done"));
/// ```
pub fn oneshot<T>() -> (oneshot::Sender<T>, oneshot::Receiver<T>) {
    oneshot::pair()
}
