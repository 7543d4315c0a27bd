//! Room that is reserved: a sender holds a permit, and sends later without waiting.
//!
//! A reservation waits in the line of the senders, as an entry without a message, and is served in
//! its turn. From then on its room counts as taken: the queue's limit is lower by one until the
//! permit is used or dropped, also when nobody fetches it. A dropped one gives the room to the next
//! in the line.
//!
//! *A close lets permits finish.* What is sent with one is received, so receivers wait, closed or
//! not, until no permit is left.
//!
//! *A rendezvous* has no room; there a permit stands for a receiver that waits, as for `try_send`.
//! It is granted while more receivers wait uncalled than permits are held. Should that receiver go
//! away, the message is the next one's, and lies in the queue until then.

use super::{KeptWaker, MessageQueue, Offer, Parcel, Reserved, WaitKey, Wakes};

impl<T, W: KeptWaker> MessageQueue<T, W> {
    /// A rendezvous: does a receiver wait to which nothing is on its way? A message in the line
    /// has called its own.
    #[inline]
    pub(super) fn is_awaited(&self) -> bool {
        self.capacity == Some(0) && self.receivers.has_more_than(self.reserved)
    }

    /// Takes the room of one message.
    pub(super) fn reserve_one(&mut self) {
        self.reserved += 1;
        self.set_limit();
    }

    fn set_limit(&mut self) {
        if !self.closed {
            self.limit = self.capacity.unwrap_or(usize::MAX).saturating_sub(self.reserved);
        }
    }

    /// Reserves, if that can be done at once.
    pub(crate) fn try_reserve(&mut self) -> Reserved<W> {
        if self.closed {
            return Reserved::Closed;
        }
        if self.messages.len() < self.limit || self.is_awaited() {
            self.reserve_one();
            return Reserved::Granted;
        }
        Reserved::Full
    }

    /// Reserves, or begins to wait.
    pub(crate) fn reserve(&mut self, offer: &mut Offer<'_, W>) -> Reserved<W> {
        match self.try_reserve() {
            Reserved::Full => {}
            outcome => return outcome,
        }
        let Some(waker) = offer.take() else { return Reserved::Prepare };
        let key = self.senders.push_back(Parcel { message: None, waker: Some(waker) });
        // Who waits for room tells those who wait for messages, as a send does.
        let receiver = if self.available() > 0 { self.call() } else { None };
        Reserved::Waits(key, receiver)
    }

    /// In a rendezvous a receiver has begun to wait, or a permit has gone: serves the first
    /// reservation.
    #[inline]
    pub(super) fn grant(&mut self) -> Option<W> {
        if self.closed || !self.is_awaited() {
            return None;
        }
        let parcel = self.senders.pop_first(|parcel| parcel.message.is_none())?;
        self.reserve_one();
        parcel.waker
    }

    /// The end of a reservation that has begun to wait and was not fetched. What comes back is to
    /// be dropped outside, and to be woken.
    pub(crate) fn abandon_reservation(&mut self, key: WaitKey) -> (Option<Parcel<T, W>>, Wakes<W>) {
        match self.withdraw(key) {
            None => (None, self.release()),
            parcel => (parcel, Wakes::new()),
        }
    }

    /// A permit ends without a message.
    pub(crate) fn release(&mut self) -> Wakes<W> {
        self.reserved -= 1;
        self.set_limit();
        let mut wakes = Wakes::new();
        wakes.extend(self.refill());
        wakes.extend(self.grant());
        self.tell_the_end(&mut wakes);
        wakes
    }

    /// A permit is used. The message comes back, to be dropped outside, if nobody is left who could
    /// receive it.
    pub(crate) fn send_reserved(&mut self, message: T) -> (Option<T>, Wakes<W>) {
        self.reserved -= 1;
        let mut wakes = Wakes::new();
        let unwanted = if self.receiver_count == 0 {
            Some(message)
        } else {
            self.messages.push_back(message);
            wakes.extend(self.call());
            None
        };
        self.set_limit();
        self.tell_the_end(&mut wakes);
        (unwanted, wakes)
    }
}
