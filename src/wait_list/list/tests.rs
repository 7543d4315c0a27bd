//! The list beside a model, and the wakes that a panic must not stop.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use super::*;
use crate::wait_list::tests::Dice;
use crate::wait_list::{SharedWaker, Wakes};

impl<W> IntoIterator for Wakes<W> {
    type Item = W;
    type IntoIter = std::iter::Chain<std::option::IntoIter<W>, std::vec::IntoIter<W>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

#[test]
fn the_list_does_what_a_queue_with_holes_does() {
    for seed in 0..if cfg!(miri) { 1 } else { 50 } {
        let mut random = Dice(seed);
        let mut list = WaitList::new();
        let mut model: VecDeque<usize> = VecDeque::new();
        let mut keys: Vec<(WaitKey, usize)> = Vec::new();
        // Those who were called while others waited, in their order.
        let mut calls: Vec<usize> = Vec::new();
        for number in 0..if cfg!(miri) { 100 } else { 1000 } {
            match random.below(8) {
                0 | 1 => {
                    keys.push((list.push_back(number), number));
                    model.push_back(number);
                }
                2 => {
                    calls.extend(model.front().filter(|_| model.len() > 1));
                    assert_eq!(list.pop_front(), model.pop_front());
                }
                6 if !model.is_empty() => {
                    let (place, entry) =
                        model.iter().copied().enumerate().find(|(_, entry)| entry % 3 == 0).unwrap_or((0, model[0]));
                    let alike = |other: &usize| entry % 3 != 0 || other % 3 == 0;
                    calls.extend((model.len() > 1).then_some(entry));
                    assert_eq!(list.pop_first(alike), model.remove(place));
                }
                7 if !keys.is_empty() => {
                    let (key, entry) = &keys[random.below(keys.len())];
                    if !model.contains(entry) {
                        let later = calls.iter().rev().position(|call| call == entry).unwrap_or(0);
                        assert_eq!(list.called_after(key) as usize, later);
                    }
                }
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
                            calls.iter_mut().filter(|call| *call == entry).for_each(|call| *call = usize::MAX);
                        }
                    }
                }
                _ => assert_eq!(list.front(), model.front()),
            }
            let mut seen = Vec::new();
            list.for_each(|entry| seen.push(*entry));
            assert_eq!(seen, Vec::from_iter(model.iter().copied()), "seed {seed}, step {number}");
            assert_eq!((list.len(), list.is_empty()), (model.len(), model.is_empty()));
            assert!(list.has_more_than(model.len().saturating_sub(1)) != model.is_empty() && !list.has_more_than(model.len()));
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

struct PanicsEverySecondTime(AtomicUsize);

impl Wake for PanicsEverySecondTime {
    fn wake(self: Arc<Self>) {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        assert!(before % 2 == 1, "every second wake panics");
    }
}

#[test]
fn a_waker_that_panics_keeps_no_other_waiting() {
    let counts = Arc::new(PanicsEverySecondTime(AtomicUsize::new(0)));
    let mut wakes = Wakes::new();
    wakes.extend((0..5).map(|_| SharedWaker::keep(&Waker::from(counts.clone()))));
    let panicked = catch_unwind(AssertUnwindSafe(|| wakes.wake()));
    assert!(panicked.is_err());
    assert_eq!(counts.0.load(Ordering::Relaxed), 5);
}

#[test]
fn a_foreign_waker_is_cloned_only_outside() {
    let counts = Arc::new(PanicsEverySecondTime(AtomicUsize::new(0)));
    let waker = Waker::from(counts.clone());
    let mut offer = Offer::<SharedWaker>::new(&waker);
    assert!(offer.take().is_none());
    assert_eq!(Arc::strong_count(&counts), 2);
    offer.prepare();
    let _kept = offer.take().unwrap();
    // That it knows its own again is the best effort of std, which promises only that it takes no
    // other for it.
    assert!(!offer.is(&SharedWaker::keep(Waker::noop())) && offer.take().is_none());
    assert_eq!(Arc::strong_count(&counts), 3);
}

/// Panics when it is woken.
struct RudeWake;

impl Wake for RudeWake {
    fn wake(self: Arc<Self>) {
        panic!("a waker's panic");
    }
}

/// Panics when the last waker is dropped.
struct RudeDrop;

impl Wake for RudeDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for RudeDrop {
    fn drop(&mut self) {
        panic!("a waker's panic");
    }
}

fn kept<W: KeptWaker>(rude: Arc<impl Wake + Send + Sync + 'static>) -> W {
    W::keep(&Waker::from(rude))
}

/// Runs a closure when it is dropped.
struct InDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for InDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn survives_a_panic_under_way<W: KeptWaker>() {
    let mut reached = 0;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _unwinds = InDrop(|| {
            kept::<W>(Arc::new(RudeWake)).wake();
            reached += 1;
            drop(kept::<W>(Arc::new(RudeDrop)));
            reached += 1;
            let mut wakes = Wakes::<W>::new();
            wakes.extend((0..3).map(|_| kept(Arc::new(RudeWake))));
            wakes.wake();
            reached += 1;
        });
        panic!("the first one");
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"the first one"));
    assert_eq!(reached, 3);
}

#[test]
fn a_wakers_panic_is_discarded_while_another_unwinds() {
    survives_a_panic_under_way::<SharedWaker>();
    survives_a_panic_under_way::<crate::task::LocalWaker>();
}
