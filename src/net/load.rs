//! What one core has to do: the counters of its connections.
//!
//! Each number is right by itself, and may be a little late where another core reads it. None of
//! them orders anything.

use crate::reactor::meter::Meter;
use crate::sync::{Arc, AtomicUsize, Ordering};

/// The counters of one core. On a cache line of its own, because every other core reads it and its
/// own core writes it.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Load {
    /// Connections that it serves or is to serve.
    live: AtomicUsize,
    /// Those of them that were handed to it and not yet accepted there.
    waiting: AtomicUsize,
    /// Connections that its listener has accepted. Written by its own core, like the next two,
    /// unless that is stuck.
    accepted: AtomicUsize,
    /// Those of them that it has handed to another core.
    handed_away: AtomicUsize,
    /// Connections of other cores that it has taken.
    taken_over: AtomicUsize,
    /// How busy its thread is; that writes it while the core has joined.
    meter: Arc<Meter>,
}

/// What can be counted, once it has happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counter {
    Accepted,
    HandedAway,
    TakenOver,
}

impl Load {
    pub(crate) fn new() -> Arc<Self> {
        let zero = || AtomicUsize::new(0);
        Arc::new(Self {
            live: zero(),
            waiting: zero(),
            accepted: zero(),
            handed_away: zero(),
            taken_over: zero(),
            meter: Arc::new(Meter::new()),
        })
    }

    pub(crate) fn live(&self) -> usize {
        // Relaxed: a number to compare, and a decision by it may be a connection late.
        self.live.load(Ordering::Relaxed)
    }

    pub(crate) fn waiting(&self) -> usize {
        // Relaxed: as in `live`.
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub(crate) fn count(&self, counter: Counter) {
        // Relaxed: a statistic; nobody reads anything else on its account.
        self.number(counter).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counted(&self, counter: Counter) -> usize {
        // Relaxed: as in `count`.
        self.number(counter).load(Ordering::Relaxed)
    }

    fn number(&self, counter: Counter) -> &AtomicUsize {
        match counter {
            Counter::Accepted => &self.accepted,
            Counter::HandedAway => &self.handed_away,
            Counter::TakenOver => &self.taken_over,
        }
    }
}

/// One connection of a core, for as long as this value lives; on any thread. Each stream of a
/// balance has one: it is a pointer and no more.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Load>);

impl Counted {
    pub(crate) fn new(load: &Arc<Load>) -> Self {
        // Relaxed: as in `Load::live`.
        load.live.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Relaxed: as in `Load::live`.
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One that is on its way to the core.
#[derive(Debug)]
pub(crate) struct CountedWaiting(Option<Counted>);

impl CountedWaiting {
    pub(crate) fn new(load: &Arc<Load>) -> Self {
        // Relaxed: as in `Load::live`.
        load.waiting.fetch_add(1, Ordering::Relaxed);
        Self(Some(Counted::new(load)))
    }

    /// The core has it.
    pub(crate) fn arrived(mut self) -> Counted {
        self.leave().expect("it waits until here")
    }

    fn leave(&mut self) -> Option<Counted> {
        let counted = self.0.take()?;
        // Relaxed: as in `Load::live`.
        counted.0.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(counted)
    }
}

impl Drop for CountedWaiting {
    fn drop(&mut self) {
        self.leave();
    }
}
