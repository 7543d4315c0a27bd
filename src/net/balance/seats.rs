//! Who serves a connection — owns the choice of the core and the way there — must never lose a connection between two cores.
//!
//! Each core has a seat. While somebody sits there (a [`Chair`]), the seat has a door: the sending half of a channel whose receiving half
//! is the chair's. Handing over is looking at everybody's load, cloning the sender out of the door, and sending.
//!
//! Leaving is, in this order: the seat says that it is empty, the door is taken away, the channel is closed, and what is still in it is handed on.
//! A send either comes before the close, and then the leaver finds what was sent, or it fails and gives it back to whoever sent it.
//!
//! # The policy
//!
//! A core with more connections than the average of those who sit, by more than the slack, gives the next one to the core that has the
//! fewest; of several the next in order, so that a tie does not always fall on the first. A connection counts for the core that is to
//! serve it from the moment of the choice, before that core knows of it; so a burst is spread and not thrown at one core.
//!
//! Loads are read without order and may be late by what others are deciding at this moment: two cores may choose the same third one.
//! That makes a difference of one connection a core, not a lost one.
//!
//! Rejected: one queue for all from which idle cores help themselves, as started tasks' closures have: a core that takes a connection
//! when it is idle for a moment keeps it for hours. Rejected too: moving a connection that has been served, because its task cannot move.

use std::sync::PoisonError;

use super::queue::{self, Receiver, Sender};
pub(crate) use crate::net::load::Counted;
use crate::net::load::{Event, Load};
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering};

/// The seats of all cores; `T` is what is handed over.
#[derive(Debug)]
pub(crate) struct Seats<T> {
    seats: Vec<Seat<T>>,
}

#[derive(Debug)]
struct Seat<T> {
    load: Arc<Load>,
    /// 1 while somebody sits here: what can be seen without the lock, and is decided under it.
    taken: AtomicUsize,
    /// There while somebody sits here. The lock is held to look, to put and to take, never while something is sent.
    door: Mutex<Option<Sender<Handed<T>>>>,
}

/// On its way to a core that it is counted for.
#[derive(Debug)]
struct Handed<T> {
    what: T,
    counted: Counted,
}

/// Who is to serve what was accepted.
#[derive(Debug)]
#[must_use = "what stays here must be served"]
pub(crate) enum Placed<T> {
    Here(T, Counted),
    Away,
}

/// Why nobody can sit there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    NoSuchSeat,
    Taken,
}

impl<T> Seats<T> {
    pub(crate) fn new(count: usize) -> Self {
        let seat = || Seat { load: Load::new(), taken: AtomicUsize::new(0), door: Mutex::new(None) };
        Self { seats: (0..count).map(|_| seat()).collect() }
    }

    pub(crate) fn count(&self) -> usize {
        self.seats.len()
    }

    pub(crate) fn load(&self, core: usize) -> &Load {
        &self.seats[core].load
    }

    pub(crate) fn is_taken(&self, core: usize) -> bool {
        self.seats[core].is_taken()
    }

    /// Sits down.
    pub(crate) fn join(seats: &Arc<Self>, core: usize) -> Result<Chair<T>, Refused> {
        let seat = seats.seats.get(core).ok_or(Refused::NoSuchSeat)?;
        let mut door = seat.door.lock().unwrap_or_else(PoisonError::into_inner);
        if door.is_some() {
            return Err(Refused::Taken);
        }
        let (sender, receiver) = queue::unbounded();
        *door = Some(sender);
        // Relaxed: the door is what counts, and the lock orders it; this is where to look first.
        seat.taken.store(1, Ordering::Relaxed);
        drop(door);
        Ok(Chair { seats: Arc::clone(seats), core, receiver })
    }

    /// The core with the fewest connections of those who sit, unless `from` is it or is no more than `slack` above the average.
    fn relief(&self, from: usize, slack: usize) -> Option<usize> {
        let (mut sitting, mut all) = (0, 0_usize);
        let mut least: Option<(usize, usize)> = None;
        for core in (1..=self.seats.len()).map(|step| (from + step) % self.seats.len()) {
            if !self.seats[core].is_taken() {
                continue;
            }
            let live = self.seats[core].load.live();
            sitting += 1;
            all = all.saturating_add(live);
            if least.is_none_or(|(_, least)| live < least) {
                least = Some((core, live));
            }
        }
        let (core, live) = least?;
        let own = self.seats[from].load.live();
        let is_above = own.saturating_sub(slack).saturating_mul(sitting) > all;
        (core != from && live < own && is_above).then_some(core)
    }

    /// Gives it to the core that has the fewest connections. `Err` if nobody sits anywhere.
    fn hand_on(&self, from: usize, mut what: T) -> Result<(), T> {
        loop {
            let sitting = (1..=self.seats.len()).map(|step| (from + step) % self.seats.len()).filter(|&core| self.is_taken(core));
            let Some(core) = sitting.min_by_key(|&core| self.seats[core].load.live()) else { return Err(what) };
            // A failure means that the core has left, and whoever learns that from its door or its channel sees the empty seat too.
            match self.seats[core].send(what) {
                Ok(()) => return Ok(()),
                Err(back) => what = back,
            }
        }
    }
}

impl<T> Seat<T> {
    fn is_taken(&self) -> bool {
        // Relaxed: as in `Seats::join`; whoever comes too late fails at the door.
        self.taken.load(Ordering::Relaxed) == 1
    }

    /// Puts it into the queue of whoever sits here.
    fn send(&self, what: T) -> Result<(), T> {
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sender) = door else { return Err(what) };
        let handed = Handed { what, counted: Counted::new(&self.load) };
        sender.try_send(handed).map_err(|error| error.into_inner().what)
    }
}

/// The place of a core that accepts. Dropping it is leaving.
#[derive(Debug)]
pub(crate) struct Chair<T> {
    seats: Arc<Seats<T>>,
    core: usize,
    receiver: Receiver<Handed<T>>,
}

impl<T> Chair<T> {
    /// Decides about what this core has accepted.
    pub(crate) fn place(&self, what: T, slack: usize) -> Placed<T> {
        let own = &self.seats.seats[self.core].load;
        own.count(Event::Accepted);
        let refused = match self.seats.relief(self.core, slack) {
            Some(core) => self.seats.seats[core].send(what),
            None => Err(what),
        };
        match refused {
            Ok(()) => {
                own.count(Event::HandedAway);
                Placed::Away
            }
            Err(what) => Placed::Here(what, Counted::new(own)),
        }
    }

    /// The next one that another core has handed over.
    pub(crate) async fn recv(&self) -> (T, Counted) {
        match self.receiver.recv().await {
            Ok(Handed { what, counted }) => {
                self.seats.seats[self.core].load.count(Event::TakenOver);
                (what, counted)
            }
            // Closed by nobody but this chair's drop, and that cannot be while it is borrowed.
            Err(_) => std::future::pending().await,
        }
    }
}

impl<T> Drop for Chair<T> {
    fn drop(&mut self) {
        let seat = &self.seats.seats[self.core];
        let mut locked = seat.door.lock().unwrap_or_else(PoisonError::into_inner);
        // Relaxed: before the lock is given back and before the close, so whoever fails at either sees it.
        seat.taken.store(0, Ordering::Relaxed);
        let door = locked.take();
        drop(locked);
        drop(door);
        self.receiver.close();
        while let Ok(Handed { what, counted }) = self.receiver.try_recv() {
            drop(counted);
            // Nobody is left to serve it: the connection is closed.
            drop(self.seats.hand_on(self.core, what));
        }
    }
}
