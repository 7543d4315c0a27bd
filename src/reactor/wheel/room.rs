//! How the wheel frees entries, and gives room back after a peak. Then entries change their places.
//! Without a peak, a timer pays no more than a comparison for that.
//!
//! **Memory.** The table of entries comes back to at most twice the timers that are there, and
//! twice [`SPARE`](super::SPARE). Entries cannot change their places under their keys, so a removal
//! that leaves too many free ones moves the rest together and gives them other names: the `n`-th
//! entry is then no longer the one of key `n` but of key `base + n`, and the keys of before are
//! looked up in [`Moved`](super::moved::Moved). It costs as many steps as there are entries, of
//! which a quarter have been freed since the last time, and nothing where there was no peak.

use super::{FREE, NIL, TimerEntry, TimerKey, Wheel, spare};
use crate::task::LocalWaker;

/// What becomes of the place of an entry that is freed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Emptied {
    /// The next timer may have it.
    Free,
    /// It was a moved entry's: it stays empty until entries are moved again.
    Gap,
}

impl Wheel {
    /// Frees a timer, waiting or fired. The waker is handed back so that it is dropped when the
    /// wheel is no longer borrowed.
    #[inline]
    #[must_use]
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<LocalWaker> {
        let index = key.0.wrapping_sub(self.base);
        if index < self.entries.len() as u64 { self.release(index as u32, Emptied::Free) } else { self.remove_moved(key) }
    }

    /// Frees a timer that has fired, and gives the key of one that waits back.
    #[inline]
    pub(crate) fn remove_fired(&mut self, key: TimerKey) -> Result<(), TimerKey> {
        let index = self.index(&key);
        if self.entries[index as usize].waits() {
            return Err(key);
        }
        let emptied = if index < self.moved.len() { Emptied::Gap } else { Emptied::Free };
        let waker = self.release(index, emptied);
        debug_assert!(waker.is_none(), "firing has taken it");
        Ok(())
    }

    /// One body for both, and none of it decided at run time where the price of a timer is
    /// measured.
    #[inline(always)]
    fn release(&mut self, index: u32, emptied: Emptied) -> Option<LocalWaker> {
        let entry = &mut self.entries[index as usize];
        let waker = entry.waker.take();
        let (place, previous, next) = (entry.place, entry.previous, entry.next);
        entry.place = FREE;
        if emptied == Emptied::Free {
            entry.next = std::mem::replace(&mut self.free, index);
        }
        if place < FREE {
            self.detach(place, previous, next);
        }
        self.spare -= 1;
        if self.spare < 0 {
            self.move_together();
        }
        waker
    }

    #[cold]
    pub(super) fn index_of_moved(&self, key: u64) -> u32 {
        self.moved.index(key).expect("a key that is older than the base is one of a moved entry")
    }

    /// [`remove`](Self::remove) of a timer whose entry was moved.
    #[cold]
    fn remove_moved(&mut self, key: TimerKey) -> Option<LocalWaker> {
        let index = self.index_of_moved(key.0);
        self.release(index, Emptied::Gap)
    }

    /// Too many entries are free: moves the others together, in their order, and gives the room
    /// back.
    #[cold]
    fn move_together(&mut self) {
        let (base, before) = (self.base, std::mem::take(&mut self.moved));
        let keys = before.keys().chain((u64::from(before.len())..).map(|index| base.wrapping_add(index)));
        let is_kept = |entry: &TimerEntry| entry.place != FREE;
        let kept = keys.zip(&self.entries).filter(|(_, entry)| is_kept(entry));
        kept.for_each(|(key, _)| self.moved.push(key));
        self.base = base.wrapping_add(self.entries.len() as u64);
        self.entries.retain(is_kept);
        self.entries.shrink_to(self.entries.len() + self.entries.len() / 4);
        (self.free, self.spare) = (NIL, spare(self.entries.len()));
        // The lists of the slots lead through other places now.
        self.slots.iter_mut().for_each(|slot| slot.head = NIL);
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if entry.waits() {
                let next = std::mem::replace(&mut self.slots[entry.place as usize].head, index as u32);
                (entry.previous, entry.next) = (NIL, next);
                if next != NIL {
                    self.entries[next as usize].previous = index as u32;
                }
            }
        }
    }
}
