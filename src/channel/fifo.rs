//! Messages, first in first out. A single message takes no memory.
//!
//! A `VecDeque` with a place in front of it: as long as there is one message at a time, as between
//! two tasks that answer each other, the `VecDeque` is not touched and never allocates.

use std::collections::VecDeque;

/// Room for so many messages is kept when the last one has gone. What a burst took beyond that is
/// given back; to take it again costs less than a nanosecond per message.
const KEPT: usize = 1024;

/// A queue of messages.
#[derive(Debug)]
pub(crate) struct Fifo<T> {
    /// Empty only when `more` is.
    first: Option<T>,
    more: VecDeque<T>,
}

impl<T> Fifo<T> {
    pub(crate) const fn new() -> Self {
        Self { first: None, more: VecDeque::new() }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self.first {
            None => 0,
            Some(_) => self.more.len() + 1,
        }
    }

    #[inline]
    pub(crate) fn push_back(&mut self, message: T) {
        match self.first {
            None => self.first = Some(message),
            Some(_) => self.more.push_back(message),
        }
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let message = self.first.take()?;
        if !self.more.is_empty() {
            self.advance();
        }
        Some(message)
    }

    fn advance(&mut self) {
        self.first = self.more.pop_front();
        if self.more.is_empty() && self.more.capacity() > KEPT {
            self.more = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_first_comes_out_first() {
        let mut fifo = Fifo::new();
        for count in 0..5 {
            for round in 0..3 {
                (0..count).for_each(|number| fifo.push_back((round, number)));
                assert_eq!(fifo.len(), count);
                assert_eq!(
                    Vec::from_iter(std::iter::from_fn(|| fifo.pop_front())),
                    Vec::from_iter((0..count).map(|n| (round, n)))
                );
            }
        }
        fifo.push_back((9, 9));
        assert!(fifo.more.capacity() < 10);
    }

    #[test]
    fn what_a_burst_took_is_given_back() {
        let mut fifo = Fifo::new();
        for burst in [10, if cfg!(miri) { KEPT + 1 } else { 100_000 }, 10] {
            (0..burst).for_each(|number| fifo.push_back(number));
            (0..burst).for_each(|number| assert_eq!(fifo.pop_front(), Some(number)));
            assert!((fifo.len(), fifo.pop_front()) == (0, None) && fifo.more.capacity() <= KEPT);
        }
    }

    #[test]
    fn the_only_message_takes_no_memory() {
        let mut fifo = Fifo::new();
        for number in 0..10 {
            fifo.push_back(number);
            assert_eq!(fifo.pop_front(), Some(number));
        }
        assert_eq!(fifo.more.capacity(), 0);
    }
}
