//! The list of those who wait: entries in slots that are numbered. Wakers come out to the caller,
//! and none is woken, cloned or dropped in here.
//!
//! A future keeps the number of its slot as a [`WaitKey`], and is found, called or taken out in
//! constant time. The first slot lies in the list itself, so that one waiter costs no allocation;
//! the others lie in a vector that grows to the largest number of waiters there ever was, and are
//! used again.
//!
//! ```text
//! push_back ─▶ waiting ──pop_front──▶ called ──wait_again──▶ waiting, in front
//!                 └───────remove────────┴──▶ free
//! ```
//!
//! To be called is to lose one's entry. The slot stays until its future gives the key back, and
//! that is how the future learns of it: a call needs no word beside the list, and no number of the
//! slot's use, since nobody else holds the key.
//!
//! The list remembers in which order it called: the slot of a called waiter has the number of its
//! call. Only the call of the last waiter has none, so that a list with one waiter at a time counts
//! nothing.
//!
//! Rejected: links through the futures themselves (unsafe code, and pinned futures, to save one
//! vector per crowded channel); a `VecDeque` of wakers (a waiter that goes away leaves a hole, or
//! costs a search); the slab crate (no list through it, and its first entry is an allocation).

use std::mem;
use std::num::NonZeroU32;

use super::kept::KeptWaker;
use super::offer::{Found, Offer};

/// No slot.
const NONE: u32 = u32::MAX;

/// The place of one who waits, or was called: the number of a slot, counted from one. Given back by
/// `remove`, once.
#[derive(Debug)]
pub(crate) struct WaitKey(NonZeroU32);

impl WaitKey {
    #[inline]
    fn of(slot: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(slot))
    }

    #[inline]
    fn index(&self) -> u32 {
        self.0.get() - 1
    }
}

#[derive(Debug)]
struct WaitSlot<E> {
    /// There while its owner waits.
    entry: Option<E>,
    /// Towards the head. Of a called waiter, whether its call has a number: NONE if not.
    before: u32,
    /// Towards the tail. Of a free slot, the next free one; of a called waiter, the number of its
    /// call.
    after: u32,
}

/// A first-in-first-out list of entries that can be taken out anywhere.
#[derive(Debug)]
pub(crate) struct WaitList<E> {
    first: WaitSlot<E>,
    /// Slots 1, 2, ….
    more: Vec<WaitSlot<E>>,
    /// Waits for the longest time.
    head: u32,
    tail: u32,
    /// A list through `after`.
    free: u32,
    /// Calls that have a number, and so the number of the last one. It wraps.
    calls: u32,
}

impl<E> Default for WaitList<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> WaitList<E> {
    pub(crate) const fn new() -> Self {
        let first = WaitSlot { entry: None, before: NONE, after: NONE };
        Self { first, more: Vec::new(), head: NONE, tail: NONE, free: 0, calls: 0 }
    }

    /// How many wait. Those who were called do not. Counts them.
    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    #[inline]
    fn slot(&mut self, index: u32) -> &mut WaitSlot<E> {
        match index {
            0 => &mut self.first,
            index => &mut self.more[index as usize - 1],
        }
    }

    /// Puts an entry into a slot that has none.
    #[inline]
    fn fill(&mut self, index: u32, entry: E, before: u32, after: u32) {
        let slot = self.slot(index);
        // There is nothing to be dropped, and the compiler is spared the question.
        mem::forget(slot.entry.replace(entry));
        (slot.before, slot.after) = (before, after);
    }

    /// Waits behind all others.
    #[inline]
    pub(crate) fn push_back(&mut self, entry: E) -> WaitKey {
        if self.free == 0 && self.head == NONE {
            self.free = self.first.after;
            self.fill(0, entry, NONE, NONE);
            (self.head, self.tail) = (0, 0);
            return WaitKey::of(0);
        }
        self.push_behind(entry)
    }

    #[inline(never)]
    fn push_behind(&mut self, entry: E) -> WaitKey {
        let index = if self.free == NONE { self.grow() } else { self.free };
        self.free = self.slot(index).after;
        let tail = mem::replace(&mut self.tail, index);
        self.fill(index, entry, tail, NONE);
        match tail {
            NONE => self.head = index,
            tail => self.slot(tail).after = index,
        }
        WaitKey::of(index)
    }

    #[cold]
    fn grow(&mut self) -> u32 {
        self.more.push(WaitSlot { entry: None, before: NONE, after: NONE });
        let index = u32::try_from(self.more.len()).ok().filter(|&index| index != NONE);
        index.expect("there is no memory for four thousand million waiters")
    }

    /// One who was called waits again, before all others: he has waited for longer.
    pub(crate) fn wait_again(&mut self, key: &WaitKey, entry: E) {
        let head = mem::replace(&mut self.head, key.index());
        self.fill(key.index(), entry, NONE, head);
        match head {
            NONE => self.tail = key.index(),
            head => self.slot(head).before = key.index(),
        }
    }

    /// Calls the one who has waited for the longest time.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<E> {
        let index = self.head;
        if index == NONE {
            return None;
        }
        if index != self.tail {
            return self.pop_before_others();
        }
        (self.head, self.tail) = (NONE, NONE);
        // Its `before` is NONE, as that of every head: a call without a number.
        self.slot(index).entry.take()
    }

    #[inline(never)]
    fn pop_before_others(&mut self) -> Option<E> {
        let index = self.head;
        self.call(index)
    }

    /// Calls one, with a number.
    fn call(&mut self, index: u32) -> Option<E> {
        self.unlink(index);
        self.calls = self.calls.wrapping_add(1);
        let number = self.calls;
        let slot = self.slot(index);
        (slot.before, slot.after) = (index, number);
        slot.entry.take()
    }

    /// How many were called after the owner of this key, who was called. None, if nobody else
    /// waited when it was called.
    #[inline]
    pub(crate) fn called_after(&mut self, key: &WaitKey) -> u32 {
        let calls = self.calls;
        let slot = self.slot(key.index());
        if slot.before == NONE { 0 } else { calls.wrapping_sub(slot.after) }
    }

    /// Do more than so many wait?
    pub(crate) fn has_more_than(&self, number: usize) -> bool {
        self.iter().nth(number).is_some()
    }

    /// The entry of one who waits; `None` when he was called.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: &WaitKey) -> Option<&mut E> {
        self.slot(key.index()).entry.as_mut()
    }

    /// The entry of the one who has waited for the longest time.
    #[inline]
    pub(crate) fn front(&mut self) -> Option<&E> {
        if self.head == NONE {
            return None;
        }
        let head = self.head;
        self.slot(head).entry.as_ref()
    }

    /// Ends a wait; `None` when its owner was called.
    #[inline]
    pub(crate) fn remove(&mut self, key: WaitKey) -> Option<E> {
        let free = mem::replace(&mut self.free, key.index());
        if self.slot(key.index()).entry.is_some() {
            self.unlink(key.index());
        }
        let slot = self.slot(key.index());
        slot.after = free;
        slot.entry.take()
    }

    #[inline(never)]
    fn unlink(&mut self, index: u32) {
        let &mut WaitSlot { before, after, .. } = self.slot(index);
        match before {
            NONE => self.head = after,
            before => self.slot(before).after = after,
        }
        match after {
            NONE => self.tail = before,
            after => self.slot(after).before = before,
        }
    }

    /// Calls the first one whose entry is like that.
    pub(crate) fn pop_first(&mut self, is_like: impl Fn(&E) -> bool) -> Option<E> {
        let index = self.iter().find(|&(_, entry)| is_like(entry))?.0;
        if index == self.head {
            return self.pop_front();
        }
        self.call(index)
    }

    /// The slots and the entries of those who wait, in their order.
    fn iter(&self) -> impl Iterator<Item = (u32, &E)> {
        let mut index = self.head;
        std::iter::from_fn(move || {
            let slot = match index {
                NONE => return None,
                0 => &self.first,
                index => &self.more[index as usize - 1],
            };
            let found = (index, slot.entry.as_ref().expect("one who is linked waits"));
            index = slot.after;
            Some(found)
        })
    }

    /// Everyone who waits, in their order.
    pub(crate) fn for_each(&mut self, mut f: impl FnMut(&mut E)) {
        let mut index = self.head;
        while index != NONE {
            let slot = self.slot(index);
            index = slot.after;
            f(slot.entry.as_mut().expect("one who is linked waits"));
        }
    }
}

impl<W: KeptWaker> WaitList<W> {
    /// Begins to wait, or waits on. `Ready` if the waiter was called; the key is then given back.
    pub(crate) fn wait(&mut self, key: &mut Option<WaitKey>, offer: &mut Offer<'_, W>) -> Found<(), W> {
        match key {
            Some(known) if self.get_mut(known).is_none() => Found::Ready((), self.stop(key)),
            _ => self.wait_on(key, offer),
        }
    }

    /// Begins to wait, or waits on; one who was called waits again, behind all others.
    pub(crate) fn wait_on<F>(&mut self, key: &mut Option<WaitKey>, offer: &mut Offer<'_, W>) -> Found<F, W> {
        if let Some(kept) = key.as_ref().and_then(|known| self.get_mut(known)) {
            return offer.renew(kept);
        }
        let Some(waker) = offer.take() else { return Found::Prepare };
        let left = self.stop(key);
        *key = Some(self.push_back(waker));
        Found::Waits(left)
    }

    /// Gives a key back, if there is one. The waker is the one that was left.
    pub(crate) fn stop(&mut self, key: &mut Option<WaitKey>) -> Option<W> {
        key.take().and_then(|key| self.remove(key))
    }
}

#[cfg(test)]
mod tests;
