//! The registry beside a list that says the same.

use std::collections::HashSet;
use std::future::pending;

use super::*;
use crate::LocalExecutor;
use crate::task::{Site, Task, spawn};
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
    /// In spawn order, with the numbers that were asked for.
    model: Vec<(Task<()>, Option<NonZero<u64>>)>,
    seen: HashSet<NonZero<u64>>,
    inserted: usize,
}

impl Pair {
    fn new() -> Self {
        let (executor, registry) = (LocalExecutor::new(), Registry::default());
        Self { executor, registry, model: Vec::new(), seen: HashSet::new(), inserted: 0 }
    }

    fn insert(&mut self) {
        let (registered, queued, task) = spawn(self.executor.core.shared.here(), pending(), (), Site::caller());
        drop(queued);
        self.registry.insert(registered);
        self.model.push((task, None));
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
        let (task, known) = self.model.remove(index);
        let (registered, number) = if index == tasks - 1 {
            self.registry.take_newest(|_| true).unwrap()
        } else {
            task.with_view(|task| (self.registry.remove(task).unwrap(), self.registry.known_number(task)))
        };
        assert!(known.is_none() || known == number, "a number goes with its task");
        assert!(task.with_view(|task| *registered == *task), "it was in its place");
        registered.end(|_| {});
    }

    fn ask(&mut self, random: &mut Dice) {
        let index = random.below(self.model.len());
        let (task, known) = &mut self.model[index];
        let number = task.with_view(|task| self.registry.number(task));
        match known.replace(number) {
            Some(before) => assert_eq!(before, number, "the same answer each time"),
            None => assert!(self.seen.insert(number), "{number} was another task's"),
        }
    }

    fn check(&self) {
        let registry = &self.registry;
        assert_eq!((registry.len(), registry.inserted()), (self.model.len(), self.inserted));
        let room = registry.slots.capacity();
        assert!(room <= 2 * registry.len() + SMALL, "room for {room}, {} tasks", registry.len());
        let numbers = registry.numbers.as_ref().map_or(0, |numbers| numbers.of_slot.capacity());
        assert!(numbers <= 2 * registry.len() + SMALL, "room for {numbers} numbers, {} tasks", registry.len());
    }

    fn check_order(&self) {
        assert_eq!(self.registry.iter().count(), self.model.len(), "each once");
        let mut both = self.registry.iter().zip(self.model.iter().rev());
        assert!(both.all(|(task, (handle, _))| handle.with_view(|handle| handle == task)), "newest first");
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
