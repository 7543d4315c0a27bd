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
use super::notify_failure::end_process;
use super::readiness::{Report, Sides};
use super::source::Added;

/// Events taken by one wait. A thousand make the cost of the call vanish and are 12 KB; with more ready, the next turn takes the rest.
const BATCH: usize = 1024;

/// What other threads ring: a write makes the owner's wait return.
pub(super) struct Bell(OwnedFd);

impl Bell {
    /// Does not return unless the owner will hear it.
    pub(super) fn ring(&self) {
        let write = || rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        let empty = || rustix::io::read(&self.0, &mut [0; 8]);
        if let Err(error) = ring_by(write, empty) {
            end_process(&error.into());
        }
    }
}

/// The ring, with its calls as arguments, so that a test can let them fail.
#[inline]
fn ring_by(
    mut write: impl FnMut() -> Result<usize, Errno>,
    mut empty: impl FnMut() -> Result<usize, Errno>,
) -> Result<(), Errno> {
    loop {
        match write() {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            // The counter is full. Whoever empties it, the write that follows makes the edge.
            Err(Errno::AGAIN) => match empty() {
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Rings with answers of the test's, until they have all been given. The answers of `write`,
    /// those of `empty`, and how many of each were left.
    fn ring(writes: &[Result<usize, Errno>], empties: &[Result<usize, Errno>]) -> (Result<(), Errno>, usize, usize) {
        let (mut writes, mut empties) = (writes.iter(), empties.iter());
        let rung = ring_by(|| *writes.next().expect("one write too many"), || *empties.next().expect("emptied too often"));
        (rung, writes.len(), empties.len())
    }

    #[test]
    fn an_interrupted_ring_is_tried_again_and_a_full_counter_emptied() {
        let (interrupted, full) = (Err(Errno::INTR), Err(Errno::AGAIN));
        assert_eq!(ring(&[Ok(8)], &[]), (Ok(()), 0, 0));
        assert_eq!(ring(&[interrupted, interrupted, Ok(8)], &[]), (Ok(()), 0, 0));
        assert_eq!(ring(&[full, Ok(8)], &[Ok(8)]), (Ok(()), 0, 0));
        // Somebody else has emptied it, or the read was interrupted: the next write shows.
        assert_eq!(ring(&[full, full, full, Ok(8)], &[full, interrupted, Ok(8)]), (Ok(()), 0, 0));
    }

    #[test]
    fn any_other_error_of_a_ring_is_reported_at_once() {
        for error in [Errno::PERM, Errno::IO, Errno::BADF, Errno::INVAL, Errno::NOSYS] {
            assert_eq!(ring(&[Err(error)], &[]).0, Err(error));
            assert_eq!(ring(&[Err(Errno::INTR), Err(error)], &[]).0, Err(error));
            assert_eq!(ring(&[Err(Errno::AGAIN)], &[Err(error)]).0, Err(error), "or it would go round for ever");
        }
    }

    /// The path of an executor that rests: what the kernel does with the calls.
    #[test]
    fn a_full_counter_rings_all_the_same() {
        let kernel = Kernel::open().unwrap();
        rustix::io::write(&kernel.bell.0, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        kernel.wait(Limit::Now, |_, _| ()).unwrap();
        kernel.bell().ring();
        let mut heard = false;
        kernel.wait(Limit::Now, |key, _| heard |= key == Key::DOORBELL).unwrap();
        assert!(heard);
    }
}
