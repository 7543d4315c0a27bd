//! The two ends of a channel, and what is awaited there — owns one handle's share of a [`Queue`] — must never wake, drop or clone for a
//! user while the queue is locked or borrowed.
//!
//! Written once for both reaches. Each poll enters the queue once. A waker that has to be kept is taken in there if it is one of this
//! crate's; a stranger's is cloned outside, and the queue is entered a second time.
//!
//! A stranger's waker that panics does so out of the operation that called it, when the queue is consistent again: nobody else stays asleep
//! for it. The message that a receive had taken before it woke such a sender goes down with the panic.

use std::fmt;
use std::task::{Context, Poll, ready};

use super::error::{RecvError, SendError, TryRecvError, TrySendError};
use super::queue::{Awaited, Begun, Queue, Quick, Received, Refused};
use super::reach::Reach;
use crate::executor::context::{poll_budget, spend_budget};
use crate::wait_list::{Kept, Key, Offer, Wakes};

/// A queue that both ends share.
pub(crate) struct Shared<T, R: Reach> {
    home: R::Home<Queue<T, R::Waker>>,
}

impl<T, R: Reach> Shared<T, R> {
    #[inline]
    fn with<O>(&self, f: impl FnOnce(&mut Queue<T, R::Waker>) -> O) -> O {
        R::enter(&self.home, f)
    }

    fn another(&self) -> Self {
        Self { home: self.home.clone() }
    }
}

/// One handle on either side.
pub(crate) fn ends<T, R: Reach>(capacity: Option<usize>) -> (SendEnd<T, R>, RecvEnd<T, R>) {
    let shared = Shared { home: R::home(Queue::new(capacity)) };
    (SendEnd { shared: shared.another() }, RecvEnd { shared })
}

fn wake<W: Kept>(waker: Option<W>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// What both sides ask.
pub(crate) trait End {
    type Message;
    type Reach: Reach;

    fn shared(&self) -> &Shared<Self::Message, Self::Reach>;

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
pub(crate) struct SendEnd<T, R: Reach> {
    shared: Shared<T, R>,
}

impl<T, R: Reach> End for SendEnd<T, R> {
    type Message = T;
    type Reach = R;

    #[inline]
    fn shared(&self) -> &Shared<T, R> {
        &self.shared
    }
}

impl<T, R: Reach> SendEnd<T, R> {
    #[inline]
    pub(crate) fn send(&self, message: T) -> SendStep<'_, T, R> {
        SendStep { end: self, message: Some(message), key: None }
    }

    #[inline(never)]
    fn abandon(&self, key: Key) {
        let parcel = self.shared.with(|queue| queue.abandon_send(key));
        drop(parcel);
    }

    #[inline]
    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.shared.with(|queue| queue.try_send(message)) {
            Ok(receiver) => {
                wake(receiver);
                Ok(())
            }
            Err(Refused::Full(message)) => Err(TrySendError::Full(message)),
            Err(Refused::Closed(message)) => Err(TrySendError::Closed(message)),
        }
    }
}

impl<T, R: Reach> Clone for SendEnd<T, R> {
    fn clone(&self) -> Self {
        self.shared.with(|queue| queue.add_sender());
        Self { shared: self.shared.another() }
    }
}

impl<T, R: Reach> Drop for SendEnd<T, R> {
    fn drop(&mut self) {
        if let Some(wakes) = self.shared.with(|queue| queue.remove_sender()) {
            wakes.wake();
        }
    }
}

/// A send that is awaited.
pub(crate) struct SendStep<'a, T, R: Reach> {
    end: &'a SendEnd<T, R>,
    /// Until the first poll.
    message: Option<T>,
    /// While the message waits in the queue's list.
    key: Option<Key>,
}

impl<T, R: Reach> SendStep<'_, T, R> {
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        ready!(poll_budget(cx));
        let Some(message) = self.message.take() else { return self.go_on(cx) };
        match self.end.shared.with(|queue| queue.send_now(message)) {
            Ok(receiver) => {
                wake(receiver);
                spend_budget();
                Poll::Ready(Ok(()))
            }
            Err(message) => self.begin(message, cx),
        }
    }

    #[inline(never)]
    fn begin(&mut self, mut message: T, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let mut offer = Offer::new(cx.waker());
        let (receiver, sent) = loop {
            match self.end.shared.with(|queue| queue.send(message, &mut offer)) {
                Begun::Sent(receiver) => break (receiver, Poll::Ready(Ok(()))),
                Begun::Waits(key, receiver) => {
                    self.key = Some(key);
                    break (receiver, Poll::Pending);
                }
                Begun::Closed(message) => break (None, Poll::Ready(Err(SendError(message)))),
                Begun::Prepare(back) => {
                    message = back;
                    offer.prepare();
                }
            }
        };
        wake(receiver);
        if sent.is_ready() {
            spend_budget();
        }
        sent
    }

    #[inline(never)]
    fn go_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        assert!(self.key.is_some(), "a send was polled after it had returned");
        let mut offer = Offer::new(cx.waker());
        let sent = loop {
            match self.end.shared.with(|queue| queue.await_send(&mut self.key, &mut offer)) {
                Awaited::Sent => break Ok(()),
                Awaited::Closed(parcel) => break Err(SendError(parcel.into_message())),
                Awaited::Waits(old) => {
                    drop(old);
                    return Poll::Pending;
                }
                Awaited::Prepare => offer.prepare(),
            }
        };
        spend_budget();
        Poll::Ready(sent)
    }
}

impl<T, R: Reach> Drop for SendStep<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.end.abandon(key);
        }
    }
}

/// A receiver's half.
pub(crate) struct RecvEnd<T, R: Reach> {
    shared: Shared<T, R>,
}

impl<T, R: Reach> End for RecvEnd<T, R> {
    type Message = T;
    type Reach = R;

    #[inline]
    fn shared(&self) -> &Shared<T, R> {
        &self.shared
    }
}

impl<T, R: Reach> RecvEnd<T, R> {
    #[inline]
    pub(crate) fn recv(&self) -> RecvStep<'_, T, R> {
        RecvStep { end: self, place: Place::new() }
    }

    /// Asks for a message; without one, waits at the place.
    #[inline]
    pub(crate) fn poll(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        ready!(poll_budget(cx));
        match self.shared.with(|queue| queue.receive_now(&mut place.0, &mut Offer::new(cx.waker()))) {
            Quick::Message(message, unused) => {
                drop(unused);
                spend_budget();
                Poll::Ready(Ok(message))
            }
            Quick::Waits => Poll::Pending,
            Quick::Ask => self.ask(place, cx),
        }
    }

    #[inline(never)]
    fn ask(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let mut offer = Offer::new(cx.waker());
        loop {
            match self.shared.with(|queue| queue.receive(&mut place.0, &mut offer)) {
                Received::Message(message, sender, unused) => {
                    wake(sender);
                    drop(unused);
                    spend_budget();
                    return Poll::Ready(Ok(message));
                }
                Received::Closed(unused) => {
                    drop(unused);
                    spend_budget();
                    return Poll::Ready(Err(RecvError));
                }
                Received::Waits(old) => {
                    drop(old);
                    return Poll::Pending;
                }
                Received::Prepare => offer.prepare(),
            }
        }
    }

    /// Waits no more: passes on what the place was called for.
    #[inline]
    pub(crate) fn leave(&self, place: &mut Place) {
        if let Some(key) = place.0.take() {
            self.abandon(key);
        }
    }

    #[inline(never)]
    fn abandon(&self, key: Key) {
        let (next, unused) = self.shared.with(|queue| queue.abandon_receive(key));
        wake(next);
        drop(unused);
    }

    #[inline]
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.shared.with(|queue| queue.try_receive()) {
            Ok((message, sender)) => {
                wake(sender);
                Ok(message)
            }
            Err(true) => Err(TryRecvError::Empty),
            Err(false) => Err(TryRecvError::Closed),
        }
    }
}

impl<T, R: Reach> Clone for RecvEnd<T, R> {
    fn clone(&self) -> Self {
        self.shared.with(|queue| queue.add_receiver());
        Self { shared: self.shared.another() }
    }
}

impl<T, R: Reach> Drop for RecvEnd<T, R> {
    fn drop(&mut self) {
        if let Some((wakes, messages)) = self.shared.with(|queue| queue.remove_receiver()) {
            // The wakes first: a message whose drop panics keeps no sender waiting.
            if let Some(wakes) = wakes {
                wakes.wake();
            }
            drop(messages);
        }
    }
}

/// Where a receiver waits, if it does.
#[derive(Debug)]
pub(crate) struct Place(Option<Key>);

impl Place {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self(None)
    }
}

/// A receive that is awaited.
pub(crate) struct RecvStep<'a, T, R: Reach> {
    end: &'a RecvEnd<T, R>,
    place: Place,
}

impl<T, R: Reach> RecvStep<'_, T, R> {
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        self.end.poll(&mut self.place, cx)
    }
}

impl<T, R: Reach> Drop for RecvStep<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        self.end.leave(&mut self.place);
    }
}
