//! The state of a oneshot channel, and its two halves, for either flavor. User code runs outside of
//! the lock or borrow.
//!
//! ```text
//!        ┌──send──▶ closed, message ──taken──▶ closed
//! open ──┤
//!        └──drop of either end, close──▶ closed
//! ```
//!
//! *Closed* says that nothing will be sent any more. The end that closes wakes the other one, after
//! the lock. An end that goes takes its own waker out, so that a task's memory is not kept by an
//! end that somebody forgets (RC12), and it touches nothing after it has let the lock go, so that
//! it does not matter who is last (JC12, CH1).

use std::mem;
use std::task::{Context, Poll};

use crate::channel::error::{RecvError, TryRecvError};
use crate::channel::flavor::Flavor;
use crate::sync::is_over;
use crate::task::polled_after_completion;
use crate::wait_list::{Found, KeptWaker, Offer, poll_wait};

/// The state of a oneshot channel.
#[derive(Debug)]
struct State<T, W> {
    message: Option<T>,
    closed: bool,
    /// Waits for the message.
    receiver: Option<W>,
    /// Waits for the receiver's end.
    sender: Option<W>,
}

impl<T, W: KeptWaker> State<T, W> {
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
pub(crate) struct SendHalf<T, F: Flavor> {
    shared: Option<F::Shared<State<T, F::Kept>>>,
}

/// The receiver's half; gone once it has received.
pub(crate) struct RecvHalf<T, F: Flavor> {
    shared: Option<F::Shared<State<T, F::Kept>>>,
    /// A poll was ready.
    over: bool,
}

pub(crate) fn halves<T, F: Flavor>() -> (SendHalf<T, F>, RecvHalf<T, F>) {
    let shared = F::share(State::new());
    (SendHalf { shared: Some(shared.clone()) }, RecvHalf { shared: Some(shared), over: false })
}

fn wake<W: KeptWaker>(waker: Option<W>) {
    waker.into_iter().for_each(W::wake);
}

impl<T, F: Flavor> SendHalf<T, F> {
    pub(crate) fn send(mut self, message: T) -> Result<(), T> {
        let shared = self.shared.take().expect("a sender sends once");
        let (sent, unused) = F::enter(&shared, |state| (state.send(message), state.sender.take()));
        let sent = sent.map(wake);
        drop(unused);
        sent
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| F::enter(shared, |state| state.closed))
    }

    /// Ready when the receiver has closed the channel or gone.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(shared) = &self.shared else { return Poll::Ready(()) };
        poll_wait(cx, |offer| F::enter(shared, |state| state.await_close(offer)))
    }

    /// Waits no more for the receiver's end.
    pub(crate) fn stop_waiting(&mut self) {
        if let Some(shared) = &self.shared {
            let unused = F::enter(shared, |state| state.sender.take());
            drop(unused);
        }
    }
}

impl<T, F: Flavor> Drop for SendHalf<T, F> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let [receiver, unused] = F::enter(&shared, State::remove_sender);
        wake(receiver);
        drop(unused);
    }
}

impl<T, F: Flavor> RecvHalf<T, F> {
    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let Some(shared) = &self.shared else { return self.poll_without_state() };
        let received = poll_wait(cx, |offer| F::enter(shared, |state| state.receive(offer)));
        if received.is_ready() {
            (self.shared, self.over) = (None, true);
        }
        received
    }

    /// The message has been taken.
    #[cold]
    fn poll_without_state(&mut self) -> Poll<Result<T, RecvError>> {
        if mem::replace(&mut self.over, true) {
            polled_after_completion("Receiver");
        }
        Poll::Ready(Err(RecvError))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(shared) = &self.shared else { return Err(TryRecvError::Closed) };
        let (message, closed, unused) = F::enter(shared, State::try_receive);
        if closed {
            self.shared = None;
        }
        drop(unused);
        message.ok_or(if closed { TryRecvError::Closed } else { TryRecvError::Empty })
    }

    /// Nothing can be sent from here on; true when that was new. What was sent before can still be
    /// received.
    pub(crate) fn close(&mut self) -> bool {
        let Some(shared) = &self.shared else { return false };
        let (was_open, sender) = F::enter(shared, State::close);
        wake(sender);
        was_open
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| F::enter(shared, |state| state.closed))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| F::enter(shared, |state| state.message.is_none()))
    }
}

impl<T, F: Flavor> Drop for RecvHalf<T, F> {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take().filter(|_| !is_over()) else { return };
        let (message, [sender, unused]) = F::enter(&shared, State::remove_receiver);
        wake(sender);
        drop((unused, message));
    }
}

#[cfg(test)]
mod tests;
