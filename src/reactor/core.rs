//! The reactor of one thread. The driver, the table of sources, the timers and the notifier come
//! together here. Of a task it has the waker and knows nothing else. The rules are at the head of
//! `reactor.rs`.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::panic::resume_unwind;
use std::rc::Rc;

use super::driver::{Chosen, Driver, Limit};
use super::entry::SourceEntry;
use super::meter::Meter;
use super::notifier::Notifier;
use super::table::Table;
use super::timers::Timers;
use super::wake::wake_each;
use crate::clock;
use crate::fork;
use crate::sync::Arc;
use crate::task::LocalWaker;

/// How long a turn may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not at all.
    Look,
    /// Until an event, a notification, the next deadline and so many nanoseconds more, or this
    /// number of [`clock`], whichever comes first.
    Until { limit: Option<u64>, slack: u64 },
}

/// What this thread's reactor has done since it was made: plain counters, for seeing what a request
/// costs.
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
    /// Waits in the kernel, each one system call on Linux. Sleeps of a thread without descriptors
    /// count too.
    pub turns: u64,
    /// Calls tried on descriptors: reads, writes, accepts and the like, also those that would have
    /// blocked.
    pub io_calls: u64,
    /// Notifications by other threads, each at most one system call of theirs.
    pub notifications: u64,
}

/// The reactor of one thread.
pub(crate) struct Reactor {
    notifier: Arc<Notifier>,
    /// Opened at first need, by the owner, and then for good.
    driver: OnceCell<Chosen>,
    table: Table,
    timers: Timers,
    /// Where a turn collects wakers; kept for its memory, empty between turns.
    woken: Cell<Vec<LocalWaker>>,
    /// Who measures how busy this thread is.
    meters: RefCell<Vec<Arc<Meter>>>,
    turns: Cell<u64>,
    io_calls: Cell<u64>,
    /// Whether a host loop has ever watched the descriptor.
    hosted: Cell<bool>,
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
            driver: OnceCell::new(),
            table: Table::default(),
            timers: Timers::new(),
            woken: Cell::default(),
            meters: RefCell::default(),
            turns: Cell::new(0),
            io_calls: Cell::new(0),
            hosted: Cell::new(false),
            born,
            process: std::process::id(),
        }
    }

    /// What other threads notify to end this thread's sleep.
    pub(crate) fn notifier(&self) -> &Arc<Notifier> {
        &self.notifier
    }

    /// Tells those who measure this thread; the clock is read for them alone.
    #[inline]
    pub(crate) fn measure(&self, tell: fn(&Meter, u64)) {
        let meters = self.meters.borrow();
        if !meters.is_empty() {
            let now = clock::now();
            meters.iter().for_each(|meter| tell(meter, now));
        }
    }

    /// The meter hears of this thread from now on.
    pub(crate) fn add_meter(&self, meter: &Arc<Meter>) {
        meter.begin(std::ptr::from_ref(self).addr(), clock::now());
        self.meters.borrow_mut().push(Arc::clone(meter));
    }

    pub(crate) fn remove_meter(&self, meter: &Arc<Meter>) {
        self.meters.borrow_mut().retain(|known| !Arc::ptr_eq(known, meter));
    }

    /// This thread's timers.
    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Opens the driver, unless it is open. Call it only while no thread may take this one to be
    /// asleep.
    ///
    /// # Errors
    ///
    /// The kernel's, when descriptors or memory have run out; the reactor goes on without. In a
    /// forked child, see [`Reactor::check_process`].
    pub(crate) fn open(&self) -> io::Result<()> {
        self.driver().map(drop)
    }

    /// The descriptor of the kernel's event queue, readable when a turn would find an event or a
    /// notification; `None` before [`Reactor::open`] and on platforms where there is no such thing.
    #[cfg(unix)]
    pub(crate) fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.driver.get()?.as_fd()
    }

    /// Waits as `wait` allows, records what happened and wakes those who waited for it. Returns the
    /// time after the wait, if it was asked for: while timers wait it is.
    ///
    /// # Errors
    ///
    /// The kernel's; due timers have been woken all the same. In a forked child, see
    /// [`Reactor::check_process`].
    ///
    /// # Panics
    ///
    /// If a foreign waker panics, with its payload and after all others have been woken.
    pub(crate) fn turn(&self, wait: Wait) -> io::Result<Option<u64>> {
        self.check_process()?;
        if self.driver.get().is_none() && self.timers.is_empty() {
            // There is nothing to record and nobody to wake.
            self.park(self.limit(wait));
            return Ok(None);
        }
        let mut woken = self.woken.take();
        let outcome = self.look(self.limit(wait), &mut woken);
        let now = self.timers.collect_due(&mut woken);
        let panic = wake_each(&mut woken);
        self.woken.set(woken);
        panic.map_or(outcome.map(|()| now), |payload| resume_unwind(payload))
    }

    /// Whether there is nothing to look at outside: no registered source and no timer.
    pub(crate) fn is_idle(&self) -> bool {
        self.timers.is_empty() && self.table.is_empty()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics { turns: self.turns.get(), io_calls: self.io_calls.get(), notifications: self.notifier.count() as u64 }
    }

    /// A host loop watches the descriptor from now on.
    #[cfg(all(unix, not(wakeline_loom)))]
    pub(crate) fn set_hosted(&self) {
        self.hosted.set(true);
    }

    /// Whether one ever did: where none has, there is none to notify.
    #[inline]
    pub(crate) fn was_hosted(&self) -> bool {
        self.hosted.get()
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

    fn driver(&self) -> io::Result<&Chosen> {
        self.check_process()?;
        if let Some(driver) = self.driver.get() {
            return Ok(driver);
        }
        let driver = Chosen::open()?;
        self.notifier.use_driver(driver.notifier());
        Ok(self.driver.get_or_init(|| driver))
    }

    /// [`Wait`] with the timers taken into account: what the driver is told.
    fn limit(&self, wait: Wait) -> Limit {
        match wait {
            Wait::Look => Limit::Now,
            Wait::Until { limit, slack } => match (limit, self.timers.next_look(slack)) {
                (Some(limit), Some(look)) => Limit::At(limit.min(look)),
                (Some(either), None) | (None, Some(either)) => Limit::At(either),
                (None, None) => Limit::Never,
            },
        }
    }

    fn look(&self, limit: Limit, woken: &mut Vec<LocalWaker>) -> io::Result<()> {
        let Some(driver) = self.driver.get() else {
            self.park(limit);
            return Ok(());
        };
        self.turns.set(self.turns.get() + 1);
        driver.wait(limit, |key, report| self.table.record(driver, key, report, woken))
    }

    /// The sleep of a thread without a driver.
    fn park(&self, limit: Limit) {
        let limit = match limit {
            Limit::Now => return,
            Limit::At(deadline) => Some(clock::until(deadline)),
            Limit::Never => None,
        };
        self.turns.set(self.turns.get() + 1);
        self.notifier.parker().park(limit);
    }

    /// Registers a source.
    pub(super) fn add_source(&self, entry: &Rc<SourceEntry>) -> io::Result<()> {
        self.table.add(self.driver()?, entry)
    }

    /// Makes sure that the sides somebody waits for will be reported.
    #[inline]
    pub(super) fn arm_source(&self, entry: &SourceEntry) -> io::Result<()> {
        match self.driver.get() {
            Some(driver) if driver.is_one_shot() => entry.arm(driver),
            _ => Ok(()),
        }
    }

    /// Takes a source out of the table and the kernel's list.
    pub(super) fn remove_source(&self, entry: &SourceEntry) {
        self.table.remove(entry.key());
        // [R4] In a forked child the list is the parent's, and so is the entry in it.
        if let (Some(driver), true) = (self.driver.get(), self.is_of_this_process()) {
            entry.deregister(driver);
        }
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            // [R4] Closing would strike polling's own entries off the parent's list, and kqueue
            // descriptors are not even inherited: the number may be somebody else's by now. The
            // child keeps a few descriptors until it ends or execs.
            std::mem::forget(self.driver.take());
        }
    }
}

#[cfg(all(test, not(wakeline_loom)))]
mod tests;
