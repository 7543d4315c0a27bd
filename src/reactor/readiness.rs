//! What the kernel said about one descriptor, and who waits for more. All of it is edge counts and
//! waiters; the kernel is not called from here.
//!
//! Each side of a descriptor, read and write, has a count of its own: how many edges were seen; and
//! it says whether the descriptor was found empty (or full) since the latest. A task that tries a
//! call first notes the count ([`Edge`]) and, when the call would block, hands the note back: if an
//! edge came in between, the note is not the count any more, and the edge survives. The counts are
//! 63 bits wide wherever they are kept, so that a note can never come round again.
//!
//! The counts and the waiters belong to the owner thread: a try that succeeds reads one cell and
//! touches nothing shared.
//!
//! Several tasks may wait on one side. They are kept once each and all are woken by the next edge;
//! one that finds nothing left waits again. A waiter whose future was dropped stays until then,
//! because another future of the same task may be waiting on the same side: it costs at most one
//! wake for nothing. The set is bounded all the same ([`MOST_WAITERS`]).
//!
//! Rejected: one count for the whole descriptor (a write edge then saves or spoils a read's note);
//! a count of reactor turns in place of edges (a turn that brought nothing makes a fresh note look
//! stale).

use std::cell::Cell;
use std::task::Waker;

use crate::task::{LocalWaker, is_ours};

/// How many waiters one side keeps. Beyond it the oldest is woken to make room, and waits again if
/// it still wants to: nothing is lost, and tasks that waited once and ended cannot pile up on a
/// descriptor that stays silent. Live tasks past this number would take turns at the room and cost
/// polls; a thousand on one side of one descriptor is past every use we know. Fewer under Miri: to
/// fill the room takes the square of it in comparisons, which are half a million with a thousand
/// and took Miri minutes.
const MOST_WAITERS: usize = if cfg!(miri) { 16 } else { 1024 };

/// Which half of a descriptor is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

/// A note of how many edges had been seen when a call was tried: their count, as a [`Direction`]
/// that is ready has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge(u64);

const _: () = assert!(size_of::<Edge>() == size_of::<u64>(), "an edge count must not be cut short anywhere");

/// In a direction's count: nobody has found the side drained since the latest edge.
const READY: u64 = 1;
/// What an edge adds to the count.
const EDGE: u64 = 2;

/// One side.
struct Direction {
    /// The count of edges and the bit [`READY`]. Starts as one edge, because a new descriptor is
    /// taken to be ready until a call says otherwise.
    edges: Cell<u64>,
    /// The oldest of those who wait; almost always there is none or one.
    first: Cell<Option<LocalWaker>>,
}

impl Direction {
    const fn new() -> Self {
        Self { edges: Cell::new(EDGE | READY), first: Cell::new(None) }
    }
}

/// What is known about one descriptor, and who waits to know more.
pub(super) struct Readiness {
    read: Direction,
    write: Direction,
    /// Who waits on a side whose `first` is taken; made at first need.
    others: Cell<Option<Box<Others>>>,
    /// Whether the kernel ever spoke of an end, an error or urgent data here: from then on a short
    /// read proves nothing.
    ends: Cell<bool>,
}

/// The younger ones of those who wait, oldest first, each once.
#[derive(Default)]
struct Others {
    read: Vec<LocalWaker>,
    write: Vec<LocalWaker>,
}

impl Others {
    fn of(&mut self, side: Side) -> &mut Vec<LocalWaker> {
        match side {
            Side::Read => &mut self.read,
            Side::Write => &mut self.write,
        }
    }
}

impl Readiness {
    pub(super) const fn new() -> Self {
        Self { read: Direction::new(), write: Direction::new(), others: Cell::new(None), ends: Cell::new(false) }
    }

    fn direction(&self, side: Side) -> &Direction {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }

    /// The note to try a call with, or `None` when the side is known to be drained.
    #[inline]
    pub(super) fn ready(&self, side: Side) -> Option<Edge> {
        let edges = self.direction(side).edges.get();
        (edges & READY != 0).then_some(Edge(edges))
    }

    /// The latest edge of `side`, tried or not.
    pub(super) fn seen(&self, side: Side) -> Edge {
        Edge(self.direction(side).edges.get() | READY)
    }

    /// The call tried with `edge` found the side drained. Edges that came later stay.
    #[inline]
    pub(super) fn drain(&self, side: Side, edge: Edge) {
        let edges = &self.direction(side).edges;
        if edges.get() == edge.0 {
            edges.set(edge.0 & !READY);
        }
    }

    /// As [`Readiness::drain`], on the evidence of a transfer that came short; no evidence once an
    /// end, an error or urgent data was seen.
    #[inline]
    pub(super) fn drain_if_endless(&self, side: Side, edge: Edge) {
        if !self.ends.get() {
            self.drain(side, edge);
        }
    }

    /// A note for a descriptor that is always ready: whatever was noted of `side` before that was
    /// known is void.
    pub(super) fn force_ready(&self, side: Side) -> Edge {
        let edge = self.seen(side);
        self.direction(side).edges.set(edge.0);
        edge
    }

    /// Records one report of the kernel and moves the wakers of the sides it names into `woken`.
    /// Runs no foreign code.
    #[inline]
    pub(super) fn record(&self, report: Report, woken: &mut Vec<LocalWaker>) {
        if report.ends {
            self.ends.set(true);
        }
        for (side, happened) in [(Side::Read, report.sides.read), (Side::Write, report.sides.write)] {
            if happened {
                self.direction(side).edges.set(self.seen(side).0 + EDGE);
                self.take_waiters_of(side, woken);
            }
        }
    }

    /// Keeps `waker` until the next edge of `side`. Runs the waker's code: no borrow may be held.
    #[inline]
    pub(super) fn wait(&self, side: Side, waker: &Waker) {
        let first = &self.direction(side).first;
        let (kept, is_kept) = match first.take() {
            // Keeping one of ours runs nobody's code, so nothing comes between.
            None => (LocalWaker::of_ours(waker), is_ours(waker)),
            Some(known) => {
                let is_it = known.will_wake(waker);
                (Some(known), is_it)
            }
        };
        first.set(kept);
        if !is_kept {
            self.wait_beside(side, waker);
        }
    }

    /// Keeps a foreign waker, or one beside the first.
    #[cold]
    fn wait_beside(&self, side: Side, waker: &Waker) {
        let mut others = self.others.take();
        let is_kept = others.as_mut().is_some_and(|others| others.of(side).iter().any(|waiter| waiter.will_wake(waker)));
        self.others.set(others);
        if is_kept {
            return;
        }
        // The waker's clone is foreign code and may come back to this very side: it runs while
        // nothing is taken out of it.
        let waiter = LocalWaker::new(waker);
        if let Some(evicted) = self.push(side, waiter) {
            evicted.wake();
        }
    }

    fn push(&self, side: Side, waiter: LocalWaker) -> Option<LocalWaker> {
        let first = &self.direction(side).first;
        let Some(oldest) = first.take() else {
            first.set(Some(waiter));
            return None;
        };
        let mut others = self.others.take().unwrap_or_default();
        let list = others.of(side);
        list.push(waiter);
        let (oldest, evicted) = if list.len() < MOST_WAITERS { (oldest, None) } else { (list.remove(0), Some(oldest)) };
        first.set(Some(oldest));
        self.others.set(Some(others));
        evicted
    }

    /// Moves all waiters, of both sides, into `woken`: their source is going away.
    pub(super) fn take_waiters(&self, woken: &mut Vec<LocalWaker>) {
        self.take_waiters_of(Side::Read, woken);
        self.take_waiters_of(Side::Write, woken);
    }

    #[inline]
    fn take_waiters_of(&self, side: Side, woken: &mut Vec<LocalWaker>) {
        let Some(first) = self.direction(side).first.take() else { return };
        woken.push(first);
        if let Some(others) = self.others.take() {
            self.take_others_of(side, others, woken);
        }
    }

    #[cold]
    fn take_others_of(&self, side: Side, mut others: Box<Others>, woken: &mut Vec<LocalWaker>) {
        woken.append(others.of(side));
        self.others.set(Some(others));
    }

    /// The sides that somebody waits for.
    pub(super) fn wanted(&self) -> Sides {
        let waits = |side| {
            let first = &self.direction(side).first;
            let waiter = first.take();
            let waits = waiter.is_some();
            first.set(waiter);
            waits
        };
        Sides { read: waits(Side::Read), write: waits(Side::Write) }
    }
}

/// A set of sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Sides {
    pub(crate) const BOTH: Self = Self { read: true, write: true };
    /// All that a listener has: it is never written to, and need not be reported as writable.
    pub(crate) const READ: Self = Self { read: true, write: false };

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    pub(super) fn contains(self, other: Sides) -> bool {
        (self.read || !other.read) && (self.write || !other.write)
    }
}

/// What one event says about one source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Report {
    /// The sides on which a call would do something now.
    pub(super) sides: Sides,
    /// Whether an end, an error or urgent data is among the reasons.
    pub(super) ends: bool,
}

#[cfg(test)]
mod tests;
