//! What is awaited at the ends of a channel: a step is what a future keeps between two polls.
//!
//! Nothing of a user is woken, dropped or cloned while the queue is locked or borrowed.
//!
//! Each step polled after it has been ready panics, but the wait for the close: closed is closed.
//! `handles::futures` makes the public future of each step.

use std::task::{Context, Poll, ready};

use super::ends::{ChannelEnd, RecvEnd, RecvPlace, Room, SendEnd, wake};
use super::error::{RecvError, SendError};
use super::flavor::Flavor;
use super::queue::{Reserved, SendOutcome, Turn};
use crate::executor::context::{poll_budget, spend_budget};
use crate::sync::is_over;
use crate::task::polled_after_completion;
use crate::wait_list::{WaitKey, poll_wait, with_offer};

/// A send that is awaited.
pub(crate) struct SendStep<'a, T, F: Flavor> {
    end: &'a SendEnd<T, F>,
    /// Until the first poll.
    message: Option<T>,
    /// While the message waits in the line.
    key: Option<WaitKey>,
}

impl<'a, T, F: Flavor> SendStep<'a, T, F> {
    #[inline]
    pub(crate) fn new(end: &'a SendEnd<T, F>, message: T) -> Self {
        Self { end, message: Some(message), key: None }
    }

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
    fn begin(&mut self, message: T, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let mut message = Some(message);
        let (receiver, sent) = with_offer(cx.waker(), |offer| {
            let unsent = message.take()?;
            Some(match self.end.shared.with(|queue| queue.send(unsent, offer)) {
                SendOutcome::Sent(receiver) => (receiver, Poll::Ready(Ok(()))),
                SendOutcome::Waits(key, receiver) => {
                    self.key = Some(key);
                    (receiver, Poll::Pending)
                }
                SendOutcome::Closed(back) => (None, Poll::Ready(Err(SendError(back)))),
                SendOutcome::Prepare(back) => {
                    message = Some(back);
                    return None;
                }
            })
        });
        wake(receiver);
        if sent.is_ready() {
            spend_budget();
        }
        sent
    }

    #[inline(never)]
    fn go_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        if self.key.is_none() {
            polled_after_completion("Sending");
        }
        let turn = ready!(poll_wait(cx, |offer| self.end.shared.with(|queue| queue.await_turn(&mut self.key, offer))));
        Poll::Ready(match turn {
            Turn::Closed(Some(message)) => Err(SendError(message)),
            Turn::Closed(None) | Turn::Served => Ok(()),
        })
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.message.is_none() && self.key.is_none()
    }

    #[inline(never)]
    fn abandon(&self, key: WaitKey) {
        let parcel = self.end.shared.with(|queue| queue.abandon_send(key));
        drop(parcel);
    }
}

impl<T, F: Flavor> Drop for SendStep<'_, T, F> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.key.take().filter(|_| !is_over()) {
            self.abandon(key);
        }
    }
}

/// A reservation that is awaited.
pub(crate) struct ReserveStep<'a, T, F: Flavor> {
    /// None once ready.
    end: Option<&'a SendEnd<T, F>>,
    /// While it waits in the line.
    key: Option<WaitKey>,
}

impl<'a, T, F: Flavor> ReserveStep<'a, T, F> {
    pub(crate) fn new(end: &'a SendEnd<T, F>) -> Self {
        Self { end: Some(end), key: None }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Room<'a, T, F>, SendError<()>>> {
        let Some(end) = self.end else { polled_after_completion("Reserving") };
        let turn = if self.key.is_none() { self.begin(end, cx) } else { self.go_on(end, cx) };
        let reserved = match ready!(turn) {
            Turn::Served => Ok(Room::new(end)),
            Turn::Closed(_) => Err(SendError(())),
        };
        self.end = None;
        Poll::Ready(reserved)
    }

    fn begin(&mut self, end: &SendEnd<T, F>, cx: &mut Context<'_>) -> Poll<Turn<T>> {
        ready!(poll_budget(cx));
        with_offer(cx.waker(), |offer| {
            let turn = match end.shared.with(|queue| queue.reserve(offer)) {
                Reserved::Granted => Turn::Served,
                Reserved::Closed => Turn::Closed(None),
                Reserved::Waits(key, receiver) => {
                    self.key = Some(key);
                    wake(receiver);
                    return Some(Poll::Pending);
                }
                Reserved::Full | Reserved::Prepare => return None,
            };
            spend_budget();
            Some(Poll::Ready(turn))
        })
    }

    fn go_on(&mut self, end: &SendEnd<T, F>, cx: &mut Context<'_>) -> Poll<Turn<T>> {
        poll_wait(cx, |offer| end.shared.with(|queue| queue.await_turn(&mut self.key, offer)))
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.end.is_none()
    }
}

impl<T, F: Flavor> Drop for ReserveStep<'_, T, F> {
    fn drop(&mut self) {
        if let (Some(end), Some(key)) = (self.end, self.key.take()) {
            let (parcel, wakes) = end.shared.with(|queue| queue.abandon_reservation(key));
            wakes.wake();
            drop(parcel);
        }
    }
}

/// A wait for the close.
pub(crate) struct CloseStep<'a, T, F: Flavor> {
    end: &'a SendEnd<T, F>,
    key: Option<WaitKey>,
    over: bool,
}

impl<'a, T, F: Flavor> CloseStep<'a, T, F> {
    pub(crate) fn new(end: &'a SendEnd<T, F>) -> Self {
        Self { end, key: None, over: false }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.over {
            ready!(poll_wait(cx, |offer| self.end.shared.with(|queue| queue.await_close(&mut self.key, offer))));
            self.over = true;
        }
        Poll::Ready(())
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.over
    }
}

impl<T, F: Flavor> Drop for CloseStep<'_, T, F> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let unused = self.end.shared.with(|queue| queue.abandon_watch(key));
            drop(unused);
        }
    }
}

/// A receive that is awaited.
pub(crate) struct RecvStep<'a, T, F: Flavor> {
    /// None once ready.
    end: Option<&'a RecvEnd<T, F>>,
    place: RecvPlace,
}

impl<'a, T, F: Flavor> RecvStep<'a, T, F> {
    #[inline]
    pub(crate) fn new(end: &'a RecvEnd<T, F>) -> Self {
        Self { end: Some(end), place: RecvPlace::new() }
    }

    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let Some(end) = self.end else { polled_after_completion("Receiving") };
        let received = ready!(end.poll(&mut self.place, cx));
        self.end = None;
        Poll::Ready(received)
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.end.is_none()
    }
}

impl<T, F: Flavor> Drop for RecvStep<'_, T, F> {
    #[inline]
    fn drop(&mut self) {
        if let Some(end) = self.end {
            end.leave(&mut self.place);
        }
    }
}

/// The messages that are there.
pub(crate) struct DrainStep<'a, T, F: Flavor> {
    end: &'a RecvEnd<T, F>,
    left: usize,
}

impl<'a, T, F: Flavor> DrainStep<'a, T, F> {
    pub(crate) fn new(end: &'a RecvEnd<T, F>) -> Self {
        Self { end, left: end.shared().with(|queue| queue.available()) }
    }

    pub(crate) fn next(&mut self) -> Option<T> {
        let left = self.left.checked_sub(1)?;
        let message = self.end.try_recv().ok();
        self.left = if message.is_some() { left } else { 0 };
        message
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }
}
