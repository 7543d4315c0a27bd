//! What this thread watches outside — owns the kernel's event queue, the table of sources, the timers and the notifier — must never
//! know what a task is: it keeps wakers and nothing else.
//!
//! One reactor serves a thread: every executor that runs there and every source made there share it, so a socket made under one
//! executor may be awaited under another. It begins with no kernel object. The first source that has to wait, or a host loop that asks
//! for the descriptor, makes it open them; until then, and for ever if descriptors have run out, its sleep is on a latch.
//!
//! # A turn
//!
//! ```text
//!   limit = earliest of: what the caller allows, the next deadline
//!   wait                      one system call: events | doorbell | limit   (or the latch, while nothing is open)
//!   record                    each event raises the edge count of its source and takes its waiters out
//!   collect                   the wakers of the timers that are due
//!   wake                      all of them, with nothing borrowed
//! ```
//!
//! All of a batch is recorded before anybody is woken, so nobody can close a descriptor while the batch that speaks of it is read.
//!
//! # Rules
//!
//! - \[R1\] **Gone before closed.** A descriptor in the kernel's list is open. Its source is dropped, and with it taken off the list, before
//!   the descriptor is: I/O objects declare the source first, and taking one apart drops the source first.
//! - \[R2\] **Numbers, not pointers.** The kernel knows a source by slot and generation. An event for a source that has gone names nothing
//!   and is dropped.
//! - \[R3\] **The kernel writes into room we own.** The buffer of events is out of its cell while a wait runs, the kernel is told its
//!   capacity, and only what it says it wrote is read.
//! - \[R4\] **One process.** A forked child shares its parent's kernel objects and may not touch them: each use checks the generation, and
//!   in the child a source or reactor is dropped without a word to the kernel.
//! - \[R5\] **Nothing borrowed while others run.** Wakers are cloned before and woken or dropped after the table and the timers are
//!   borrowed. A waker that panics stops none of the wakers after it; the first panic goes on when all are woken.
//!
//! # Rejected
//!
//! A reactor thread shared by all (a wake would cross threads twice); io_uring (a second code path for the same promises);
//! level-triggered registration (a system call to take back each interest); waking from inside the loop over the events (foreign code
//! under a borrow, and sources that vanish in the middle of a batch).

// A model has no kernel, and what serves the kernel alone has no caller there.
#![cfg_attr(wakeline_loom, allow(dead_code))]

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Instant;

use crate::fork;
use crate::sync::Arc;
use crate::task::LocalWaker;

#[allow(unsafe_code)]
pub(crate) mod descriptor;

mod key;

mod latch;

mod notifier;

#[cfg(not(wakeline_loom))]
mod notify_failure;

pub(crate) mod readiness;

pub(crate) mod source;

mod table;

#[allow(unsafe_code)]
pub(crate) mod clock;

pub(crate) mod timers;

pub(crate) mod wheel;

#[cfg(all(not(wakeline_loom), any(target_os = "linux", target_os = "android"), not(polling_test_poll_backend)))]
mod epoll;
#[cfg(all(not(wakeline_loom), any(target_os = "linux", target_os = "android"), not(polling_test_poll_backend)))]
use epoll as system;

#[cfg(all(not(wakeline_loom), any(not(any(target_os = "linux", target_os = "android")), polling_test_poll_backend)))]
#[allow(unsafe_code)]
mod poller;
#[cfg(all(not(wakeline_loom), any(not(any(target_os = "linux", target_os = "android")), polling_test_poll_backend)))]
use poller as system;

#[cfg(wakeline_loom)]
mod absent;
#[cfg(wakeline_loom)]
use absent as system;

#[cfg(all(test, not(wakeline_loom)))]
mod tests;

use descriptor::Number;
use key::Key;
pub(crate) use notifier::Notifier;
use readiness::Readiness;
pub(crate) use readiness::{Edge, Side, Sides};
pub(crate) use source::{Drained, Kind, Source};
use table::Table;
use timers::Timers;

/// How long a turn may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not at all.
    Look,
    /// Until an event, a ring, the next deadline, or this instant, whichever comes first.
    Until(Option<Instant>),
}

/// [`Wait`] with the timers taken into account: what the kernel is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Now,
    At(Instant),
    Never,
}

/// What this thread's reactor has done since it was made: plain counters, for seeing what a request costs.
///
/// # Examples
///
/// ```
/// let executor = wakeline::LocalExecutor::new();
/// let before = executor.metrics();
/// executor.block_on(async {});
/// assert_eq!(executor.metrics().turns, before.turns, "nothing to wait for, nothing asked of the kernel");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Waits in the kernel, each one system call on Linux. Sleeps of a thread without descriptors count too.
    pub turns: u64,
    /// Calls tried on descriptors: reads, writes, accepts and the like, also those that would have blocked.
    pub io_calls: u64,
    /// Rings by other threads, each at most one system call of theirs.
    pub rings: u64,
}

/// The reactor of one thread.
pub(crate) struct Reactor {
    notifier: Arc<Notifier>,
    /// Opened at first need, by the owner, and then for good.
    kernel: OnceCell<system::Kernel>,
    table: Table,
    timers: Timers,
    /// Where a turn collects wakers; kept for its memory, empty between turns.
    woken: Cell<Vec<LocalWaker>>,
    turns: Cell<u64>,
    io_calls: Cell<u64>,
    /// The process this reactor was made in: fork generation and id ([R4]).
    born: u32,
    process: u32,
}

impl Reactor {
    /// A reactor without kernel objects.
    pub(crate) fn new() -> Self {
        fork::watch();
        let born = fork::generation();
        Self {
            notifier: Notifier::new(born),
            kernel: OnceCell::new(),
            table: Table::default(),
            timers: Timers::new(),
            woken: Cell::default(),
            turns: Cell::new(0),
            io_calls: Cell::new(0),
            born,
            process: std::process::id(),
        }
    }

    /// What other threads ring to end this thread's sleep.
    pub(crate) fn notifier(&self) -> &Arc<Notifier> {
        &self.notifier
    }

    /// This thread's timers.
    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Opens the kernel objects, unless they are open. Call it only while no thread may take this one to be asleep.
    ///
    /// # Errors
    ///
    /// The kernel's, when descriptors or memory have run out; the reactor goes on without. In a forked child, see
    /// [`Reactor::check_process`].
    pub(crate) fn open(&self) -> io::Result<()> {
        self.kernel().map(drop)
    }

    /// The descriptor of the kernel's event queue, readable when a turn would find an event or a ring; `None` before [`Reactor::open`]
    /// and on platforms where there is no such thing.
    #[cfg(unix)]
    pub(crate) fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.kernel.get()?.as_fd()
    }

    /// Waits as `wait` allows, records what happened and wakes whoever waited for it.
    ///
    /// # Errors
    ///
    /// The kernel's; due timers have been woken all the same. In a forked child, see [`Reactor::check_process`].
    ///
    /// # Panics
    ///
    /// If a foreign waker panics, with its payload and after all others have been woken.
    pub(crate) fn turn(&self, wait: Wait) -> io::Result<()> {
        self.check_process()?;
        let mut woken = self.woken.take();
        let outcome = self.look(self.limit(wait), &mut woken);
        self.timers.collect_due(&mut woken);
        let panic = wake_each(&mut woken);
        self.woken.set(woken);
        panic.map_or(outcome, |payload| resume_unwind(payload))
    }

    /// Whether there is nothing to look at outside: no registered source and no timer.
    pub(crate) fn is_idle(&self) -> bool {
        self.timers.is_empty() && self.table.is_empty()
    }

    /// The instant until which no timer is due; possibly early, never late.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics { turns: self.turns.get(), io_calls: self.io_calls.get(), rings: self.notifier.rings() as u64 }
    }

    /// Counts one call on a descriptor.
    #[inline]
    pub(crate) fn count_call(&self) {
        self.io_calls.set(self.io_calls.get() + 1);
    }

    /// Whether this reactor was made in this process and not in the one it was forked from.
    #[inline]
    pub(crate) fn is_of_this_process(&self) -> bool {
        fork::generation() == self.born
    }

    /// Says, in a forked child, that this reactor is its parent's.
    #[inline]
    pub(crate) fn check_process(&self) -> io::Result<()> {
        if self.is_of_this_process() { Ok(()) } else { Err(self.wrong_process()) }
    }

    #[cold]
    fn wrong_process(&self) -> io::Error {
        io::Error::other(format!(
            "this executor belongs to process {} and was carried into process {} by a fork; create a new one in the child",
            self.process,
            std::process::id()
        ))
    }

    fn kernel(&self) -> io::Result<&system::Kernel> {
        self.check_process()?;
        if let Some(kernel) = self.kernel.get() {
            return Ok(kernel);
        }
        let kernel = system::Kernel::open()?;
        self.notifier.hang(kernel.bell());
        Ok(self.kernel.get_or_init(|| kernel))
    }

    fn limit(&self, wait: Wait) -> Limit {
        match wait {
            Wait::Look => Limit::Now,
            Wait::Until(limit) => match (limit, self.timers.next_deadline()) {
                (Some(limit), Some(deadline)) => Limit::At(limit.min(deadline)),
                (Some(either), None) | (None, Some(either)) => Limit::At(either),
                (None, None) => Limit::Never,
            },
        }
    }

    fn look(&self, limit: Limit, woken: &mut Vec<LocalWaker>) -> io::Result<()> {
        let Some(kernel) = self.kernel.get() else {
            self.sleep_on_the_latch(limit);
            return Ok(());
        };
        self.turns.set(self.turns.get() + 1);
        kernel.wait(limit, |key, report| self.table.record(kernel, key, report, woken))
    }

    fn sleep_on_the_latch(&self, limit: Limit) {
        let limit = match limit {
            Limit::Now => return,
            Limit::At(deadline) => Some(deadline.saturating_duration_since(Instant::now())),
            Limit::Never => None,
        };
        self.turns.set(self.turns.get() + 1);
        self.notifier.latch.wait(limit);
    }

    /// Registers a source; `None` when it is of the kind that is always ready.
    fn add_source(&self, readiness: &Rc<Readiness>, descriptor: Number, sides: Sides) -> io::Result<Option<Key>> {
        self.table.add(self.kernel()?, readiness, descriptor, sides)
    }

    /// Makes sure that the sides somebody waits for will be reported.
    fn arm_source(&self, key: Key) -> io::Result<()> {
        self.kernel.get().map_or(Ok(()), |kernel| self.table.arm(kernel, key))
    }

    /// Takes a source out of the table and the kernel's list.
    fn remove_source(&self, key: Key, descriptor: Number) {
        self.table.remove(key);
        // [R4] In a forked child the list is the parent's, and so is the entry in it.
        if let (Some(kernel), true) = (self.kernel.get(), self.is_of_this_process()) {
            kernel.remove(descriptor);
        }
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            // [R4] Closing would strike polling's own entries off the parent's list, and kqueue descriptors are not even inherited: the
            // number may be somebody else's by now. The child keeps a few descriptors until it ends or execs.
            std::mem::forget(self.kernel.take());
        }
    }
}

/// Wakes all of `woken` with nothing borrowed; the first panic of a foreign waker is returned when the rest have been woken ([R5]).
fn wake_each(woken: &mut Vec<LocalWaker>) -> Option<Box<dyn Any + Send>> {
    let mut first = None;
    let mut wakers = woken.drain(..);
    loop {
        match catch_unwind(AssertUnwindSafe(|| wakers.by_ref().for_each(LocalWaker::wake))) {
            Ok(()) => return first,
            Err(payload) if first.is_none() => first = Some(payload),
            // A payload's drop is foreign code too, and this is no place for a second panic.
            Err(payload) => std::mem::forget(payload),
        }
    }
}

/// As [`wake_each`], and resumes the panic, unless one is under way.
pub(crate) fn wake_all(woken: &mut Vec<LocalWaker>) {
    if let Some(payload) = wake_each(woken) {
        if std::thread::panicking() {
            std::mem::forget(payload);
        } else {
            resume_unwind(payload);
        }
    }
}
