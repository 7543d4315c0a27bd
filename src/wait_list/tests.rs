//! What the tests of several states share: wakers that are numbers, and dice.

use std::cell::Cell;
use std::task::Waker;

use super::{KeptWaker, Offer};

/// Numbers that look random and are the same each time (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
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

/// A waker that is a number, that of the last poll.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NumberedWaker(pub(crate) usize);

impl KeptWaker for NumberedWaker {
    fn keep_quietly(_: &Waker) -> Option<Self> {
        // Every third one is foreign.
        let number = POLLED.get();
        (number % 3 != 0).then_some(NumberedWaker(number))
    }

    fn keep(_: &Waker) -> Self {
        NumberedWaker(POLLED.get())
    }

    fn will_wake(&self, _: &Waker) -> bool {
        self.0 == POLLED.get()
    }

    fn wake(self) {}
}

/// What a poll offers whose waker has this number.
pub(crate) fn offer(number: usize) -> Offer<'static, NumberedWaker> {
    POLLED.set(number);
    Offer::new(Waker::noop())
}
