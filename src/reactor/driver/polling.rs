//! The driver everywhere but on Linux and Android: a `polling::Poller`. It takes for granted what
//! polling promises, and no more.
//!
//! polling speaks kqueue, event ports, `poll` and Windows' AFD. Where it has edges
//! (`supports_edge`), a descriptor is registered once for its life, as on Linux. Elsewhere a
//! registration is one-shot: it is armed for the sides that somebody waits for when the first
//! waiter comes, each event disarms it whole, and what was not in the event is armed again in the
//! same turn, so that an event of one side neither wakes nor forgets the other.
//!
//! kqueue's end-of-file mark does not come through polling, and one-shot events say nothing of what
//! follows them: a short read proves nothing here, every transfer goes on until it would block.
//!
//! What notifies is the poller itself, from any thread.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use polling::{Event, Events, PollMode, Poller};

use super::descriptor::{BorrowedDescriptor, Number, State};
use super::notify_failure::end_process;
use super::{Added, Driver, Key, Limit, poll};
use crate::clock;
use crate::inbox::Notify;
use crate::reactor::readiness::{Report, Sides};

pub(in crate::reactor) use Polling as Chosen;

/// What other threads notify.
pub(in crate::reactor) struct PollerNotifier(Arc<Poller>);

impl Notify for PollerNotifier {
    fn notify(&self) {
        notify_by(|| self.0.notify()).unwrap_or_else(|error| end_process(&error));
    }
}

/// The notification, with its call as an argument, so that a test can let it fail.
fn notify_by(notify: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match notify() {
        // What polling writes to is full of notifications that no wait has taken yet.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        notified => notified,
    }
}

/// The kernel objects of one thread.
pub(in crate::reactor) struct Polling {
    poller: Arc<Poller>,
    notifier: Arc<PollerNotifier>,
    mode: PollMode,
    /// Taken while a wait runs and while its events are read.
    buffer: Cell<Option<Events>>,
}

impl Driver for Polling {
    type NotifyHandle = PollerNotifier;

    /// See the module's head.
    const SHORT_MEANS_DRAINED: bool = false;

    fn open() -> io::Result<Self> {
        let poller = Arc::new(Poller::new()?);
        let mode = if poller.supports_edge() { PollMode::Edge } else { PollMode::Oneshot };
        Ok(Self { notifier: Arc::new(PollerNotifier(poller.clone())), poller, mode, buffer: Cell::new(None) })
    }

    fn notifier(&self) -> Arc<PollerNotifier> {
        self.notifier.clone()
    }

    /// The kqueue or event port. `poll` keeps its list in this process and has none.
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
    fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        Some(std::os::fd::AsFd::as_fd(&*self.poller))
    }

    fn add(&self, descriptor: Number, key: Key, sides: Sides) -> io::Result<Added> {
        let event = match self.mode {
            PollMode::Edge => event(key, sides),
            _ => Event::none(key.number()),
        };
        // SAFETY: [R1] what is added is deleted before it is closed — the source that asks
        // deletes it in its drop, and the descriptor is dropped after the source — a number left
        // in the list would be watched on behalf of the object that gets it next.
        unsafe { self.poller.add_with_mode(&descriptor.borrow(), event, self.mode) }?;
        Ok(Added::Watched)
    }

    fn is_one_shot(&self) -> bool {
        self.mode == PollMode::Oneshot
    }

    fn arm(&self, descriptor: Number, key: Key, sides: Sides) -> io::Result<()> {
        self.poller.modify_with_mode(descriptor.borrow(), event(key, sides), self.mode)
    }

    fn remove(&self, descriptor: Number) {
        // Somebody may have closed the descriptor behind our back, and then there is nothing to
        // remove.
        let _ = self.poller.delete(descriptor.borrow());
    }

    /// Interruptions by signals are retried, with the remaining time, by polling.
    fn wait(&self, limit: Limit, mut record: impl FnMut(Key, Report)) -> io::Result<()> {
        let mut events = self.buffer.take().unwrap_or_default();
        events.clear();
        let mut outcome = match limit {
            Limit::Now => self.poller.wait(&mut events, Some(Duration::ZERO)),
            Limit::Never => self.poller.wait(&mut events, None),
            Limit::At(deadline) => self.poller.wait_deadline(&mut events, clock::instant(deadline)),
        };
        // A wait that meets a notification halfway, its flag set and its byte not yet written,
        // fails so on some backends. The notification has been taken then, which is what this wait
        // was for; but polling lets no other through until a wait has succeeded.
        while outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            outcome = self.poller.wait(&mut events, Some(Duration::ZERO));
        }
        for event in events.iter() {
            record(Key::from_number(event.key), report(&event));
        }
        self.buffer.set(Some(events));
        outcome.map(drop)
    }

    fn set_nonblocking(descriptor: BorrowedDescriptor<'_>) -> io::Result<()> {
        poll::set_nonblocking(descriptor)
    }

    fn state(descriptor: BorrowedDescriptor<'_>, asked: State) -> io::Result<State> {
        poll::state(descriptor, asked)
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
    fn a_notification_that_fails_is_an_error_unless_others_wait_already() {
        use io::ErrorKind::{Interrupted, Other, PermissionDenied, WouldBlock};
        assert!(notify_by(|| Ok(())).is_ok());
        assert!(notify_by(|| Err(WouldBlock.into())).is_ok());
        for kind in [Interrupted, Other, PermissionDenied] {
            assert_eq!(notify_by(|| Err(kind.into())).unwrap_err().kind(), kind);
        }
    }
}
