//! Who waits, first come first served. User code runs outside of the lock or borrow.
//!
//! `list` has who waits, and in which order; what comes out of it is handed to the caller, which
//! wakes and drops when its lock or borrow has been let go. `kept` says how a waker is kept, for
//! all threads or for one. `offer` is the way in: it gives a waker of this crate at once, since
//! cloning it runs no user code, and asks for a second pass when the waker is foreign;
//! [`poll_wait`] makes both passes. `wakes` has those who were called, on their way out.

mod kept;

mod list;

mod offer;

mod wakes;

pub(crate) use kept::{KeptWaker, SharedWaker};
pub(crate) use list::{WaitKey, WaitList};
pub(crate) use offer::{Found, Offer, poll_wait, poll_wait_freely, with_offer};
pub(crate) use wakes::{Wakes, wake_each};

#[cfg(test)]
pub(crate) mod tests;
