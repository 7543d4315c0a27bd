//! Which source is meant by which key. All registered sources of a thread are in here. No borrow of
//! the table lasts while foreign code runs.
//!
//! The table is what an event goes through: its key names a place and the source that was in it
//! when the kernel was told ([R2]). All else about a source is in its [`SourceEntry`], which the
//! table shares with the source itself, so that neither a call nor a wait comes here at all.
//!
//! **Memory.** There is room for at most twice the sources that are registered, and [`SPARE`] more.
//! The kernel and the sources keep their keys, so a removal that leaves too much room moves the
//! entries together under the keys that they have: those whose place is no longer the one that
//! their key says are found in a sorted list.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem;
use std::rc::Rc;

use slab::Slab;

use super::driver::{Added, Chosen, Driver, Key};
use super::entry::SourceEntry;
use super::readiness::{Report, Sides};
use crate::task::LocalWaker;

/// So much room for no source is not worth giving back: 1 KiB.
const SPARE: usize = 64;

/// The registered sources of one thread.
#[derive(Default)]
pub(super) struct Table {
    /// By slot. Borrowed only to find, add or remove one; never across foreign code ([R5]).
    pub(super) entries: RefCell<Slab<Rc<SourceEntry>>>,
    /// Where the entries are that were moved, by the numbers of their keys; it may name some that
    /// have gone.
    moved: RefCell<Vec<(usize, usize)>>,
    /// Given to the next registered source; wraps, see [`Key`].
    generation: Cell<u32>,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Puts a source into the table and the kernel's list, unless it is of the kind that is always
    /// ready.
    pub(super) fn add(&self, driver: &Chosen, entry: &Rc<SourceEntry>) -> io::Result<()> {
        let generation = self.generation.get();
        self.generation.set(generation.wrapping_add(1));
        let mut entries = self.entries.borrow_mut();
        let place = entries.vacant_entry();
        let key = Key::new(place.key(), generation)
            .ok_or_else(|| io::Error::other("this thread's reactor has no room for one more descriptor"))?;
        match entry.register(driver, key) {
            Ok(Added::Watched) => {
                place.insert(Rc::clone(entry));
                Ok(())
            }
            Ok(Added::AlwaysReady) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(registered_twice()),
            Err(error) => Err(error),
        }
    }

    /// Where the source of this name is. [R2] The notifier and sources that have gone are nowhere.
    fn place(&self, entries: &Slab<Rc<SourceEntry>>, key: Key) -> Option<usize> {
        let is_it = |place: usize| entries.get(place).is_some_and(|entry| entry.key() == key);
        if is_it(key.slot()) {
            return Some(key.slot());
        }
        let moved = self.moved.borrow();
        let found = moved.binary_search_by_key(&key.number(), |&(number, _)| number).ok()?;
        Some(moved[found].1).filter(|&place| is_it(place))
    }

    /// Forgets a source.
    pub(super) fn remove(&self, key: Key) {
        let mut entries = self.entries.borrow_mut();
        let entry = self.place(&entries, key).map(|place| entries.remove(place));
        if entries.capacity() > 2 * entries.len() + SPARE {
            self.move_together(&mut entries);
        }
        drop(entries);
        // Out of the table first: what goes with the last share of a source may be foreign code
        // ([R5]).
        drop(entry);
    }

    /// Gives the room back of which there is too much.
    #[cold]
    fn move_together(&self, entries: &mut Slab<Rc<SourceEntry>>) {
        let mut together = Slab::with_capacity(entries.len() + entries.len() / 4);
        let kept = mem::take(entries).into_iter().map(|(_, entry)| (entry.key().number(), together.insert(entry)));
        let mut moved: Vec<_> = kept.collect();
        moved.sort_unstable();
        (*entries, *self.moved.borrow_mut()) = (together, moved);
    }

    /// Records one event and moves the wakers of who waited for it into `woken`.
    pub(super) fn record(&self, driver: &Chosen, key: Key, report: Report, woken: &mut Vec<LocalWaker>) {
        let entries = self.entries.borrow();
        let Some(entry) = self.place(&entries, key).map(|place| &entries[place]) else { return };
        entry.readiness.record(report, woken);
        if driver.is_one_shot() && entry.spent(driver, report).is_err() {
            // What cannot be waited for is tried, so that the call itself says what is wrong.
            entry.readiness.record(Report { sides: Sides::BOTH, ends: true }, woken);
        }
    }
}

fn registered_twice() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "this descriptor is registered twice with one executor thread: share the first I/O object (by reference or `Rc`), or give the \
         second one a duplicate of the descriptor (`try_clone`)",
    )
}
