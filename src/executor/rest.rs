//! What an executor does between two batches — owns the order of looking, helping itself, watching and sleeping — must never sleep while
//! something that was handed to it waits.
//!
//! With tasks ready it looks outside when a look is due. With none it takes one from the backlog, if it has one; watches its inbox for a
//! while, if the builder said so; and sleeps, once the inbox's head has taken ASLEEP. Whatever ended the sleep, it takes all that came
//! meanwhile.

use std::cell::Cell;
use std::hint;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::{LocalExecutor, Then};
use crate::reactor::Wait;

/// Looks at the inbox before the processor is offered to others: 1.6 µs where the processor's pause takes 25 ns, several times what a
/// message between two watching threads takes to come back.
const GLANCES: usize = 64;
/// Watches that begin with an offer after one whose offer has brought something: on a crowded processor a wasted microsecond in every so
/// many is not felt, and elsewhere so many slower messages are over at once.
const OFFERS: u32 = 16;

/// How an executor watches for something to do before it sleeps.
#[derive(Clone, Debug)]
pub(super) struct Watching {
    /// For how long; zero for not at all.
    time: Duration,
    /// How many of the next watches begin with an offer. While offers bring what is watched for, it comes from a thread that shares this
    /// processor, and looking on would only keep that thread from it.
    offers: Cell<u32>,
}

impl Watching {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, offers: Cell::new(0) }
    }

    /// Something came, right after an offer or while looking on.
    fn learn(&self, by_offer: bool) {
        self.offers.set(match self.offers.get() {
            _ if !by_offer => 0,
            0 => OFFERS,
            left => left - 1,
        });
    }
}

impl LocalExecutor {
    /// 6, 7: sleeps no longer than `limit`. After `polls` that nobody has counted yet.
    pub(super) fn look_or_sleep(&self, limit: Option<Instant>, polls: usize) -> io::Result<()> {
        if !self.is_ready() {
            return self.sleep(limit);
        }
        if self.look_is_wanted(polls) { self.look() } else { Ok(()) }
    }

    /// Sockets, timers and the backlog, without waiting. What rang for a host is taken off the descriptor by the look alone.
    pub(super) fn look(&self) -> io::Result<()> {
        self.help();
        if self.reactor.is_idle() && self.hosts.get() == 0 {
            self.pace.looked();
            return Ok(());
        }
        self.turn_reactor(Wait::Look)
    }

    /// Sockets and timers alone, if that is due after `polls` more.
    fn look_if_due(&self, polls: usize) -> io::Result<()> {
        if self.look_is_due(polls) { self.turn_reactor(Wait::Look) } else { Ok(()) }
    }

    fn turn_reactor(&self, wait: Wait) -> io::Result<()> {
        let turned = self.reactor.turn(wait);
        self.pace.looked();
        turned
    }

    /// Waits until something happens, or `limit`. The inbox's head takes ASLEEP first: a task that is pushed after that ends the wait.
    ///
    /// What others hand over, by the inbox or by the backlog, may keep this from sleeping for ever.
    /// Sockets and timers are then looked at when that is due.
    pub(super) fn sleep(&self, limit: Option<Instant>) -> io::Result<()> {
        if self.help_or_wait() {
            return self.look_if_due(0);
        }
        if let Some(observer) = &self.observer {
            observer.falls_asleep();
        }
        let slept = match self.watch(limit) {
            Ok(false) if self.shared.inbox().arm() => self.turn_reactor(Wait::Until(limit)),
            // What is in the inbox counts as a poll: it may be a wake that is nobody's any more.
            Ok(_) => self.look_if_due(1),
            Err(error) => Err(error),
        };
        if let Some(observer) = &self.observer {
            observer.wakes_up();
        }
        // The wake that a backlog has sent shows what it was sent for. It comes first, before anything is polled: what the backlog holds may
        // have been left for this executor.
        let pushed = self.shared.inbox().take_all();
        let unstarted = self.backlog.as_ref().and_then(|backlog| backlog.take());
        self.admit(pushed);
        if let Some(unstarted) = unstarted {
            self.begin(unstarted);
        }
        slept
    }

    /// Watches the inbox, and now and then sockets and timers, for as long as the builder said. True when there is something to do.
    fn watch(&self, limit: Option<Instant>) -> io::Result<bool> {
        let Watching { time, offers } = &self.watching;
        if time.is_zero() {
            return Ok(false);
        }
        let began = Instant::now();
        let mut offered = false;
        loop {
            for glance in 0..if offers.get() > 0 { 1 } else { GLANCES } {
                if self.shared.inbox().has_tasks() {
                    self.watching.learn(offered && glance == 0);
                    return Ok(true);
                }
                hint::spin_loop();
            }
            if !self.reactor.is_idle() {
                self.turn_reactor(Wait::Look)?;
                if self.is_ready() {
                    return Ok(true);
                }
            }
            let now = Instant::now();
            if now.duration_since(began) >= *time || limit.is_some_and(|limit| now >= limit) {
                return Ok(false);
            }
            thread::yield_now();
            offered = true;
        }
    }

    /// Runs until no task is left (true) or `until` has passed (false).
    ///
    /// A task that has ended and whose handle is kept somewhere counts as gone.
    pub(crate) fn run_down(&self, until: Option<Instant>) -> bool {
        let visit = self.visit("run_down");
        let ended = loop {
            self.drain_inbox();
            // Nobody waits with the root; one that stays woken would keep the executor from its sleep.
            self.root.take_wake();
            if self.has_ended() {
                break true;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                break false;
            }
            let ready = self.is_ready();
            self.run_batch(self.batch, Then::Stop);
            // Once more to the top when that was all there was to do: it may have been the last task's
            // last poll. But not before the look that is due: others may make tasks ready each time.
            let rested = if ready && !self.is_ready() { self.look_if_due(0) } else { self.look_or_sleep(until, 0) };
            if let Err(error) = rested {
                panic!("the reactor of this thread cannot wait any more: {error}");
            }
        };
        // One that came from a handle's drop between two runs has met no batch.
        self.hand_on_panic();
        drop(visit);
        ended
    }

    /// Nothing is ready, in the inbox or unfinished.
    fn has_ended(&self) -> bool {
        let is_quiet = !self.is_ready() && !self.shared.inbox().has_tasks();
        is_quiet && self.shared.registry.borrow().iter().all(|task| task.is_done())
    }
}
