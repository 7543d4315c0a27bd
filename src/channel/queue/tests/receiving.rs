//! The receivers of the model: those who receive, wait and give up.

use super::*;

impl QueueBench {
    /// Polls a receiver: a new one, or one that waits.
    pub(super) fn receive(&mut self, index: Option<usize>, rename: bool) {
        let mut waiter = match index {
            Some(index) => self.receivers.swap_remove(index),
            None => QueueWaiter { name: self.name(), key: None },
        };
        let (old, was_called) = (waiter.name, self.woken.remove(&waiter.name));
        if rename {
            waiter.name = self.name();
        }
        let mut offer = offer(waiter.name);
        let there = self.available() > 0;
        match self.queue.receive_now(&mut waiter.key, &mut offer) {
            Quick::Message(message, _) => {
                self.comes_by(old, was_called);
                return self.taken(message, None, None);
            }
            Quick::Beside(message, [sender, next, _]) => {
                self.comes_by(old, was_called);
                return self.taken(message, sender, next);
            }
            Quick::Waits => {
                assert!(!there);
                self.receivers.push(waiter);
                return self.now_waits(None);
            }
            Quick::Ask => {}
        }
        loop {
            match self.queue.receive(&mut waiter.key, &mut offer) {
                Received::Message(message, [sender, next, _]) => {
                    self.comes_by(old, was_called);
                    return self.taken(message, sender, next);
                }
                Received::Closed(_) => {
                    self.comes_by(old, was_called);
                    return assert!(self.closed && self.messages.is_empty() && self.reserved() == 0);
                }
                Received::Waits([granted, _]) => {
                    assert!(!there && (!self.closed || self.reserved() > 0));
                    if was_called {
                        self.comes_by(old, was_called);
                    }
                    self.receivers.push(waiter);
                    return self.now_waits(granted);
                }
                Received::Prepare => offer.prepare(),
            }
        }
    }

    pub(super) fn drop_receiver(&mut self, index: usize) {
        let mut waiter = self.receivers.swap_remove(index);
        let was_called = self.woken.remove(&waiter.name);
        let (next, _) = self.queue.abandon_receive(waiter.key.take().unwrap());
        self.comes_by(waiter.name, was_called);
        assert!(next.is_none() || self.available() > 0, "who is called finds something");
        self.wake(next);
    }

    pub(super) fn try_receive(&mut self) {
        match self.queue.try_receive() {
            Ok((message, [sender, next])) => {
                self.comes_by(0, false);
                self.taken(message, sender, next);
            }
            Err(open) => {
                assert_eq!(self.available(), 0);
                assert_eq!(open, !self.closed || self.reserved() > 0);
            }
        }
    }
}
