//! Channels of many messages between threads — owns the public handles — must never do more than pass calls on to `ends`.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::ends::{self, End, Place, RecvEnd, RecvStep, SendEnd, SendStep};
use super::error::{RecvError, SendError, TryRecvError, TrySendError};
use super::reach::Threads;

/// A channel for at most `capacity` messages at a time.
///
/// With a capacity of zero it is a rendezvous: a send waits until a receiver has taken the message. Memory is taken as messages come, so
/// that a capacity of `usize::MAX` costs nothing.
///
/// # Examples
///
/// ```
/// use wakeline::channel;
///
/// wakeline::block_on(async {
///     let (sender, receiver) = channel::bounded(2);
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
/// Where the source can be faster than the sink for long, prefer [`bounded`]: this one then grows until memory ends. What a burst took is
/// given back when the channel is empty again.
///
/// # Examples
///
/// ```
/// use wakeline::channel;
///
/// let (sender, receiver) = channel::unbounded();
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
    (Sender { end: sender }, Receiver { end: receiver, place: Place::new() })
}

/// The sending handle of a channel. A clone is another handle of the same channel.
///
/// When the last one is dropped the channel is closed.
pub struct Sender<T> {
    end: SendEnd<T, Threads>,
}

impl<T> Sender<T> {
    /// Sends a message, and waits for room if there is none; in a rendezvous, until a receiver has taken it.
    ///
    /// Senders that wait are served in the order in which they were first polled.
    ///
    /// # Examples
    ///
    /// ```
    /// # wakeline::block_on(async {
    /// let (sender, receiver) = wakeline::channel::bounded(1);
    /// sender.send(7).await?;
    /// assert_eq!(receiver.recv().await, Ok(7));
    /// # Ok::<(), wakeline::channel::SendError<i32>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] with the message in it when the channel is closed, or gets closed before there is room.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has either delivered the message or drops it, and a waiting sender's place goes to
    /// the next. Use [`try_send`](Sender::try_send) to keep a message that cannot be sent.
    #[inline]
    pub fn send(&self, message: T) -> Sending<'_, T> {
        Sending { step: self.end.send(message) }
    }

    /// Sends a message if that can be done at once.
    ///
    /// Into a rendezvous it can when a receiver waits for whom no other message is on its way, and no sender waits. Should that receiver
    /// go away before it has taken the message, the next one gets it.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::channel::{self, TrySendError};
    ///
    /// let (sender, receiver) = channel::bounded(0);
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
    /// What is in the queue can still be received. Senders that wait get their messages back.
    pub fn close(&self) -> bool {
        self.end.close()
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

/// The receiving handle of a channel. A clone is another handle of the same channel, and each message goes to one of them.
///
/// When the last one is dropped the channel is closed, and what is in the queue is dropped.
///
/// It is a [`Stream`] of the messages, which ends when the channel is closed and empty. A stream that has once been pending counts as
/// waiting until it is polled again or dropped: a message for which it was woken is not announced to the other receivers meanwhile.
pub struct Receiver<T> {
    end: RecvEnd<T, Threads>,
    /// Where the stream waits.
    place: Place,
}

impl<T> Receiver<T> {
    /// Receives the next message, and waits for one if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::channel::{self, RecvError};
    ///
    /// let (sender, receiver) = channel::bounded(1);
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
    /// [`RecvError`] when the channel is closed and everything that was sent has been received.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing. If it has been woken for a message, another receiver is woken in its
    /// stead.
    #[inline]
    pub fn recv(&self) -> Receiving<'_, T> {
        Receiving { step: self.end.recv() }
    }

    /// Receives the next message if there is one.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] when there is none yet, [`TryRecvError::Closed`] when there will be none.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.end.try_recv()
    }

    /// Closes the channel for everyone; returns whether it was open.
    ///
    /// What is in the queue can still be received. Senders that wait get their messages back.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::channel;
    ///
    /// let (sender, receiver) = channel::unbounded();
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
        Poll::Ready(ready!(this.end.poll(&mut this.place, cx)).ok())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { end: self.end.clone(), place: Place::new() }
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

/// The future of [`Sender::send`]. Polling it again after it has returned panics.
#[must_use = "futures do nothing until they are awaited"]
pub struct Sending<'a, T> {
    step: SendStep<'a, T, Threads>,
}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.step.poll(cx)
    }
}

// The message is moved, never pinned.
impl<T> Unpin for Sending<'_, T> {}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing until they are awaited"]
pub struct Receiving<'a, T> {
    step: RecvStep<'a, T, Threads>,
}

impl<T> Future for Receiving<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.step.poll(cx)
    }
}

impl<T> fmt::Debug for Receiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving").finish_non_exhaustive()
    }
}
