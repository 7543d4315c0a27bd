//! What is kept of one descriptor: its number, its key and its readiness. It does not know which
//! reactor it belongs to.
//!
//! An I/O object and the table share it, so that a call finds everything about its descriptor in
//! one place: 88 bytes for each descriptor, the counts of the shares included.

use std::cell::Cell;
use std::io;

use super::driver::descriptor::Number;
use super::driver::{Added, Chosen, Driver, Key};
use super::readiness::{Readiness, Report, Sides};

/// What kind of object a source is for.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Which sides can ever be waited for.
    pub(crate) sides: Sides,
    /// What its errors call a wait of the reading side, and of the writing side.
    pub(crate) read: &'static str,
    pub(crate) write: &'static str,
}

/// Where a descriptor stands with the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registration {
    /// No call has said yet that it would block.
    NotYet,
    Watched,
    AlwaysReady,
}

/// A descriptor, as its source and the table know it; both on the owner thread.
pub(super) struct SourceEntry {
    pub(super) readiness: Readiness,
    kind: Cell<&'static Kind>,
    /// The full name of the source ([R2]), once it is watched.
    key: Cell<Key>,
    descriptor: Number,
    registration: Cell<Registration>,
    /// Where registrations are one-shot: the sides for which it is armed, or `None` when it was
    /// taken back. Unused where they last.
    armed: Cell<Option<Sides>>,
}

#[cfg(all(not(wakeline_loom), unix, target_pointer_width = "64"))]
const _: () = assert!(size_of::<SourceEntry>() == 72, "every connection pays for it");

impl SourceEntry {
    pub(super) fn new(descriptor: Number, kind: &'static Kind) -> Self {
        Self {
            readiness: Readiness::new(),
            kind: Cell::new(kind),
            key: Cell::new(Key::NONE),
            descriptor,
            registration: Cell::new(Registration::NotYet),
            armed: Cell::new(Some(Sides::default())),
        }
    }

    pub(super) fn kind(&self) -> &'static Kind {
        self.kind.get()
    }

    /// Is of another kind from now on; of one that has the same sides.
    pub(super) fn set_kind(&self, kind: &'static Kind) {
        self.kind.set(kind);
    }

    #[inline]
    pub(super) fn registration(&self) -> Registration {
        self.registration.get()
    }

    pub(super) fn key(&self) -> Key {
        self.key.get()
    }

    /// Puts the descriptor on the kernel's list, as `key`.
    ///
    /// # Errors
    ///
    /// The kernel's; it is not registered then.
    pub(super) fn register(&self, driver: &Chosen, key: Key) -> io::Result<Added> {
        let added = driver.add(self.descriptor, key, self.kind().sides)?;
        self.key.set(key);
        self.registration.set(match added {
            Added::Watched => Registration::Watched,
            Added::AlwaysReady => Registration::AlwaysReady,
        });
        Ok(added)
    }

    /// Takes the descriptor off the kernel's list.
    pub(super) fn deregister(&self, driver: &Chosen) {
        driver.remove(self.descriptor);
    }

    /// Where registrations are one-shot: makes sure that the sides somebody waits for will be
    /// reported.
    pub(super) fn arm(&self, driver: &Chosen) -> io::Result<()> {
        let wanted = self.readiness.wanted();
        match self.armed.get() {
            _ if wanted.is_empty() => return Ok(()),
            Some(armed) if armed.contains(wanted) => return Ok(()),
            Some(_) => {}
            None => {
                driver.add(self.descriptor, self.key(), Sides::BOTH)?;
            }
        }
        driver.arm(self.descriptor, self.key(), wanted)?;
        self.armed.set(Some(wanted));
        Ok(())
    }

    /// Where registrations are one-shot: an event has come and used this one up.
    pub(super) fn spent(&self, driver: &Chosen, report: Report) -> io::Result<()> {
        self.armed.set(Some(Sides::default()));
        if report.ends && self.readiness.wanted().is_empty() {
            // `poll` reports an end also to those who ask for nothing, and would do so on every
            // wait.
            driver.remove(self.descriptor);
            self.armed.set(None);
        }
        self.arm(driver)
    }
}
