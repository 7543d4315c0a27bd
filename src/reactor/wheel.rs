//! The timer wheel: every deadline of this thread, with the waker that waits for it. There is no
//! clock in it. It does not enter the kernel, and it calls no waker.
//!
//! Time is a `u64` of nanoseconds since an instant that the wheel does not know. A deadline lies in
//! a slot of one of [`LEVELS`] levels; a slot of level 0 is 65.5 µs wide, one of level 1 is 64
//! times as wide, and level 7 ends where a `u64` ends: nothing wraps, nothing is "far future".
//! [`NEVER`], the last value, is a deadline that no clock reaches.
//!
//! **Placement.** The level is that of the highest bit in which the deadline differs from
//! `elapsed`, the time of the last [`advance`](Wheel::advance); the slot is the deadline's own
//! digit on that level. So a slot shares all higher digits with `elapsed`, everything on one level
//! comes before everything on the next, and the first slot is two `trailing_zeros` away. A deadline
//! that has passed goes into the slot of `elapsed`, and the next `advance` finds it there.
//!
//! **Advance** empties the first slot while it begins at or before `now`: what is due comes out,
//! the rest moves to a lower level. Only the last slot so emptied can hold a rest, because every
//! earlier one also *ended* before `now`. An entry therefore moves at most `LEVELS - 1` times in
//! its life, and insert, cancel and reset touch one slot each: O(1), and no allocation once the
//! table of entries has grown to the number of timers that live at once.
//!
//! **The sleep is to the deadline, not to the slot.** Each slot knows the least deadline put into
//! it since it was last empty. Cancelling that entry leaves the number in place, since finding the
//! next one would cost a walk; so [`next_deadline`](Wheel::next_deadline) is a lower bound, and the
//! owner may wake early. It does so at most once per slot and at most once per cancelled timer: the
//! early `advance` empties that slot and files the rest under exact numbers.
//!
//! **Keys.** A [`TimerKey`] is neither `Copy` nor `Clone`, and an entry, also a fired one, lives
//! until its key is handed back. So no stale key exists, and "has it fired?" is a look at the entry
//! instead of a clock read.
//!
//! **Memory.** The table of entries comes back to at most twice the timers that are there, and a
//! little: see `wheel/room.rs`.
//!
//! Rejected: generations in the keys with entries freed when they fire (2³² reuses of one slot,
//! some hours of busy timeouts, and a fired timer that nobody has polled looks alive again); one
//! heap (O(log n) cancel, and a cancel is what most timers end with); slots of one millisecond
//! (sleeps would be 0.5 ms late on average); merging of close deadlines (the kernel's timer slack
//! of 50 µs already does it for the thread as a whole).

use crate::clock::NEVER;
use crate::task::LocalWaker;

mod moved;
mod room;

use moved::Moved;

/// log2 of the width of a slot on the lowest level, in nanoseconds. 65.5 µs is about how late the
/// kernel ends a sleep anyway, so timers of one slot mostly fire in one turn, and 16 is what makes
/// [`LEVELS`] levels of [`DIGIT`] bits end at bit 64 exactly.
const UNIT: u32 = 16;
/// Bits a level takes from the deadline: 64 slots, one `u64` of occupancy.
const DIGIT: u32 = 6;
const SLOTS: usize = 1 << DIGIT;
const LEVELS: usize = ((u64::BITS - UNIT) / DIGIT) as usize;
/// Entries that the table grows by at least.
const LEAST_GROWTH: usize = 16;
/// Free entries that are no reason to move the others: 40 KiB.
const SPARE: usize = 1024;
/// The end of a list of entries.
const NIL: u32 = u32::MAX;

/// One timer of the wheel; the key's holder is the only one who can change or free it.
#[must_use = "a timer whose key is lost is never freed"]
#[derive(Debug)]
pub(crate) struct TimerKey(u64);

/// What [`Wheel::check`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The deadline has passed and the waker has been taken out.
    Fired,
    /// The timer will wake the waker that was asked about.
    Armed,
    /// The timer will wake somebody else, or nobody.
    OtherWaker,
}

/// A timer that has come out of the wheel. Sorted by `(deadline, sequence)`, timers come in the
/// order in which they were due.
pub(crate) struct Due {
    pub(crate) deadline: u64,
    /// Number of the insert or reset that set this deadline.
    pub(crate) sequence: u64,
    /// To be woken when the wheel is no longer borrowed: a foreign waker runs foreign code.
    pub(crate) waker: LocalWaker,
}

/// Where an entry is: the number of its slot, level × 64 + digit, or one of these.
type Place = u16;
/// Out of every list, kept because its key is still held.
const FIRED: Place = Place::MAX;
/// In the free list.
const FREE: Place = Place::MAX - 1;

struct TimerEntry {
    deadline: u64,
    sequence: u64,
    /// Who to wake; empty once fired, and after a reset that follows a fire until the next poll.
    waker: Option<LocalWaker>,
    /// Neighbours in the slot's list; `next` also links the free list.
    previous: u32,
    next: u32,
    place: Place,
}

impl TimerEntry {
    /// Whether it lies in a slot.
    #[inline]
    fn waits(&self) -> bool {
        self.place < FREE
    }
}

#[derive(Clone, Copy)]
struct Slot {
    /// No entry of this slot is due before this. Means nothing while the slot is empty.
    least: u64,
    /// First entry of the list, which has no order.
    head: u32,
}

pub(crate) struct Wheel {
    /// The latest time that `advance` was given; every slot's digits are read relative to it.
    elapsed: u64,
    /// Number for the next insert or reset. At one per nanosecond it wraps after 584 years.
    sequence: u64,
    /// Bit L: level L has an occupied slot.
    levels: u8,
    /// Per level, bit D: the slot of digit D is occupied.
    occupied: [u64; LEVELS],
    slots: Box<[Slot; LEVELS * SLOTS]>,
    entries: Vec<TimerEntry>,
    /// First free entry, of those behind `moved`.
    free: u32,
    /// So many more entries may be freed before there are too many free ones.
    spare: isize,
    /// The key of the first entry, if it is not a moved one.
    base: u64,
    /// The keys of the entries in front, which were moved there. Their places are used again when
    /// entries are moved the next time.
    moved: Moved,
}

impl Wheel {
    /// A wheel whose time stands at `elapsed`.
    pub(crate) fn new(elapsed: u64) -> Self {
        Self {
            elapsed: elapsed.min(NEVER - 1),
            sequence: 0,
            levels: 0,
            occupied: [0; LEVELS],
            slots: Box::new([Slot { least: NEVER, head: NIL }; LEVELS * SLOTS]),
            entries: Vec::new(),
            free: NIL,
            spare: spare(0),
            base: 0,
            moved: Moved::default(),
        }
    }

    /// Whether no timer waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.levels == 0
    }

    /// A time that no waiting timer's deadline precedes; `None` when there is nothing to wait for.
    /// A cancelled timer may leave it too early, never too late (see the module's head for how
    /// often).
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let slot = self.first_slot()?;
        Some(self.slots[slot].least).filter(|&least| least != NEVER)
    }

    /// Adds a timer. A deadline in the past fires at the next `advance`.
    #[inline]
    pub(crate) fn insert(&mut self, deadline: u64, waker: LocalWaker) -> TimerKey {
        let index = if self.free != NIL { self.free } else { self.grow() };
        let entry = &mut self.entries[index as usize];
        self.free = entry.next;
        entry.waker = Some(waker);
        self.spare += 1;
        self.file(index, deadline);
        TimerKey(self.base.wrapping_add(u64::from(index)))
    }

    /// Where the entry of a key is.
    #[inline]
    fn index(&self, key: &TimerKey) -> u32 {
        let index = key.0.wrapping_sub(self.base);
        if index < self.entries.len() as u64 { index as u32 } else { self.index_of_moved(key.0) }
    }

    /// Adds a free entry.
    #[cold]
    fn grow(&mut self) -> u32 {
        let index = u32::try_from(self.entries.len()).ok().filter(|&index| index != NIL);
        let index = index.expect("more than 4 294 967 294 timers on one thread");
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact((self.entries.len() / 2).max(LEAST_GROWTH));
        }
        self.entries.push(TimerEntry { deadline: 0, sequence: 0, waker: None, previous: NIL, next: NIL, place: FREE });
        // The entry is free until the insertion has taken it.
        self.spare += spare(self.entries.len()) - spare(self.entries.len() - 1) - 1;
        index
    }

    /// Gives a timer, waiting or fired, a new deadline. It keeps its waker, and comes after all
    /// timers of the same deadline.
    pub(crate) fn reset(&mut self, key: &TimerKey, deadline: u64) {
        let index = self.index(key);
        self.unlink(index);
        self.file(index, deadline);
    }

    /// Whether the timer has fired, and if not, whether it would wake `waker`.
    pub(crate) fn check(&self, key: &TimerKey, will_wake: impl FnOnce(&LocalWaker) -> bool) -> Check {
        let entry = &self.entries[self.index(key) as usize];
        match &entry.waker {
            _ if !entry.waits() => Check::Fired,
            Some(waker) if will_wake(waker) => Check::Armed,
            _ => Check::OtherWaker,
        }
    }

    /// Puts another waker into a waiting timer and hands back the one to be dropped: the old one,
    /// or `waker` itself when the timer has fired meanwhile.
    #[must_use]
    pub(crate) fn set_waker(&mut self, key: &TimerKey, waker: LocalWaker) -> Option<LocalWaker> {
        let index = self.index(key);
        let entry = &mut self.entries[index as usize];
        if entry.waits() { entry.waker.replace(waker) } else { Some(waker) }
    }

    /// Moves the time to `now` and appends what has become due, sorted. A `now` before that of an
    /// earlier call counts as that one.
    pub(crate) fn advance(&mut self, now: u64, due: &mut Vec<Due>) {
        let now = now.max(self.elapsed).min(NEVER - 1);
        let first_new = due.len();
        while let Some(slot) = self.first_slot() {
            // A slot of level 0 stays where it is until one of its timers is due; the others have
            // to give way to lower levels as soon as time enters them, because a timer that is
            // added from then on may lie below them and yet be due later.
            if self.start(slot) > now || (slot < SLOTS && self.slots[slot].least > now) {
                break;
            }
            if self.empty_slot(slot, now, due) {
                break;
            }
        }
        self.elapsed = now;
        if due.len() - first_new > 1 {
            due[first_new..].sort_unstable_by_key(|due| (due.deadline, due.sequence));
        }
    }

    /// Fires what is due in this slot and files the rest anew; whether there was a rest.
    fn empty_slot(&mut self, slot: usize, now: u64, due: &mut Vec<Due>) -> bool {
        let mut index = self.slots[slot].head;
        self.vacate(slot);
        let mut rest = false;
        while index != NIL {
            let entry = &mut self.entries[index as usize];
            let next = entry.next;
            entry.place = FIRED;
            if entry.deadline <= now {
                let (deadline, sequence) = (entry.deadline, entry.sequence);
                due.extend(entry.waker.take().map(|waker| Due { deadline, sequence, waker }));
            } else {
                // This was the last slot that begins before `now`, so the slots that are left have
                // the digits of `now` above their own.
                self.elapsed = now;
                let (deadline, sequence) = (entry.deadline, entry.sequence);
                self.link(index, deadline, sequence);
                rest = true;
            }
            index = next;
        }
        rest
    }

    /// Sets a deadline that is newer than all others.
    #[inline]
    fn file(&mut self, index: u32, deadline: u64) {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.link(index, deadline, sequence);
    }

    /// Puts an entry into the slot that its deadline belongs to now.
    #[inline]
    fn link(&mut self, index: u32, deadline: u64, sequence: u64) {
        let place = place(self.elapsed, deadline);
        let (level, bit) = (place / SLOTS % LEVELS, 1 << (place % SLOTS));
        let slot = &mut self.slots[place];
        let next = if self.occupied[level] & bit == 0 {
            self.occupied[level] |= bit;
            self.levels |= 1 << level;
            *slot = Slot { least: deadline, head: index };
            NIL
        } else {
            slot.least = slot.least.min(deadline);
            std::mem::replace(&mut slot.head, index)
        };
        if next != NIL {
            self.entries[next as usize].previous = index;
        }
        let entry = &mut self.entries[index as usize];
        entry.deadline = deadline;
        entry.sequence = sequence;
        entry.previous = NIL;
        entry.next = next;
        entry.place = place as Place;
    }

    /// Takes an entry out of its slot, if it lies in one.
    #[inline]
    fn unlink(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        if !entry.waits() {
            return;
        }
        let place = std::mem::replace(&mut entry.place, FIRED);
        let (previous, next) = (entry.previous, entry.next);
        self.detach(place, previous, next);
    }

    /// Closes the gap that an entry leaves in its slot's list.
    #[inline]
    fn detach(&mut self, place: Place, previous: u32, next: u32) {
        let place = place as usize;
        if next != NIL {
            self.entries[next as usize].previous = previous;
        }
        if previous != NIL {
            self.entries[previous as usize].next = next;
        } else if next != NIL {
            self.slots[place].head = next;
        } else {
            self.vacate(place);
        }
    }

    /// Marks a slot as empty.
    #[inline]
    fn vacate(&mut self, place: usize) {
        let level = place / SLOTS % LEVELS;
        self.occupied[level] &= !(1 << (place % SLOTS));
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    /// The occupied slot that holds the earliest deadline.
    fn first_slot(&self) -> Option<usize> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some(level * SLOTS + self.occupied[level].trailing_zeros() as usize)
    }

    /// The time at which a slot begins.
    fn start(&self, slot: usize) -> u64 {
        let shift = UNIT + DIGIT * (slot / SLOTS) as u32;
        // The digits above this level are those of `elapsed`; above the last level there are none.
        let above = u64::MAX.checked_shl(shift + DIGIT).unwrap_or(0);
        (self.elapsed & above) | ((slot % SLOTS) as u64) << shift
    }
}

/// So many of so many entries may be free. With a table that grows by half, three quarters in use
/// make half of the room.
fn spare(entries: usize) -> isize {
    (SPARE + entries / 4) as isize
}

/// The place of a deadline when the time is `elapsed`.
#[inline]
fn place(elapsed: u64, deadline: u64) -> usize {
    let at = deadline.max(elapsed);
    let level = ((elapsed ^ at) | ((1 << UNIT) - 1)).ilog2().saturating_sub(UNIT) / DIGIT;
    let digit = (at >> (UNIT + DIGIT * level)) as usize % SLOTS;
    // There are no more levels; the remainder says so to the compiler, which then checks no index.
    level as usize % LEVELS * SLOTS + digit
}

#[cfg(test)]
mod tests;
