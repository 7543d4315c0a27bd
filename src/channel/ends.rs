//! The two ends of a channel, for either flavor: one handle's share of a [`MessageQueue`].
//!
//! Nothing of a user is woken, dropped or cloned while the queue is locked or borrowed.
//!
//! Each poll enters the queue once. A waker that has to be kept is taken in there if it is one of
//! this crate's; a foreign waker is cloned outside, and the queue is entered a second time.
//!
//! A foreign waker that panics does so out of the operation that called it, when the queue is
//! consistent again: nobody else stays asleep for it. The message that a receive had taken before
//! it woke such a sender goes down with the panic. Where a panic unwinds already, the second one is
//! discarded.
//!
//! `steps` has what is awaited.
//!
//! Rejected: a lock-free queue (its gain is in bursts between many threads at once; at one message
//! per wake the wake costs ten times the lock, and such queues have had memory bugs for years after
//! they were thought done); a message handed to the task that waits instead of a notification (a
//! receive that is cancelled would lose it, or put it back).

use std::fmt;
use std::task::{Context, Poll, ready};

use super::error::{RecvError, TryRecvError, TrySendError};
use super::flavor::Flavor;
use super::queue::{MessageQueue, NotSent, Quick, Received, Reserved};
use crate::executor::context::{poll_budget, spend_budget};
use crate::sync::is_over;
use crate::wait_list::{KeptWaker, Offer, WaitKey, Wakes, wake_each, with_offer};

/// A queue that both ends share.
pub(crate) struct SharedQueue<T, F: Flavor> {
    queue: F::Shared<MessageQueue<T, F::Kept>>,
}

impl<T, F: Flavor> SharedQueue<T, F> {
    #[inline]
    pub(super) fn with<O>(&self, f: impl FnOnce(&mut MessageQueue<T, F::Kept>) -> O) -> O {
        F::enter(&self.queue, f)
    }

    fn another(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

/// One handle on either side.
pub(crate) fn ends<T, F: Flavor>(capacity: Option<usize>) -> (SendEnd<T, F>, RecvEnd<T, F>) {
    let shared = SharedQueue { queue: F::share(MessageQueue::new(capacity)) };
    (SendEnd { shared: shared.another() }, RecvEnd { shared })
}

pub(super) fn wake<W: KeptWaker>(waker: Option<W>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// What both sides ask.
pub(crate) trait ChannelEnd<T, F: Flavor> {
    fn shared(&self) -> &SharedQueue<T, F>;

    fn len(&self) -> usize {
        self.shared().with(|queue| queue.len())
    }

    fn capacity(&self) -> Option<usize> {
        self.shared().with(|queue| queue.capacity())
    }

    fn is_closed(&self) -> bool {
        self.shared().with(|queue| queue.is_closed())
    }

    /// True when that was new.
    fn close(&self) -> bool {
        let wakes = self.shared().with(|queue| queue.close());
        wakes.map(Wakes::wake).is_some()
    }

    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, capacity, closed) = self.shared().with(|queue| (queue.len(), queue.capacity(), queue.is_closed()));
        let mut show = f.debug_struct(name);
        show.field("len", &len).field("capacity", &capacity).field("closed", &closed).finish()
    }
}

/// A sender's half.
pub(crate) struct SendEnd<T, F: Flavor> {
    pub(super) shared: SharedQueue<T, F>,
}

impl<T, F: Flavor> ChannelEnd<T, F> for SendEnd<T, F> {
    #[inline]
    fn shared(&self) -> &SharedQueue<T, F> {
        &self.shared
    }
}

impl<T, F: Flavor> SendEnd<T, F> {
    #[inline]
    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.shared.with(|queue| queue.try_send(message)) {
            Ok(receiver) => {
                wake(receiver);
                Ok(())
            }
            Err(NotSent::Full(message)) => Err(TrySendError::Full(message)),
            Err(NotSent::Closed(message)) => Err(TrySendError::Closed(message)),
        }
    }

    pub(crate) fn try_reserve(&self) -> Result<Room<'_, T, F>, TrySendError<()>> {
        match self.shared.with(|queue| queue.try_reserve()) {
            Reserved::Granted => Ok(Room::new(self)),
            Reserved::Closed => Err(TrySendError::Closed(())),
            _ => Err(TrySendError::Full(())),
        }
    }
}

impl<T, F: Flavor> Clone for SendEnd<T, F> {
    fn clone(&self) -> Self {
        self.shared.with(|queue| queue.add_sender());
        Self { shared: self.shared.another() }
    }
}

impl<T, F: Flavor> Drop for SendEnd<T, F> {
    fn drop(&mut self) {
        if let Some(wakes) = self.shared.with(|queue| queue.remove_sender()) {
            wakes.wake();
        }
    }
}

/// The room of one message, which somebody has reserved.
pub(crate) struct Room<'a, T, F: Flavor> {
    /// None once used.
    end: Option<&'a SendEnd<T, F>>,
}

impl<'a, T, F: Flavor> Room<'a, T, F> {
    pub(super) fn new(end: &'a SendEnd<T, F>) -> Self {
        Self { end: Some(end) }
    }

    pub(crate) fn send(mut self, message: T) {
        let Some(end) = self.end.take() else { return };
        let (unwanted, wakes) = end.shared.with(|queue| queue.send_reserved(message));
        wakes.wake();
        drop(unwanted);
    }
}

impl<T, F: Flavor> Drop for Room<'_, T, F> {
    fn drop(&mut self) {
        if let Some(end) = self.end {
            let wakes = end.shared.with(|queue| queue.release());
            wakes.wake();
        }
    }
}

/// A receiver's half.
pub(crate) struct RecvEnd<T, F: Flavor> {
    shared: SharedQueue<T, F>,
}

impl<T, F: Flavor> ChannelEnd<T, F> for RecvEnd<T, F> {
    #[inline]
    fn shared(&self) -> &SharedQueue<T, F> {
        &self.shared
    }
}

impl<T, F: Flavor> RecvEnd<T, F> {
    /// Asks for a message; without one, waits at the place.
    #[inline]
    pub(crate) fn poll(&self, place: &mut RecvPlace, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        ready!(poll_budget(cx));
        match self.shared.with(|queue| queue.receive_now(&mut place.0, &mut Offer::new(cx.waker()))) {
            Quick::Message(message, unused) => {
                drop(unused);
                spend_budget();
                Poll::Ready(Ok(message))
            }
            Quick::Beside(message, wakers) => Poll::Ready(Ok(self.hand_over(message, wakers))),
            Quick::Waits => Poll::Pending,
            Quick::Ask => self.ask(place, cx),
        }
    }

    #[inline(never)]
    fn ask(&self, place: &mut RecvPlace, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        with_offer(cx.waker(), |offer| {
            Some(match self.shared.with(|queue| queue.receive(&mut place.0, offer)) {
                Received::Message(message, wakers) => Poll::Ready(Ok(self.hand_over(message, wakers))),
                Received::Closed(unused) => {
                    drop(unused);
                    spend_budget();
                    Poll::Ready(Err(RecvError))
                }
                Received::Waits([sender, old]) => {
                    wake(sender);
                    drop(old);
                    Poll::Pending
                }
                Received::Prepare => return None,
            })
        })
    }

    /// Wakes and drops what has come out with the message.
    #[inline(never)]
    fn hand_over(&self, message: T, [sender, next, unused]: [Option<F::Kept>; 3]) -> T {
        wake_each([sender, next].into_iter().flatten());
        drop(unused);
        spend_budget();
        message
    }

    /// Waits no more: passes on what the place was called for.
    #[inline]
    pub(crate) fn leave(&self, place: &mut RecvPlace) {
        if let Some(key) = place.0.take() {
            self.abandon(key);
        }
    }

    #[inline(never)]
    fn abandon(&self, key: WaitKey) {
        let (next, unused) = self.shared.with(|queue| queue.abandon_receive(key));
        wake(next);
        drop(unused);
    }

    #[inline]
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.shared.with(|queue| queue.try_receive()) {
            Ok((message, wakers)) => {
                wake_each(wakers.into_iter().flatten());
                Ok(message)
            }
            Err(true) => Err(TryRecvError::Empty),
            Err(false) => Err(TryRecvError::Closed),
        }
    }
}

impl<T, F: Flavor> Clone for RecvEnd<T, F> {
    fn clone(&self) -> Self {
        self.shared.with(|queue| queue.add_receiver());
        Self { shared: self.shared.another() }
    }
}

impl<T, F: Flavor> Drop for RecvEnd<T, F> {
    fn drop(&mut self) {
        if is_over() {
            return;
        }
        if let Some(last) = self.shared.with(|queue| queue.remove_receiver()) {
            // The wakes first: a message whose drop panics keeps no sender waiting.
            if let Some(wakes) = last.wakes {
                wakes.wake();
            }
            drop(last.messages);
        }
    }
}

/// Where a receiver waits, if it does.
#[derive(Debug)]
pub(crate) struct RecvPlace(Option<WaitKey>);

impl RecvPlace {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self(None)
    }
}
