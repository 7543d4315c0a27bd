//! Who waits, first come first served — owns the wakers of those who wait and what each of them brought — must never run a user's code.
//!
//! A list through slots that are numbered: a future keeps the number of its slot as a [`Key`], and is found, called or taken out in
//! constant time. The first slot lies in the list itself, so that one waiter costs no allocation; the others lie in a vector that grows
//! to the largest number of waiters there ever was, and are used again.
//!
//! ```text
//! push_back ─▶ waiting ──pop_front──▶ called ──wait_again──▶ waiting, in front
//!                 └───────remove────────┴──▶ free
//! ```
//!
//! To be called is to lose one's entry. The slot stays until its future gives the key back, and that is how the future learns of it: a
//! call needs no word beside the list, and no number of the slot's use, since nobody else holds the key.
//!
//! Nothing in here calls a waker, clones one or drops one. What comes out is handed to the caller, who wakes and drops when his lock or
//! borrow has been let go. [`Offer`] is the way in: it gives a waker of this crate at once, since cloning it runs nobody's code, and asks
//! for a second pass when the waker is a stranger's.
//!
//! Rejected: links through the futures themselves (unsafe code, and pinned futures, to save one vector per crowded channel); a
//! `VecDeque` of wakers (a waiter that goes away leaves a hole, or costs a search); the slab crate (no list through it, and its first
//! entry is an allocation).

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

use crate::task::{LocalWaker, discard, is_ours};

/// No slot.
const NONE: u32 = u32::MAX;

/// The place of one who waits, or was called. Given back by `remove`, once.
#[derive(Debug)]
pub(crate) struct Key(u32);

#[derive(Debug)]
struct Slot<E> {
    /// There while its owner waits.
    entry: Option<E>,
    /// Towards the head; only of one who waits.
    before: u32,
    /// Towards the tail; of a free slot, the next free one.
    after: u32,
}

/// A first-in-first-out list of entries that can be taken out anywhere.
#[derive(Debug)]
pub(crate) struct WaitList<E> {
    first: Slot<E>,
    /// Slots 1, 2, ….
    more: Vec<Slot<E>>,
    /// Waits for the longest time.
    head: u32,
    tail: u32,
    /// A list through `after`.
    free: u32,
    waiting: usize,
}

impl<E> Default for WaitList<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> WaitList<E> {
    pub(crate) const fn new() -> Self {
        let first = Slot { entry: None, before: NONE, after: NONE };
        Self { first, more: Vec::new(), head: NONE, tail: NONE, free: 0, waiting: 0 }
    }

    /// How many wait. Those who were called do not.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    #[inline]
    fn slot(&mut self, index: u32) -> &mut Slot<E> {
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
    pub(crate) fn push_back(&mut self, entry: E) -> Key {
        if self.free == 0 && self.head == NONE {
            self.free = self.first.after;
            self.fill(0, entry, NONE, NONE);
            (self.head, self.tail, self.waiting) = (0, 0, 1);
            return Key(0);
        }
        self.push_behind(entry)
    }

    #[inline(never)]
    fn push_behind(&mut self, entry: E) -> Key {
        let index = if self.free == NONE { self.grow() } else { self.free };
        self.free = self.slot(index).after;
        let tail = mem::replace(&mut self.tail, index);
        self.fill(index, entry, tail, NONE);
        match tail {
            NONE => self.head = index,
            tail => self.slot(tail).after = index,
        }
        self.waiting += 1;
        Key(index)
    }

    #[cold]
    fn grow(&mut self) -> u32 {
        self.more.push(Slot { entry: None, before: NONE, after: NONE });
        let index = u32::try_from(self.more.len()).ok().filter(|&index| index != NONE);
        index.expect("there is no memory for four thousand million waiters")
    }

    /// One who was called waits again, before all others: he has waited for longer.
    pub(crate) fn wait_again(&mut self, key: &Key, entry: E) {
        let head = mem::replace(&mut self.head, key.0);
        self.fill(key.0, entry, NONE, head);
        match head {
            NONE => self.tail = key.0,
            head => self.slot(head).before = key.0,
        }
        self.waiting += 1;
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
        (self.head, self.tail, self.waiting) = (NONE, NONE, 0);
        self.slot(index).entry.take()
    }

    #[inline(never)]
    fn pop_before_others(&mut self) -> Option<E> {
        let index = self.head;
        self.unlink(index);
        self.slot(index).entry.take()
    }

    /// The entry of one who waits; `None` when he was called.
    #[inline]
    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut E> {
        self.slot(key.0).entry.as_mut()
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
    pub(crate) fn remove(&mut self, key: Key) -> Option<E> {
        let free = mem::replace(&mut self.free, key.0);
        if self.slot(key.0).entry.is_some() {
            self.unlink(key.0);
        }
        let slot = self.slot(key.0);
        slot.after = free;
        slot.entry.take()
    }

    #[inline(never)]
    fn unlink(&mut self, index: u32) {
        let &mut Slot { before, after, .. } = self.slot(index);
        match before {
            NONE => self.head = after,
            before => self.slot(before).after = after,
        }
        match after {
            NONE => self.tail = before,
            after => self.slot(after).before = before,
        }
        self.waiting -= 1;
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

/// A waker that is kept until its owner is called.
pub(crate) trait Kept: Sized {
    /// Keeps the waker if that runs nobody's code.
    fn keep_quietly(waker: &Waker) -> Option<Self>;
    /// Keeps any waker: never under a lock or borrow.
    fn keep(waker: &Waker) -> Self;
    /// Would both wake the same task?
    fn will_wake(&self, waker: &Waker) -> bool;
    /// Never under a lock or borrow.
    fn wake(self);
}

impl Kept for Waker {
    fn keep_quietly(waker: &Waker) -> Option<Self> {
        is_ours(waker).then(|| waker.clone())
    }

    fn keep(waker: &Waker) -> Self {
        waker.clone()
    }

    fn will_wake(&self, waker: &Waker) -> bool {
        Waker::will_wake(self, waker)
    }

    fn wake(self) {
        Waker::wake(self);
    }
}

impl Kept for LocalWaker {
    #[inline]
    fn keep_quietly(waker: &Waker) -> Option<Self> {
        is_ours(waker).then(|| LocalWaker::new(waker))
    }

    fn keep(waker: &Waker) -> Self {
        LocalWaker::new(waker)
    }

    #[inline]
    fn will_wake(&self, waker: &Waker) -> bool {
        LocalWaker::will_wake(self, waker)
    }

    #[inline]
    fn wake(self) {
        LocalWaker::wake(self);
    }
}

/// The waker of a poll, for whoever finds under a lock or borrow that it has to be kept.
#[derive(Debug)]
pub(crate) struct Offer<'a, W> {
    waker: &'a Waker,
    kept: Option<W>,
}

impl<'a, W: Kept> Offer<'a, W> {
    #[inline]
    pub(crate) fn new(waker: &'a Waker) -> Self {
        Self { waker, kept: None }
    }

    /// The waker, to keep. `None`: it is a stranger's and must be cloned outside, by [`prepare`](Self::prepare), before another attempt.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<W> {
        self.kept.take().or_else(|| W::keep_quietly(self.waker))
    }

    /// Runs a stranger's code: never under a lock or borrow.
    #[cold]
    pub(crate) fn prepare(&mut self) {
        self.kept = Some(W::keep(self.waker));
    }

    /// Is it the one that is kept already?
    #[inline]
    pub(crate) fn is(&self, kept: &W) -> bool {
        kept.will_wake(self.waker)
    }
}

/// Those who are to be woken when the lock or borrow has been let go.
#[derive(Debug)]
#[must_use = "those who were called are waiting to be woken"]
pub(crate) struct Wakes<W> {
    first: Option<W>,
    more: Vec<W>,
}

impl<W: Kept> Wakes<W> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { first: None, more: Vec::new() }
    }

    /// Calls everyone who waits.
    pub(crate) fn all(list: &mut WaitList<W>) -> Self {
        let mut wakes = Self::new();
        wakes.more.reserve(list.len().saturating_sub(1));
        while let Some(waker) = list.pop_front() {
            wakes.push(waker);
        }
        wakes
    }

    #[inline]
    pub(crate) fn push(&mut self, waker: W) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.more.push(waker),
        }
    }

    pub(crate) fn extend(&mut self, wakers: impl IntoIterator<Item = W>) {
        wakers.into_iter().for_each(|waker| self.push(waker));
    }

    /// Wakes all of them, in their order. A stranger's waker that panics keeps none of the others waiting; the first panic goes on.
    #[inline]
    pub(crate) fn wake(self) {
        let Some(first) = self.first else { return };
        if self.more.is_empty() {
            return first.wake();
        }
        let mut panic = catch_unwind(AssertUnwindSafe(|| first.wake())).err();
        for waker in self.more {
            match catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                Err(payload) if panic.is_none() => panic = Some(payload),
                Err(payload) => discard(payload),
                Ok(()) => {}
            }
        }
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }
}

#[cfg(test)]
mod tests;
