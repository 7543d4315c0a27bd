//! Which of two cores is the better one, and which two are drawn. What is compared was read before;
//! no clock is asked here.

use std::cell::Cell;

use super::policy::BalancePolicy;
use crate::reactor::meter::WHOLE;

/// Shares that differ by less are the same: a share of the last moments goes up and down by itself.
const MARGIN: u64 = WHOLE / 8;
/// What a connection takes from a core's advantage while it waits to be accepted: it is work that
/// no share tells of yet. It makes no core worse than one that is as busy.
const WAITING: u64 = WHOLE / 16;

/// A core as another one sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Which core.
    pub(super) core: usize,
    /// Connections that it serves or is to serve.
    pub(super) live: usize,
    /// Its busy share.
    pub(super) share: u64,
    /// Connections that were handed to it and that it has not fetched.
    pub(super) waiting: usize,
    pub(super) is_stuck: bool,
}

impl View {
    /// Clearly so, and with what waits here.
    pub(super) fn is_less_busy_than(&self, other: &Self) -> bool {
        let waiting = WAITING.saturating_mul(self.waiting as u64);
        self.share.saturating_add(waiting).saturating_add(MARGIN) < other.share
    }

    /// The one to give a connection to; `self` when it makes no difference.
    pub(super) fn or_better(self, other: Self, policy: BalancePolicy) -> Self {
        let by_busy = policy != BalancePolicy::Connections;
        let other_is_better = if self.is_stuck != other.is_stuck {
            self.is_stuck
        } else if by_busy && other.is_less_busy_than(&self) {
            true
        } else if by_busy && self.is_less_busy_than(&other) {
            false
        } else {
            other.live < self.live
        };
        if other_is_better { other } else { self }
    }
}

/// CoreDraw numbers, the same ones each time: they spread and hide nothing.
#[derive(Debug)]
pub(super) struct CoreDraw(Cell<u64>);

impl CoreDraw {
    pub(super) fn new(seed: usize) -> Self {
        Self(Cell::new((seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Below `end`, which is not 0. Marsaglia's xorshift.
    fn below(&self, end: usize) -> usize {
        let mut word = self.0.get();
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        self.0.set(word);
        (word >> 32) as usize % end
    }

    /// Two of them, or all there are; each two are as likely as any others. Vitter's reservoir, of
    /// two.
    pub(super) fn two(&self, mut all: impl Iterator<Item = View>) -> [Option<View>; 2] {
        let mut drawn = [all.next(), all.next()];
        for (before, view) in (2..).zip(all) {
            if let Some(place) = drawn.get_mut(self.below(before + 1)) {
                *place = Some(view);
            }
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(core: usize, live: usize, percent: u64) -> View {
        View { core, live, share: WHOLE * percent / 100, waiting: 0, is_stuck: false }
    }

    #[test]
    fn the_less_busy_is_better_and_among_equals_the_one_with_fewer() {
        let better = |left: View, right: View, policy| left.or_better(right, policy).core;
        use BalancePolicy::{Busy, Connections};
        assert_eq!(better(view(0, 5, 90), view(1, 50, 10), Busy), 1);
        assert_eq!(better(view(0, 50, 10), view(1, 5, 90), Busy), 0);
        assert_eq!(better(view(0, 5, 90), view(1, 50, 10), Connections), 0);
        // Within an eighth they are as busy.
        assert_eq!(better(view(0, 5, 40), view(1, 4, 50), Busy), 1);
        assert_eq!(better(view(0, 5, 40), view(1, 5, 40), Busy), 0);
        // What waits makes an advantage smaller: four are a quarter. It is no disadvantage.
        let waiting = |waiting| View { waiting, ..view(1, 9, 10) };
        assert_eq!((better(view(0, 0, 60), waiting(4), Busy), better(view(0, 0, 60), waiting(8), Busy)), (1, 0));
        assert_eq!(better(view(0, 10, 10), waiting(100), Busy), 1);
        let stuck = View { is_stuck: true, ..view(0, 0, 0) };
        for policy in [Busy, Connections] {
            assert_eq!((better(stuck, view(1, 9, 100), policy), better(view(1, 9, 100), stuck, policy)), (1, 1));
        }
    }

    #[test]
    fn each_two_are_drawn_about_as_often() {
        let random = CoreDraw::new(3);
        let mut drawn = [[0; 5]; 5];
        for _ in 0..10_000 {
            let [first, second] = random.two((0..5).map(|core| view(core, 0, 0))).map(|view| view.unwrap().core);
            assert_ne!(first, second);
            drawn[first.min(second)][first.max(second)] += 1;
        }
        for (first, row) in drawn.iter().enumerate() {
            assert!(row[first + 1..].iter().all(|times| (850..1150).contains(times)), "{drawn:?}");
        }
        assert!(random.two(std::iter::empty()).iter().all(Option::is_none));
        assert_eq!(random.two([view(7, 0, 0)].into_iter()).map(|view| view.map(|view| view.core)), [Some(7), None]);
    }
}
