//! The senders of the model: those who send, reserve, wait in the line and give up.

use super::*;

impl QueueBench {
    pub(super) fn send(&mut self) {
        let (name, message) = (self.name(), self.names);
        if let Ok(receiver) = self.queue.send_now(message) {
            assert!(self.has_room());
            self.messages.push_back(message);
            return self.wake(receiver);
        }
        let (mut offer, mut again) = (offer(name), message);
        loop {
            match self.queue.send(again, &mut offer) {
                SendOutcome::Sent(_) => panic!("there was no room"),
                SendOutcome::Waits(key, receiver) => {
                    assert!(!self.closed && !self.has_room());
                    self.line.push_back((name, Some(message)));
                    self.senders.push(QueueWaiter { name, key: Some(key) });
                    return self.wake(receiver);
                }
                SendOutcome::Closed(back) => return assert!(self.closed && back == message),
                SendOutcome::Prepare(back) => {
                    offer.prepare();
                    again = back;
                }
            }
        }
    }

    pub(super) fn try_send(&mut self) {
        let message = self.name();
        let awaited = self.capacity == 0 && self.line.is_empty() && self.uncalled() > self.reserved();
        match self.queue.try_send(message) {
            Ok(receiver) => {
                assert!(!self.closed && (self.has_room() || awaited));
                self.messages.push_back(message);
                self.wake(receiver);
            }
            Err(NotSent::Closed(back)) => assert!(self.closed && back == message),
            Err(NotSent::Full(back)) => assert!(!self.closed && !self.has_room() && !awaited && back == message),
        }
    }

    pub(super) fn reserve(&mut self) {
        let name = self.name();
        let mut offer = offer(name);
        loop {
            match self.queue.reserve(&mut offer) {
                Reserved::Granted => {
                    assert!(self.can_reserve());
                    return self.permits += 1;
                }
                Reserved::Closed => return assert!(self.closed),
                Reserved::Waits(key, receiver) => {
                    assert!(!self.closed && !self.can_reserve());
                    assert!(receiver.is_none() || self.available() > 0);
                    self.line.push_back((name, None));
                    self.reservers.push(QueueWaiter { name, key: Some(key) });
                    return self.wake(receiver);
                }
                Reserved::Prepare => offer.prepare(),
                Reserved::Full => panic!("it would wait"),
            }
        }
    }

    pub(super) fn use_permit(&mut self) {
        self.permits -= 1;
        let message = self.name();
        let (unwanted, wakes) = self.queue.send_reserved(message);
        assert_eq!(unwanted, None);
        self.messages.push_back(message);
        let woken = wakes.into_iter().collect::<Vec<_>>();
        let expected = if self.closed && self.reserved() == 0 { self.uncalled() } else { self.uncalled().min(1) };
        assert_eq!(woken.len(), expected, "one for the message, and everyone if it was the last permit after a close");
        woken.into_iter().for_each(|waker| self.wake(Some(waker)));
    }

    /// A permit that is held ends without a message.
    pub(super) fn end_permit(&mut self, end: impl FnOnce(&mut MessageQueue<usize, NumberedWaker>) -> Wakes<NumberedWaker>) {
        self.permits -= 1;
        let mut woken = end(&mut self.queue).into_iter().collect::<VecDeque<_>>();
        if let Some(served) = self.room() {
            assert_eq!(woken.pop_front(), Some(NumberedWaker(served)));
            self.wake(Some(NumberedWaker(served)));
        } else if self.capacity == 0 && !self.closed {
            let granted = woken.pop_front();
            self.now_waits(granted);
        }
        let expected = if self.closed && self.reserved() == 0 { self.uncalled() } else { 0 };
        assert_eq!(woken.len(), expected, "receivers hear of the end when the last permit has gone");
        woken.into_iter().for_each(|waker| self.wake(Some(waker)));
    }

    /// Polls one that waits in the line, under a new name now and then.
    pub(super) fn poll_turn(&mut self, mut waiter: QueueWaiter, rename: bool) -> Option<QueueWaiter> {
        let place = self.line.iter().position(|&(name, _)| name == waiter.name);
        let woken = self.woken.remove(&waiter.name);
        let old = waiter.name;
        let granted = self.granted.remove(&old);
        if rename {
            waiter.name = self.name();
        }
        let mut offer = offer(waiter.name);
        loop {
            match self.queue.await_turn(&mut waiter.key, &mut offer) {
                Found::Ready(Turn::Served, _) => {
                    assert!(place.is_none() && woken, "one in the line learns by a wake that it was served");
                    self.permits += usize::from(granted);
                    return None;
                }
                Found::Ready(Turn::Closed(message), _) => {
                    assert!(self.closed && woken, "one in the line learns of the close by a wake");
                    let (_, left) = self.line.remove(place.expect("it is still there")).unwrap();
                    assert_eq!(message, left);
                    return None;
                }
                Found::Waits(dropped) => {
                    assert_eq!(dropped, rename.then_some(NumberedWaker(old)));
                    self.line[place.expect("it waits")].0 = waiter.name;
                    return Some(waiter);
                }
                Found::Prepare => offer.prepare(),
            }
        }
    }

    pub(super) fn drop_sender(&mut self, index: usize) {
        let mut waiter = self.senders.swap_remove(index);
        let place = self.line.iter().position(|&(name, _)| name == waiter.name);
        let parcel = self.queue.abandon_send(waiter.key.take().unwrap());
        let message = place.and_then(|place| self.line.remove(place).unwrap().1);
        assert_eq!(parcel.and_then(|parcel| parcel.message), message);
        self.woken.remove(&waiter.name);
    }

    pub(super) fn drop_reserver(&mut self, index: usize) {
        let mut waiter = self.reservers.swap_remove(index);
        self.woken.remove(&waiter.name);
        if self.granted.contains(&waiter.name) {
            // It holds a permit that nobody has fetched.
            self.granted.remove(&waiter.name);
            self.permits += 1;
            let key = waiter.key.take().unwrap();
            return self.end_permit(|queue| {
                let (parcel, wakes) = queue.abandon_reservation(key);
                assert!(parcel.is_none());
                wakes
            });
        }
        let (parcel, wakes) = self.queue.abandon_reservation(waiter.key.take().unwrap());
        assert!(parcel.is_some() && wakes.into_iter().next().is_none());
        self.line.retain(|&(name, _)| name != waiter.name);
    }
}
