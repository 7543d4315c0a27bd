//! The state of a channel: the messages, and who waits for room or for a message. It runs no user
//! code, and does not know whether it lies in a lock or in a borrow.
//!
//! Every operation is a step from one state to the next that says what is left to do outside: which
//! wakers to wake, what to drop. The channel of threads and the channel of one thread are this
//! state in a mutex and in a `RefCell`; a test walks it at random beside a model.
//!
//! # Who waits with what
//!
//! *A waiting sender leaves its message here*, in its own entry of the line, as a goroutine that
//! blocks on a channel does (Go's `sudog`). A receiver that takes a message out moves the first
//! waiting one in, on behalf of its sender; so senders are served in their order, a send is over
//! when its message has left the entry, and a send that is dropped takes its message with it or has
//! been delivered. Where the queue has no message, because its capacity is zero or because all of
//! it is reserved, receivers take straight out of the line.
//!
//! *A reservation* waits in the same line without a message (`permits`).
//!
//! *A waiting receiver is called*: it loses its entry, its waker is woken once, and it comes back
//! for whatever message is there. However many messages arrive before it does, nobody wakes it
//! again. A message is promised to nobody: a receiver that asks before the called one comes back
//! takes it, and the called one waits again, in front of the others.
//!
//! # A called receiver that does not come
//!
//! Its task was woken and polls something else, or it was forgotten. Nothing tells the channel: a
//! waker does not say whether the future behind it will be polled, and there is no clock here. So
//! if messages call fewer than all who wait, those who are called may be the ones that never come;
//! then nothing happens in the channel any more, and the others sleep beside a message. Only a rule
//! that wakes all of them for each message would be safe, at the price of a wake in vain for all
//! but one.
//!
//! What can be had: *such a receiver gives way when anything else happens*. A message calls the
//! next one, even if another was called before. And a receiver that takes a message or gives up,
//! and was called later or not at all, has overtaken it: if messages are left, the next one is
//! called.
//!
//! # The invariants
//!
//! 1. A message that waits with its sender waits for a reason: the queue, with what is reserved, is
//!    full.
//! 2. While receivers wait uncalled, there is a called one that nobody has overtaken, if there are
//!    messages, those in the line included. Each new message calls one; a called one that comes by,
//!    leaves and has not been overtaken itself calls the next, if fewer are on their way behind it
//!    than there are messages (CH3). So while they come in their order there are as many called
//!    ones as messages.
//! 3. Once closed, nobody begins to wait for room, and nobody for a message when no permit is left.
//!    Messages in the queue can be received; those of waiting senders go back to them.
//!
//! Rejected: a message handed to the receiver that waits (it would have to be put back when that
//! receiver goes, and one that is never polled again would keep it); room promised to the sender
//! that waits (a sender that is never polled again would keep the room: only who asks for a permit
//! takes that risk); a wake for all who wait.

use std::mem;

mod outcome;

mod permits;

pub(crate) use outcome::{Last, NotSent, Parcel, Quick, Received, Reserved, SendOutcome, Turn};

use super::fifo::Fifo;
use crate::wait_list::{Found, KeptWaker, Offer, WaitKey, WaitList, Wakes};

/// The state of a channel.
#[derive(Debug)]
pub(crate) struct MessageQueue<T, W> {
    /// Sent and not received.
    messages: Fifo<T>,
    /// Below how many messages there is room: the capacity, or the largest number if there is none,
    /// less what is reserved; nothing once closed.
    limit: usize,
    capacity: Option<usize>,
    /// Those who found the queue full, in one line.
    senders: WaitList<Parcel<T, W>>,
    /// Messages in the line: all entries but the reservations.
    offered: usize,
    /// Permits that somebody holds, or has been given and not fetched.
    reserved: usize,
    /// Those who found the queue empty, and were not called yet.
    receivers: WaitList<W>,
    /// Receivers that were called, have not come by, and were not overtaken.
    called: usize,
    /// Senders that wait for the close.
    watchers: WaitList<W>,
    closed: bool,
    /// Handles.
    sender_count: usize,
    receiver_count: usize,
}

impl<T, W: KeptWaker> MessageQueue<T, W> {
    /// An open queue with one handle on either side. Nothing is allocated before the first message.
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        Self {
            messages: Fifo::new(),
            limit: capacity.unwrap_or(usize::MAX),
            capacity,
            senders: WaitList::new(),
            offered: 0,
            reserved: 0,
            receivers: WaitList::new(),
            called: 0,
            watchers: WaitList::new(),
            closed: false,
            sender_count: 1,
            receiver_count: 1,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Messages that can be received: in the queue, and in the line unless they go back.
    #[inline]
    pub(crate) fn available(&self) -> usize {
        self.messages.len() + if self.closed { 0 } else { self.offered }
    }

    /// Will nothing be sent any more, not with a permit either?
    #[inline]
    fn is_over(&self) -> bool {
        self.closed && self.reserved == 0
    }

    // -- sending

    /// Sends if the queue has room.
    #[inline]
    pub(crate) fn send_now(&mut self, message: T) -> Result<Option<W>, T> {
        if self.messages.len() >= self.limit {
            return Err(message);
        }
        self.messages.push_back(message);
        Ok(self.call())
    }

    /// Sends, or begins to wait.
    #[inline]
    pub(crate) fn send(&mut self, message: T, offer: &mut Offer<'_, W>) -> SendOutcome<T, W> {
        if self.closed {
            return SendOutcome::Closed(message);
        }
        if self.messages.len() < self.limit {
            self.messages.push_back(message);
            return SendOutcome::Sent(self.call());
        }
        let Some(waker) = offer.take() else { return SendOutcome::Prepare(message) };
        let key = self.senders.push_back(Parcel { message: Some(message), waker: Some(waker) });
        self.offered += 1;
        // It may be taken out of the line already; in a full queue the call keeps invariant 2.
        SendOutcome::Waits(key, self.call())
    }

    /// One message more: calls a receiver.
    #[inline]
    fn call(&mut self) -> Option<W> {
        let receiver = self.receivers.pop_front()?;
        self.called += 1;
        Some(receiver)
    }

    /// Asks again for a send or a reservation that waits. The key is gone when it does not wait any
    /// more.
    pub(crate) fn await_turn(&mut self, key: &mut Option<WaitKey>, offer: &mut Offer<'_, W>) -> Found<Turn<T>, W> {
        let Some(waiting) = key else { return Found::Ready(Turn::Served, None) };
        match self.senders.get_mut(waiting) {
            Some(parcel) if !self.closed => offer.leave_in(&mut parcel.waker),
            _ => match key.take().and_then(|key| self.withdraw(key)) {
                Some(parcel) => Found::Ready(Turn::Closed(parcel.message), parcel.waker),
                None => Found::Ready(Turn::Served, None),
            },
        }
    }

    /// Gives a place in the line back; what was left there, unless it was served.
    fn withdraw(&mut self, key: WaitKey) -> Option<Parcel<T, W>> {
        let parcel = self.senders.remove(key)?;
        self.offered -= usize::from(parcel.message.is_some());
        Some(parcel)
    }

    /// The end of a send that has begun to wait, whether or not it was delivered. What comes back
    /// is to be dropped outside.
    pub(crate) fn abandon_send(&mut self, key: WaitKey) -> Option<Parcel<T, W>> {
        self.withdraw(key)
    }

    /// Sends if that can be done at once. Into a rendezvous: if a receiver waits and no other
    /// message is on its way to it.
    #[inline]
    pub(crate) fn try_send(&mut self, message: T) -> Result<Option<W>, NotSent<T>> {
        if self.closed {
            return Err(NotSent::Closed(message));
        }
        if self.messages.len() < self.limit || (self.senders.is_empty() && self.is_awaited()) {
            self.messages.push_back(message);
            return Ok(self.call());
        }
        Err(NotSent::Full(message))
    }

    // -- receiving

    /// Receives if a message is there and nobody waits for its room; or begins to wait.
    #[inline]
    pub(crate) fn receive_now(&mut self, key: &mut Option<WaitKey>, offer: &mut Offer<'_, W>) -> Quick<T, W> {
        if !self.senders.is_empty() {
            return Quick::Ask;
        }
        if let Some(message) = self.messages.pop_front() {
            if !self.receivers.is_empty() {
                let (next, unused) = self.come_by(key);
                return Quick::Beside(message, [None, next, unused]);
            }
            return Quick::Message(message, self.come_alone(key));
        }
        if key.is_some() || self.closed {
            return Quick::Ask;
        }
        let Some(waker) = offer.take() else { return Quick::Ask };
        *key = Some(self.receivers.push_back(waker));
        Quick::Waits
    }

    /// Takes the first message, with the waker of the sender whose wait that ends.
    #[inline]
    fn take(&mut self) -> Option<(T, Option<W>)> {
        if let Some(message) = self.messages.pop_front() {
            return Some((message, self.refill()));
        }
        if self.closed || self.offered == 0 {
            return None;
        }
        // A rendezvous, or all room is reserved.
        let parcel = self.senders.pop_first(|parcel| parcel.message.is_some())?;
        self.offered -= 1;
        Some((parcel.message?, parcel.waker))
    }

    /// There is room again: who has waited for it for the longest time gets it.
    #[inline]
    fn refill(&mut self) -> Option<W> {
        if self.senders.is_empty() || self.messages.len() >= self.limit {
            return None;
        }
        let parcel = self.senders.pop_front()?;
        match parcel.message {
            Some(message) => {
                self.offered -= 1;
                self.messages.push_back(message);
            }
            None => self.reserve_one(),
        }
        parcel.waker
    }

    /// Receives, or waits; the key says whether it has waited before.
    pub(crate) fn receive(&mut self, key: &mut Option<WaitKey>, offer: &mut Offer<'_, W>) -> Received<T, W> {
        if let Some((message, sender)) = self.take() {
            let (next, unused) = self.come_by(key);
            return Received::Message(message, [sender, next, unused]);
        }
        if self.is_over() {
            return Received::Closed(self.come_by(key).1);
        }
        let found = match key {
            Some(known) if self.receivers.get_mut(known).is_none() => self.wait_again(known, offer),
            key => self.receivers.wait(key, offer),
        };
        match found {
            Found::Waits(old) => Received::Waits([self.grant(), old]),
            Found::Ready((), _) | Found::Prepare => Received::Prepare,
        }
    }

    /// It was called, and another was quicker.
    fn wait_again(&mut self, key: &WaitKey, offer: &mut Offer<'_, W>) -> Found<(), W> {
        let Some(waker) = offer.take() else { return Found::Prepare };
        self.called = self.called.min(self.receivers.called_after(key) as usize);
        self.receivers.wait_again(key, waker);
        Found::Waits(None)
    }

    /// A receiver comes by where nobody else waits, so that nobody has to be counted on. The waker
    /// is the one that was left in its place.
    #[inline]
    fn come_alone(&mut self, key: &mut Option<WaitKey>) -> Option<W> {
        self.called = 0;
        self.receivers.stop(key)
    }

    /// A receiver comes by, to take a message or to give up, and gives its place back: those who
    /// were called before it are overtaken. The first waker is the next one's, the second was left
    /// in the place.
    fn come_by(&mut self, key: &mut Option<WaitKey>) -> (Option<W>, Option<W>) {
        let later = match key {
            Some(key) if self.receivers.get_mut(key).is_none() => self.receivers.called_after(key) as usize,
            _ => 0,
        };
        let unused = self.receivers.stop(key);
        // Who was overtaken itself says nothing about the others.
        if later == 0 || later < self.called {
            self.called = later;
        } else {
            return (None, unused);
        }
        let next = if self.called < self.available() { self.call() } else { None };
        (next, unused)
    }

    /// The end of a receive that has begun to wait. The first one is to be woken in its stead, the
    /// second one is its own waker.
    pub(crate) fn abandon_receive(&mut self, key: WaitKey) -> (Option<W>, Option<W>) {
        self.come_by(&mut Some(key))
    }

    /// Takes a message that is there. Wake the sender whose wait that ends, and the next receiver.
    /// `Err`: is one still to come?
    #[inline]
    pub(crate) fn try_receive(&mut self) -> Result<(T, [Option<W>; 2]), bool> {
        let (message, sender) = self.take().ok_or(!self.is_over())?;
        Ok((message, [sender, self.come_by(&mut None).0]))
    }

    // -- the end

    /// Waits for the close.
    pub(crate) fn await_close(&mut self, key: &mut Option<WaitKey>, offer: &mut Offer<'_, W>) -> Found<(), W> {
        if self.closed { Found::Ready((), self.watchers.stop(key)) } else { self.watchers.wait(key, offer) }
    }

    /// The end of a wait for the close. What comes back is to be dropped outside.
    pub(crate) fn abandon_watch(&mut self, key: WaitKey) -> Option<W> {
        self.watchers.remove(key)
    }

    /// Nothing more can be sent, but with a permit. `None` when that was so already.
    pub(crate) fn close(&mut self) -> Option<Wakes<W>> {
        if mem::replace(&mut self.closed, true) {
            return None;
        }
        self.limit = 0;
        let mut wakes = Wakes::new();
        self.tell_the_end(&mut wakes);
        self.senders.for_each(|parcel| wakes.extend(parcel.waker.take()));
        wakes.call_all(&mut self.watchers);
        Some(wakes)
    }

    /// Calls all receivers, if nothing will be sent any more.
    fn tell_the_end(&mut self, wakes: &mut Wakes<W>) {
        if self.is_over() {
            self.called += wakes.call_all(&mut self.receivers);
        }
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

    /// The last one closes and leaves nobody who could want the messages.
    pub(crate) fn remove_receiver(&mut self) -> Option<Last<Fifo<T>, W>> {
        self.receiver_count -= 1;
        let leave = |queue: &mut Self| Last { wakes: queue.close(), messages: mem::replace(&mut queue.messages, Fifo::new()) };
        (self.receiver_count == 0).then(|| leave(self))
    }
}

#[cfg(test)]
mod tests;
