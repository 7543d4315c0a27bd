//! A registered descriptor: its place in the reactor's table, and in the kernel's list. Reading,
//! writing and closing it are for others to do.
//!
//! A source begins unregistered and is taken to be ready: the first call is simply tried. Only when
//! a call would block is the descriptor registered, once and for its life. Adding a descriptor that
//! has become ready in between reports it at once, so nothing is lost between the call and the
//! registration; and a connection whose answers are always there never costs a registration at all.
//!
//! The way of a call: [`ready`](Source::ready) gives a note ([`Edge`]); the caller tries its call;
//! if that would block it hands the note to [`drained`](Source::drained) and asks again. Where
//! there is no note, [`park`](Source::park) keeps the task until there is one; who parks a task has
//! seen to it that somebody turns this reactor. A try that succeeds reads cells and enters no
//! table.
//!
//! Dropping the source takes the descriptor out of the kernel's list, which must happen before the
//! descriptor is closed: a copy of it (`dup`) would keep the entry alive under the old key, and on
//! kqueue the next descriptor with that number could not be added ([R1]).

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::core::Reactor;
use super::driver::descriptor::{BorrowedDescriptor, Number};
use super::driver::{Chosen, Driver};
use super::entry::{Kind, Registration, SourceEntry};
use super::readiness::{Edge, Side};
use super::wake::wake_all;

/// The reactor's half of an I/O object. Its owner drops it before the descriptor ([R1]).
pub(crate) struct Source {
    reactor: Rc<Reactor>,
    /// Shared with the reactor's table, which records events into it.
    entry: Rc<SourceEntry>,
}

impl Source {
    /// A source for `descriptor`, which is made non-blocking. No kernel object is needed yet.
    ///
    /// # Errors
    ///
    /// What the kernel says of a descriptor that is closed or cannot be made non-blocking; and when
    /// `reactor` belongs to the process that this one was forked from.
    pub(crate) fn new(reactor: Rc<Reactor>, descriptor: BorrowedDescriptor<'_>, kind: &'static Kind) -> io::Result<Self> {
        reactor.check_process()?;
        Chosen::set_nonblocking(descriptor)?;
        Ok(Self::from_nonblocking(reactor, descriptor, kind))
    }

    /// As [`Source::new`], for a descriptor that was born non-blocking.
    pub(crate) fn from_nonblocking(reactor: Rc<Reactor>, descriptor: BorrowedDescriptor<'_>, kind: &'static Kind) -> Self {
        Self { reactor, entry: Rc::new(SourceEntry::new(Number::of(descriptor), kind)) }
    }

    /// The one that brings this source its edges.
    pub(crate) fn reactor(&self) -> &Rc<Reactor> {
        &self.reactor
    }

    /// What its errors call a wait for `side`.
    pub(crate) fn name(&self, side: Side) -> &'static str {
        match side {
            Side::Read => self.entry.kind().read,
            Side::Write => self.entry.kind().write,
        }
    }

    /// Is of another kind from now on; of one that has the same sides.
    pub(crate) fn set_kind(&self, kind: &'static Kind) {
        self.entry.set_kind(kind);
    }

    /// Registers the descriptor now, so that no later wait can fail for want of what that takes.
    ///
    /// # Errors
    ///
    /// The kernel's, when descriptors or memory have run out; and as [`Source::park`].
    pub(crate) fn register_now(&self) -> io::Result<()> {
        self.watch().map(drop)
    }

    /// Notes how far `side` has come, for a call to be tried; `None` when it would find nothing.
    #[inline]
    pub(crate) fn ready(&self, side: Side) -> Option<Edge> {
        self.entry.readiness.ready(side)
    }

    /// How far `side` has come, whether or not a call would find something.
    pub(crate) fn seen(&self, side: Side) -> Edge {
        self.entry.readiness.seen(side)
    }

    /// The call tried with `edge` would block: there is nothing more until the next edge.
    #[inline]
    pub(crate) fn drained(&self, side: Side, edge: Edge) -> Drained {
        if self.entry.registration() == Registration::AlwaysReady {
            return Drained::Never;
        }
        self.entry.readiness.drain(side, edge);
        Drained::Noted
    }

    /// The transfer tried with `edge` moved less than was asked: on a stream socket that means
    /// drained, where the kernel can be trusted to report what else may have stopped it. Not for
    /// pipes' other ends, terminals, Unix sockets or datagrams.
    #[inline]
    pub(crate) fn came_short(&self, side: Side, edge: Edge) {
        if Chosen::SHORT_MEANS_DRAINED && self.entry.registration() != Registration::AlwaysReady {
            self.entry.readiness.drain_if_endless(side, edge);
        }
    }

    /// Counts one call on the descriptor.
    #[inline]
    pub(crate) fn count_call(&self) {
        self.reactor.count_call();
    }

    /// Keeps the task until `side` is ready, which [`Source::ready`] has just said it is not.
    ///
    /// # Errors
    ///
    /// The kernel's, when the descriptor cannot be registered; and when this reactor belongs to the
    /// process that this one was forked from.
    pub(crate) fn park(&self, context: &mut Context<'_>, side: Side) -> Poll<io::Result<Edge>> {
        if self.watch()? == Drained::Never {
            return Poll::Ready(Ok(self.entry.readiness.force_ready(side)));
        }
        self.entry.readiness.wait(side, context.waker());
        // Keeping the waker may have run foreign code, and that may have run a turn.
        if let Some(edge) = self.entry.readiness.ready(side) {
            return Poll::Ready(Ok(edge));
        }
        self.reactor.arm_source(&self.entry)?;
        Poll::Pending
    }

    /// Keeps the task until an edge of one of the sides comes that is later than the one noted of
    /// it; what the sides' calls would find does not count. Ready when one has come, or when none
    /// ever will because the descriptor counts as always ready.
    ///
    /// # Errors
    ///
    /// As [`Source::park`].
    pub(crate) fn park_past(&self, context: &mut Context<'_>, noted: &[(Side, Edge)]) -> Poll<io::Result<Drained>> {
        if self.watch()? == Drained::Never {
            return Poll::Ready(Ok(Drained::Never));
        }
        for (side, _) in noted {
            self.entry.readiness.wait(*side, context.waker());
        }
        if noted.iter().any(|(side, edge)| self.entry.readiness.seen(*side) != *edge) {
            return Poll::Ready(Ok(Drained::Noted));
        }
        self.reactor.arm_source(&self.entry)?;
        Poll::Pending
    }

    /// Makes the descriptor known to the kernel, unless it is. Says whether edges will come.
    #[inline]
    fn watch(&self) -> io::Result<Drained> {
        // [R4] What a fork has carried here hears of nothing any more.
        self.reactor.check_process()?;
        if self.entry.registration() == Registration::NotYet {
            self.reactor.add_source(&self.entry)?;
        }
        Ok(if self.entry.registration() == Registration::Watched { Drained::Noted } else { Drained::Never })
    }
}

/// Whether a drained side can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// An edge will come.
    Noted,
    /// This descriptor counts as always ready: a call that would block on it will say so every
    /// time.
    Never,
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.entry.registration() == Registration::Watched {
            self.reactor.remove_source(&self.entry);
        }
        // A task that still waits learns on its next poll that the object is gone, rather than
        // waiting for ever.
        let mut woken = Vec::new();
        self.entry.readiness.take_waiters(&mut woken);
        wake_all(&mut woken);
    }
}
