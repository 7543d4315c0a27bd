//! Messages between tasks, on whatever threads they are.
//!
//! | | holds | for |
//! |---|---|---|
//! | [`oneshot()`] | one message, sent once | a reply |
//! | [`bounded`] | at most so many messages; senders wait for room | a queue with backpressure |
//! | `bounded(0)` | none: a send is over when a receiver has taken the message | a rendezvous |
//! | [`unbounded`] | what memory holds; nobody waits to send | events that must not block their source |
//!
//! Both handles can be cloned: every message goes to one receiver. For tasks of one thread the
//! [`local`](crate::local) channels have the same shapes, need no `Send`, and cost a few
//! nanoseconds.
//!
//! # Promises
//!
//! - *Order.* Messages are received in the order in which they were sent; senders that wait for
//!   room are served in the order in which they began to wait.
//! - *Nothing is lost.* A send that has returned `Ok` is received, unless every receiver goes away
//!   first. A send that is dropped has either been delivered whole or not at all, and a receive
//!   that is dropped has taken nothing (each has its section on cancel safety). Where a send may
//!   lose a `select` and must then not be delivered, [`Sender::reserve`] comes before it.
//! - *Close.* A channel is closed by [`Sender::close`] or [`Receiver::close`], or when the last
//!   handle of one side is dropped. That wakes everyone: senders get their messages back, receivers
//!   get what is still in the queue, what is sent with a permit, and then [`RecvError`]. When the
//!   last receiver goes, what is in the queue is dropped with it.
//! - *One wake per sleep.* A receiver that waits is woken once, however many messages arrive before
//!   it runs.
//! - *Fairness.* Receiving and sending spend the poll's budget, so that a task whose channel is
//!   always ready still yields.
//!
//! Nobody has to be inside an executor: all this works from any thread and under any executor, and
//! `try_send` and `try_recv` work where there is none.
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

// `queue` and `slot` are machines that say what is to be done and do nothing: a step takes one
// short lock, in which nothing is called, cloned or dropped that is a user's. `ends` enters them,
// once per operation.
//
// Rejected: a lock-free queue (its gain is in bursts between many threads at once; at one message
// per wake the wake costs ten times the lock, and such queues have had memory bugs for years after
// they were thought done); a message handed to the task that waits instead of a notification (a
// cancelled receive would lose it, or put it back).

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
