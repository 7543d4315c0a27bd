//! The kernel's side of the reactor on Linux and Android — owns the epoll object, the doorbell and the event buffer — must never let
//! polling's own `wait` or `notify` touch this epoll object.
//!
//! polling creates the object and closes it; in between this module works on its descriptor. A turn is one `epoll_pwait2` (or
//! `epoll_wait`, when it need not end in between two milliseconds) where `Poller::wait` makes five calls. The two must not be mixed:
//! polling resets its notification only inside its own `wait`, so that after a direct wait `Poller::notify` works once and never again.
//!
//! A descriptor is registered once, for its life, edge-triggered and with all it can report: `IN | OUT | RDHUP | PRI | ET`. `RDHUP` and
//! `PRI` are what makes the short-read rule safe. A listener can only be read: `IN | ET`.
//!
//! The doorbell is an eventfd, `IN | ET`: every write makes one event, nobody ever reads it, and a turn spends no call on it. When its
//! counter is full (after 2⁶⁴ − 2 rings) the ringer empties it and writes again.
//!
//! Rejected: a timerfd (one call more for every new earliest deadline); millisecond timeouts alone (up to 1 ms late); rustix's
//! `linux_5_11` feature, which would bring `epoll_pwait2` (features unify, and it removes the fallback for everybody in the build).

#[allow(unsafe_code)]
mod pwait2;

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use polling::Poller;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;

use super::Limit;
use super::descriptor::Number;
use super::key::Key;
use super::readiness::{Report, Sides};
use super::source::Added;

/// Events taken by one wait. A thousand make the cost of the call vanish and are 12 KB; with more ready, the next turn takes the rest.
const BATCH: usize = 1024;

/// What other threads ring: a write makes the owner's wait return.
pub(super) struct Bell(OwnedFd);

impl Bell {
    pub(super) fn ring(&self) {
        let one = 1_u64.to_ne_bytes();
        while let Err(Errno::AGAIN) = rustix::io::write(&self.0, &one) {
            // The counter is full. Whoever empties it, the write that follows makes the edge.
            let _ = rustix::io::read(&self.0, &mut [0; 8]);
        }
    }
}

/// The kernel objects of one thread.
pub(super) struct Kernel {
    /// Creates and closes the epoll object; its own `wait` and `notify` are not used.
    poller: Poller,
    bell: Arc<Bell>,
    /// Taken while a wait runs and while its events are read.
    buffer: Cell<Vec<epoll::Event>>,
    /// Whether `epoll_pwait2` may be tried; cleared when the kernel or a sandbox refuses it.
    nanoseconds: Cell<bool>,
}

impl Kernel {
    /// A transfer that came short has drained the side, as long as no end was seen: `RDHUP` and `PRI` are asked for here.
    pub(super) const SHORT_MEANS_DRAINED: bool = true;

    pub(super) fn open() -> io::Result<Self> {
        let poller = Poller::new()?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&poller, &bell, epoll_data(Key::DOORBELL), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(Self { poller, bell: Arc::new(Bell(bell)), buffer: Cell::new(Vec::new()), nanoseconds: Cell::new(pwait2::AVAILABLE) })
    }

    pub(super) fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }

    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.poller.as_fd())
    }

    pub(super) fn add(&self, descriptor: Number, key: Key, sides: Sides) -> io::Result<Added> {
        use epoll::EventFlags as Flags;
        let flags = match sides {
            Sides { write: true, .. } => Flags::IN | Flags::OUT | Flags::RDHUP | Flags::PRI | Flags::ET,
            Sides { write: false, .. } => Flags::IN | Flags::ET,
        };
        match epoll::add(&self.poller, descriptor.borrow(), epoll_data(key), flags) {
            Ok(()) => Ok(Added::Watched),
            // Regular files and directories: nothing to wait for, calls on them never say that they would block.
            Err(Errno::PERM) => Ok(Added::AlwaysReady),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether an event ends a registration until it is armed again. Not here: edges keep coming.
    pub(super) fn is_one_shot(&self) -> bool {
        false
    }

    /// Only for one-shot registrations.
    pub(super) fn arm(&self, _: Number, _: Key, _: Sides) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn remove(&self, descriptor: Number) {
        // Somebody may have closed the descriptor behind our back; then the kernel has forgotten it or will when its last copy goes.
        let _ = epoll::delete(&self.poller, descriptor.borrow());
    }

    /// Waits and hands each source's report to `record`.
    pub(super) fn wait(&self, limit: Limit, mut record: impl FnMut(Key, Report)) -> io::Result<()> {
        let mut events = self.buffer.take();
        events.clear();
        events.reserve(BATCH);
        let outcome = self.fill(&mut events, limit).map_err(io::Error::from);
        for event in &events {
            let (flags, data) = (event.flags, event.data);
            record(Key::from_number(data.u64() as usize), report(flags));
        }
        self.buffer.set(events);
        outcome
    }

    fn fill(&self, events: &mut Vec<epoll::Event>, limit: Limit) -> Result<(), Errno> {
        loop {
            let outcome = match limit {
                Limit::Now => self.wait_whole(events, Some(Duration::ZERO)),
                Limit::Never => self.wait_whole(events, None),
                // Computed anew after each interruption: the time already slept counts.
                Limit::At(deadline) => self.wait_exact(events, deadline.saturating_duration_since(Instant::now())),
            };
            if outcome != Err(Errno::INTR) {
                return outcome;
            }
        }
    }

    /// A wait to the nanosecond where the kernel can, else to the next whole millisecond.
    fn wait_exact(&self, events: &mut Vec<epoll::Event>, timeout: Duration) -> Result<(), Errno> {
        if timeout.is_zero() || !self.nanoseconds.get() {
            return self.wait_whole(events, Some(timeout));
        }
        match pwait2::wait(self.poller.as_fd(), events, timeout) {
            // A kernel before 5.11, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => {
                self.nanoseconds.set(false);
                self.wait_whole(events, Some(timeout))
            }
            outcome => outcome,
        }
    }

    /// A wait whose timeout is rounded up to milliseconds: late by less than one, and never early, which would be a busy loop.
    fn wait_whole(&self, events: &mut Vec<epoll::Event>, timeout: Option<Duration>) -> Result<(), Errno> {
        let timeout = timeout.map(|timeout| {
            // More than `epoll_wait` can express ends early, after 24 days, as a turn for nothing.
            let milliseconds = timeout.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as u32;
            let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
            Timespec { tv_sec: seconds as _, tv_nsec: (rest * 1_000_000) as _ }
        });
        epoll::wait(&self.poller, rustix::buffer::spare_capacity(events), timeout.as_ref())?;
        Ok(())
    }
}

fn epoll_data(key: Key) -> epoll::EventData {
    epoll::EventData::new_u64(key.number() as u64)
}

fn report(flags: epoll::EventFlags) -> Report {
    use epoll::EventFlags as Flags;
    let broken = flags.intersects(Flags::HUP | Flags::ERR);
    Report {
        sides: Sides {
            read: broken || flags.intersects(Flags::IN | Flags::RDHUP | Flags::PRI),
            write: broken || flags.contains(Flags::OUT),
        },
        ends: broken || flags.intersects(Flags::RDHUP | Flags::PRI),
    }
}
