//! Which source is meant by which key — owns the registered sources of a thread — must never keep its borrow while foreign code runs.
//!
//! The table is what an event goes through: its key names a place and the source that was in it when the kernel was told ([R2]). All
//! else about a source is in its [`Readiness`], which the table shares with the source itself, so that a call which need not wait
//! does not come here at all.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use slab::Slab;

use super::descriptor::Number;
use super::key::Key;
use super::readiness::{Readiness, Report, Sides};
use super::source::Added;
use super::system;
use crate::task::LocalWaker;

/// The registered sources of one thread.
#[derive(Default)]
pub(super) struct Table {
    /// By slot. Borrowed only to find, add or remove one; never across foreign code ([R5]).
    pub(super) entries: RefCell<Slab<Entry>>,
    /// Given to the next registered source; wraps, see [`Key`].
    generation: Cell<u32>,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Puts a source into the table and the kernel's list; `None` when it is of the kind that is always ready.
    pub(super) fn add(
        &self,
        kernel: &system::Kernel,
        readiness: &Rc<Readiness>,
        descriptor: Number,
        sides: Sides,
    ) -> io::Result<Option<Key>> {
        let generation = self.generation.get();
        self.generation.set(generation.wrapping_add(1));
        let mut entries = self.entries.borrow_mut();
        let place = entries.vacant_entry();
        let key = Key::new(place.key(), generation)
            .ok_or_else(|| io::Error::other("this thread's reactor has no room for one more descriptor"))?;
        match kernel.add(descriptor, key, sides) {
            Ok(Added::Watched) => {
                place.insert(Entry { key, readiness: readiness.clone(), descriptor });
                Ok(Some(key))
            }
            Ok(Added::AlwaysReady) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(registered_twice()),
            Err(error) => Err(error),
        }
    }

    /// Where registrations are one-shot: makes sure that the sides somebody waits for will be reported.
    pub(super) fn arm(&self, kernel: &system::Kernel, key: Key) -> io::Result<()> {
        match self.entries.borrow().get(key.slot()) {
            Some(entry) if kernel.is_one_shot() => entry.arm(kernel),
            _ => Ok(()),
        }
    }

    /// Forgets a source.
    pub(super) fn remove(&self, key: Key) {
        let entry = self.entries.borrow_mut().try_remove(key.slot());
        // Out of the table first: what goes with the last share of a source may be foreign code ([R5]).
        drop(entry);
    }

    /// Records one event and moves the wakers of who waited for it into `woken`.
    pub(super) fn record(&self, kernel: &system::Kernel, key: Key, report: Report, woken: &mut Vec<LocalWaker>) {
        let entries = self.entries.borrow();
        // [R2] The doorbell and sources that have gone are in no place under this name.
        let Some(entry) = entries.get(key.slot()).filter(|entry| entry.key == key) else { return };
        entry.readiness.record(report, woken);
        if kernel.is_one_shot() && entry.spent(kernel, report).is_err() {
            // What cannot be waited for is tried, so that the call itself says what is wrong.
            entry.readiness.record(Report { sides: Sides::BOTH, ends: true }, woken);
        }
    }
}

/// A place in the table of sources.
pub(super) struct Entry {
    /// The full name of the source in this place ([R2]).
    pub(super) key: Key,
    readiness: Rc<Readiness>,
    descriptor: Number,
}

impl Entry {
    /// Where registrations are one-shot: makes sure that the sides somebody waits for will be reported.
    fn arm(&self, kernel: &system::Kernel) -> io::Result<()> {
        let wanted = self.readiness.wanted();
        match self.readiness.armed() {
            _ if wanted.is_empty() => return Ok(()),
            Some(armed) if armed.contains(wanted) => return Ok(()),
            Some(_) => {}
            None => {
                kernel.add(self.descriptor, self.key, Sides::BOTH)?;
            }
        }
        kernel.arm(self.descriptor, self.key, wanted)?;
        self.readiness.set_armed(Some(wanted));
        Ok(())
    }

    /// Where registrations are one-shot: an event has come and used this one up.
    fn spent(&self, kernel: &system::Kernel, report: Report) -> io::Result<()> {
        self.readiness.set_armed(Some(Sides::default()));
        if report.ends && self.readiness.wanted().is_empty() {
            // `poll` reports an end also to those who ask for nothing, and would do so on every wait.
            kernel.remove(self.descriptor);
            self.readiness.set_armed(None);
        }
        self.arm(kernel)
    }
}

fn registered_twice() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "this descriptor is registered twice with one executor thread: share the first I/O object (by reference or `Rc`), or give the \
         second one a duplicate of the descriptor (`try_clone`)",
    )
}
