//! The driver on Linux and Android. It has the epoll object, the eventfd that notifies and the
//! event buffer. Never call polling's own `wait` or `notify` on this epoll object.
//!
//! polling creates the object and closes it; in between this module works on its descriptor. A turn
//! is one `epoll_pwait2` (or `epoll_wait`, when it need not end in between two milliseconds) where
//! `Poller::wait` makes five calls. The two must not be mixed: polling resets its notification only
//! inside its own `wait`, so that after a direct wait `Poller::notify` works once and never again.
//!
//! A descriptor is registered once, for its life, edge-triggered and with all it can report:
//! `IN | OUT | RDHUP | PRI | ET`. `RDHUP` and `PRI` are what makes the short-read rule safe. A
//! listener can only be read: `IN | ET`.
//!
//! The eventfd is registered with `IN | ET`: every write makes one event, nobody ever reads it, and
//! a turn spends no call on it. When its counter is full (after 2⁶⁴ − 2 notifications) the
//! thread that notifies empties it and writes again.
//!
//! Rejected: a timerfd (one call more for every new earliest deadline); millisecond timeouts alone
//! (up to 1 ms late); rustix's `linux_5_11` feature, which would bring `epoll_pwait2` (features
//! unify, and it removes the fallback for everybody in the build).

#[path = "epoll/pwait2.rs"]
#[allow(unsafe_code)]
mod pwait2;

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use polling::Poller;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;

use super::descriptor::{Number, State};
use super::notify_failure::end_process;
use super::{Added, Driver, Key, Limit, poll};
use crate::clock;
use crate::inbox::Notify;
use crate::reactor::readiness::{Report, Sides};

pub(in crate::reactor) use Epoll as Chosen;

/// Events taken by one wait. A thousand make the cost of the call vanish and are 12 KB; with more
/// ready, the next turn takes the rest.
const BATCH: usize = 1024;

/// What other threads notify: a write makes the owner's wait return.
pub(in crate::reactor) struct Eventfd(OwnedFd);

impl Notify for Eventfd {
    /// Does not return unless the owner's wait will.
    fn notify(&self) {
        let write = || rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        let empty = || rustix::io::read(&self.0, &mut [0; 8]);
        if let Err(error) = notify_by(write, empty) {
            end_process(&error.into());
        }
    }
}

/// The notification, with its calls as arguments, so that a test can let them fail.
#[inline]
fn notify_by(
    mut write: impl FnMut() -> Result<usize, Errno>,
    mut empty: impl FnMut() -> Result<usize, Errno>,
) -> Result<(), Errno> {
    loop {
        match write() {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            // The counter is full. The write that follows makes the edge, no matter which thread
            // has emptied it.
            Err(Errno::AGAIN) => match empty() {
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
}

/// The kernel objects of one thread.
pub(in crate::reactor) struct Epoll {
    /// Creates and closes the epoll object; its own `wait` and `notify` are not used.
    poller: Poller,
    eventfd: Arc<Eventfd>,
    /// Taken while a wait runs and while its events are read.
    buffer: Cell<Vec<epoll::Event>>,
    /// Whether `epoll_pwait2` may be tried; cleared when the kernel or a sandbox refuses it.
    nanoseconds: Cell<bool>,
}

impl Driver for Epoll {
    type NotifyHandle = Eventfd;

    /// `RDHUP` and `PRI` are asked for.
    const SHORT_MEANS_DRAINED: bool = true;

    fn open() -> io::Result<Self> {
        let poller = Poller::new()?;
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&poller, &eventfd, epoll_data(Key::NOTIFIER), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        let (buffer, nanoseconds) = (Cell::new(Vec::new()), Cell::new(pwait2::AVAILABLE));
        Ok(Self { poller, eventfd: Arc::new(Eventfd(eventfd)), buffer, nanoseconds })
    }

    fn notifier(&self) -> Arc<Eventfd> {
        self.eventfd.clone()
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.poller.as_fd())
    }

    fn add(&self, descriptor: Number, key: Key, sides: Sides) -> io::Result<Added> {
        use epoll::EventFlags as Flags;
        let flags = match sides {
            Sides { write: true, .. } => Flags::IN | Flags::OUT | Flags::RDHUP | Flags::PRI | Flags::ET,
            Sides { write: false, .. } => Flags::IN | Flags::ET,
        };
        match epoll::add(&self.poller, descriptor.borrow(), epoll_data(key), flags) {
            Ok(()) => Ok(Added::Watched),
            // Regular files and directories: nothing to wait for, calls on them never say that they
            // would block.
            Err(Errno::PERM) => Ok(Added::AlwaysReady),
            Err(error) => Err(error.into()),
        }
    }

    fn remove(&self, descriptor: Number) {
        // Somebody may have closed the descriptor behind our back; then the kernel has forgotten it
        // or will when its last copy goes.
        let _ = epoll::delete(&self.poller, descriptor.borrow());
    }

    fn wait(&self, limit: Limit, mut record: impl FnMut(Key, Report)) -> io::Result<()> {
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

    fn set_nonblocking(descriptor: BorrowedFd<'_>) -> io::Result<()> {
        poll::set_nonblocking(descriptor)
    }

    fn state(descriptor: BorrowedFd<'_>, asked: State) -> io::Result<State> {
        poll::state(descriptor, asked)
    }
}

impl Epoll {
    fn fill(&self, events: &mut Vec<epoll::Event>, limit: Limit) -> Result<(), Errno> {
        loop {
            let outcome = match limit {
                Limit::Now => self.wait_whole(events, Some(Duration::ZERO)),
                Limit::Never => self.wait_whole(events, None),
                // Computed anew after each interruption: the time already slept counts.
                Limit::At(deadline) => self.wait_exact(events, clock::until(deadline)),
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

    /// A wait whose timeout is rounded up to milliseconds: late by less than one, and never early,
    /// which would be a busy loop.
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

    /// Notifies with answers of the test's, until they have all been given. The answers of `write`,
    /// those of `empty`, and how many of each were left.
    fn notify(writes: &[Result<usize, Errno>], empties: &[Result<usize, Errno>]) -> (Result<(), Errno>, usize, usize) {
        let (mut writes, mut empties) = (writes.iter(), empties.iter());
        let notified = notify_by(|| *writes.next().expect("one write too many"), || *empties.next().expect("emptied too often"));
        (notified, writes.len(), empties.len())
    }

    #[test]
    fn an_interrupted_notification_is_tried_again_and_a_full_counter_emptied() {
        let (interrupted, full) = (Err(Errno::INTR), Err(Errno::AGAIN));
        assert_eq!(notify(&[Ok(8)], &[]), (Ok(()), 0, 0));
        assert_eq!(notify(&[interrupted, interrupted, Ok(8)], &[]), (Ok(()), 0, 0));
        assert_eq!(notify(&[full, Ok(8)], &[Ok(8)]), (Ok(()), 0, 0));
        // Somebody else has emptied it, or the read was interrupted: the next write shows.
        assert_eq!(notify(&[full, full, full, Ok(8)], &[full, interrupted, Ok(8)]), (Ok(()), 0, 0));
    }

    #[test]
    fn any_other_error_of_a_notification_is_reported_at_once() {
        for error in [Errno::PERM, Errno::IO, Errno::BADF, Errno::INVAL, Errno::NOSYS] {
            assert_eq!(notify(&[Err(error)], &[]).0, Err(error));
            assert_eq!(notify(&[Err(Errno::INTR), Err(error)], &[]).0, Err(error));
            assert_eq!(notify(&[Err(Errno::AGAIN)], &[Err(error)]).0, Err(error), "or it would go round for ever");
        }
    }

    /// The way of an executor that sleeps: what the kernel does with the calls.
    #[test]
    fn a_full_counter_notifies_all_the_same() {
        let driver = Epoll::open().unwrap();
        rustix::io::write(&driver.eventfd.0, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        driver.wait(Limit::Now, |_, _| ()).unwrap();
        driver.notifier().notify();
        let mut woken = false;
        driver.wait(Limit::Now, |key, _| woken |= key == Key::NOTIFIER).unwrap();
        assert!(woken);
    }
}
