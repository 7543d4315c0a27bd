//! The machine of a oneshot channel, and its two ends — owns one message and the two who may wait — must never run a user's code while it
//! is locked or borrowed.
//!
//! ```text
//!        ┌──send──▶ closed, message ──taken──▶ closed
//! open ──┤
//!        └──drop of either end, close──▶ closed
//! ```
//!
//! *Closed* says that nothing will be sent any more. Whoever closes wakes the other end, after the lock. An end that goes takes its own
//! waker out, so that a task's memory is not kept by whoever forgets the other end (RC12), and it touches nothing after it has let the lock
//! go, so that it does not matter who is last (JC12, CH1).

use std::mem;
use std::task::{Context, Poll, ready};

use super::error::{RecvError, TryRecvError};
use super::reach::Reach;
use crate::executor::context::{poll_budget, spend_budget};
use crate::wait_list::{Kept, Offer};

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

/// What a wait finds.
#[must_use = "a waker may have to be dropped outside"]
enum Found<F, W> {
    Ready(F, Option<W>),
    Waits(Option<W>),
    Prepare,
}

impl<T, W: Kept> Slot<T, W> {
    /// Keeps the offered waker, unless it is kept already.
    #[inline]
    fn keep<F>(kept: &mut Option<W>, offer: &mut Offer<'_, W>) -> Found<F, W> {
        match kept {
            Some(known) if offer.is(known) => Found::Waits(None),
            kept => match offer.take() {
                Some(waker) => Found::Waits(kept.replace(waker)),
                None => Found::Prepare,
            },
        }
    }

    /// The receiver's waker comes out; the sender is at its end, and so is its wait.
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
            None => Self::keep(&mut self.receiver, offer),
        }
    }

    fn await_close(&mut self, offer: &mut Offer<'_, W>) -> Found<(), W> {
        if self.closed { Found::Ready((), self.sender.take()) } else { Self::keep(&mut self.sender, offer) }
    }
}

/// The sender's half; gone once it has sent.
pub(crate) struct SendHalf<T, R: Reach> {
    home: Option<R::Home<Slot<T, R::Waker>>>,
}

/// The receiver's half; gone once it has received.
pub(crate) struct RecvHalf<T, R: Reach> {
    home: Option<R::Home<Slot<T, R::Waker>>>,
}

pub(crate) fn halves<T, R: Reach>() -> (SendHalf<T, R>, RecvHalf<T, R>) {
    let home = R::home(Slot { message: None, closed: false, receiver: None, sender: None });
    (SendHalf { home: Some(home.clone()) }, RecvHalf { home: Some(home) })
}

impl<T, R: Reach> SendHalf<T, R> {
    pub(crate) fn send(mut self, message: T) -> Result<(), T> {
        let home = self.home.take().expect("a sender sends once");
        let receiver = R::enter(&home, |slot| slot.send(message))?;
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        Ok(())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.home.as_ref().is_none_or(|home| R::enter(home, |slot| slot.closed))
    }

    /// Ready when the receiver has closed the channel or gone.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(poll_budget(cx));
        let Some(home) = &self.home else { return Poll::Ready(()) };
        let mut offer = Offer::new(cx.waker());
        loop {
            match R::enter(home, |slot| slot.await_close(&mut offer)) {
                Found::Ready((), unused) => {
                    drop(unused);
                    spend_budget();
                    return Poll::Ready(());
                }
                Found::Waits(old) => {
                    drop(old);
                    return Poll::Pending;
                }
                Found::Prepare => offer.prepare(),
            }
        }
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
        let (receiver, unused) = R::enter(&home, |slot| {
            slot.closed = true;
            (slot.receiver.take(), slot.sender.take())
        });
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        drop(unused);
    }
}

impl<T, R: Reach> RecvHalf<T, R> {
    /// A half that has received says that the channel is closed.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        ready!(poll_budget(cx));
        let Some(home) = &self.home else { return Poll::Ready(Err(RecvError)) };
        let mut offer = Offer::new(cx.waker());
        loop {
            match R::enter(home, |slot| slot.receive(&mut offer)) {
                Found::Ready(result, unused) => {
                    self.home = None;
                    drop(unused);
                    spend_budget();
                    return Poll::Ready(result);
                }
                Found::Waits(old) => {
                    drop(old);
                    return Poll::Pending;
                }
                Found::Prepare => offer.prepare(),
            }
        }
    }

    pub(crate) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(home) = &self.home else { return Err(TryRecvError::Closed) };
        let (message, closed, unused) = R::enter(home, |slot| {
            // The waker that an earlier poll has left is of no use once nothing can come.
            let unused = if slot.closed { slot.receiver.take() } else { None };
            (slot.message.take(), slot.closed, unused)
        });
        if closed {
            self.home = None;
        }
        drop(unused);
        message.ok_or(if closed { TryRecvError::Closed } else { TryRecvError::Empty })
    }

    /// Nothing can be sent from here on; true when that was new. What was sent before can still be received.
    pub(crate) fn close(&mut self) -> bool {
        let Some(home) = &self.home else { return false };
        let (open, sender) = R::enter(home, |slot| (!mem::replace(&mut slot.closed, true), slot.sender.take()));
        if let Some(sender) = sender {
            sender.wake();
        }
        open
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.home.as_ref().is_none_or(|home| R::enter(home, |slot| slot.closed))
    }
}

impl<T, R: Reach> Drop for RecvHalf<T, R> {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let (message, unused, sender) = R::enter(&home, |slot| {
            slot.closed = true;
            (slot.message.take(), slot.receiver.take(), slot.sender.take())
        });
        if let Some(sender) = sender {
            sender.wake();
        }
        drop((unused, message));
    }
}
