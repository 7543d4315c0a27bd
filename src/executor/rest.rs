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
/// Watches in vain, one after the other, before the next one is left out. A single one says little: on
/// two processors what is watched for may come during the very call that offers this one.
const PATIENCE: u32 = 2;
/// Most sleeps that are begun without watching, as a power of two. A watch in so many costs less than a
/// hundredth of what is lost by them all, and a thread that has got a processor for itself again finds
/// out within a millisecond or so.
const MOST_LEFT_OUT: u32 = 8;

/// How a watch ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Watched {
    /// Something came while this thread looked on, from another processor.
    Seen,
    /// Something came right after the processor was offered to others. Then it comes from a thread that
    /// shares this processor: looking on has only kept that thread from it, and a sleep would have been
    /// the shorter way.
    ByOffer,
    /// Nothing came.
    InVain,
}

/// How an executor watches for something to do before it sleeps: for as long as it was told, and seldom
/// while that brings nothing. It learns from hits and from misses.
#[derive(Clone, Debug)]
pub(super) struct Watching {
    /// For how long; zero for not at all.
    time: Duration,
    /// Watches since the last that has seen something.
    misses: Cell<u32>,
    /// How many of the next sleeps are begun without watching.
    left_out: Cell<u32>,
}

impl Watching {
    pub(super) fn new(time: Duration) -> Self {
        Self { time, misses: Cell::new(0), left_out: Cell::new(0) }
    }

    /// Is the next sleep begun with a watch?
    fn is_due(&self) -> bool {
        if self.time.is_zero() {
            return false;
        }
        let left_out = self.left_out.get();
        self.left_out.set(left_out.saturating_sub(1));
        left_out == 0
    }

    fn learn(&self, watched: Watched) {
        if watched == Watched::Seen {
            return self.misses.set(0);
        }
        let misses = (self.misses.get() + 1).min(PATIENCE + MOST_LEFT_OUT);
        self.misses.set(misses);
        if misses >= PATIENCE {
            self.left_out.set(1 << (misses - PATIENCE));
        }
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
        if !self.watching.is_due() {
            return Ok(false);
        }
        let watched = self.look_on(limit)?;
        self.watching.learn(watched);
        Ok(watched != Watched::InVain)
    }

    fn look_on(&self, limit: Option<Instant>) -> io::Result<Watched> {
        let began = crate::clock::instant_now();
        loop {
            if self.glance(GLANCES)? {
                return Ok(Watched::Seen);
            }
            let now = crate::clock::instant_now();
            if now.duration_since(began) >= self.watching.time || limit.is_some_and(|limit| now >= limit) {
                return Ok(Watched::InVain);
            }
            thread::yield_now();
            if self.glance(1)? {
                return Ok(Watched::ByOffer);
            }
        }
    }

    /// Looks at the inbox so many times, and then once at sockets and timers.
    fn glance(&self, times: usize) -> io::Result<bool> {
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
            if until.is_some_and(|until| crate::clock::instant_now() >= until) {
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
        let is_idle = is_quiet && self.shared.registry.borrow().iter().all(|task| task.is_done());
        is_idle && self.shared.has_empty_inbox()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PanicPolicy;

    /// How many of the next `sleeps` are begun with a watch, if each ends so.
    fn watches(watching: &Watching, sleeps: usize, end: Watched) -> usize {
        let due = (0..sleeps).filter(|_| {
            let due = watching.is_due();
            if due {
                watching.learn(end);
            }
            due
        });
        due.count()
    }

    #[test]
    fn what_is_seen_is_watched_for_each_time_and_what_never_comes_hardly_ever() {
        let watching = Watching::new(Duration::from_micros(50));
        assert_eq!(watches(&watching, 1000, Watched::Seen), 1000);
        for end in [Watched::InVain, Watched::ByOffer] {
            // One of them says nothing.
            assert_eq!(watches(&watching, 1, end), 1);
            assert_eq!(watches(&watching, 1000, Watched::Seen), 1000);
            let first = watches(&watching, 1000, end);
            assert!((2..=12).contains(&first), "{first} watches of a thousand, {end:?}");
            let later = watches(&watching, 10_000, end);
            assert!((10_000 / 300..=10_000 / 250).contains(&later), "{later} watches of ten thousand, {end:?}");
            // It is found out when things have changed.
            let changed = watches(&watching, 1000, Watched::Seen);
            assert!(changed >= 1000 - (1 << MOST_LEFT_OUT), "{changed} watches of a thousand");
            assert_eq!(watches(&watching, 1000, Watched::Seen), 1000);
        }
        assert_eq!(watches(&Watching::new(Duration::ZERO), 1000, Watched::Seen), 0);
    }

    #[test]
    fn a_panic_that_a_handles_drop_has_left_comes_out_of_running_down() {
        struct Bomb;

        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::resume_unwind(Box::new("boom"));
            }
        }

        for drop_first in [false, true] {
            let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
            let task = executor.spawn(async { Bomb });
            if drop_first {
                executor.run_until_stalled();
                drop(task);
            } else {
                task.detach();
            }
            let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| executor.run_down(None))).unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"boom"));
            assert!(executor.run_down(None), "once");
        }
    }

    // Neither a task that is always ready nor a thread that always has something keeps timers from firing, and tasks from ending.
    #[test]
    fn running_down_looks_at_timers_whatever_is_ready() {
        for flooded in [false, true] {
            let executor = LocalExecutor::new();
            let over = std::rc::Rc::new(Cell::new(false));
            let (seen, tells) = (over.clone(), over.clone());
            let busy = std::future::poll_fn(move |cx| {
                if seen.get() {
                    return std::task::Poll::Ready(());
                }
                let waker = cx.waker().clone();
                if flooded {
                    // It is in the inbox when the batch is over.
                    std::thread::spawn(|| waker.wake()).join().unwrap();
                } else {
                    waker.wake();
                }
                std::task::Poll::Pending
            });
            executor.spawn(busy).detach();
            executor
                .spawn(async move {
                    crate::time::sleep(Duration::from_millis(1)).await;
                    tells.set(true);
                })
                .detach();
            assert!(executor.run_down(Some(Instant::now() + Duration::from_secs(30))));
            assert!(over.get());
        }
    }
}
