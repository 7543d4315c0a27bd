//! The state beside a model: who waits goes on if and only if the event was set since.

use std::collections::BTreeSet;

use super::*;
use crate::wait_list::tests::{NumberedWaker, offer};

/// One that has begun to wait: its number, its key, and whether the event was set since.
type EventWaiter = (usize, Option<WaitKey>, bool);

fn poll(state: &mut State<NumberedWaker>, (name, mut key, _): EventWaiter) -> Option<Option<WaitKey>> {
    let mut offer = offer(name);
    loop {
        match state.wait(&mut key, &mut offer) {
            Found::Ready((), _) => {
                assert!(key.is_none());
                return None;
            }
            Found::Waits(old) => {
                assert_eq!(old, None, "each is polled under its own name");
                return Some(key);
            }
            Found::Prepare => offer.prepare(),
        }
    }
}

#[test]
fn the_event_does_what_the_model_does() {
    for seed in 0..100_u64 {
        let (mut state, mut waiters, mut set) = (State::default(), Vec::<EventWaiter>::new(), false);
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for name in 0..300 {
            // A xorshift: numbers that look random and are the same each time.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let chosen = random as usize / 16 % waiters.len().max(1);
            match random % 8 {
                0..3 => match poll(&mut state, (name, None, false)) {
                    Some(key) => waiters.push((name, key, false)),
                    None => assert!(set),
                },
                3 if !waiters.is_empty() => {
                    let waiter = waiters.remove(chosen);
                    let (name, called) = (waiter.0, waiter.2);
                    match poll(&mut state, waiter) {
                        Some(key) => waiters.insert(chosen, (name, key, called)),
                        None => assert!(called),
                    }
                    assert!(!called || waiters.iter().all(|other| other.0 != name), "it was called and waits on");
                }
                4 if !waiters.is_empty() => {
                    let (name, mut key, called) = waiters.remove(chosen);
                    assert_eq!(state.waiters.stop(&mut key), (!called).then_some(NumberedWaker(name)));
                }
                5 => {
                    let waiting: Vec<_> =
                        waiters.iter().filter(|waiter| !waiter.2).map(|waiter| NumberedWaker(waiter.0)).collect();
                    let woken: Vec<_> = state.set().into_iter().collect();
                    assert_eq!(woken, waiting, "all who wait, in their order, once");
                    waiters.iter_mut().for_each(|waiter| waiter.2 = true);
                    set = true;
                }
                6 => (state.set, set) = (false, false),
                _ => {
                    let waiting = waiters.iter().filter(|waiter| !waiter.2).count();
                    assert_eq!((state.set, state.waiters.len()), (set, waiting));
                }
            }
            let names: BTreeSet<_> = waiters.iter().map(|waiter| waiter.0).collect();
            assert_eq!(names.len(), waiters.len());
        }
    }
}
