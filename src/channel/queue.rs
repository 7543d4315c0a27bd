//! The machine of a channel: messages in a bounded queue, and who waits for room or for a message — owns both — must never run a user's
//! code, and never knows whether it lies in a lock or in a borrow.
//!
//! Every operation is a step from one state to the next that says what is left to do outside: whom to wake, what to drop. The channel of
//! threads and the channel of one thread are this machine in a mutex and in a `RefCell`; a test walks it at random beside a model.
//!
//! # Who waits with what
//!
//! *A waiting sender leaves its message here*, in its own entry of the list, as a goroutine that blocks on a channel does (Go's `sudog`).
//! Whoever takes a message out moves the first waiting one in, on behalf of its sender; so senders are served in their order, a send is over
//! when its message has left the entry, and a send that is dropped takes its message with it or has been delivered. A queue of capacity
//! zero is a rendezvous: receivers take straight out of the entries.
//!
//! *A waiting receiver is called*: it loses its entry, its waker is woken once, and it comes back for whatever message is there. However
//! many messages arrive before it does, nobody wakes it again. A message is promised to nobody: a receiver that asks before the called one
//! comes back takes it, and the called one waits again, in front of the others. So a receiver that was called and is never polled keeps no
//! message from the others.
//!
//! # The invariants
//!
//! 1. A message that waits with its sender waits for a reason: the queue is full.
//! 2. While receivers wait uncalled, there are at least as many called ones as messages, those with waiting senders included. Each new
//!    message calls one; one that was called and goes away without a message calls the next, if the messages need it (CH3).
//! 3. Once closed, nobody begins to wait. Messages in the queue can be received; those of waiting senders go back to them.
//!
//! Rejected: a message handed to the receiver that waits (it would have to be put back when that receiver goes, and one that is never
//! polled again would keep it); room promised to the sender that waits (a sender that is never polled again would keep the room).

use std::collections::VecDeque;
use std::mem;

use crate::wait_list::{Kept, Key, Offer, WaitList, Wakes};

/// The state of a channel.
#[derive(Debug)]
pub(crate) struct Queue<T, W> {
    /// Sent and not received.
    messages: VecDeque<T>,
    /// How many may be there; the largest number when nobody has set a limit.
    limit: usize,
    bounded: bool,
    /// Those who found the queue full, each with its message.
    senders: WaitList<Parcel<T, W>>,
    /// Those who found the queue empty, and were not called yet.
    receivers: WaitList<W>,
    /// Receivers that were called and have not come back.
    called: usize,
    closed: bool,
    /// Handles.
    sender_count: usize,
    receiver_count: usize,
}

/// What a waiting sender leaves.
#[derive(Debug)]
pub(crate) struct Parcel<T, W> {
    message: T,
    /// None once closed.
    waker: Option<W>,
}

impl<T, W> Parcel<T, W> {
    /// Drops the waker: outside.
    pub(crate) fn into_message(self) -> T {
        self.message
    }
}

/// How a send began.
#[derive(Debug)]
#[must_use = "somebody may have to be woken"]
pub(crate) enum Begun<T, W> {
    /// The message is in the queue; wake the receiver.
    Sent(Option<W>),
    /// The message is with us; wake the receiver, who may take it from there.
    Waits(Key, Option<W>),
    Closed(T),
    /// The offered waker must be prepared outside.
    Prepare(T),
}

/// How a send goes on that has begun to wait. Wakers are to be dropped outside.
#[derive(Debug)]
#[must_use = "a waker or a message is to be dropped outside"]
pub(crate) enum Awaited<T, W> {
    /// Somebody has made room for the message, or taken it.
    Sent,
    Waits(Option<W>),
    Closed(Parcel<T, W>),
    Prepare,
}

/// A message, or why there is none.
#[derive(Debug)]
#[must_use = "somebody may have to be woken"]
pub(crate) enum Received<T, W> {
    /// A message; wake the sender that has waited, drop the receiver's own waker.
    Message(T, Option<W>, Option<W>),
    /// Nothing will come any more. Drop the receiver's own waker.
    Closed(Option<W>),
    /// Drop the receiver's old waker.
    Waits(Option<W>),
    /// The offered waker must be prepared outside.
    Prepare,
}

/// What a receiver finds at the first look.
#[derive(Debug)]
#[must_use = "a waker may have to be dropped outside"]
pub(crate) enum Quick<T, W> {
    /// A message; drop the receiver's own waker.
    Message(T, Option<W>),
    Waits,
    /// It takes a closer look.
    Ask,
}

/// Why a message could not be sent at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused<T> {
    Full(T),
    Closed(T),
}

impl<T, W: Kept> Queue<T, W> {
    /// An open queue with one handle on either side. Nothing is allocated before the first message.
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        Self {
            messages: VecDeque::new(),
            limit: capacity.unwrap_or(usize::MAX),
            bounded: capacity.is_some(),
            senders: WaitList::new(),
            receivers: WaitList::new(),
            called: 0,
            closed: false,
            sender_count: 1,
            receiver_count: 1,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        self.bounded.then_some(self.limit)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    // -- sending

    /// Sends if the queue has room.
    #[inline]
    pub(crate) fn send_now(&mut self, message: T) -> Result<Option<W>, T> {
        if self.closed || self.messages.len() >= self.limit {
            return Err(message);
        }
        self.messages.push_back(message);
        Ok(self.call())
    }

    /// Sends, or begins to wait.
    #[inline]
    pub(crate) fn send(&mut self, message: T, offer: &mut Offer<'_, W>) -> Begun<T, W> {
        if self.closed {
            return Begun::Closed(message);
        }
        if self.messages.len() < self.limit {
            self.messages.push_back(message);
            return Begun::Sent(self.call());
        }
        let Some(waker) = offer.take() else { return Begun::Prepare(message) };
        let key = self.senders.push_back(Parcel { message, waker: Some(waker) });
        // In a rendezvous the message can be taken already; in a full queue the call keeps invariant 2.
        Begun::Waits(key, self.call())
    }

    /// One message more: calls a receiver.
    #[inline]
    fn call(&mut self) -> Option<W> {
        let receiver = self.receivers.pop_front()?;
        self.called += 1;
        Some(receiver)
    }

    /// Asks again for a send that waits. The key is gone when it does not wait any more.
    #[inline]
    pub(crate) fn await_send(&mut self, key: &mut Option<Key>, offer: &mut Offer<'_, W>) -> Awaited<T, W> {
        let Some(waiting) = key.take() else { return Awaited::Sent };
        match self.senders.get_mut(&waiting) {
            Some(parcel) if !self.closed => {
                *key = Some(waiting);
                match &mut parcel.waker {
                    Some(known) if offer.is(known) => Awaited::Waits(None),
                    slot => match offer.take() {
                        Some(waker) => Awaited::Waits(slot.replace(waker)),
                        None => Awaited::Prepare,
                    },
                }
            }
            _ => self.senders.remove(waiting).map_or(Awaited::Sent, Awaited::Closed),
        }
    }

    /// The end of a send that has begun to wait, whether or not it was delivered. What comes back is to be dropped outside.
    pub(crate) fn abandon_send(&mut self, key: Key) -> Option<Parcel<T, W>> {
        self.senders.remove(key)
    }

    /// Sends if that can be done at once. Into a rendezvous: if a receiver waits for whom no other message is on its way.
    #[inline]
    pub(crate) fn try_send(&mut self, message: T) -> Result<Option<W>, Refused<T>> {
        if self.closed {
            return Err(Refused::Closed(message));
        }
        let awaited = self.limit == 0 && self.senders.is_empty() && !self.receivers.is_empty();
        if self.messages.len() < self.limit || awaited {
            self.messages.push_back(message);
            return Ok(self.call());
        }
        Err(Refused::Full(message))
    }

    // -- receiving

    /// Receives if a message is there and nobody waits for its room; or begins to wait.
    #[inline]
    pub(crate) fn receive_now(&mut self, key: &mut Option<Key>, offer: &mut Offer<'_, W>) -> Quick<T, W> {
        if !self.senders.is_empty() || self.closed {
            return Quick::Ask;
        }
        if let Some(message) = self.messages.pop_front() {
            return Quick::Message(message, self.stop_waiting(key));
        }
        if key.is_some() {
            return Quick::Ask;
        }
        let Some(waker) = offer.take() else { return Quick::Ask };
        *key = Some(self.receivers.push_back(waker));
        Quick::Waits
    }

    /// Takes the first message, with the waker of the sender whose wait that ends.
    #[inline]
    fn take(&mut self) -> Option<(T, Option<W>)> {
        match self.messages.pop_front() {
            Some(message) => Some((message, self.refill())),
            // A rendezvous, since no sender waits for an empty queue of another kind.
            None if !self.closed => self.senders.pop_front().map(|parcel| (parcel.message, parcel.waker)),
            None => None,
        }
    }

    /// There is room again: the sender that has waited for the longest time gets it.
    #[inline]
    fn refill(&mut self) -> Option<W> {
        if self.senders.is_empty() || self.closed || self.messages.len() >= self.limit {
            return None;
        }
        let parcel = self.senders.pop_front()?;
        self.messages.push_back(parcel.message);
        parcel.waker
    }

    /// Receives, or waits; the key says whether it has waited before.
    #[inline]
    pub(crate) fn receive(&mut self, key: &mut Option<Key>, offer: &mut Offer<'_, W>) -> Received<T, W> {
        if let Some((message, sender)) = self.take() {
            return Received::Message(message, sender, self.stop_waiting(key));
        }
        if self.closed {
            return Received::Closed(self.stop_waiting(key));
        }
        match key {
            None => match offer.take() {
                Some(waker) => *key = Some(self.receivers.push_back(waker)),
                None => return Received::Prepare,
            },
            Some(key) => match self.receivers.get_mut(key) {
                Some(known) if offer.is(known) => {}
                Some(known) => match offer.take() {
                    Some(waker) => return Received::Waits(Some(mem::replace(known, waker))),
                    None => return Received::Prepare,
                },
                // It was called, and another was quicker.
                None => match offer.take() {
                    Some(waker) => {
                        self.receivers.wait_again(key, waker);
                        self.called -= 1;
                    }
                    None => return Received::Prepare,
                },
            },
        }
        Received::Waits(None)
    }

    /// Gives the place back, if there was one, and says which waker was left there.
    #[inline]
    fn stop_waiting(&mut self, key: &mut Option<Key>) -> Option<W> {
        let waker = self.receivers.remove(key.take()?);
        if waker.is_none() {
            self.called -= 1;
        }
        waker
    }

    /// The end of a receive that has begun to wait. The first one is to be woken in its stead, the second one is its own waker.
    pub(crate) fn abandon_receive(&mut self, key: Key) -> (Option<W>, Option<W>) {
        let waker = self.stop_waiting(&mut Some(key));
        let messages = self.messages.len() + if self.closed { 0 } else { self.senders.len() };
        let next = if self.called < messages { self.call() } else { None };
        (next, waker)
    }

    /// Takes a message that is there, with the waker of the sender whose wait that ends. `Err`: is one still to come?
    #[inline]
    pub(crate) fn try_receive(&mut self) -> Result<(T, Option<W>), bool> {
        self.take().ok_or(!self.closed)
    }

    // -- the end

    /// Nothing more can be sent. `None` when that was so already.
    pub(crate) fn close(&mut self) -> Option<Wakes<W>> {
        if mem::replace(&mut self.closed, true) {
            return None;
        }
        self.called += self.receivers.len();
        let mut wakes = Wakes::all(&mut self.receivers);
        self.senders.for_each(|parcel| wakes.extend(parcel.waker.take()));
        Some(wakes)
    }

    pub(crate) fn add_sender(&mut self) {
        self.sender_count += 1;
    }

    pub(crate) fn add_receiver(&mut self) {
        self.receiver_count += 1;
    }

    /// The last one closes.
    pub(crate) fn remove_sender(&mut self) -> Option<Wakes<W>> {
        self.sender_count -= 1;
        if self.sender_count == 0 { self.close() } else { None }
    }

    /// The last one closes and leaves nobody who could want the messages: they are to be dropped outside.
    pub(crate) fn remove_receiver(&mut self) -> Option<(Option<Wakes<W>>, VecDeque<T>)> {
        self.receiver_count -= 1;
        (self.receiver_count == 0).then(|| (self.close(), mem::take(&mut self.messages)))
    }
}

#[cfg(test)]
mod tests;
