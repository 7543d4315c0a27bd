//! Where a task was spawned — owns the table that turns a source location into two bytes — must never be asked on a wake or a poll.
//!
//! Every message about a task names the line that spawned it, in release builds too. A reference to the location would be the ninth word
//! of the header and put the smallest tasks into the next larger block; a program has few spawn sites, so the header keeps a number.
//! Each thread remembers the numbers of the sites it used lately (a direct-mapped table, one compare a spawn); the table behind it is
//! locked once per site and thread. The 65 536th site and later ones are called unknown.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::Location;
use std::ptr;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The number of a spawn site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site(u16);

/// Entries a thread remembers; a power of two. Two sites that fall together only cost the lock again.
const REMEMBERED: usize = 64;

type Entry = Cell<(*const Location<'static>, Site)>;

std::thread_local! {
    static RECENT: [Entry; REMEMBERED] = const { [const { Cell::new((ptr::null(), Site(0))) }; REMEMBERED] };
}

#[derive(Default)]
struct Table {
    sites: Vec<&'static Location<'static>>,
    numbers: HashMap<&'static Location<'static>, Site>,
}

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

impl Site {
    /// The caller's site; name the public function `#[track_caller]`.
    #[inline]
    #[track_caller]
    pub(crate) fn caller() -> Self {
        Self::of(Location::caller())
    }

    #[inline]
    fn of(location: &'static Location<'static>) -> Self {
        RECENT.with(|recent| {
            let entry = &recent[(ptr::from_ref(location).addr() / align_of::<Location<'_>>()) % REMEMBERED];
            let (known, site) = entry.get();
            if ptr::eq(known, location) {
                return site;
            }
            let site = Self::look_up(location);
            entry.set((location, site));
            site
        })
    }

    #[cold]
    fn look_up(location: &'static Location<'static>) -> Self {
        let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&site) = table.numbers.get(location) {
            return site;
        }
        let Ok(number) = u16::try_from(table.sites.len() + 1) else { return Self(0) };
        table.sites.push(location);
        table.numbers.insert(location, Self(number));
        Self(number)
    }

    /// None for the sites beyond the table.
    pub(crate) fn location(self) -> Option<&'static Location<'static>> {
        let index = usize::from(self.0).checked_sub(1)?;
        Some(TABLE.lock().unwrap_or_else(PoisonError::into_inner).sites[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_keeps_its_number_and_gives_its_location_back() {
        let here = Location::caller();
        let (first, second) = (Site::of(here), Site::of(here));
        assert_eq!(first, second);
        assert_eq!(first.location(), Some(here));
        let elsewhere = std::thread::spawn(move || Site::of(here)).join().unwrap();
        assert_eq!(first, elsewhere);
        assert_ne!(Site::caller(), first);
    }
}
