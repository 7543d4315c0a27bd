//! What a step of the queue says: how it went, and what is left to be woken and dropped outside.

use crate::wait_list::{WaitKey, Wakes};

/// What a waiting sender leaves.
#[derive(Debug)]
pub(crate) struct Parcel<T, W> {
    /// None of a reservation.
    pub(super) message: Option<T>,
    /// None once closed.
    pub(super) waker: Option<W>,
}

/// How a send began.
#[derive(Debug)]
#[must_use = "somebody may have to be woken"]
pub(crate) enum SendOutcome<T, W> {
    /// The message is in the queue; wake the receiver.
    Sent(Option<W>),
    /// The message is with us; wake the receiver, who may take it from there.
    Waits(WaitKey, Option<W>),
    Closed(T),
    /// The offered waker must be prepared outside.
    Prepare(T),
}

/// How a reservation began.
#[derive(Debug)]
#[must_use = "somebody may have to be woken"]
pub(crate) enum Reserved<W> {
    Granted,
    /// Wake the receiver: there are messages, and somebody wants their room.
    Waits(WaitKey, Option<W>),
    Full,
    Closed,
    /// The offered waker must be prepared outside.
    Prepare,
}

/// How a wait in the line ended.
#[derive(Debug)]
pub(crate) enum Turn<T> {
    /// Somebody has made room for the message, or taken it; or has made room for a permit.
    Served,
    /// With the message, if one was left.
    Closed(Option<T>),
}

/// A message, or why there is none.
#[derive(Debug)]
#[must_use = "somebody may have to be woken"]
pub(crate) enum Received<T, W> {
    /// A message. Wake the first two: the sender that has waited, and the next receiver. Drop the
    /// third, the receiver's own waker.
    Message(T, [Option<W>; 3]),
    /// Nothing will come any more. Drop the receiver's own waker.
    Closed(Option<W>),
    /// Wake the first, a sender that may now send. Drop the receiver's old waker.
    Waits([Option<W>; 2]),
    /// The offered waker must be prepared outside.
    Prepare,
}

/// What a receiver finds at the first look.
#[derive(Debug)]
#[must_use = "a waker may have to be dropped outside"]
pub(crate) enum Quick<T, W> {
    /// A message; drop the receiver's own waker.
    Message(T, Option<W>),
    /// A message, with others waiting: as [`Received::Message`].
    Beside(T, [Option<W>; 3]),
    Waits,
    /// It takes a closer look.
    Ask,
}

/// Why a message could not be sent at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotSent<T> {
    Full(T),
    Closed(T),
}

/// What the last receiver leaves.
#[derive(Debug)]
pub(crate) struct Last<M, W> {
    /// None if the channel was closed before.
    pub(crate) wakes: Option<Wakes<W>>,
    /// To be dropped outside, after the wakes.
    pub(crate) messages: M,
}
