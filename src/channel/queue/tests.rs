//! The state beside a model that keeps everything in plain sight.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use super::*;
use crate::wait_list::tests::{Dice, NumberedWaker, offer};

mod receiving;

mod sending;

/// What the model knows of one that waits.
#[derive(Debug)]
struct QueueWaiter {
    name: usize,
    key: Option<WaitKey>,
}

/// One in the line: who, and its message. None of a reservation.
type InLine = (usize, Option<usize>);

/// A queue, and what should be in it.
struct QueueBench {
    queue: MessageQueue<usize, NumberedWaker>,
    capacity: usize,
    /// In the queue, first to last.
    messages: VecDeque<usize>,
    /// Who waits for room.
    line: VecDeque<InLine>,
    /// Held, and given to who has not fetched them.
    permits: usize,
    granted: BTreeSet<usize>,
    closed: bool,
    senders: Vec<QueueWaiter>,
    reservers: Vec<QueueWaiter>,
    receivers: Vec<QueueWaiter>,
    watchers: Vec<QueueWaiter>,
    /// Who was woken and was not polled since.
    woken: BTreeSet<usize>,
    /// Receivers in the order of their calls, without those that a later one, or one that was not
    /// called, has overtaken.
    counted_on: Vec<usize>,
    names: usize,
}

impl QueueBench {
    fn new(capacity: Option<usize>) -> Self {
        Self {
            queue: MessageQueue::new(capacity),
            capacity: capacity.unwrap_or(usize::MAX),
            messages: VecDeque::new(),
            line: VecDeque::new(),
            permits: 0,
            granted: BTreeSet::new(),
            closed: false,
            senders: Vec::new(),
            reservers: Vec::new(),
            receivers: Vec::new(),
            watchers: Vec::new(),
            woken: BTreeSet::new(),
            counted_on: Vec::new(),
            names: 1,
        }
    }

    fn name(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    fn wake(&mut self, waker: Option<NumberedWaker>) {
        if let Some(NumberedWaker(name)) = waker {
            assert!(self.woken.insert(name), "{name} was woken and not polled yet");
            if self.receivers.iter().any(|waiter| waiter.name == name) {
                self.counted_on.push(name);
            }
        }
    }

    fn reserved(&self) -> usize {
        self.permits + self.granted.len()
    }

    fn has_room(&self) -> bool {
        !self.closed && self.messages.len().saturating_add(self.reserved()) < self.capacity
    }

    /// Receivers that wait and were not called.
    fn uncalled(&self) -> usize {
        self.receivers.iter().filter(|waiter| !self.woken.contains(&waiter.name)).count()
    }

    fn can_reserve(&self) -> bool {
        self.has_room() || (!self.closed && self.capacity == 0 && self.uncalled() > self.reserved())
    }

    fn available(&self) -> usize {
        let offered = self.line.iter().filter(|entry| entry.1.is_some()).count();
        self.messages.len() + if self.closed { 0 } else { offered }
    }

    /// A receiver comes by.
    fn comes_by(&mut self, name: usize, was_called: bool) {
        match self.counted_on.iter().position(|&called| called == name) {
            Some(place) => drop(self.counted_on.drain(..=place)),
            None if was_called => {}
            None => self.counted_on.clear(),
        }
    }

    /// Room for one more goes to the first in the line; whose waker is to be woken?
    fn room(&mut self) -> Option<usize> {
        if !self.has_room() {
            return None;
        }
        let (name, message) = self.line.pop_front()?;
        match message {
            Some(message) => self.messages.push_back(message),
            None => drop(self.granted.insert(name)),
        }
        Some(name)
    }

    /// A message has come out: the right one, and whose room is it?
    fn taken(&mut self, message: usize, sender: Option<NumberedWaker>, next: Option<NumberedWaker>) {
        let served = match self.messages.pop_front() {
            Some(first) => {
                assert_eq!(first, message);
                self.room()
            }
            None => {
                let place = self.line.iter().position(|entry| entry.1.is_some()).expect("a message is offered");
                let (name, offered) = self.line.remove(place).unwrap();
                assert_eq!(offered, Some(message));
                Some(name)
            }
        };
        assert_eq!(sender.as_ref().map(|sender| sender.0), served);
        self.wake(sender);
        assert!(next.is_none() || self.available() > 0, "who is called finds something");
        self.wake(next);
    }

    /// A receiver waits: a rendezvous may now be reserved.
    fn now_waits(&mut self, granted: Option<NumberedWaker>) {
        let first = self.line.iter().position(|entry| entry.1.is_none());
        let expected = first.filter(|_| self.capacity == 0 && !self.closed && self.uncalled() > self.reserved());
        let expected = expected.map(|place| self.line.remove(place).unwrap().0);
        self.granted.extend(expected);
        assert_eq!(granted.as_ref().map(|granted| granted.0), expected);
        self.wake(granted);
    }

    fn watch(&mut self, index: Option<usize>) {
        let mut waiter = match index {
            Some(index) => self.watchers.swap_remove(index),
            None => QueueWaiter { name: self.name(), key: None },
        };
        self.woken.remove(&waiter.name);
        let mut offer = offer(waiter.name);
        loop {
            match self.queue.await_close(&mut waiter.key, &mut offer) {
                Found::Ready((), _) => return assert!(self.closed && waiter.key.is_none()),
                Found::Waits(_) => {
                    assert!(!self.closed);
                    return self.watchers.push(waiter);
                }
                Found::Prepare => offer.prepare(),
            }
        }
    }

    fn close(&mut self) {
        match self.queue.close() {
            None => assert!(self.closed),
            Some(wakes) => {
                self.closed = true;
                let receivers = if self.reserved() == 0 { &self.receivers[..] } else { &[] };
                let waiting = self.senders.iter().chain(&self.reservers).chain(receivers).chain(&self.watchers);
                let to_wake: BTreeSet<_> = waiting.map(|waiter| waiter.name).filter(|name| !self.woken.contains(name)).collect();
                let woken = wakes.into_iter().map(|name| name.0).collect::<Vec<_>>();
                assert_eq!(BTreeSet::from_iter(woken.iter().copied()), to_wake, "everyone is woken who was not");
                assert_eq!(woken.len(), to_wake.len(), "and once");
                woken.into_iter().for_each(|name| self.wake(Some(NumberedWaker(name))));
            }
        }
    }

    /// Nobody sleeps who could go on.
    fn check(&self) {
        assert_eq!(self.queue.len(), self.messages.len());
        assert_eq!(self.queue.is_closed(), self.closed);
        assert_eq!((self.queue.senders.len(), self.queue.available()), (self.line.len(), self.available()));
        assert_eq!((self.queue.reserved, self.queue.receivers.len()), (self.reserved(), self.uncalled()));
        assert!(self.queue.called <= self.counted_on.len(), "one that was overtaken is not counted on");
        if self.uncalled() > 0 {
            assert!(!self.closed || self.reserved() > 0);
            assert!(self.available() == 0 || self.queue.called > 0, "somebody is on the way to the messages");
        }
        assert!(self.line.is_empty() || self.closed || !self.has_room());
        assert!(self.line.iter().all(|entry| entry.1.is_some()) || self.closed || !self.can_reserve());
    }

    fn step(&mut self, random: &mut Dice) {
        let (senders, receivers, reservers) = (self.senders.len(), self.receivers.len(), self.reservers.len());
        let rename = random.below(4) == 0;
        match random.below(53) {
            0..8 => self.send(),
            8..11 => self.try_send(),
            11..17 if senders > 0 => {
                let waiter = self.senders.swap_remove(random.below(senders));
                let waits = self.poll_turn(waiter, rename);
                self.senders.extend(waits);
            }
            17..19 if senders > 0 => self.drop_sender(random.below(senders)),
            19..27 => self.receive(None, false),
            27..33 if receivers > 0 => self.receive(Some(random.below(receivers)), rename),
            33..36 if receivers > 0 => self.drop_receiver(random.below(receivers)),
            36..39 => self.try_receive(),
            39 if random.below(20) == 0 => self.close(),
            40..43 => self.reserve(),
            43..46 if reservers > 0 => {
                let waiter = self.reservers.swap_remove(random.below(reservers));
                let waits = self.poll_turn(waiter, rename);
                self.reservers.extend(waits);
            }
            46 if reservers > 0 => self.drop_reserver(random.below(reservers)),
            47..50 if self.permits > 0 => self.use_permit(),
            50..52 if self.permits > 0 => self.end_permit(MessageQueue::release),
            52 => self.watch(None),
            _ => {}
        }
        self.check();
    }

    /// Those that are left end.
    fn end(&mut self) {
        self.close();
        while self.permits > 0 {
            if self.permits % 2 == 0 {
                self.use_permit()
            } else {
                self.end_permit(MessageQueue::release)
            }
            self.check();
        }
        while !self.reservers.is_empty() {
            self.drop_reserver(0);
            self.check();
        }
        while !self.receivers.is_empty() {
            self.receive(Some(0), false);
            self.check();
        }
        while let Some(waiter) = self.senders.pop() {
            assert!(self.poll_turn(waiter, false).is_none());
            self.check();
        }
        while !self.watchers.is_empty() {
            self.watch(Some(0));
        }
        assert!(self.line.is_empty() && self.reserved() == 0);
    }
}

/// CH4, CH10, CH3, JC9.
#[test]
fn the_queue_does_what_the_model_does() {
    for capacity in [Some(0), Some(1), Some(2), Some(5), Some(usize::MAX), None] {
        for seed in 0..if cfg!(miri) { 1 } else { 60 } {
            let (mut bench, mut random) = (QueueBench::new(capacity), Dice(seed));
            for _ in 0..if cfg!(miri) { 15 } else { 400 } {
                bench.step(&mut random);
            }
            bench.end();
        }
    }
}

/// Receivers that come in the order of their calls are called as often as there are messages, and
/// not once more.
#[test]
fn who_comes_in_order_calls_nobody_in_vain() {
    let mut bench = QueueBench::new(None);
    (0..10).for_each(|_| bench.receive(None, false));
    let names: Vec<_> = bench.receivers.iter().map(|waiter| waiter.name).collect();
    (0..6).for_each(|_| bench.send());
    for name in &names[..6] {
        assert_eq!(bench.uncalled(), 4);
        let place = bench.receivers.iter().position(|waiter| waiter.name == *name).unwrap();
        bench.receive(Some(place), false);
        bench.check();
    }
    assert_eq!((bench.available(), bench.uncalled()), (0, 4));
}

/// The first one is called and never comes. Of the others each hears of a message at the next thing
/// that happens.
#[test]
fn who_never_comes_gives_way() {
    let queue = |waiting: usize, messages: usize| {
        let mut bench = QueueBench::new(None);
        (0..waiting).for_each(|_| bench.receive(None, false));
        (0..messages).for_each(|_| bench.send());
        assert_eq!(bench.woken.len(), messages);
        bench
    };
    let last_is_woken = |bench: &QueueBench| {
        let last = bench.receivers.iter().map(|waiter| waiter.name).max().unwrap();
        bench.woken.contains(&last)
    };
    // The second one takes a message.
    let mut bench = queue(3, 2);
    bench.receive(Some(1), false);
    assert!(last_is_woken(&bench));
    // The second one gives up, when one message is left.
    let mut bench = queue(3, 2);
    bench.drop_receiver(1);
    assert!(last_is_woken(&bench));
    // One that did not wait takes a message.
    let mut bench = queue(3, 2);
    bench.try_receive();
    assert!(last_is_woken(&bench));
    // One that was not called gives up.
    let mut bench = queue(3, 1);
    bench.drop_receiver(1);
    assert!(last_is_woken(&bench));
    // A message more.
    let mut bench = queue(2, 1);
    bench.send();
    assert!(last_is_woken(&bench));
    // Somebody wants the room of a message.
    let mut bench = QueueBench::new(Some(1));
    (0..2).for_each(|_| bench.receive(None, false));
    bench.send();
    bench.reserve();
    assert!(last_is_woken(&bench));
}

/// CH5.
#[test]
fn messages_are_dropped_once_whatever_their_number() {
    for count in [0, 1, 31, 32, 33] {
        let alive = Rc::new(());
        let mut queue = MessageQueue::<Rc<()>, NumberedWaker>::new(None);
        for _ in 0..count {
            assert!(queue.try_send(alive.clone()).is_ok());
        }
        assert_eq!(Rc::strong_count(&alive), 1 + count);
        drop(queue.remove_receiver().map(|last| last.messages));
        assert_eq!(Rc::strong_count(&alive), 1);
        drop(queue);
        assert_eq!(Rc::strong_count(&alive), 1);
    }
}
