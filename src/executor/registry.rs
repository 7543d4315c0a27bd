//! The registry of live tasks — owns the order in which they were spawned — must never keep a task that has settled.
//!
//! An executor that is dropped drops its tasks newest first, so the registry is in spawn order: a vector in which a new task takes the next
//! slot and an ended one leaves a hole. When at most half of the slots are taken, holes are squeezed out a few slots per insertion, so that
//! no single spawn pays for a long move: `packed` slots in front are dense, those up to `next` are holes, the rest is not looked at yet.
//!
//! A slot is eight bytes. Rejected: links in the header (sixteen bytes a task, and an end writes two cold neighbours), slots with a free
//! list (the order is lost), squeezing at once (a pause of milliseconds with a million tasks).

use crate::task::TaskRef;

/// Slots looked at per insertion while holes are squeezed out. At two and more the squeeze outruns the insertions; four ends it sooner.
const STEP: usize = 4;
/// Below this there is nothing worth squeezing: one page of slots.
const SMALL: usize = 512;

/// All tasks that have not settled, in spawn order.
#[derive(Debug, Default)]
pub(super) struct Registry {
    slots: Vec<Option<TaskRef>>,
    /// Tasks that ever came, and that have left.
    inserted: usize,
    removed: usize,
    /// While holes are squeezed out: slots before it are dense.
    packed: usize,
    /// While holes are squeezed out: slots from `packed` up to it are holes. Zero when nothing is squeezed.
    next: usize,
}

impl Registry {
    pub(super) fn len(&self) -> usize {
        self.inserted - self.removed
    }

    /// How many tasks ever came.
    pub(super) fn inserted(&self) -> usize {
        self.inserted
    }

    #[inline]
    pub(super) fn insert(&mut self, task: TaskRef) {
        if self.next > 0 || (self.slots.len() >= SMALL && self.len() * 2 <= self.slots.len()) {
            self.squeeze();
        }
        let index = u32::try_from(self.slots.len()).expect("an executor holds at most 2^32 tasks");
        task.registry_index().set(index);
        self.slots.push(Some(task));
        self.inserted += 1;
    }

    pub(super) fn remove(&mut self, task: TaskRef) {
        let index = task.registry_index().get() as usize;
        let slot = &mut self.slots[index];
        debug_assert_eq!(*slot, Some(task));
        *slot = None;
        self.removed += 1;
        // Outside `insert` the last slot is taken, so only its own end leaves holes behind it.
        if index + 1 < self.slots.len() {
            return;
        }
        // Holes at the end go at once; those that a squeeze has made end it.
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
        if self.next > self.slots.len() {
            (self.packed, self.next) = (0, 0);
        }
    }

    /// The task that was spawned last.
    pub(super) fn newest(&self) -> Option<TaskRef> {
        *self.slots.last()?
    }

    /// Newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = TaskRef> {
        self.slots.iter().rev().filter_map(|slot| *slot)
    }

    /// Apart, so that the common insertion stays short enough to be inlined.
    #[cold]
    fn squeeze(&mut self) {
        for _ in 0..STEP {
            if self.next == self.slots.len() {
                self.slots.truncate(self.packed);
                (self.packed, self.next) = (0, 0);
                return;
            }
            if let Some(task) = self.slots[self.next].take() {
                task.registry_index().set(self.packed as u32);
                self.slots[self.packed] = Some(task);
                self.packed += 1;
            }
            self.next += 1;
        }
    }
}
