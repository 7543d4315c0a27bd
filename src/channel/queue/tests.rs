//! The machine beside a model that keeps everything in plain sight.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::task::Waker;

use super::*;

/// Numbers that look random and are the same each time (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

std::thread_local! {
    /// Whose waker the next poll offers.
    static POLLED: Cell<usize> = const { Cell::new(0) };
}

/// A waker that is a number.
#[derive(Debug, PartialEq, Eq)]
struct Name(usize);

impl Kept for Name {
    fn keep_quietly(_: &Waker) -> Option<Self> {
        // Every third one is a stranger's.
        let name = POLLED.get();
        (name % 3 != 0).then_some(Name(name))
    }

    fn keep(_: &Waker) -> Self {
        Name(POLLED.get())
    }

    fn will_wake(&self, _: &Waker) -> bool {
        self.0 == POLLED.get()
    }

    fn wake(self) {}
}

fn offer(name: usize) -> Offer<'static, Name> {
    POLLED.set(name);
    Offer::new(Waker::noop())
}

/// What the model knows of one that waits.
#[derive(Debug)]
struct Waiter {
    name: usize,
    key: Option<Key>,
}

/// A queue, and what should be in it.
struct Bench {
    queue: Queue<usize, Name>,
    capacity: usize,
    /// In the queue, first to last; behind them those of waiting senders.
    messages: VecDeque<usize>,
    offered: VecDeque<(usize, usize)>,
    closed: bool,
    senders: Vec<Waiter>,
    receivers: Vec<Waiter>,
    /// Who was woken and was not polled since.
    woken: BTreeSet<usize>,
    names: usize,
}

impl Bench {
    fn new(capacity: Option<usize>) -> Self {
        Self {
            queue: Queue::new(capacity),
            capacity: capacity.unwrap_or(usize::MAX),
            messages: VecDeque::new(),
            offered: VecDeque::new(),
            closed: false,
            senders: Vec::new(),
            receivers: Vec::new(),
            woken: BTreeSet::new(),
            names: 1,
        }
    }

    fn name(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    fn wake(&mut self, waker: Option<Name>) {
        if let Some(Name(name)) = waker {
            assert!(self.woken.insert(name), "{name} was woken and not polled yet");
        }
    }

    /// A message has come out: the right one?
    fn taken(&mut self, message: usize, sender: Option<Name>) {
        let from_queue = self.messages.pop_front();
        let expected = from_queue.or_else(|| self.offered.front().map(|&(_, message)| message));
        assert_eq!(Some(message), expected);
        let room = from_queue.is_none() || (self.messages.len() < self.capacity && self.capacity > 0);
        let moved = if room && !self.closed { self.offered.pop_front() } else { None };
        if let (Some(_), Some((_, message))) = (from_queue, moved) {
            self.messages.push_back(message);
        }
        assert_eq!(sender.as_ref().map(|sender| sender.0), moved.map(|(name, _)| name));
        self.wake(sender);
    }

    fn send(&mut self) {
        let (name, message) = (self.name(), self.names);
        if let Ok(receiver) = self.queue.send_now(message) {
            assert!(!self.closed && self.messages.len() < self.capacity);
            self.messages.push_back(message);
            return self.wake(receiver);
        }
        let (mut offer, mut again) = (offer(name), message);
        loop {
            match self.queue.send(again, &mut offer) {
                Begun::Sent(_) => panic!("there was no room"),
                Begun::Waits(key, receiver) => {
                    assert!(!self.closed && self.messages.len() >= self.capacity);
                    self.offered.push_back((name, message));
                    self.senders.push(Waiter { name, key: Some(key) });
                    return self.wake(receiver);
                }
                Begun::Closed(back) => return assert!(self.closed && back == message),
                Begun::Prepare(back) => {
                    offer.prepare();
                    again = back;
                }
            }
        }
    }

    fn try_send(&mut self) {
        let message = self.name();
        let awaited = self.capacity == 0 && self.offered.is_empty() && !self.queue.receivers.is_empty();
        match self.queue.try_send(message) {
            Ok(receiver) => {
                assert!(!self.closed && (self.messages.len() < self.capacity || awaited));
                self.messages.push_back(message);
                self.wake(receiver);
            }
            Err(Refused::Closed(back)) => assert!(self.closed && back == message),
            Err(Refused::Full(back)) => assert!(!self.closed && !awaited && back == message),
        }
    }

    /// Polls a waiting sender, under a new name now and then.
    fn poll_sender(&mut self, index: usize, rename: bool) {
        let mut waiter = self.senders.swap_remove(index);
        let waits = self.offered.iter().position(|&(name, _)| name == waiter.name);
        let woken = self.woken.remove(&waiter.name);
        let old = waiter.name;
        if rename {
            waiter.name = self.name();
        }
        let mut offer = offer(waiter.name);
        loop {
            match self.queue.await_send(&mut waiter.key, &mut offer) {
                Awaited::Sent => return assert!(waits.is_none() && woken, "a sender learns that it has sent by a wake"),
                Awaited::Closed(parcel) => {
                    assert!(self.closed && woken, "a sender learns of the close by a wake");
                    let (_, message) = self.offered.remove(waits.expect("its message is still there")).unwrap();
                    return assert_eq!(parcel.into_message(), message);
                }
                Awaited::Waits(dropped) => {
                    assert_eq!(dropped, rename.then_some(Name(old)));
                    self.offered[waits.expect("it waits")].0 = waiter.name;
                    return self.senders.push(waiter);
                }
                Awaited::Prepare => offer.prepare(),
            }
        }
    }

    fn drop_sender(&mut self, index: usize) {
        let mut waiter = self.senders.swap_remove(index);
        let waits = self.offered.iter().position(|&(name, _)| name == waiter.name);
        let parcel = self.queue.abandon_send(waiter.key.take().unwrap());
        let message = waits.map(|waits| self.offered.remove(waits).unwrap().1);
        assert_eq!(parcel.map(Parcel::into_message), message);
        self.woken.remove(&waiter.name);
    }

    /// Polls a receiver: a new one, or one that waits.
    fn receive(&mut self, index: Option<usize>, rename: bool) {
        let mut waiter = match index {
            Some(index) => self.receivers.swap_remove(index),
            None => Waiter { name: self.name(), key: None },
        };
        self.woken.remove(&waiter.name);
        if rename {
            waiter.name = self.name();
        }
        let mut offer = offer(waiter.name);
        let there = !self.messages.is_empty() || (!self.offered.is_empty() && !self.closed);
        match self.queue.receive_now(&mut waiter.key, &mut offer) {
            Quick::Message(message, _) => return self.taken(message, None),
            Quick::Waits => return self.receivers.push(waiter),
            Quick::Ask => {}
        }
        loop {
            match self.queue.receive(&mut waiter.key, &mut offer) {
                Received::Message(message, sender, _) => return self.taken(message, sender),
                Received::Closed(_) => return assert!(self.closed && self.messages.is_empty()),
                Received::Waits(_) => {
                    assert!(!self.closed && !there);
                    return self.receivers.push(waiter);
                }
                Received::Prepare => offer.prepare(),
            }
        }
    }

    fn drop_receiver(&mut self, index: usize) {
        let mut waiter = self.receivers.swap_remove(index);
        let (next, _) = self.queue.abandon_receive(waiter.key.take().unwrap());
        self.woken.remove(&waiter.name);
        self.wake(next);
    }

    fn try_receive(&mut self) {
        match self.queue.try_receive() {
            Ok((message, sender)) => self.taken(message, sender),
            Err(open) => {
                assert!(self.messages.is_empty() && (self.offered.is_empty() || self.closed));
                assert_eq!(open, !self.closed);
            }
        }
    }

    fn close(&mut self) {
        match self.queue.close() {
            None => assert!(self.closed),
            Some(wakes) => {
                self.closed = true;
                let waiting = self.senders.iter().chain(&self.receivers);
                let to_wake: BTreeSet<_> = waiting.map(|waiter| waiter.name).filter(|name| !self.woken.contains(name)).collect();
                let woken = wakes.into_iter().map(|name| name.0).collect::<Vec<_>>();
                assert_eq!(BTreeSet::from_iter(woken.iter().copied()), to_wake, "everyone is woken who was not");
                assert_eq!(woken.len(), to_wake.len(), "and once");
                self.woken.extend(woken);
            }
        }
    }

    /// Nobody sleeps who could go on.
    fn check(&self) {
        assert_eq!(self.queue.len(), self.messages.len());
        assert_eq!(self.queue.is_closed(), self.closed);
        assert_eq!(self.queue.senders.len(), self.offered.len());
        let called = self.receivers.iter().filter(|waiter| self.woken.contains(&waiter.name)).count();
        assert_eq!(self.queue.called, called, "a receiver is called if and only if it was woken");
        let messages = self.messages.len() + if self.closed { 0 } else { self.offered.len() };
        if !self.queue.receivers.is_empty() {
            assert!(!self.closed && called >= messages, "{called} were called for {messages}");
        }
        assert!(self.offered.is_empty() || self.closed || self.messages.len() >= self.capacity);
    }

    fn step(&mut self, random: &mut Random) {
        let (senders, receivers) = (self.senders.len(), self.receivers.len());
        let rename = random.below(4) == 0;
        match random.below(40) {
            0..8 => self.send(),
            8..11 => self.try_send(),
            11..17 if senders > 0 => self.poll_sender(random.below(senders), rename),
            17..19 if senders > 0 => self.drop_sender(random.below(senders)),
            19..27 => self.receive(None, false),
            27..33 if receivers > 0 => self.receive(Some(random.below(receivers)), rename),
            33..36 if receivers > 0 => self.drop_receiver(random.below(receivers)),
            36..39 => self.try_receive(),
            39 if random.below(20) == 0 => self.close(),
            _ => {}
        }
        self.check();
    }
}

/// CH4, CH10, CH3, JC9.
#[test]
fn the_queue_does_what_the_model_does() {
    for capacity in [Some(0), Some(1), Some(2), Some(5), Some(usize::MAX), None] {
        for seed in 0..60 {
            let (mut bench, mut random) = (Bench::new(capacity), Random(seed));
            for _ in 0..400 {
                bench.step(&mut random);
            }
            // Whoever is left ends.
            bench.close();
            while !bench.receivers.is_empty() {
                bench.receive(Some(0), false);
                bench.check();
            }
            while !bench.senders.is_empty() {
                bench.poll_sender(0, false);
                bench.check();
            }
            assert!(bench.offered.is_empty() && bench.queue.called == 0);
        }
    }
}

/// CH5.
#[test]
fn messages_are_dropped_once_whatever_their_number() {
    for count in [0, 1, 31, 32, 33] {
        let alive = Rc::new(());
        let mut queue = Queue::<Rc<()>, Name>::new(None);
        for _ in 0..count {
            assert!(queue.try_send(alive.clone()).is_ok());
        }
        assert_eq!(Rc::strong_count(&alive), 1 + count);
        drop(queue.remove_receiver());
        assert_eq!(Rc::strong_count(&alive), 1);
        drop(queue);
        assert_eq!(Rc::strong_count(&alive), 1);
    }
}

#[test]
fn the_largest_capacity_takes_memory_only_for_what_is_there() {
    let mut queue = Queue::<u64, Name>::new(Some(usize::MAX));
    assert_eq!(queue.messages.capacity(), 0);
    assert!(queue.try_send(1).is_ok());
    assert!(queue.messages.capacity() < 100);
    assert_eq!(queue.capacity(), Some(usize::MAX));
}
