//! The machine of a oneshot channel, and its two ends — owns one message and the two who may wait —
//! must never run a user's code while it is locked or borrowed.
//!
//! ```text
//!        ┌──send──▶ closed, message ──taken──▶ closed
//! open ──┤
//!        └──drop of either end, close──▶ closed
//! ```
//!
//! *Closed* says that nothing will be sent any more. Whoever closes wakes the other end, after the
//! lock. An end that goes takes its own waker out, so that a task's memory is not kept by whoever
//! forgets the other end (RC12), and it touches nothing after it has let the lock go, so that it
//! does not matter who is last (JC12, CH1).

use std::mem;
use std::task::{Context, Poll};

use super::error::{RecvError, TryRecvError};
use super::reach::Reach;
use crate::executor::context::polled_after_completion;
use crate::sync::is_over;
use crate::wait_list::{Found, Kept, Offer, poll_wait};

/// The state of a oneshot channel.
#[derive(Debug)]
struct Slot<T, W> {
    message: Option<T>,
    closed: bool,
    /// Waits for the message.
    receiver: Option<W>,
    /// Waits for the receiver's end.
    sender: Option<W>,
}

impl<T, W: Kept> Slot<T, W> {
    fn new() -> Self {
        Self { message: None, closed: false, receiver: None, sender: None }
    }

    /// The receiver's waker comes out.
    #[inline]
    fn send(&mut self, message: T) -> Result<Option<W>, T> {
        if mem::replace(&mut self.closed, true) {
            return Err(message);
        }
        self.message = Some(message);
        Ok(self.receiver.take())
    }

    #[inline]
    fn receive(&mut self, offer: &mut Offer<'_, W>) -> Found<Result<T, RecvError>, W> {
        match self.message.take() {
            Some(message) => Found::Ready(Ok(message), self.receiver.take()),
            None if self.closed => Found::Ready(Err(RecvError), self.receiver.take()),
            None => offer.leave_in(&mut self.receiver),
        }
    }

    fn await_close(&mut self, offer: &mut Offer<'_, W>) -> Found<(), W> {
        if self.closed { Found::Ready((), self.sender.take()) } else { offer.leave_in(&mut self.sender) }
    }

    /// The message, if it is there; whether the channel is closed; the receiver's waker, which is
    /// of no use once nothing can come.
    fn try_receive(&mut self) -> (Option<T>, bool, Option<W>) {
        let unused = if self.closed { self.receiver.take() } else { None };
        (self.message.take(), self.closed, unused)
    }

    /// Was it open? Wake the sender.
    fn close(&mut self) -> (bool, Option<W>) {
        (!mem::replace(&mut self.closed, true), self.sender.take())
    }

    /// Wake the receiver, drop the sender's own waker.
    fn remove_sender(&mut self) -> [Option<W>; 2] {
        self.closed = true;
        [self.receiver.take(), self.sender.take()]
    }

    /// Drop the message, wake the sender, drop the receiver's own waker.
    fn remove_receiver(&mut self) -> (Option<T>, [Option<W>; 2]) {
        self.closed = true;
        (self.message.take(), [self.sender.take(), self.receiver.take()])
    }
}

/// The sender's half; gone once it has sent.
pub(crate) struct SendHalf<T, R: Reach> {
    home: Option<R::Home<Slot<T, R::Waker>>>,
}

/// The receiver's half; gone once it has received.
pub(crate) struct RecvHalf<T, R: Reach> {
    home: Option<R::Home<Slot<T, R::Waker>>>,
    /// A poll was ready.
    over: bool,
}

pub(crate) fn halves<T, R: Reach>() -> (SendHalf<T, R>, RecvHalf<T, R>) {
    let home = R::home(Slot::new());
    (SendHalf { home: Some(home.clone()) }, RecvHalf { home: Some(home), over: false })
}

fn wake<W: Kept>(waker: Option<W>) {
    waker.into_iter().for_each(W::wake);
}

impl<T, R: Reach> SendHalf<T, R> {
    pub(crate) fn send(mut self, message: T) -> Result<(), T> {
        let home = self.home.take().expect("a sender sends once");
        let (sent, unused) = R::enter(&home, |slot| (slot.send(message), slot.sender.take()));
        let sent = sent.map(wake);
        drop(unused);
        sent
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.home.as_ref().is_none_or(|home| R::enter(home, |slot| slot.closed))
    }

    /// Ready when the receiver has closed the channel or gone.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(home) = &self.home else { return Poll::Ready(()) };
        poll_wait(cx, |offer| R::enter(home, |slot| slot.await_close(offer)))
    }

    /// Waits no more for the receiver's end.
    pub(crate) fn stop_waiting(&mut self) {
        if let Some(home) = &self.home {
            let unused = R::enter(home, |slot| slot.sender.take());
            drop(unused);
        }
    }
}

impl<T, R: Reach> Drop for SendHalf<T, R> {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let [receiver, unused] = R::enter(&home, Slot::remove_sender);
        wake(receiver);
        drop(unused);
    }
}

impl<T, R: Reach> RecvHalf<T, R> {
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let Some(home) = &self.home else { return self.poll_without_home() };
        let received = poll_wait(cx, |offer| R::enter(home, |slot| slot.receive(offer)));
        if received.is_ready() {
            (self.home, self.over) = (None, true);
        }
        received
    }

    /// The message has been taken.
    #[cold]
    fn poll_without_home(&mut self) -> Poll<Result<T, RecvError>> {
        if mem::replace(&mut self.over, true) {
            polled_after_completion("Receiver");
        }
        Poll::Ready(Err(RecvError))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(home) = &self.home else { return Err(TryRecvError::Closed) };
        let (message, closed, unused) = R::enter(home, Slot::try_receive);
        if closed {
            self.home = None;
        }
        drop(unused);
        message.ok_or(if closed { TryRecvError::Closed } else { TryRecvError::Empty })
    }

    /// Nothing can be sent from here on; true when that was new. What was sent before can still be
    /// received.
    pub(crate) fn close(&mut self) -> bool {
        let Some(home) = &self.home else { return false };
        let (was_open, sender) = R::enter(home, Slot::close);
        wake(sender);
        was_open
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.home.as_ref().is_none_or(|home| R::enter(home, |slot| slot.closed))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.home.as_ref().is_none_or(|home| R::enter(home, |slot| slot.message.is_none()))
    }
}

impl<T, R: Reach> Drop for RecvHalf<T, R> {
    fn drop(&mut self) {
        let Some(home) = self.home.take().filter(|_| !is_over()) else { return };
        let (message, [sender, unused]) = R::enter(&home, Slot::remove_receiver);
        wake(sender);
        drop((unused, message));
    }
}

#[cfg(test)]
mod tests;
