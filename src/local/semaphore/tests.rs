//! The state beside a model that keeps everything in plain sight.

use std::collections::{BTreeSet, VecDeque};

use super::*;
use crate::wait_list::tests::{Dice, NumberedWaker, offer};

/// A request that has begun to wait.
struct PermitWaiter {
    name: usize,
    permits: usize,
    key: Option<WaitKey>,
}

/// A semaphore, and what should be in it.
struct SemaphoreBench {
    state: State<NumberedWaker>,
    free: usize,
    /// How many each holder has.
    held: Vec<usize>,
    /// Given, and not fetched yet: who, how many.
    given: Vec<(usize, usize)>,
    /// Who waits, how many each wants.
    line: VecDeque<(usize, usize)>,
    waiters: Vec<PermitWaiter>,
    woken: BTreeSet<usize>,
    closed: bool,
    names: usize,
}

impl SemaphoreBench {
    fn new(permits: usize) -> Self {
        Self {
            state: State::new(permits),
            free: permits,
            held: Vec::new(),
            given: Vec::new(),
            line: VecDeque::new(),
            waiters: Vec::new(),
            woken: BTreeSet::new(),
            closed: false,
            names: 0,
        }
    }

    fn name(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    /// So many come free: who goes on is woken, in the order of the line, and nobody else.
    fn comes_free(&mut self, permits: usize, wakes: Wakes<NumberedWaker>) {
        self.free += permits;
        let mut expected = Vec::new();
        while let Some(&(name, wanted)) = self.line.front().filter(|(_, wanted)| !self.closed && *wanted <= self.free) {
            self.line.pop_front();
            self.free -= wanted;
            self.given.push((name, wanted));
            expected.push(NumberedWaker(name));
        }
        let woken: Vec<_> = wakes.into_iter().collect();
        assert_eq!(woken, expected);
        for NumberedWaker(name) in woken {
            assert!(self.woken.insert(name), "{name} was woken and not polled yet");
        }
    }

    fn try_acquire(&mut self, permits: usize) {
        let can = permits == 0 || (permits <= self.free && self.line.is_empty());
        match self.state.try_take(permits) {
            Ok(()) => {
                assert!(!self.closed && can);
                self.free -= permits;
                self.held.push(permits);
            }
            Err(TryAcquireError::Closed) => assert!(self.closed),
            Err(error) => assert!(!self.closed && !can && error == TryAcquireError::NoPermits),
        }
    }

    /// Polls a request, a new one or one that waits, under a new name now and then.
    fn poll(&mut self, mut waiter: PermitWaiter, rename: bool) {
        let (old, is_new) = (waiter.name, waiter.key.is_none());
        let woken = self.woken.remove(&old);
        if rename {
            waiter.name = self.name();
        }
        let mut offer = offer(waiter.name);
        let can = waiter.permits == 0 || (waiter.permits <= self.free && self.line.is_empty());
        let place = self.line.iter().position(|&(name, _)| name == old);
        let given = self.given.iter().position(|&(name, _)| name == old);
        loop {
            match self.state.ask(waiter.permits, &mut waiter.key, &mut offer) {
                Found::Ready(Ok(()), _) if is_new => {
                    assert!(!self.closed && can);
                    self.free -= waiter.permits;
                    return self.held.push(waiter.permits);
                }
                Found::Ready(Ok(()), _) => {
                    assert!(woken && waiter.key.is_none(), "a request learns by a wake that it was served");
                    let (_, permits) = self.given.swap_remove(given.expect("it was given permits"));
                    assert_eq!(permits, waiter.permits);
                    return self.held.push(permits);
                }
                Found::Ready(Err(error), left) => {
                    assert!(error == AcquireError::Closed && self.closed && given.is_none() && (is_new || woken));
                    assert_eq!(left, None, "the close has taken it");
                    if let Some(place) = place {
                        self.line.remove(place);
                    }
                    return assert!(waiter.key.is_none());
                }
                Found::Waits(dropped) => {
                    assert!(!self.closed && given.is_none() && !(is_new && can));
                    assert_eq!(dropped, (rename && !is_new).then_some(NumberedWaker(old)));
                    match place {
                        Some(place) => self.line[place].0 = waiter.name,
                        None => self.line.push_back((waiter.name, waiter.permits)),
                    }
                    return self.waiters.push(waiter);
                }
                Found::Prepare => offer.prepare(),
            }
        }
    }

    fn acquire(&mut self, permits: usize) {
        let waiter = PermitWaiter { name: self.name(), permits, key: None };
        self.poll(waiter, false);
    }

    fn drop_request(&mut self, index: usize) {
        let mut waiter = self.waiters.swap_remove(index);
        let given = self.given.iter().position(|&(name, _)| name == waiter.name);
        let back = given.map_or(0, |given| self.given.swap_remove(given).1);
        self.line.retain(|&(name, _)| name != waiter.name);
        self.woken.remove(&waiter.name);
        let (wakes, request) = self.state.abandon(waiter.key.take().unwrap(), waiter.permits);
        assert_eq!(request.is_none(), given.is_some());
        self.comes_free(back, wakes);
    }

    fn drop_permit(&mut self, index: usize) {
        let permits = self.held.swap_remove(index);
        let wakes = self.state.give(permits);
        self.comes_free(permits, wakes);
    }

    fn forget(&mut self, index: usize) {
        let permits = self.held.swap_remove(index);
        self.state.forget(permits);
    }

    fn add(&mut self, permits: usize) {
        let wakes = self.state.add(permits).unwrap();
        self.comes_free(permits, wakes);
    }

    fn close(&mut self) {
        match self.state.close() {
            None => assert!(self.closed),
            Some(wakes) => {
                assert!(!self.closed);
                self.closed = true;
                let woken: Vec<_> = wakes.into_iter().map(|name| name.0).collect();
                assert_eq!(woken, Vec::from_iter(self.line.iter().map(|&(name, _)| name)), "all who wait, in their order");
                self.woken.extend(woken);
            }
        }
    }

    /// No permit is lost or made, and nobody waits who could go on.
    fn check(&self) {
        let given: usize = self.given.iter().map(|(_, permits)| permits).sum();
        assert_eq!(self.state.free, self.free);
        assert_eq!(self.state.total, self.free + given + self.held.iter().sum::<usize>());
        assert_eq!((self.state.waiters.len(), self.state.closed), (self.line.len(), self.closed));
        assert!(self.closed || self.line.front().is_none_or(|&(_, wanted)| wanted > self.free));
    }

    fn step(&mut self, random: &mut Dice) {
        let (waiters, held, permits) = (self.waiters.len(), self.held.len(), random.below(4));
        match random.below(30) {
            0..7 => self.acquire(permits),
            7..10 => self.try_acquire(permits),
            10..16 if waiters > 0 => {
                let waiter = self.waiters.swap_remove(random.below(waiters));
                self.poll(waiter, permits == 0);
            }
            16..19 if waiters > 0 => self.drop_request(random.below(waiters)),
            19..26 if held > 0 => self.drop_permit(random.below(held)),
            26 if held > 0 => self.forget(random.below(held)),
            27..29 => self.add(permits),
            29 if random.below(10) == 0 => self.close(),
            _ => {}
        }
        self.check();
    }
}

/// CH4, CH3, JC9.
#[test]
fn the_semaphore_does_what_the_model_does() {
    for permits in [0, 1, 3, 8] {
        for seed in 0..80 {
            let (mut bench, mut random) = (SemaphoreBench::new(permits), Dice(seed));
            for _ in 0..300 {
                bench.step(&mut random);
            }
            // Those that are left end.
            bench.close();
            while let Some(waiter) = bench.waiters.pop() {
                bench.poll(waiter, false);
                bench.check();
            }
            while !bench.held.is_empty() {
                bench.drop_permit(0);
                bench.check();
            }
            assert!(bench.line.is_empty() && bench.given.is_empty() && bench.state.total == bench.free);
        }
    }
}

#[test]
fn there_are_never_more_permits_than_can_be_counted() {
    let mut state = State::<NumberedWaker>::new(Semaphore::MAX_PERMITS - 1);
    assert!(state.add(1).is_ok_and(|wakes| wakes.into_iter().next().is_none()));
    assert_eq!((state.add(1).err(), state.add(usize::MAX).err()), (Some(Semaphore::MAX_PERMITS), Some(Semaphore::MAX_PERMITS)));
    assert_eq!((state.free, state.total), (Semaphore::MAX_PERMITS, Semaphore::MAX_PERMITS));
}
