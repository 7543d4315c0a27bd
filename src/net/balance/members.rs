//! Which core serves a connection, and the way there.
//!
//! The core is chosen here, and the queues between cores are here. No connection gets lost between
//! two cores. Sockets are not known here.
//!
//! Each core may be a [`Member`]. While it has joined, which is while its [`Membership`] lives, it
//! has an entrance: both halves of a channel, whose receiving half the membership has too. Handing
//! over is looking at the members' loads, cloning the sender out of the entrance, and sending.
//!
//! Leaving is, in this order: the member says that it has left, the entrance is taken away, the
//! channel is closed, and what is still in it is handed on. A send either comes before the close,
//! and then the leaver finds what was sent, or it fails and gives it back to the sender.
//!
//! # The policy
//!
//! The choice is [`BalancePolicy`]'s. A connection counts for the core that is to serve it from the
//! moment of the choice, before that core knows of it; so a burst is spread and not thrown at one
//! core. Of several that are as good it is the next in order, so that a tie does not always fall on
//! the first.
//!
//! Loads are read without order and may be late by what others are deciding at this moment: two
//! cores may choose the same third one. That makes a difference of one connection a core, not a
//! lost one.
//!
//! # A core that is stuck
//!
//! It is awake, and has not been outside for longer than any poll should take. It is given nothing,
//! and what waits for it is taken back, by the others, when their turn comes to look: what is in
//! its queue, and what is in its listener's backlog, which the entrance has a second way to. Each
//! of the two gives a connection to one taker, so it does not matter that the core may come back at
//! any moment, nor that several others look. What was taken back is handed on as a leaver does it.
//!
//! The backlog is asked under the entrance's lock: who has left has its listener for itself.
//!
//! A core that is busy but goes round its loop comes late too, by a poll or two. So the others do
//! not wait until it is stuck: one of them, the first that looks and is not as busy, becomes its
//! guard, and is woken by what comes to its backlog ([`guard`](super::guard)).
//!
//! Cores of one thread never take each other to be stuck: it is the thread that asks.
//!
//! Rejected: one queue for all from which idle cores help themselves, as started tasks' closures
//! have: a core that takes a connection when it is idle for a moment keeps it for hours. Rejected
//! too: moving a connection that has been served, because its task cannot move; and a thread or a
//! timer that looks for stuck cores while nothing happens, because an idle server sleeps.

use std::cell::Cell;
use std::fmt;
use std::sync::PoisonError;

use super::choice::{CoreDraw, View};
use super::guard::ArrivalQueue;
pub(crate) use super::policy::{BalancePolicy, Rules};
use crate::channel::{self, Receiver, Sender};
use crate::clock;
pub(crate) use crate::net::load::Counted;
use crate::net::load::{CountedWaiting, Counter, Load};
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering};

/// So many are taken out of a stuck core's backlog at a time; the rest at the next look.
const MOST_AT_ONCE: usize = 64;

/// Another thread's way to what waits in front of a core: gives the next one, if there is one.
pub(crate) type BacklogSource<T> = Box<dyn FnMut() -> Option<T> + Send>;

/// All cores that may join; `T` is what is handed over.
#[derive(Debug)]
pub(crate) struct Members<T> {
    members: Vec<Member<T>>,
    rules: Rules,
}

#[derive(Debug)]
struct Member<T> {
    load: Arc<Load>,
    /// 1 while the core has joined: what can be seen without the lock, and is decided under it.
    joined: AtomicUsize,
    /// The CPU that it is pinned to, plus one; 0 for none. Written under the lock.
    cpu: AtomicUsize,
    /// The core that guards this one's backlog, plus one; 0 for none.
    guard: AtomicUsize,
    /// There while the core has joined. The lock is held to look, to put and to take, and to ask
    /// the backlog; never while something is sent.
    entrance: Mutex<Option<Entrance<T>>>,
}

struct Entrance<T> {
    sender: Sender<Handed<T>>,
    queue: Receiver<Handed<T>>,
    backlog: Option<BacklogSource<T>>,
    arrivals: Option<ArrivalQueue>,
}

impl<T> fmt::Debug for Entrance<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").finish_non_exhaustive()
    }
}

/// On its way to a core that it is counted for.
#[derive(Debug)]
struct Handed<T> {
    what: T,
    counted: CountedWaiting,
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

/// Whether somebody has to look after the other cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Watch {
    /// All of them sleep, and nothing waits for them.
    Needless,
    /// They sleep, and something waits: it has just been handed over, or the core does not accept.
    Doubtful,
    /// Another core is awake, and may be stuck, or get stuck.
    Needed,
}

/// What a core brings when it joins.
pub(crate) struct Joining<T> {
    pub(crate) core: usize,
    /// The CPU that it is pinned to, where that matters.
    pub(crate) cpu: Option<usize>,
    pub(crate) backlog: Option<BacklogSource<T>>,
    /// Says when something comes to the backlog.
    pub(crate) arrivals: Option<ArrivalQueue>,
}

impl<T> Members<T> {
    pub(crate) fn new(count: usize, rules: Rules) -> Self {
        let zero = || AtomicUsize::new(0);
        let member = || Member { load: Load::new(), joined: zero(), cpu: zero(), guard: zero(), entrance: Mutex::new(None) };
        Self { members: (0..count).map(|_| member()).collect(), rules }
    }

    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn load(&self, core: usize) -> &Arc<Load> {
        &self.members[core].load
    }

    pub(crate) fn has_joined(&self, core: usize) -> bool {
        self.members[core].has_joined()
    }

    /// Lets a core take part.
    pub(crate) fn join(members: &Arc<Self>, joining: Joining<T>) -> Result<Membership<T>, JoinRefused> {
        let Joining { core, cpu, backlog, arrivals } = joining;
        let member = members.members.get(core).ok_or(JoinRefused::NoSuchCore)?;
        let mut entrance = member.lock();
        if entrance.is_some() {
            return Err(JoinRefused::AlreadyJoined);
        }
        let (sender, receiver) = channel::unbounded();
        *entrance = Some(Entrance { sender, queue: receiver.clone(), backlog, arrivals });
        // Relaxed, both: the entrance is what counts, and the lock orders it; this is where to look
        // first.
        member.cpu.store(cpu.map_or(0, |cpu| cpu + 1), Ordering::Relaxed);
        member.joined.store(1, Ordering::Relaxed);
        drop(entrance);
        Ok(Membership {
            members: Arc::clone(members),
            core,
            receiver,
            random: CoreDraw::new(core),
            has_guarded: Cell::new(false),
        })
    }

    /// The others that have joined, the next in order first.
    fn others(&self, core: usize) -> impl Iterator<Item = usize> + '_ {
        let count = self.members.len();
        (1..count).map(move |step| (core + step) % count).filter(|&other| self.has_joined(other))
    }

    /// A core as the thread of another one sees it.
    fn view(&self, core: usize, by: usize, now: u64) -> View {
        let (load, seer) = (self.load(core), self.load(by).meter());
        let is_same_thread = load.meter().thread() == seer.thread();
        let reading = if is_same_thread { seer.read(now) } else { load.meter().read(now) };
        let is_silent = reading.silent.is_some_and(|silent| silent >= self.rules.stuck_after);
        let (live, waiting) = (load.live(), load.waiting());
        View { core, live, share: reading.share, waiting, is_stuck: is_silent && !is_same_thread }
    }

    /// The core that shall serve what `from` has accepted, unless that is `from`.
    fn relief(&self, from: usize, random: &CoreDraw, now: u64) -> Option<usize> {
        let Rules { policy, slack, .. } = self.rules;
        if self.rules.hand_nothing_on() {
            return None;
        }
        let own = self.view(from, from, now);
        let (mut joined, mut all) = (1, own.live);
        let healthy = self.others(from).map(|core| self.view(core, from, now)).filter(|view| !view.is_stuck);
        let healthy = healthy.inspect(|view| {
            joined += 1;
            all = all.saturating_add(view.live);
        });
        let best = match policy {
            BalancePolicy::Connections => healthy.reduce(|best, view| best.or_better(view, policy)),
            _ => random.two(healthy).into_iter().flatten().reduce(|best, view| best.or_better(view, policy)),
        }?;
        if policy != BalancePolicy::Connections {
            if best.is_less_busy_than(&own) {
                return Some(best.core);
            }
            if own.is_less_busy_than(&best) {
                return None;
            }
        }
        let is_above = own.live.saturating_sub(slack).saturating_mul(joined) > all;
        (best.live < own.live && is_above).then_some(best.core)
    }

    /// The core that is pinned to this CPU, if it can serve.
    fn core_on(&self, cpu: usize, by: usize, now: u64) -> Option<usize> {
        // Relaxed: as `joined`; a pinned core that has joined again on another CPU is as good.
        let mut cores = (0..self.members.len()).filter(|&core| self.members[core].cpu.load(Ordering::Relaxed) == cpu + 1);
        cores.find(|&core| self.has_joined(core) && !self.view(core, by, now).is_stuck)
    }

    /// Gives what `from` does not serve to another core. If none is left to serve it, it is closed.
    fn hand_on_or_close(&self, from: usize, by: usize, mut what: T, now: u64) {
        loop {
            let views = self.others(from).map(|core| self.view(core, by, now));
            let Some(best) = views.reduce(|best, view| best.or_better(view, self.rules.policy)) else { return drop(what) };
            // A failure means that the core has left, and the sender, which learns that from its
            // entrance or its channel, sees too that it has left.
            match self.members[best.core].send(what) {
                Ok(()) => return,
                Err(back) => what = back,
            }
        }
    }

    /// Takes back what waits for a core that is stuck, and hands it on.
    fn relieve(&self, core: usize, by: usize, now: u64) {
        let member = &self.members[core];
        let queue = member.lock().as_ref().map(|entrance| entrance.queue.clone());
        let Some(queue) = queue else { return };
        while let Ok(Handed { what, counted }) = queue.try_recv() {
            drop(counted);
            self.hand_on_or_close(core, by, what, now);
        }
        for _ in 0..MOST_AT_ONCE {
            let Some(what) = self.accept_for(core) else { return };
            self.hand_on_or_close(core, by, what, now);
        }
    }

    /// Takes something out of the core's backlog, in its place and for another one.
    fn accept_for(&self, core: usize) -> Option<T> {
        let member = &self.members[core];
        let waiting = member.lock().as_mut().and_then(|entrance| entrance.backlog.as_mut()?());
        if waiting.is_some() {
            member.load.count(Counter::Accepted);
            member.load.count(Counter::HandedAway);
        }
        waiting
    }
}

impl<T> Member<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Entrance<T>>> {
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_joined(&self) -> bool {
        // Relaxed: as in `Members::join`; a sender that comes too late fails at the entrance.
        self.joined.load(Ordering::Relaxed) == 1
    }

    /// Puts it into this core's queue.
    fn send(&self, what: T) -> Result<(), T> {
        let sender = self.lock().as_ref().map(|entrance| entrance.sender.clone());
        let Some(sender) = sender else { return Err(what) };
        let handed = Handed { what, counted: CountedWaiting::new(&self.load) };
        sender.try_send(handed).map_err(|error| error.into_inner().what)
    }
}

/// The part of a core that accepts. Dropping it is leaving.
#[derive(Debug)]
pub(crate) struct Membership<T> {
    members: Arc<Members<T>>,
    core: usize,
    receiver: Receiver<Handed<T>>,
    random: CoreDraw,
    /// It has been another core's guard.
    has_guarded: Cell<bool>,
}

impl<T> Membership<T> {
    pub(crate) fn members(&self) -> &Members<T> {
        &self.members
    }

    /// Decides about what this core has accepted, and the system has received on `cpu`, where that
    /// matters.
    pub(crate) fn place(&self, what: T, cpu: Option<usize>, now: u64) -> Placed<T> {
        let (members, core) = (&self.members, self.core);
        let own = members.load(core);
        own.count(Counter::Accepted);
        let chosen = match cpu.and_then(|cpu| members.core_on(cpu, core, now)) {
            Some(local) => (local != core).then_some(local),
            None => members.relief(core, &self.random, now),
        };
        let refused = match chosen {
            Some(other) => members.members[other].send(what),
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

    /// Takes back what waits for cores that are stuck, and says whether that may be needed again.
    ///
    /// Calls `guard` for each core whose backlog this one shall guard from now on.
    pub(crate) fn watch(&self, now: u64, mut guard: impl FnMut(usize)) -> Watch {
        let (members, own) = (&self.members, self.members.load(self.core).meter().thread());
        let mut watch = Watch::Needless;
        for other in members.others(self.core).filter(|&other| members.load(other).meter().thread() != own) {
            let load = members.load(other);
            if members.view(other, self.core, now).is_stuck {
                members.relieve(other, self.core, now);
            }
            if members.needs_guard(other, self.core, now) && members.take_guard(other, self.core, now) {
                self.has_guarded.set(true);
                guard(other);
            }
            if load.meter().read(now).silent.is_some() {
                watch = Watch::Needed;
            } else if load.waiting() > 0 {
                watch = watch.max(Watch::Doubtful);
            }
        }
        watch
    }

    /// The next one that another core has handed over.
    pub(crate) async fn recv(&self) -> (T, Counted) {
        match self.receiver.recv().await {
            Ok(Handed { what, counted }) => {
                self.members.load(self.core).count(Counter::TakenOver);
                (what, counted.arrived())
            }
            // Closed by nobody but this membership's drop, and that cannot be while it is borrowed.
            Err(_) => std::future::pending().await,
        }
    }
}

impl<T> Drop for Membership<T> {
    fn drop(&mut self) {
        if self.has_guarded.get() {
            (0..self.members.count()).for_each(|core| self.stop_guarding(core));
        }
        let member = &self.members.members[self.core];
        let mut locked = member.lock();
        // Relaxed: before the lock is given back and before the close, so a sender that fails at
        // either sees it.
        member.joined.store(0, Ordering::Relaxed);
        let entrance = locked.take();
        drop(locked);
        drop(entrance);
        self.receiver.close();
        while let Ok(Handed { what, counted }) = self.receiver.try_recv() {
            drop(counted);
            self.members.hand_on_or_close(self.core, self.core, what, clock::now());
        }
    }
}

mod guarding;
#[cfg(test)]
mod tests;
