//! The list beside a model, and the wakes that a panic must not stop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

impl<W> IntoIterator for Wakes<W> {
    type Item = W;
    type IntoIter = std::iter::Chain<std::option::IntoIter<W>, std::vec::IntoIter<W>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

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

#[test]
fn the_list_does_what_a_queue_with_holes_does() {
    for seed in 0..50 {
        let mut random = Random(seed);
        let mut list = WaitList::new();
        let mut model: VecDeque<usize> = VecDeque::new();
        let mut keys: Vec<(Key, usize)> = Vec::new();
        for number in 0..1000 {
            match random.below(6) {
                0 | 1 => {
                    keys.push((list.push_back(number), number));
                    model.push_back(number);
                }
                2 => assert_eq!(list.pop_front(), model.pop_front()),
                3 if !keys.is_empty() => {
                    let (key, entry) = keys.swap_remove(random.below(keys.len()));
                    let waits = model.contains(&entry).then_some(entry);
                    model.retain(|other| *other != entry);
                    assert_eq!(list.remove(key), waits);
                }
                4 if !keys.is_empty() => {
                    let index = random.below(keys.len());
                    let (key, entry) = &keys[index];
                    match list.get_mut(key) {
                        Some(found) => assert_eq!(found, entry),
                        None => {
                            assert!(!model.contains(entry));
                            list.wait_again(key, *entry);
                            model.push_front(*entry);
                        }
                    }
                }
                _ => assert_eq!(list.front(), model.front()),
            }
            let mut seen = Vec::new();
            list.for_each(|entry| seen.push(*entry));
            assert_eq!(seen, Vec::from_iter(model.iter().copied()), "seed {seed}, step {number}");
            assert_eq!((list.len(), list.is_empty()), (model.len(), model.is_empty()));
        }
    }
}

#[test]
fn slots_are_used_again_and_the_first_one_lies_in_the_list() {
    let mut list = WaitList::new();
    for _ in 0..3 {
        let key = list.push_back(1);
        assert_eq!(list.more.capacity(), 0);
        assert_eq!(list.remove(key), Some(1));
    }
    for _ in 0..10 {
        let keys = [list.push_back(1), list.push_back(2), list.push_back(3)];
        assert_eq!(list.pop_front(), Some(1));
        let left: Vec<_> = keys.into_iter().map(|key| list.remove(key)).collect();
        assert_eq!(left, [None, Some(2), Some(3)]);
        assert_eq!(list.more.len(), 2);
    }
}

struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        assert!(before % 2 == 1, "every second wake panics");
    }
}

#[test]
fn a_waker_that_panics_keeps_no_other_waiting() {
    let counts = Arc::new(Counts(AtomicUsize::new(0)));
    let mut wakes = Wakes::new();
    wakes.extend((0..5).map(|_| Waker::from(counts.clone())));
    let panicked = catch_unwind(AssertUnwindSafe(|| wakes.wake()));
    assert!(panicked.is_err());
    assert_eq!(counts.0.load(Ordering::Relaxed), 5);
}

#[test]
fn a_strangers_waker_is_cloned_only_outside() {
    let counts = Arc::new(Counts(AtomicUsize::new(0)));
    let waker = Waker::from(counts.clone());
    let mut offer = Offer::<Waker>::new(&waker);
    assert!(offer.take().is_none());
    assert_eq!(Arc::strong_count(&counts), 2);
    offer.prepare();
    let _kept = offer.take().unwrap();
    // That it knows its own again is the best effort of std, which promises only that it takes no other for it.
    assert!(!offer.is(&Waker::noop().clone()) && offer.take().is_none());
    assert_eq!(Arc::strong_count(&counts), 3);
}
