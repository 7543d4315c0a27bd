//! What an executor does between two batches — owns the order of looking, helping itself, watching and sleeping — must never sleep while
//! something that was handed to it waits.
//!
//! With tasks ready it looks outside when a look is due. With none it takes one from the backlog, if it has one; watches its inbox for a
//! while, if the builder said so; and sleeps, once the inbox's head has taken ASLEEP. Whatever ended the sleep, it takes all that came
//! meanwhile.

use std::hint;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::{LocalExecutor, Then};
use crate::reactor::Wait;
use crate::task::owner::{self, Owner};

/// Looks at the inbox between two readings of the clock: some microseconds, so that a clock that is read by a system call does not matter.
const GLANCES: usize = 64;

/// How an executor watches for something to do before it sleeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watching {
    /// For how long; zero for not at all.
    time: Duration,
    /// The thread has one processor, which it must give up for anything to happen.
    alone: bool,
}

impl Watching {
    /// Asks how many processors the calling thread has.
    pub(super) fn new(time: Duration) -> Self {
        let alone = !time.is_zero() && thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
        Self { time, alone }
    }
}

impl LocalExecutor {
    /// 6, 7: sleeps no longer than `limit`.
    pub(super) fn look_or_sleep(&self, limit: Option<Instant>) -> io::Result<()> {
        if !self.is_ready() {
            return self.sleep(limit);
        }
        let wanted = owner::with(Owner::take_look);
        if wanted || self.look_is_due(0) { self.look() } else { Ok(()) }
    }

    /// Sockets, timers and the backlog, without waiting. What rang for a host is taken off the descriptor by the look alone.
    pub(super) fn look(&self) -> io::Result<()> {
        self.pace.looked();
        self.help();
        if self.reactor.is_idle() && !self.hosted.get() { Ok(()) } else { self.reactor.turn(Wait::Look) }
    }

    /// Waits until something happens, or `limit`. The inbox's head takes ASLEEP first: a task that is pushed after that ends the wait.
    pub(super) fn sleep(&self, limit: Option<Instant>) -> io::Result<()> {
        self.pace.looked();
        if self.help_or_wait() {
            return Ok(());
        }
        if let Some(observer) = &self.observer {
            observer.falls_asleep();
        }
        let slept = match self.watch(limit) {
            Ok(false) if self.shared.inbox().arm() => self.reactor.turn(Wait::Until(limit)),
            watched => watched.map(drop),
        };
        if let Some(observer) = &self.observer {
            observer.wakes_up();
        }
        // The backlog first, and before anything is polled: what it holds may have been left for this executor.
        let unstarted = self.backlog.as_ref().and_then(|backlog| backlog.take());
        self.admit(self.shared.inbox().take_all());
        if let Some(unstarted) = unstarted {
            self.begin(unstarted);
        }
        slept
    }

    /// Watches the inbox, and now and then sockets and timers, for as long as the builder said. True when there is something to do.
    fn watch(&self, limit: Option<Instant>) -> io::Result<bool> {
        let Watching { time, alone } = self.watching;
        if time.is_zero() {
            return Ok(false);
        }
        let began = Instant::now();
        loop {
            for _ in 0..if alone { 1 } else { GLANCES } {
                if self.shared.inbox().has_tasks() {
                    return Ok(true);
                }
                if alone { thread::yield_now() } else { hint::spin_loop() }
            }
            if !self.reactor.is_idle() {
                self.reactor.turn(Wait::Look)?;
                if self.is_ready() {
                    return Ok(true);
                }
            }
            let now = Instant::now();
            if now.duration_since(began) >= time || limit.is_some_and(|limit| now >= limit) {
                return Ok(false);
            }
        }
    }

    /// Runs until no task is left (true) or `until` has passed (false).
    ///
    /// A task that has ended and whose handle is kept somewhere counts as gone.
    pub(crate) fn run_down(&self, until: Option<Instant>) -> bool {
        let visit = self.visit("run_down");
        let ended = loop {
            self.drain_inbox();
            if !self.is_ready() && self.shared.registry.borrow().iter().all(|task| task.is_done()) {
                break true;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                break false;
            }
            self.run_batch(self.batch, Then::Stop);
            if let Err(error) = self.look_or_sleep(until) {
                panic!("the reactor of this thread cannot wait any more: {error}");
            }
        };
        drop(visit);
        ended
    }
}
