//! The registry of live tasks, in the order in which they were spawned, and their numbers.
//!
//! An executor that is dropped drops its tasks newest first, so the registry is in spawn order: a
//! vector in which a new task takes the next slot and an ended one leaves a hole. When there is
//! room for much more than there are tasks, holes are squeezed out and the room is given back:
//! `packed` slots in front are dense, those up to `next` are holes, the rest is not looked at yet.
//! It is done a few slots per insertion and removal, so that no single one pays for a long move.
//!
//! **Memory.** There is room for at most twice the tasks that are alive, and [`SMALL`] more. A
//! removal begins a squeeze when there is room for 7/4 of them, and so does an insertion that finds
//! the room full and a quarter of it holes. It looks at [`STEP`] slots for each task that comes or
//! goes: while it runs over 7/4·n slots at most n/9 tasks can end. It leaves room for 3/2. From
//! there it takes n/2 insertions to fill the room, n/7 removals to squeeze again: the price of
//! either is spread, and a count that swings does not make it go to and fro.
//!
//! **Numbers.** A task's number is what its id shows. Nobody asks most executors for one: the first
//! question numbers all tasks that are there, and from then on each that comes; the numbers lie
//! beside the slots. Before that they cost nothing.
//!
//! A slot is eight bytes. Rejected: links in the header (sixteen bytes a task, and an end writes
//! two cold neighbours), slots with a free list (the order is lost, and a slot that is held keeps
//! all below it), squeezing at once (a pause of milliseconds with a million tasks).

use std::num::NonZero;

use crate::task::{Registered, TaskView, number};

/// Slots looked at per insertion or removal while holes are squeezed out.
const STEP: usize = 16;
/// So many slots may be there for no task: 32 KiB.
const SMALL: usize = 4096;
/// Room for so many tasks is not given back. The rest of [`SMALL`] is for the tasks that end while
/// holes are squeezed out.
const KEPT: usize = SMALL / 8 * 7;
/// The least that the room grows by: eight cache lines.
const FIRST: usize = 64;
/// Holes in fewer slots are left alone, until there is no room any more: one page.
const WORTH: usize = 512;
/// So many numbers are taken at once from the process's counter.
const RANGE: u64 = 256;

/// All tasks that have not settled, in spawn order.
#[derive(Debug, Default)]
pub(super) struct Registry {
    slots: Vec<Option<Registered>>,
    /// Tasks that are here, and that have left.
    len: usize,
    removed: usize,
    /// With fewer tasks there is too much room.
    fewest: usize,
    /// With so many slots an insertion has more to do than to take the next one.
    limit: usize,
    squeeze: Option<Squeeze>,
    numbers: Option<Numbers>,
}

/// How far the holes are squeezed out.
#[derive(Clone, Copy, Debug, Default)]
struct Squeeze {
    /// Slots before it are dense, or were when they were looked at.
    packed: usize,
    /// Slots from `packed` up to it are holes.
    next: usize,
}

/// The numbers of the tasks in the slots.
#[derive(Debug, Default)]
struct Numbers {
    of_slot: Vec<NonZero<u64>>,
    /// The next number, and how many there are.
    next: u64,
    left: u64,
}

impl Numbers {
    fn take(&mut self) -> NonZero<u64> {
        if self.left == 0 {
            (self.next, self.left) = (number::take(RANGE), RANGE);
        }
        let taken = self.next;
        (self.next, self.left) = (taken + 1, self.left - 1);
        NonZero::new(taken).expect("the process's numbers begin at one")
    }
}

impl Registry {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many tasks ever came.
    pub(super) fn inserted(&self) -> usize {
        self.len + self.removed
    }

    #[inline]
    pub(super) fn insert(&mut self, task: Registered) {
        if self.slots.len() >= self.limit {
            self.prepare();
        }
        let index = u32::try_from(self.slots.len()).expect("an executor holds at most 2^32 tasks");
        task.set_index(index);
        self.slots.push(Some(task));
        self.len += 1;
    }

    /// Gives a task back that is here.
    #[inline]
    pub(super) fn remove(&mut self, task: &TaskView) -> Option<Registered> {
        let index = task.index() as usize;
        let is_here = self.slots.get(index)?.as_ref().is_some_and(|registered| **registered == *task);
        if is_here { self.take(index) } else { None }
    }

    #[inline]
    fn take(&mut self, index: usize) -> Option<Registered> {
        let task = self.slots[index].take()?;
        self.removed += 1;
        self.len -= 1;
        // Outside `insert` the last slot is taken, so only its own end leaves holes behind it.
        if index + 1 == self.slots.len() {
            while let Some(None) = self.slots.last() {
                self.slots.pop();
            }
        }
        if self.len < self.fewest {
            self.thin_out();
        }
        Some(task)
    }

    /// Gives the task back that is chosen and was spawned last, with its number, which is none when
    /// nobody has asked this registry for any.
    pub(super) fn take_newest(&mut self, is_chosen: impl Fn(&TaskView) -> bool) -> Option<(Registered, Option<NonZero<u64>>)> {
        let index = self.slots.iter().rposition(|slot| slot.as_deref().is_some_and(&is_chosen))?;
        let number = self.numbers.as_ref().map(|numbers| numbers.of_slot[index]);
        self.take(index).map(|task| (task, number))
    }

    /// The number of a task that is here; None when nobody has asked for any.
    pub(super) fn known_number(&self, task: &TaskView) -> Option<NonZero<u64>> {
        self.numbers.as_ref().map(|numbers| numbers.of_slot[task.index() as usize])
    }

    /// The number of a task that is here.
    pub(super) fn number(&mut self, task: &TaskView) -> NonZero<u64> {
        self.number_all();
        self.known_number(task).expect("all have one")
    }

    /// From here on each task has a number.
    pub(super) fn number_all(&mut self) {
        let slots = self.slots.len();
        let numbers = self.numbers.get_or_insert_default();
        numbers.of_slot.reserve_exact(self.slots.capacity().saturating_sub(numbers.of_slot.len()));
        while numbers.of_slot.len() < slots {
            let number = numbers.take();
            numbers.of_slot.push(number);
        }
        // From here on each insertion numbers its task.
        self.limit = 0;
    }

    /// Newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &TaskView> {
        self.slots.iter().rev().filter_map(|slot| slot.as_deref())
    }

    /// Before an insertion: makes room, gives the new slot its number, goes on with a squeeze.
    #[cold]
    fn prepare(&mut self) {
        if self.squeeze.is_some() {
            self.step();
        }
        let slots = self.slots.len();
        if slots == self.slots.capacity() {
            // With many holes only as much as is needed until they are squeezed out.
            if slots >= WORTH && (slots - self.len) * 4 >= slots {
                self.squeeze.get_or_insert_default();
            }
            let room = (self.len + self.len / 2).max(slots + slots / 8).max(slots + FIRST);
            self.slots.reserve_exact(room - slots);
        }
        if let Some(numbers) = &mut self.numbers {
            // Slots that were popped took their numbers along.
            numbers.of_slot.truncate(slots);
            numbers.of_slot.reserve_exact(self.slots.capacity() - slots);
            let number = numbers.take();
            numbers.of_slot.push(number);
        }
        self.measure();
    }

    /// After a removal that has left too much room.
    #[cold]
    fn thin_out(&mut self) {
        self.squeeze.get_or_insert_default();
        self.step();
        self.measure();
    }

    /// Looks at some slots. When all have been looked at, gives the room behind them back.
    fn step(&mut self) {
        let Some(mut squeeze) = self.squeeze.take() else { return };
        // Pops may have gone below `next`, and then they went below `packed`. With no holes there
        // is nothing to look for.
        let end = self.slots.len().min(squeeze.next + STEP);
        while squeeze.next < end && self.len < self.slots.len() {
            if let Some(task) = self.slots[squeeze.next].take() {
                task.set_index(squeeze.packed as u32);
                self.slots[squeeze.packed] = Some(task);
                if let Some(numbers) = &mut self.numbers {
                    numbers.of_slot[squeeze.packed] = numbers.of_slot[squeeze.next];
                }
                squeeze.packed += 1;
            }
            squeeze.next += 1;
        }
        if self.len == self.slots.len() {
            self.give_back();
        } else if squeeze.next >= self.slots.len() {
            self.slots.truncate(squeeze.packed);
            self.give_back();
        } else {
            self.squeeze = Some(squeeze);
        }
    }

    /// The squeeze is over.
    fn give_back(&mut self) {
        let room = (self.len + self.len / 2).max(KEPT);
        self.slots.shrink_to(room);
        if let Some(numbers) = &mut self.numbers {
            numbers.of_slot.truncate(self.slots.len());
            numbers.of_slot.shrink_to(room);
        }
    }

    /// Says when the next insertion and the next removal have more to do.
    fn measure(&mut self) {
        self.fewest = self.slots.capacity().saturating_sub(KEPT) * 4 / 7;
        let is_plain = self.squeeze.is_none() && self.numbers.is_none();
        self.limit = if is_plain { self.slots.capacity() } else { 0 };
    }
}

/// The numbers of tasks that are in no registry any more, because their executor is being dropped.
/// The header's index, which is zero when the task comes here, says which is whose.
#[derive(Debug, Default)]
pub(super) struct LateNumbers(Vec<NonZero<u64>>);

impl LateNumbers {
    /// What the registry knew.
    pub(super) fn keep(&mut self, task: &TaskView, number: Option<NonZero<u64>>) {
        if let Some(number) = number {
            self.0.push(number);
            task.set_index(self.0.len() as u32);
        }
    }

    /// The number of a task; a new one for a task that was never asked.
    pub(super) fn number(&mut self, task: &TaskView) -> NonZero<u64> {
        if task.index() == 0 {
            self.keep(task, Some(number::next()));
        }
        self.0[task.index() as usize - 1]
    }
}

#[cfg(test)]
mod tests;
