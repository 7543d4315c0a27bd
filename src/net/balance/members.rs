//! Which core serves a connection, and the way there.
//!
//! It owns the choice of the core and the queues between cores. It never loses a connection between
//! two cores, and knows nothing of sockets.
//!
//! Each core may be a [`Member`]. While it has joined, which is while its [`Membership`] lives, it
//! has an entrance: the sending half of a channel whose receiving half is the membership's. Handing
//! over is looking at every member's load, cloning the sender out of the entrance, and sending.
//!
//! Leaving is, in this order: the member says that it has left, the entrance is taken away, the
//! channel is closed, and what is still in it is handed on. A send either comes before the close,
//! and then the leaver finds what was sent, or it fails and gives it back to the sender.
//!
//! # The policy
//!
//! A core with more connections than the average of those that have joined, by more than the slack,
//! gives the next one to the core that has the fewest; of several the next in order, so that a tie
//! does not always fall on the first. A connection counts for the core that is to serve it from the
//! moment of the choice, before that core knows of it; so a burst is spread and not thrown at one
//! core.
//!
//! Loads are read without order and may be late by what others are deciding at this moment: two
//! cores may choose the same third one. That makes a difference of one connection a core, not a
//! lost one.
//!
//! Rejected: one queue for all from which idle cores help themselves, as started tasks' closures
//! have: a core that takes a connection when it is idle for a moment keeps it for hours. Rejected
//! too: moving a connection that has been served, because its task cannot move.

use std::sync::PoisonError;

use crate::channel::{self, Receiver, Sender};
pub(crate) use crate::net::load::Counted;
use crate::net::load::{Counter, Load};
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering};

/// All cores that may join; `T` is what is handed over.
#[derive(Debug)]
pub(crate) struct Members<T> {
    members: Vec<Member<T>>,
}

#[derive(Debug)]
struct Member<T> {
    load: Arc<Load>,
    /// 1 while the core has joined: what can be seen without the lock, and is decided under it.
    joined: AtomicUsize,
    /// There while the core has joined. The lock is held to look, to put and to take, never while
    /// something is sent.
    entrance: Mutex<Option<Sender<Handed<T>>>>,
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

/// Why a core cannot join.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JoinRefused {
    NoSuchCore,
    AlreadyJoined,
}

impl<T> Members<T> {
    pub(crate) fn new(count: usize) -> Self {
        let member = || Member { load: Load::new(), joined: AtomicUsize::new(0), entrance: Mutex::new(None) };
        Self { members: (0..count).map(|_| member()).collect() }
    }

    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn load(&self, core: usize) -> &Load {
        &self.members[core].load
    }

    pub(crate) fn has_joined(&self, core: usize) -> bool {
        self.members[core].has_joined()
    }

    /// Lets `core` take part.
    pub(crate) fn join(members: &Arc<Self>, core: usize) -> Result<Membership<T>, JoinRefused> {
        let member = members.members.get(core).ok_or(JoinRefused::NoSuchCore)?;
        let mut entrance = member.entrance.lock().unwrap_or_else(PoisonError::into_inner);
        if entrance.is_some() {
            return Err(JoinRefused::AlreadyJoined);
        }
        let (sender, receiver) = channel::unbounded();
        *entrance = Some(sender);
        // Relaxed: the entrance is what counts, and the lock orders it; this is where to look
        // first.
        member.joined.store(1, Ordering::Relaxed);
        drop(entrance);
        Ok(Membership { members: Arc::clone(members), core, receiver })
    }

    /// The core with the fewest connections of those that have joined, unless `from` is it or is no
    /// more than `slack` above the average.
    fn relief(&self, from: usize, slack: usize) -> Option<usize> {
        let (mut joined, mut all) = (0, 0_usize);
        let mut least: Option<(usize, usize)> = None;
        for core in (1..=self.members.len()).map(|step| (from + step) % self.members.len()) {
            if !self.members[core].has_joined() {
                continue;
            }
            let live = self.members[core].load.live();
            joined += 1;
            all = all.saturating_add(live);
            if least.is_none_or(|(_, least)| live < least) {
                least = Some((core, live));
            }
        }
        let (core, live) = least?;
        let own = self.members[from].load.live();
        let is_above = own.saturating_sub(slack).saturating_mul(joined) > all;
        (core != from && live < own && is_above).then_some(core)
    }

    /// Gives it to the core that has the fewest connections. `Err` if no core has joined.
    fn hand_on(&self, from: usize, mut what: T) -> Result<(), T> {
        loop {
            let joined =
                (1..=self.members.len()).map(|step| (from + step) % self.members.len()).filter(|&core| self.has_joined(core));
            let Some(core) = joined.min_by_key(|&core| self.members[core].load.live()) else { return Err(what) };
            // A failure means that the core has left, and the sender, which learns that from its
            // entrance or its channel, sees too that it has left.
            match self.members[core].send(what) {
                Ok(()) => return Ok(()),
                Err(back) => what = back,
            }
        }
    }
}

impl<T> Member<T> {
    fn has_joined(&self) -> bool {
        // Relaxed: as in `Members::join`; a sender that comes too late fails at the entrance.
        self.joined.load(Ordering::Relaxed) == 1
    }

    /// Puts it into this core's queue.
    fn send(&self, what: T) -> Result<(), T> {
        let entrance = self.entrance.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sender) = entrance else { return Err(what) };
        let handed = Handed { what, counted: Counted::new(&self.load) };
        sender.try_send(handed).map_err(|error| error.into_inner().what)
    }
}

/// The part of a core that accepts. Dropping it is leaving.
#[derive(Debug)]
pub(crate) struct Membership<T> {
    members: Arc<Members<T>>,
    core: usize,
    receiver: Receiver<Handed<T>>,
}

impl<T> Membership<T> {
    /// Decides about what this core has accepted.
    pub(crate) fn place(&self, what: T, slack: usize) -> Placed<T> {
        let own = &self.members.members[self.core].load;
        own.count(Counter::Accepted);
        let refused = match self.members.relief(self.core, slack) {
            Some(core) => self.members.members[core].send(what),
            None => Err(what),
        };
        match refused {
            Ok(()) => {
                own.count(Counter::HandedAway);
                Placed::Away
            }
            Err(what) => Placed::Here(what, Counted::new(own)),
        }
    }

    /// The next one that another core has handed over.
    pub(crate) async fn recv(&self) -> (T, Counted) {
        match self.receiver.recv().await {
            Ok(Handed { what, counted }) => {
                self.members.members[self.core].load.count(Counter::TakenOver);
                (what, counted)
            }
            // Closed by nobody but this membership's drop, and that cannot be while it is borrowed.
            Err(_) => std::future::pending().await,
        }
    }
}

impl<T> Drop for Membership<T> {
    fn drop(&mut self) {
        let member = &self.members.members[self.core];
        let mut locked = member.entrance.lock().unwrap_or_else(PoisonError::into_inner);
        // Relaxed: before the lock is given back and before the close, so a sender that fails at
        // either sees it.
        member.joined.store(0, Ordering::Relaxed);
        let entrance = locked.take();
        drop(locked);
        drop(entrance);
        self.receiver.close();
        while let Ok(Handed { what, counted }) = self.receiver.try_recv() {
            drop(counted);
            // Nobody is left to serve it: the connection is closed.
            drop(self.members.hand_on(self.core, what));
        }
    }
}
