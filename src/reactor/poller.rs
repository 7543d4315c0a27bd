//! The kernel's side of the reactor everywhere but on Linux — owns a `polling::Poller` — must never assume more than polling promises.
//!
//! polling speaks kqueue, event ports, `poll` and Windows' AFD. Where it has edges (`supports_edge`), a descriptor is registered once
//! for its life, as on Linux. Elsewhere a registration is one-shot: it is armed for the sides that somebody waits for when the first
//! waiter comes, each event disarms it whole, and what was not in the event is armed again in the same turn, so that an event of one
//! side neither wakes nor forgets the other.
//!
//! kqueue's end-of-file mark does not come through polling, and one-shot events say nothing of what follows them: a short read proves
//! nothing here, every transfer goes on until it would block.
//!
//! The doorbell is the poller itself; it may be rung from any thread.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};

use super::Limit;
use super::descriptor::Number;
use super::key::Key;
use super::notify_failure::end_process;
use super::readiness::{Report, Sides};
use super::source::Added;

/// What other threads ring.
pub(super) struct Bell(Arc<Poller>);

impl Bell {
    pub(super) fn ring(&self) {
        ring_by(|| self.0.notify()).unwrap_or_else(|error| end_process(&error));
    }
}

/// The ring, with its call as an argument, so that a test can let it fail.
fn ring_by(notify: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match notify() {
        // What polling writes to is full of rings that were not heard yet.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        rung => rung,
    }
}

/// The kernel objects of one thread.
pub(super) struct Kernel {
    poller: Arc<Poller>,
    bell: Arc<Bell>,
    mode: PollMode,
    /// Taken while a wait runs and while its events are read.
    buffer: Cell<Option<Events>>,
}

impl Kernel {
    /// No: see the module's head.
    pub(super) const SHORT_MEANS_DRAINED: bool = false;

    pub(super) fn open() -> io::Result<Self> {
        let poller = Arc::new(Poller::new()?);
        let mode = if poller.supports_edge() { PollMode::Edge } else { PollMode::Oneshot };
        Ok(Self { bell: Arc::new(Bell(poller.clone())), poller, mode, buffer: Cell::new(None) })
    }

    pub(super) fn bell(&self) -> Arc<Bell> {
        self.bell.clone()
    }

    /// The kqueue or event port, for a host loop to watch. `poll` keeps its list in this process and has none.
    #[cfg(unix)]
    pub(super) fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        #[cfg(all(
            not(polling_test_poll_backend),
            any(
                target_vendor = "apple",
                target_os = "freebsd",
                target_os = "netbsd",
                target_os = "openbsd",
                target_os = "dragonfly",
                target_os = "illumos",
                target_os = "solaris"
            )
        ))]
        return Some(std::os::fd::AsFd::as_fd(&*self.poller));
        #[allow(unreachable_code)]
        None
    }

    pub(super) fn add(&self, descriptor: Number, key: Key, sides: Sides) -> io::Result<Added> {
        let event = match self.mode {
            PollMode::Edge => event(key, sides),
            _ => Event::none(key.number()),
        };
        // SAFETY: [R1] what is added is deleted before it is closed — the source that asks deletes it in its drop, and the descriptor is
        // dropped after the source — a number left in the list would be watched on behalf of whoever gets it next.
        unsafe { self.poller.add_with_mode(&descriptor.borrow(), event, self.mode) }?;
        Ok(Added::Watched)
    }

    /// Whether an event ends a registration until it is armed again.
    pub(super) fn is_one_shot(&self) -> bool {
        self.mode == PollMode::Oneshot
    }

    /// Asks for the next event of `sides`, and of these alone.
    pub(super) fn arm(&self, descriptor: Number, key: Key, sides: Sides) -> io::Result<()> {
        self.poller.modify_with_mode(descriptor.borrow(), event(key, sides), self.mode)
    }

    pub(super) fn remove(&self, descriptor: Number) {
        // Somebody may have closed the descriptor behind our back, and then there is nothing to remove.
        let _ = self.poller.delete(descriptor.borrow());
    }

    /// Waits and hands each source's report to `record`. Interruptions by signals are retried, with the remaining time, by polling.
    pub(super) fn wait(&self, limit: Limit, mut record: impl FnMut(Key, Report)) -> io::Result<()> {
        let mut events = self.buffer.take().unwrap_or_default();
        events.clear();
        let mut outcome = match limit {
            Limit::Now => self.poller.wait(&mut events, Some(Duration::ZERO)),
            Limit::Never => self.poller.wait(&mut events, None),
            Limit::At(deadline) => self.poller.wait_deadline(&mut events, deadline),
        };
        // A wait that meets a ring halfway, its flag set and its byte not yet written, fails so on some backends. The ring has been taken
        // then, which is what this wait was for; but polling lets no other ring through until a wait has succeeded.
        while outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            outcome = self.poller.wait(&mut events, Some(Duration::ZERO));
        }
        for event in events.iter() {
            record(Key::from_number(event.key), report(&event));
        }
        self.buffer.set(Some(events));
        outcome.map(drop)
    }
}

fn event(key: Key, sides: Sides) -> Event {
    Event::new(key.number(), sides.read, sides.write)
}

fn report(event: &Event) -> Report {
    let broken = event.is_interrupt() || event.is_err() == Some(true);
    Report {
        sides: Sides { read: event.readable || broken, write: event.writable || broken },
        ends: broken || event.is_priority(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_that_fails_is_an_error_unless_rings_are_waiting_already() {
        use io::ErrorKind::{Interrupted, Other, PermissionDenied, WouldBlock};
        assert!(ring_by(|| Ok(())).is_ok());
        assert!(ring_by(|| Err(WouldBlock.into())).is_ok());
        for kind in [Interrupted, Other, PermissionDenied] {
            assert_eq!(ring_by(|| Err(kind.into())).unwrap_err().kind(), kind);
        }
    }
}
