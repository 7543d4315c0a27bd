//! What an executor does between two batches: look outside, take from the injector, spin, park. It
//! does not park while something that was handed to it waits.
//!
//! With tasks ready it looks outside when a look is due. With none it takes one from the injector,
//! if it has one; spins on its inbox for a while, if the builder said so; and parks, once the
//! inbox's head has taken ASLEEP. Whatever ended the sleep, it takes all that came meanwhile.

use std::hint;
use std::io;
use std::thread;

use super::core::ExecutorCore;
use super::hooks::Hooks;
use super::spin::{LOOKS, Spun};
use crate::clock;
use crate::reactor::Wait;
use crate::reactor::meter::Meter;

/// The kernel refuses to wait: a descriptor of the reactor was closed behind its back.
#[cold]
#[track_caller]
pub(super) fn cannot_wait(error: io::Error) -> ! {
    panic!("the reactor of this thread cannot wait any more: {error}")
}

impl<H: Hooks> ExecutorCore<H> {
    /// 6, 7: parks no longer than `limit`. After `polls` that nobody has counted yet.
    pub(super) fn look_or_park(&self, limit: Option<u64>, polls: usize) -> io::Result<()> {
        if !self.is_ready() {
            return self.park(limit);
        }
        if self.look_is_wanted(polls) { self.look() } else { Ok(()) }
    }

    /// Sockets, timers and the injector, without waiting. What notified a host is taken off the
    /// descriptor by the look alone.
    pub(super) fn look(&self) -> io::Result<()> {
        self.run_injected();
        if self.reactor.is_idle() && self.hosts.get() == 0 {
            self.event_interval.looked(|| Some(clock::now()));
            return Ok(());
        }
        self.turn_reactor(Wait::Look)
    }

    /// Sockets and timers alone, if that is due after `polls` more.
    pub(super) fn look_if_due(&self, polls: usize) -> io::Result<()> {
        if self.look_is_due(polls) { self.turn_reactor(Wait::Look) } else { Ok(()) }
    }

    fn turn_reactor(&self, wait: Wait) -> io::Result<()> {
        let turned = self.reactor.turn(wait);
        let known = turned.as_ref().ok().copied().flatten();
        // Where there is nothing to look at, nobody will ask when it was.
        self.event_interval.looked(|| self.has_outside().then(|| known.unwrap_or_else(clock::now)));
        self.reactor.measure(Meter::looks);
        turned.map(drop)
    }

    /// Waits until something happens, or `limit`. The inbox's head takes ASLEEP first: a task that
    /// is pushed after that ends the wait.
    ///
    /// What others hand over, by the inbox or by the injector, may keep this from parking for ever.
    /// Sockets and timers are then looked at when that is due.
    pub(super) fn park(&self, limit: Option<u64>) -> io::Result<()> {
        if self.run_injected_or_wait() {
            return self.look_if_due(0);
        }
        self.hooks.parks();
        self.reactor.measure(Meter::parks);
        let slept = match self.spin(limit) {
            Ok(false) if self.shared.inbox().arm() => self.turn_reactor(Wait::Until { limit, slack: self.timer_slack }),
            // What is in the inbox counts as a poll: it may be a wake that is nobody's any more.
            Ok(_) => self.look_if_due(1),
            Err(error) => Err(error),
        };
        self.reactor.measure(Meter::unparks);
        self.hooks.unparks();
        // The wake that an injector has sent shows what it was sent for. It comes first, before
        // anything is polled: what the injector holds may have been left for this executor.
        let pushed = self.shared.inbox().take_all();
        let unstarted = self.injector.as_ref().and_then(|injector| injector.take());
        self.admit(pushed);
        if let Some(unstarted) = unstarted {
            self.run_unstarted(unstarted);
        }
        slept
    }

    /// Begins a closure of the injector, while there is other work.
    fn run_injected(&self) {
        if let Some(unstarted) = self.injector.as_ref().and_then(|injector| injector.take()) {
            self.run_unstarted(unstarted);
        }
    }

    /// The last look at the injector before parking. True when there was something to do.
    fn run_injected_or_wait(&self) -> bool {
        let taken = self.injector.as_ref().and_then(|injector| injector.take_or_wait(&self.root.waker()));
        taken.map(|unstarted| self.run_unstarted(unstarted)).is_some()
    }

    /// Looks at the inbox, and now and then at sockets and timers, for as long as the builder said.
    /// True when there is something to do.
    fn spin(&self, limit: Option<u64>) -> io::Result<bool> {
        if !self.spin.is_due() {
            return Ok(false);
        }
        let spun = self.spin_until(limit)?;
        self.spin.learn(spun);
        Ok(spun != Spun::InVain)
    }

    fn spin_until(&self, limit: Option<u64>) -> io::Result<Spun> {
        let began = clock::now();
        loop {
            if self.look_around(LOOKS)? {
                return Ok(Spun::Seen);
            }
            let now = clock::now();
            if now >= clock::after(began, self.spin.time()) || limit.is_some_and(|limit| now >= limit) {
                return Ok(Spun::InVain);
            }
            thread::yield_now();
            if self.look_around(1)? {
                return Ok(Spun::AfterYield);
            }
        }
    }

    /// Looks at the inbox so many times, and then once at sockets and timers.
    fn look_around(&self, times: usize) -> io::Result<bool> {
        for _ in 0..times {
            if self.shared.inbox().has_tasks() {
                return Ok(true);
            }
            hint::spin_loop();
        }
        if !self.reactor.is_idle() {
            self.turn_reactor(Wait::Look)?;
        }
        Ok(self.is_ready())
    }
}
