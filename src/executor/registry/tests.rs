//! The registry beside a list that says the same.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::LocalExecutor;
use crate::executor::shared::allocate_root;
use crate::task::Site;
use crate::wait_list::tests::Dice;

/// Which task ends.
#[derive(Clone, Copy, Debug)]
enum Goes {
    Oldest,
    Newest,
    Any,
    /// One of the older half, so that the holes lie in front.
    Old,
}

/// The registry, and beside it what it should say.
struct Pair {
    executor: LocalExecutor,
    registry: Registry,
    /// In spawn order.
    model: Vec<TaskRef>,
    numbers: HashMap<*mut (), NonZero<u64>>,
    seen: HashSet<NonZero<u64>>,
    inserted: usize,
}

impl Pair {
    fn new() -> Self {
        let (executor, registry) = (LocalExecutor::new(), Registry::default());
        Self { executor, registry, model: Vec::new(), numbers: HashMap::new(), seen: HashSet::new(), inserted: 0 }
    }

    fn insert(&mut self) {
        let task = allocate_root(&self.executor.core.shared, Site::caller());
        self.registry.insert(task);
        self.model.push(task);
        self.inserted += 1;
    }

    fn remove(&mut self, goes: Goes, random: &mut Dice) {
        let tasks = self.model.len();
        let index = match goes {
            Goes::Oldest => 0,
            Goes::Newest => tasks - 1,
            Goes::Any => random.below(tasks),
            Goes::Old => random.below(tasks / 2 + 1),
        };
        let task = self.model.remove(index);
        let known = self.numbers.remove(&task.address());
        let number = self.registry.remove_numbered(task);
        assert!(known.is_none() || known == number, "a number goes with its task");
        task.shut_down();
    }

    fn ask(&mut self, random: &mut Dice) {
        let task = self.model[random.below(self.model.len())];
        let number = self.registry.number(task);
        match self.numbers.insert(task.address(), number) {
            Some(before) => assert_eq!(before, number, "the same answer each time"),
            None => assert!(self.seen.insert(number), "{number} was another task's"),
        }
    }

    fn check(&self) {
        let registry = &self.registry;
        assert_eq!((registry.len(), registry.inserted()), (self.model.len(), self.inserted));
        assert_eq!(registry.newest(|_| true), self.model.last().copied());
        let room = registry.slots.capacity();
        assert!(room <= 2 * registry.len() + SMALL, "room for {room}, {} tasks", registry.len());
        let numbers = registry.numbers.as_ref().map_or(0, |numbers| numbers.of_slot.capacity());
        assert!(numbers <= 2 * registry.len() + SMALL, "room for {numbers} numbers, {} tasks", registry.len());
    }

    fn check_order(&self) {
        assert!(self.registry.iter().eq(self.model.iter().rev().copied()), "newest first, each once");
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.model.drain(..).for_each(TaskRef::shut_down);
    }
}

#[test]
fn the_registry_says_what_a_list_says() {
    for seed in 0..12 {
        let (mut random, mut pair) = (Dice(seed), Pair::new());
        for phase in 0..10 {
            let goes = [Goes::Oldest, Goes::Newest, Goes::Any, Goes::Old][random.below(4)];
            // Of a hundred steps so many insert; so many steps.
            let (inserts, steps) = ([95, 50, 8, 52][random.below(4)], 1000 + random.below(3000));
            for step in 0..steps {
                if pair.model.is_empty() || random.below(100) < inserts {
                    pair.insert();
                } else {
                    pair.remove(goes, &mut random);
                }
                // In half of the walks nobody asks; in the others from some moment on.
                if seed % 2 == 1 && phase >= 3 && !pair.model.is_empty() {
                    pair.ask(&mut random);
                }
                pair.check();
                if step % 97 == 0 {
                    pair.check_order();
                }
            }
            pair.check_order();
        }
    }
}

/// A peak, of which one task in a hundred stays, wherever it stands; and each way for the others to
/// go.
#[test]
fn after_a_peak_the_room_comes_back() {
    for goes in [Goes::Oldest, Goes::Newest, Goes::Any, Goes::Old] {
        let (mut random, mut pair) = (Dice(1), Pair::new());
        const PEAK: usize = 40_000;
        for _ in 0..PEAK {
            pair.insert();
        }
        pair.ask(&mut random);
        while pair.model.len() > PEAK / 100 {
            pair.remove(goes, &mut random);
            pair.check();
        }
        pair.check_order();
        assert!(pair.registry.slots.capacity() <= 2 * pair.model.len() + SMALL, "{goes:?}");
    }
}

/// Each slot that is looked at and each move of the whole costs; a count that swings must not pay
/// again and again.
#[test]
fn a_count_that_swings_keeps_its_room() {
    let (mut random, mut pair) = (Dice(2), Pair::new());
    for _ in 0..20_000 {
        pair.insert();
    }
    while pair.model.len() > 10_000 {
        pair.remove(Goes::Newest, &mut random);
    }
    let mut moves = 0;
    for round in 0..20_000 {
        let room = pair.registry.slots.capacity();
        if round / 100 % 2 == 0 {
            pair.insert()
        } else {
            pair.remove(Goes::Newest, &mut random)
        }
        moves += usize::from(pair.registry.slots.capacity() != room);
    }
    assert!(moves <= 1, "{moves} moves");
}
