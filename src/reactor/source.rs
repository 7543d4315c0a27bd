//! A registered descriptor — owns its place in the reactor's table and in the kernel's list — must never read, write or close it.
//!
//! A source begins unregistered and is taken to be ready: the first call is simply tried. Only when a call would block is the
//! descriptor registered, once and for its life. Adding a descriptor that has become ready in between reports it at once, so nothing is
//! lost between the call and the registration; and a connection whose answers are always there never costs a registration at all.
//!
//! The way of a call: [`poll_ready`](Source::poll_ready) gives a note ([`Edge`]) or parks the task; the caller tries its call; if that
//! would block it hands the note to [`drained`](Source::drained) and asks again. A try that succeeds reads cells and enters no table.
//!
//! Dropping the source takes the descriptor out of the kernel's list, which must happen before the descriptor is closed: a copy of it
//! (`dup`) would keep the entry alive under the old key, and on kqueue the next descriptor with that number could not be added ([R1]).

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::descriptor::{self, BorrowedDescriptor, Number};
use super::key::Key;
use super::readiness::{Edge, Readiness, Side};
use super::{Reactor, system, wake_all};

/// Which sides of a descriptor can ever be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Both,
    /// A listener: it is never written to, and need not be reported as writable.
    Read,
}

/// What the kernel made of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    Watched,
    /// The kind of descriptor that never blocks, a regular file for one. Only epoll says so; others report such a descriptor as ready.
    #[allow(dead_code)]
    AlwaysReady,
}

/// Where a source stands with the kernel.
#[derive(Clone, Copy)]
enum Registration {
    /// No call has said yet that it would block.
    NotYet,
    Watched(Key),
    AlwaysReady,
}

/// The reactor's half of an I/O object. Whoever owns it drops it before the descriptor ([R1]).
pub(crate) struct Source {
    reactor: Rc<Reactor>,
    /// Shared with the reactor's table, which records events into it.
    readiness: Rc<Readiness>,
    descriptor: Number,
    interest: Interest,
    registration: Cell<Registration>,
}

impl Source {
    /// A source for `descriptor`, which is made non-blocking. No kernel object is needed yet.
    ///
    /// # Errors
    ///
    /// What the kernel says of a descriptor that is closed or cannot be made non-blocking; and when `reactor` belongs to the process
    /// that this one was forked from.
    pub(crate) fn new(reactor: Rc<Reactor>, descriptor: BorrowedDescriptor<'_>, interest: Interest) -> io::Result<Self> {
        reactor.check_process()?;
        descriptor::set_nonblocking(descriptor)?;
        Ok(Self::from_nonblocking(reactor, descriptor, interest))
    }

    /// As [`Source::new`], for a descriptor that was born non-blocking.
    pub(crate) fn from_nonblocking(reactor: Rc<Reactor>, descriptor: BorrowedDescriptor<'_>, interest: Interest) -> Self {
        let descriptor = Number::of(descriptor);
        let registration = Cell::new(Registration::NotYet);
        Self { reactor, readiness: Rc::new(Readiness::new()), descriptor, interest, registration }
    }

    /// Notes how far `side` has come, for a call to be tried; or keeps the task until there is something to try.
    #[inline]
    pub(crate) fn poll_ready(&self, context: &mut Context<'_>, side: Side) -> Poll<io::Result<Edge>> {
        match self.readiness.ready(side) {
            Some(edge) => Poll::Ready(Ok(edge)),
            None => self.park(context, side),
        }
    }

    /// As [`Source::poll_ready`], but asks the kernel before it says yes: for callers whose own calls we do not see.
    pub(crate) fn poll_confirmed(
        &self,
        context: &mut Context<'_>,
        side: Side,
        descriptor: BorrowedDescriptor<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let edge = ready!(self.poll_ready(context, side))?;
            self.count_call();
            if descriptor::is_ready(descriptor, side)? {
                return Poll::Ready(Ok(()));
            }
            if self.drained(side, edge) == Drained::Never {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// The call tried with `edge` would block: there is nothing more until the next edge.
    #[inline]
    pub(crate) fn drained(&self, side: Side, edge: Edge) -> Drained {
        if let Registration::AlwaysReady = self.registration.get() {
            return Drained::Never;
        }
        self.readiness.drain(side, edge);
        Drained::Noted
    }

    /// The transfer tried with `edge` moved less than was asked: on a stream socket that means drained, where the kernel can be trusted
    /// to report what else may have stopped it. Not for pipes' other ends, terminals, Unix sockets or datagrams.
    #[inline]
    pub(crate) fn came_short(&self, side: Side, edge: Edge) {
        if system::Kernel::SHORT_MEANS_DRAINED && !matches!(self.registration.get(), Registration::AlwaysReady) {
            self.readiness.drain_if_endless(side, edge);
        }
    }

    /// Counts one call on the descriptor.
    #[inline]
    pub(crate) fn count_call(&self) {
        self.reactor.count_call();
    }

    #[cold]
    fn register(&self) -> io::Result<()> {
        let registration = match self.reactor.add_source(&self.readiness, self.descriptor, self.interest)? {
            Some(key) => Registration::Watched(key),
            None => Registration::AlwaysReady,
        };
        self.registration.set(registration);
        Ok(())
    }

    fn park(&self, context: &mut Context<'_>, side: Side) -> Poll<io::Result<Edge>> {
        if let Registration::NotYet = self.registration.get() {
            self.register()?;
        }
        let Registration::Watched(key) = self.registration.get() else {
            return Poll::Ready(Ok(self.readiness.force_ready(side)));
        };
        self.readiness.wait(side, context.waker());
        // Keeping the waker may have run foreign code, and that may have run a turn.
        if let Some(edge) = self.readiness.ready(side) {
            return Poll::Ready(Ok(edge));
        }
        self.reactor.arm_source(key)?;
        Poll::Pending
    }
}

/// Whether a drained side can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// An edge will come.
    Noted,
    /// This descriptor counts as always ready: a call that would block on it will say so every time.
    Never,
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Registration::Watched(key) = self.registration.get() {
            self.reactor.remove_source(key, self.descriptor);
        }
        // Whoever still waits learns on its next poll that the object is gone, rather than waiting for ever.
        let mut woken = Vec::new();
        self.readiness.take_waiters(&mut woken);
        wake_all(&mut woken);
    }
}
