//! How the wheel gives room back after a peak. It owns what happens to entries whose places change;
//! it must never cost a timer of an ordinary day more than a comparison.
//!
//! **Memory.** The table of entries comes back to at most twice the timers that are there, and
//! twice [`SPARE`](super::SPARE). Entries cannot change their places under their keys, so a removal
//! that leaves too many free ones moves the rest together and gives them other names: the `n`-th
//! entry is then no longer the one of key `n` but of key `base + n`, and the keys of before are
//! looked up in a sorted list. It costs as many steps as there are entries, of which a quarter have
//! been freed since the last time, and nothing where there was no peak.

use super::{FREE, NIL, TimerEntry, TimerKey, Wheel, spare};
use crate::task::LocalWaker;

impl Wheel {
    #[cold]
    pub(super) fn index_of_moved(&self, key: u64) -> u32 {
        self.moved.binary_search(&key).expect("a key that is older than the base is one of a moved entry") as u32
    }

    /// [`remove`](Self::remove) of a timer whose entry was moved; its place stays empty until
    /// entries are moved again.
    #[cold]
    pub(super) fn remove_moved(&mut self, key: TimerKey) -> Option<LocalWaker> {
        let index = self.index_of_moved(key.0);
        self.unlink(index);
        let entry = &mut self.entries[index as usize];
        entry.place = FREE;
        let waker = entry.waker.take();
        self.spare -= 1;
        if self.spare < 0 {
            self.move_together();
        }
        waker
    }

    /// Too many entries are free: moves the others together, in their order, and gives the room
    /// back.
    #[cold]
    pub(super) fn move_together(&mut self) {
        let (base, moved) = (self.base, std::mem::take(&mut self.moved));
        let key = |index: usize| moved.get(index).copied().unwrap_or_else(|| base.wrapping_add(index as u64));
        let is_kept = |entry: &TimerEntry| entry.place != FREE;
        let kept = self.entries.iter().enumerate().filter(|(_, entry)| is_kept(entry));
        self.moved = kept.map(|(index, _)| key(index)).collect();
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
