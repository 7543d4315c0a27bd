//! The kernel's side of the reactor: what a driver promises, and which one is chosen. Who waits for
//! what is the reactor's business and not the driver's.
//!
//! A [`Driver`] is the queue of events of one thread: descriptors are put on its list, one call
//! waits for what happens to them, and any thread can end that wait. The reactor decides how long
//! to wait and keeps who waits; the driver makes the system calls. One that is added implements the
//! trait, and gets its line where the others have theirs, at the end of this page.
//!
//! # What a driver promises
//!
//! - **Edges.** Once a source is added, each change that lets a call on one of its sides do
//!   something is reported once, and so is what holds when it is added. A driver that cannot do
//!   that says [`is_one_shot`](Driver::is_one_shot): it then reports only the sides for which the
//!   source was armed, once, and the reactor arms it again. What holds while it is armed counts as
//!   a change.
//! - **More is allowed, less is not.** A report for nothing costs a call that would block. A report
//!   that is missing is a task that sleeps for ever.
//! - **Ends.** An error, the peer's end and urgent data are reported with `ends`, and an error or a
//!   hang-up on both sides. A driver that cannot tell them has `SHORT_MEANS_DRAINED` false.
//! - **Keys come back as they were given.** The driver does not know whether a source is still
//!   there ([R2]). What is not about a source comes back under no source's key.
//! - **A notification is never lost.** It ends the wait that runs, or else the next one. It may be
//!   given from any thread, it does not block, and it does not come back if it has failed.
//! - **A wait is not early.** It ends at an event, a notification or the limit, and late by as
//!   little as the kernel allows. It may also end for nothing. An interruption by a signal is no
//!   reason: what is left of the time is waited for.
//!
//! # What the reactor promises
//!
//! - One thread calls the driver; others only notify.
//! - A descriptor is removed before it is closed ([R1]), and no descriptor is added twice.
//! - After a fork the child calls nothing any more ([R4]).

use std::io;
use std::sync::Arc;

use super::readiness::{Report, Sides};
use crate::inbox::Notify;

#[allow(unsafe_code)]
pub(crate) mod descriptor;

mod key;

mod notify_failure;

use descriptor::{BorrowedDescriptor, Number, State};
pub(super) use key::Key;

/// The kernel's objects of one thread.
pub(super) trait Driver: Sized {
    /// What other threads call to end the wait.
    type NotifyHandle: Notify;

    /// Whether a transfer that came short has drained its side, as long as no end was reported.
    const SHORT_MEANS_DRAINED: bool;

    /// Opens the objects.
    ///
    /// # Errors
    ///
    /// The kernel's, when descriptors or memory have run out. Nothing is left open then.
    fn open() -> io::Result<Self>;

    /// What ends a wait of this driver; the same one at each call.
    fn notifier(&self) -> Arc<Self::NotifyHandle>;

    /// A descriptor that is readable when a wait would find something, if there is one.
    #[cfg(unix)]
    fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }

    /// Puts a descriptor on the list, under `key`, for `sides`. Where registrations are one-shot it
    /// is not armed yet.
    ///
    /// # Errors
    ///
    /// The kernel's; of kind `AlreadyExists` when the descriptor is on the list already.
    fn add(&self, descriptor: Number, key: Key, sides: Sides) -> io::Result<Added>;

    /// Whether a report ends a registration until it is armed again.
    fn is_one_shot(&self) -> bool {
        false
    }

    /// Where registrations are one-shot: asks for the next report of `sides`, and of these alone.
    ///
    /// # Errors
    ///
    /// The kernel's.
    fn arm(&self, _descriptor: Number, _key: Key, _sides: Sides) -> io::Result<()> {
        Ok(())
    }

    /// Takes a descriptor off the list. One that somebody has closed already is no error.
    fn remove(&self, descriptor: Number);

    /// Waits, at the longest until `limit`, and hands the report of each source to `record`.
    ///
    /// # Errors
    ///
    /// The kernel's, but for interruptions. What was found before has been recorded.
    fn wait(&self, limit: Limit, record: impl FnMut(Key, Report)) -> io::Result<()>;

    /// Makes a descriptor non-blocking: one that blocks would stop the whole thread on its first
    /// empty read.
    ///
    /// # Errors
    ///
    /// The kernel's.
    fn set_nonblocking(descriptor: BorrowedDescriptor<'_>) -> io::Result<()>;

    /// What can be said of a descriptor now, without waiting and whether or not it is on a list.
    /// Errors and hang-ups are said unasked.
    ///
    /// # Errors
    ///
    /// The kernel's, but for interruptions.
    fn state(descriptor: BorrowedDescriptor<'_>, asked: State) -> io::Result<State>;
}

/// How long a driver waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Not at all.
    Now,
    /// Until this number of [`clock`](crate::clock).
    At(u64),
    Never,
}

/// What the kernel made of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    Watched,
    /// The kind of descriptor that never blocks, a regular file for one. Only epoll says so; other
    /// drivers report such a descriptor as ready.
    #[allow(dead_code)]
    AlwaysReady,
}

// What the drivers for a real kernel share.
#[cfg(not(wakeline_loom))]
mod poll;

// The choice. Each of these files has a `Chosen`.
#[cfg_attr(wakeline_loom, path = "driver/unsupported.rs")]
#[cfg_attr(
    all(not(wakeline_loom), any(target_os = "linux", target_os = "android"), not(polling_test_poll_backend)),
    path = "driver/epoll.rs"
)]
#[cfg_attr(
    all(not(wakeline_loom), any(not(any(target_os = "linux", target_os = "android")), polling_test_poll_backend)),
    path = "driver/polling.rs"
)]
#[allow(unsafe_code)]
mod system;

pub(super) use system::Chosen;
