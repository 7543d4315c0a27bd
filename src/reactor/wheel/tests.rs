//! The wheel against a `BTreeMap`, with a clock that the test turns.

use std::collections::BTreeMap;
use std::task::Waker;

use super::*;

/// xorshift64*: the same walk on every machine, and a failure names its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A duration whose order of magnitude is uniform: every level is met as often as every other.
    fn duration(&mut self) -> u64 {
        let bits = self.below(65);
        if bits == 0 { 0 } else { self.next() >> (64 - bits) }
    }
}

/// What the wheel should do, said in the plainest way: all waiting timers by (deadline, order of
/// setting).
struct Model {
    wheel: Wheel,
    now: u64,
    sequence: u64,
    waiting: BTreeMap<(u64, u64), u32>,
    keys: BTreeMap<u32, (TimerKey, (u64, u64))>,
    next_name: u32,
    cancels: usize,
}

impl Model {
    fn new(now: u64) -> Self {
        let (waiting, keys) = (BTreeMap::new(), BTreeMap::new());
        Self { wheel: Wheel::new(now), now, sequence: 0, waiting, keys, next_name: 0, cancels: 0 }
    }

    fn insert(&mut self, deadline: u64) -> u32 {
        let key = self.wheel.insert(deadline, LocalWaker::new(Waker::noop()));
        let name = self.next_name;
        self.next_name += 1;
        self.waiting.insert((deadline, self.sequence), name);
        self.keys.insert(name, (key, (deadline, self.sequence)));
        self.sequence += 1;
        self.look();
        name
    }

    fn reset(&mut self, name: u32, deadline: u64) {
        let (key, place) = self.keys.get_mut(&name).unwrap();
        self.wheel.reset(key, deadline);
        if self.waiting.remove(place).is_none() {
            // It had fired and lost its waker, as a sleep that is reset after it fired and before
            // it is polled.
            let spare = self.wheel.set_waker(key, LocalWaker::new(Waker::noop()));
            assert!(spare.is_none());
        } else {
            self.cancels += 1;
        }
        *place = (deadline, self.sequence);
        self.waiting.insert(*place, name);
        self.sequence += 1;
        self.look();
    }

    fn cancel(&mut self, name: u32) {
        let (key, place) = self.keys.remove(&name).unwrap();
        let waiting = self.waiting.remove(&place).is_some();
        match self.wheel.remove_fired(key) {
            Ok(()) => assert!(!waiting),
            Err(key) => {
                assert!(waiting);
                assert!(self.wheel.remove(key).is_some());
            }
        }
        self.cancels += 1;
        self.look();
    }

    fn random_name(&self, random: &mut Random) -> Option<u32> {
        let from = random.below(u64::from(self.next_name) + 1) as u32;
        self.keys.range(from..).next().map(|(&name, _)| name)
    }

    /// Turns the clock to `now` (also backwards) and compares what fires; how many did.
    fn advance(&mut self, now: u64) -> usize {
        self.now = self.now.max(now).min(NEVER - 1);
        let mut due = Vec::new();
        self.wheel.advance(now, &mut due);
        let later = self.waiting.split_off(&(self.now + 1, 0));
        let expected: Vec<_> = std::mem::replace(&mut self.waiting, later).into_keys().collect();
        let fired: Vec<_> = due.iter().map(|due| (due.deadline, due.sequence)).collect();
        assert_eq!(fired, expected, "at {now}");
        self.look();
        self.look_at_every_key();
        fired.len()
    }

    fn look(&self) {
        assert_eq!(self.wheel.is_empty(), self.waiting.is_empty());
        let exact = self.waiting.keys().next().map(|place| place.0).filter(|&deadline| deadline != NEVER);
        match (self.wheel.next_deadline(), exact) {
            (Some(bound), Some(exact)) => assert!(bound <= exact, "{bound} > {exact}"),
            (None, Some(exact)) => panic!("nobody would wake at {exact}"),
            (_, None) => {}
        }
    }

    fn look_at_every_key(&self) {
        for (key, place) in self.keys.values() {
            let check = self.wheel.check(key, |_| true);
            let expected = if self.waiting.contains_key(place) { Check::Armed } else { Check::Fired };
            assert_eq!(check, expected);
        }
    }

    /// Sleeps from deadline to deadline until nothing is left that can fire; every wake-up that
    /// fires nothing must be a cancel's.
    fn run_dry(&mut self) {
        let mut early = 0;
        while let Some(bound) = self.wheel.next_deadline() {
            early += usize::from(self.advance(bound) == 0);
        }
        assert!(early <= self.cancels, "{early} early wake-ups after {} cancels", self.cancels);
        assert!(self.waiting.keys().all(|place| place.0 == NEVER));
    }
}

/// Times just before each level's digit wraps, before all digits below it wrap together, and at
/// both ends.
fn beginnings() -> impl Iterator<Item = u64> {
    let wraps = (0..LEVELS as u32).flat_map(|level| {
        let width = 1u64 << (UNIT + DIGIT * level);
        [width, width.wrapping_mul(63), width.wrapping_mul(1 << DIGIT).wrapping_sub(1), 0u64.wrapping_sub(width)]
    });
    wraps.flat_map(|at| [at.wrapping_sub(70_000), at.wrapping_sub(1), at, at.saturating_add(1)]).chain([0, NEVER - 2])
}

/// TM1's list, as distances and as absolute times.
fn extremes() -> Vec<u64> {
    const MS: u64 = 1_000_000;
    let mut all = vec![0, 1, NEVER, NEVER - 1, NEVER - 2, NEVER / 2];
    for bits in [16, 22, 28, 32, 34, 36, 40, 46, 52, 58, 63] {
        all.extend([(1u64 << bits) - MS.min(1 << (bits - 1)), (1 << bits) - 1, 1 << bits, (1 << bits) + 1, (1 << bits) + MS]);
    }
    // 2^32 and 2^36 milliseconds, where wheels that count in milliseconds broke.
    all.extend(
        [32, 36].into_iter().flat_map(|bits| [(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1].map(|ms| ms.saturating_mul(MS))),
    );
    all
}

// TM1, TM2: every extreme duration, from every beginning, fires at its nanosecond and in order.
#[test]
fn extreme_deadlines_fire_on_time_from_every_wrap() {
    for beginning in beginnings() {
        let mut model = Model::new(beginning);
        for distance in extremes() {
            model.insert(beginning.saturating_add(distance));
            model.insert(distance);
        }
        while let Some(&(deadline, _)) = model.waiting.keys().next().filter(|place| place.0 != NEVER) {
            if deadline > model.now {
                assert_eq!(model.advance(deadline - 1), 0);
            }
            assert!(model.advance(deadline) > 0);
        }
        model.run_dry();
    }
}

// TM2, TM3, TM5, TM9: a random life, from every level's wrap, against the model.
#[test]
fn a_random_life_equals_the_model() {
    for (seed, beginning) in beginnings().enumerate().step_by(if cfg!(miri) { 12 } else { 1 }) {
        let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (seed as u64 + 1));
        let mut model = Model::new(beginning);
        for _ in 0..if cfg!(miri) { 10 } else { 400 } {
            let name = model.random_name(&mut random);
            match (random.below(16), name) {
                (0..=5, _) | (_, None) => drop(model.insert(model.now.saturating_add(random.duration()))),
                // The past, and the very beginning.
                (6, _) => drop(model.insert(model.now.saturating_sub(random.duration()))),
                (7, _) => drop(model.insert(random.next())),
                (8..=9, Some(name)) => model.cancel(name),
                (10, Some(name)) => model.reset(name, model.now.saturating_add(random.duration())),
                (11, Some(name)) => model.reset(name, model.now.saturating_sub(random.duration())),
                // Exactly to the next deadline, as the reactor does, or somewhere, or (TM11) back.
                (12, _) => drop(model.wheel.next_deadline().map(|bound| model.advance(bound))),
                (13, _) => drop(model.advance(model.now.saturating_add(random.duration()).min(NEVER / 2 + NEVER / 4))),
                (14, _) => drop(model.advance(model.now.saturating_add(random.below(200_000)))),
                (_, _) => drop(model.advance(model.now.saturating_sub(random.duration()))),
            }
        }
        model.run_dry();
    }
}

// TM11: the clock steps back by a millisecond between every two steps forward; nothing fires early,
// twice or never.
#[test]
fn a_clock_that_steps_back_is_harmless() {
    let mut model = Model::new(1 << 30);
    for step in 0..if cfg!(miri) { 4 } else { 1_000 } {
        model.insert(model.now + step * 997);
        model.advance(model.now + 50_000);
        model.advance(model.now - 1_000_000);
        model.insert(model.now - 1_000_000);
    }
    model.run_dry();
}

// TM5: a timer cancelled in the very turn in which it is due, before and after it fires.
#[test]
fn a_cancel_beside_the_expiry_frees_the_timer_once() {
    let timers = if cfg!(miri) { 4 } else { 100 };
    let mut model = Model::new(0);
    let names: Vec<_> = (0..timers).map(|_| model.insert(1_000_000)).collect();
    let (before, after) = names.split_at(timers / 2);
    before.iter().for_each(|&name| model.cancel(name));
    assert_eq!(model.advance(1_000_000), timers / 2);
    after.iter().for_each(|&name| model.cancel(name));
    assert_eq!(model.wheel.entries.len(), timers);
    for _ in 0..timers {
        model.insert(2_000_000);
    }
    assert_eq!(model.wheel.entries.len(), timers, "freed entries are used again");
}

// TM9: 50 000 timers, each reset every 20 ms. The minimum never goes stale upwards, and the memory
// does not grow.
#[test]
fn fifty_thousand_timers_can_be_reset_all_the_time() {
    let mut wheel = Wheel::new(0);
    let timers = if cfg!(miri) { 20 } else { 50_000 };
    let keys: Vec<_> = (0..timers).map(|_| wheel.insert(20_000_000, LocalWaker::new(Waker::noop()))).collect();
    let mut due = Vec::new();
    for round in 1..=20u64 {
        let now = round * 19_000_000;
        wheel.advance(now, &mut due);
        assert!(due.is_empty());
        keys.iter().enumerate().for_each(|(i, key)| wheel.reset(key, now + 20_000_000 + i as u64));
        assert!(wheel.next_deadline().unwrap() <= now + 20_000_000);
    }
    wheel.advance(20 * 19_000_000 + 20_000_000 + 50_000, &mut due);
    assert_eq!(due.len(), timers);
    assert!(due.is_sorted_by_key(|due| due.deadline));
    assert_eq!(wheel.entries.len(), timers);
}

#[test]
fn equal_deadlines_fire_in_the_order_in_which_they_were_set() {
    let mut model = Model::new(0);
    let first = model.insert(5_000_000);
    for _ in 0..10 {
        model.insert(5_000_000);
    }
    model.advance(4_900_000);
    model.insert(5_000_000);
    model.reset(first, 5_000_000);
    assert_eq!(model.advance(5_000_000), 12);
}

/// A peak, of which some timers stay: waiting ones and fired ones, in front, behind and in between.
/// Twice, because a moved entry may move again, and with new timers in between.
#[test]
fn after_a_peak_the_room_comes_back_and_each_key_finds_its_timer() {
    for seed in 1..6 {
        let (mut random, mut model) = (Random(seed), Model::new(0));
        for round in 0..4 {
            for _ in 0..20_000 {
                let deadline = model.now + random.below(1 << 40);
                model.insert(deadline);
            }
            model.advance(model.now + (1 << 36));
            let names: Vec<u32> = model.keys.keys().copied().collect();
            for name in names {
                // The later ones more often.
                if random.below(40_000) >= u64::from(name) % 20_000 / 40 + 20 {
                    model.cancel(name);
                    assert_room(&model);
                }
            }
            for _ in 0..200 {
                if let Some(name) = model.random_name(&mut random) {
                    let deadline = model.now + random.below(1 << 30);
                    model.reset(name, deadline);
                }
            }
            model.look_at_every_key();
            assert!(model.keys.len() < 1000, "some stay: {}", model.keys.len());
            assert!(model.keys.len() > 5 && model.wheel.moved.len() > 5, "round {round}");
            model.advance(model.now + (1 << 29));
        }
        model.run_dry();
        let names: Vec<u32> = model.keys.keys().copied().collect();
        names.into_iter().for_each(|name| model.cancel(name));
        assert_room(&model);
    }
}

#[track_caller]
fn assert_room(model: &Model) {
    let (room, timers) = (model.wheel.entries.capacity(), model.keys.len());
    assert!(room <= 2 * timers + 2 * SPARE, "room for {room}, {timers} timers");
}
