//! Channels of many messages within a thread — owns the public handles — must never do more than
//! pass calls on to the machine that the channels of threads use.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::futures::{Closed, Drain, Receiving, Reserving, SendPermit, Sending};
use crate::channel::ends::{self, End, Place, RecvEnd, SendEnd};
use crate::channel::reach::OneThread;
use crate::channel::steps::{CloseStep, DrainStep, RecvStep, ReserveStep, SendStep};
use crate::channel::{TryRecvError, TrySendError};

/// A channel for at most `capacity` messages at a time.
///
/// With a capacity of zero it is a rendezvous: a send waits until a receiver has taken the message.
/// Memory is taken as messages come, so that a capacity of `usize::MAX` costs nothing. Room for 1024
/// messages is kept; what a burst took beyond that is given back when the channel is empty again.
///
/// # Examples
///
/// ```
/// use wakeline::local;
///
/// wakeline::block_on(async {
///     let (sender, receiver) = local::bounded(2);
///     sender.send("one").await.unwrap();
///     sender.send("two").await.unwrap();
///     assert!(sender.try_send("three").unwrap_err().is_full());
///     assert_eq!(receiver.recv().await, Ok("one"));
/// });
/// ```
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    handles(Some(capacity))
}

/// A channel for any number of messages: a send never waits.
///
/// Where the source can be faster than the sink for long, prefer [`bounded`]: this one then grows
/// until memory ends.
///
/// # Examples
///
/// ```
/// use wakeline::local;
///
/// let (sender, receiver) = local::unbounded();
/// for number in 0..3 {
///     sender.try_send(number).unwrap();
/// }
/// assert_eq!(receiver.len(), 3);
/// assert_eq!(wakeline::block_on(receiver.recv()), Ok(0));
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles(None)
}

fn handles<T>(capacity: Option<usize>) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = ends::ends(capacity);
    (Sender { end: sender }, Receiver { end: receiver, place: Place::new(), ended: false })
}

/// The sending handle of a channel. A clone is another handle of the same channel. When the last one
/// is dropped the channel is closed.
pub struct Sender<T> {
    end: SendEnd<T, OneThread>,
}

impl<T> Sender<T> {
    /// Sends a message, and waits for room if there is none; in a rendezvous, until a receiver has
    /// taken it.
    ///
    /// Senders that wait are served in the order in which they were first polled. A send that waits
    /// has its message in the channel's line already. So one that loses a `select` or a timeout may
    /// be delivered all the same, in the time between its last poll and its drop; use
    /// [`reserve`](Sender::reserve) where that matters.
    ///
    /// # Examples
    ///
    /// ```
    /// # wakeline::block_on(async {
    /// let (sender, receiver) = wakeline::local::bounded(1);
    /// sender.send(7).await?;
    /// assert_eq!(receiver.recv().await, Ok(7));
    /// # Ok::<(), wakeline::local::SendError<i32>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`](super::SendError) with the message in it when the channel is closed, or gets
    /// closed before there is room.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has either delivered the message or drops it,
    /// and nobody is told which. A [`reserve`](Sender::reserve) that is dropped delivers nothing,
    /// and a [`try_send`](Sender::try_send) that fails gives the message back.
    #[inline]
    pub fn send(&self, message: T) -> Sending<'_, T> {
        Sending { step: SendStep::new(&self.end, message) }
    }

    /// Reserves room for a message, and waits for it if there is none: the [`SendPermit`] then
    /// sends without waiting and cannot fail.
    ///
    /// It waits in one line with the senders. A permit counts as a message in the queue until it is
    /// used or dropped. In a rendezvous it is to be had when a receiver waits for whom nothing else
    /// is on its way, as for [`try_send`](Sender::try_send).
    ///
    /// # Examples
    ///
    /// Nothing is sent, and nothing is lost, when the other branch is quicker:
    ///
    /// ```
    /// use futures_lite::future;
    /// use wakeline::local;
    ///
    /// # wakeline::block_on(async {
    /// let (sender, receiver) = local::bounded(1);
    /// sender.send("first").await.unwrap();
    /// let permit = future::or(async { sender.reserve().await.ok() }, async { None }).await;
    /// assert!(permit.is_none());
    /// assert_eq!(receiver.recv().await, Ok("first"));
    /// assert!(receiver.try_recv().is_err());
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`](super::SendError) when the channel is closed, or gets closed before there is
    /// room.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has delivered nothing. It gives up its place in the line, and room
    /// that it was given goes to the next.
    pub fn reserve(&self) -> Reserving<'_, T> {
        Reserving { step: ReserveStep::new(&self.end) }
    }

    /// Reserves room for a message if there is some.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] when there is no room, or the channel is closed.
    pub fn try_reserve(&self) -> Result<SendPermit<'_, T>, TrySendError<()>> {
        self.end.try_reserve().map(|room| SendPermit { room })
    }

    /// Sends a message if that can be done at once.
    ///
    /// Into a rendezvous it can when a receiver waits for whom no other message is on its way, and
    /// no sender waits. Should that receiver go away before it has taken the message, the next one
    /// gets it.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::local::{self, TrySendError};
    ///
    /// let (sender, receiver) = local::bounded(0);
    /// assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    /// receiver.close();
    /// assert_eq!(sender.try_send(1), Err(TrySendError::Closed(1)));
    /// ```
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the message in it when there is no room, or the channel is closed.
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.end.try_send(message)
    }

    /// Closes the channel for everyone; returns whether it was open.
    ///
    /// What is in the queue can still be received, and what is sent with a permit. Senders that
    /// wait get their messages back.
    pub fn close(&self) -> bool {
        self.end.close()
    }

    /// Waits until the channel is closed, for instance because its receivers have gone, so that
    /// work for them can be given up.
    ///
    /// # Examples
    ///
    /// ```
    /// # wakeline::block_on(async {
    /// let (sender, receiver) = wakeline::local::bounded::<u8>(1);
    /// wakeline::spawn(async move { drop(receiver) }).detach();
    /// sender.closed().await;
    /// assert!(sender.is_closed());
    /// # });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn closed(&self) -> Closed<'_, T> {
        Closed { step: CloseStep::new(&self.end) }
    }

    /// Is the channel closed, so that every send would fail?
    pub fn is_closed(&self) -> bool {
        self.end.is_closed()
    }

    /// How many messages are in the queue; those of waiting senders are not.
    pub fn len(&self) -> usize {
        self.end.len()
    }

    /// Is the queue empty?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages there may be in the queue; `None` if any number.
    pub fn capacity(&self) -> Option<usize> {
        self.end.capacity()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { end: self.end.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.end.show("Sender", f)
    }
}

/// The receiving handle of a channel. A clone is another handle of the same channel, and each
/// message goes to one of them.
///
/// When the last one is dropped the channel is closed, and what is in the queue is dropped.
///
/// It is a [`Stream`] of the messages, which ends when the channel is closed and empty, and a
/// [`FusedStream`]: after the end there is no message any more. A stream that has once been pending
/// counts as waiting until it is polled again or dropped, with what [`recv`](Receiver::recv) says
/// of one that is woken and not polled.
pub struct Receiver<T> {
    end: RecvEnd<T, OneThread>,
    /// Where the stream waits.
    place: Place,
    /// The stream has said so.
    ended: bool,
}

impl<T> Receiver<T> {
    /// Receives the next message, and waits for one if there is none. With several receivers: await
    /// it or drop it, do not keep it unpolled.
    ///
    /// A message wakes one of those who wait. If that one is forgotten, or kept and not polled (as
    /// one that is pinned outside of a loop with a `select` may be), the others sleep on beside the
    /// message until something else happens in the channel: another message is sent, or a receiver
    /// that was woken later, or not at all, takes one or gives up. Then the next is woken. More
    /// could be had only by waking all of them for each message. One receiver alone misses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::local::{self, RecvError};
    ///
    /// let (sender, receiver) = local::bounded(1);
    /// wakeline::block_on(async {
    ///     sender.send("last words").await.unwrap();
    ///     drop(sender);
    ///     assert_eq!(receiver.recv().await, Ok("last words"));
    ///     assert_eq!(receiver.recv().await, Err(RecvError));
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecvError`](super::RecvError) when the channel is closed, no permit is left, and
    /// everything that was sent has been received.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing. If it has been woken for a
    /// message, another receiver is woken in its stead.
    #[inline]
    pub fn recv(&self) -> Receiving<'_, T> {
        Receiving { step: RecvStep::new(&self.end) }
    }

    /// Receives the next message if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when there is none yet, [`TryRecvError::Closed`] when there will be
    /// none.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.end.try_recv()
    }

    /// Receives the messages that are there, without waiting: those in the queue and those of
    /// waiting senders.
    ///
    /// It gives at most as many as there are at this moment, so that it ends however fast others
    /// send.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::local;
    ///
    /// let (sender, receiver) = local::unbounded();
    /// (1..4).for_each(|number| sender.try_send(number).unwrap());
    /// assert_eq!(receiver.drain().collect::<Vec<_>>(), [1, 2, 3]);
    /// assert_eq!(receiver.drain().next(), None);
    /// ```
    pub fn drain(&self) -> Drain<'_, T> {
        Drain { step: DrainStep::new(&self.end) }
    }

    /// Closes the channel for everyone; returns whether it was open.
    ///
    /// What is in the queue can still be received, and what is sent with a permit. Senders that
    /// wait get their messages back.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::local;
    ///
    /// let (sender, receiver) = local::unbounded();
    /// sender.try_send(1).unwrap();
    /// receiver.close();
    /// assert_eq!(sender.try_send(2).unwrap_err().into_inner(), 2);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn close(&self) -> bool {
        self.end.close()
    }

    /// Is the channel closed, so that nothing more will be sent?
    pub fn is_closed(&self) -> bool {
        self.end.is_closed()
    }

    /// How many messages are in the queue; those of waiting senders are not.
    pub fn len(&self) -> usize {
        self.end.len()
    }

    /// Is the queue empty?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages there may be in the queue; `None` if any number.
    pub fn capacity(&self) -> Option<usize> {
        self.end.capacity()
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let next = ready!(this.end.poll(&mut this.place, cx)).ok();
        this.ended = next.is_none();
        Poll::Ready(next)
    }
}

impl<T> FusedStream for Receiver<T> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { end: self.end.clone(), place: Place::new(), ended: false }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.end.leave(&mut self.place);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.end.show("Receiver", f)
    }
}
