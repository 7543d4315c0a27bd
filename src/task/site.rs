//! Where a task was spawned: a table that turns a source location into two bytes.
//!
//! Every message about a task names the line that spawned it, in release builds too. A reference to
//! the location would be the ninth word of the header and put the smallest tasks into the next
//! larger block; a program has few spawn sites, so the header keeps a number.
//!
//! Each thread remembers the numbers of the sites it used lately (a direct-mapped table, one
//! compare a spawn). Behind it is one table for the process: addresses in the order in which they
//! came, searched from the front and extended by an exchange. It takes no lock, because a child
//! forked while another thread held one could never spawn; and its memory is touched as far as it
//! is used. The 65 536th site and later ones are called unknown.
//!
//! Rule \[L1\]: the table holds addresses of `'static` locations, and nulls behind them.

use std::cell::Cell;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The number of a spawn site: its place in the table, from 1; 0 is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Site(u16);

/// Entries a thread remembers; a power of two. Two sites that fall together only cost a search.
const REMEMBERED: usize = 128;

type RecentSite = Cell<(*const Location<'static>, Site)>;

std::thread_local! {
    static RECENT: [RecentSite; REMEMBERED] = const { [const { Cell::new((ptr::null(), Site(0))) }; REMEMBERED] };
}

static TABLE: [AtomicPtr<Location<'static>>; u16::MAX as usize] = [const { AtomicPtr::new(ptr::null_mut()) }; u16::MAX as usize];

impl Site {
    /// The caller's site; name the public function `#[track_caller]`.
    #[inline]
    #[track_caller]
    pub(crate) fn caller() -> Self {
        Self::of(Location::caller())
    }

    /// For a reader on another thread, who keeps numbers.
    pub(crate) fn number(self) -> u16 {
        self.0
    }

    /// Back from a number that [`Site::number`] gave.
    pub(crate) fn from_number(number: u16) -> Self {
        Self(number)
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
        let wanted = ptr::from_ref(location).cast_mut();
        for (number, place) in (1..=u16::MAX).zip(&TABLE) {
            // Relaxed, all three: what the address points at was there before the program began.
            let mut known = place.load(Ordering::Relaxed);
            if known.is_null() {
                let taken = place.compare_exchange(known, wanted, Ordering::Relaxed, Ordering::Relaxed);
                known = taken.map_or_else(|other| other, |_| wanted);
            }
            if known == wanted {
                return Self(number);
            }
        }
        Self(0)
    }

    /// None for the sites beyond the table.
    pub(crate) fn location(self) -> Option<&'static Location<'static>> {
        let place = usize::from(self.0).checked_sub(1)?;
        // Relaxed: as above; the number came to this thread with the task, and a null would be
        // called unknown.
        let known = TABLE[place].load(Ordering::Relaxed);
        // SAFETY: [L1] the address is that of a `'static` location; another one would dangle.
        unsafe { known.as_ref() }
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
