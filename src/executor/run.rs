//! The loop.
//!
//! [`run`](ExecutorCore::run) is the drawing at the top of the crate, one call a step: poll the
//! root if it was woken, drain the inbox, run a batch, and look outside or park. It parks only when
//! nothing is ready and the inbox's head has taken ASLEEP. The other functions are the same steps
//! for callers that run a loop of their own.
//!
//! **Fairness.** A task made ready is polled after at most the tasks that were ready before it: the
//! run queue is first-in-first-out and a task that wakes itself goes to its tail. The root, the
//! inbox, sockets and timers are looked at after at most one batch, and within a batch when a time
//! slice is over; then one task of the injector goes ahead of the others. The root's polls count as
//! a task's do, and so does what others hand over while nothing is ready: each loop that polls
//! anything counts it, and each loop that goes round asks whether a look is due. Leaf operations of
//! this crate spend a budget per poll, so that a task whose sockets are always ready still yields.

use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::batch::Then;
use super::core::ExecutorCore;
use super::error::EnterError;
use super::hooks::Hooks;
use super::park::cannot_wait;
use super::visit::Nesting;
use crate::clock;
use crate::sync::{self, catch_unwind};
use crate::task::current::{self, Current};
use crate::task::discard;

impl<H: Hooks> ExecutorCore<H> {
    /// Runs the future and the tasks until the future returns.
    #[track_caller]
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }

    /// The same, where the executor may be one that cannot be entered.
    pub(crate) fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, EnterError> {
        self.try_visit("block_on", Nesting::Refused, || self.run(pin!(sync::root(future))))
    }

    /// The loop.
    fn run<F: Future>(&self, mut root: Pin<&mut F>) -> F::Output {
        // The first poll needs no wake; one that came late, for an earlier future, is this one's.
        self.root.take_wake();
        let mut polled = self.poll_root(root.as_mut());
        loop {
            if let Poll::Ready(output) = polled {
                return self.give_back(output);
            }
            self.drain_inbox();
            self.run_batch(self.batch, Then::Next);
            // The round counts as a poll, that of the root: one that is always ready must not keep
            // sockets and timers from being looked at.
            self.look_or_park(None, 1).unwrap_or_else(|error| cannot_wait(error));
            polled = if self.root.take_wake() { self.poll_root(root.as_mut()) } else { Poll::Pending };
        }
    }

    fn poll_root<F: Future>(&self, root: Pin<&mut F>) -> Poll<F::Output> {
        current::with(Current::refill_budget);
        root.poll(&mut Context::from_waker(&self.root.waker()))
    }

    /// What the root has returned, unless its last poll has caused a panic that is handed on: one
    /// that waited for the next call would come out where nobody looks for it.
    fn give_back<T>(&self, output: T) -> T {
        if self.shared.escaped.borrow().is_some() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(output))) {
                discard(payload);
            }
            self.hand_on_panic();
            unreachable!("there is a panic to hand on");
        }
        output
    }

    /// Polls one ready task, if there is one.
    #[track_caller]
    pub(super) fn try_tick(&self) -> bool {
        self.visit("try_tick", || {
            self.drain_inbox();
            // `run_batch` counts the polls.
            if self.shared.run_queue.is_empty() || self.look_is_wanted(0) {
                self.look().unwrap_or_else(|error| cannot_wait(error));
                self.drain_inbox();
            }
            let ready = !self.shared.run_queue.is_empty();
            self.run_batch(1, Then::Stop);
            ready
        })
    }

    /// Polls tasks until none is ready.
    #[track_caller]
    pub(super) fn run_until_stalled(&self) {
        self.visit("run_until_stalled", || {
            self.drain_inbox();
            loop {
                self.look().unwrap_or_else(|error| cannot_wait(error));
                self.drain_inbox();
                while !self.shared.run_queue.is_empty() {
                    self.run_batch(self.batch, Then::Stop);
                    if self.look_is_wanted(0) {
                        break;
                    }
                    self.drain_inbox();
                }
                if self.shared.run_queue.is_empty() {
                    break;
                }
            }
            // One that came from a handle's drop between two runs has met no batch.
            self.hand_on_panic();
        });
    }

    /// One pass for a host loop.
    pub(super) fn turn(&self, timeout: Option<Duration>) -> io::Result<()> {
        let nesting = if timeout == Some(Duration::ZERO) { Nesting::Allowed } else { Nesting::Refused };
        self.try_visit("turn", nesting, || {
            self.drain_inbox();
            // Nobody waits with the root; one that was woken late must not pass for work.
            self.root.take_wake();
            if self.shared.run_queue.is_empty() && timeout != Some(Duration::ZERO) {
                // A limit beyond what the clock can say is never reached.
                self.park(timeout.map(|timeout| clock::after(clock::now(), timeout)))?;
            } else {
                self.look()?;
                self.drain_inbox();
            }
            self.run_batch(usize::MAX, Then::Stop);
            Ok(())
        })?
    }

    /// Runs until no task is left (true) or `until` has passed (false).
    ///
    /// A task that has ended and whose handle is kept somewhere counts as gone.
    pub(crate) fn run_down(&self, until: Option<Instant>) -> bool {
        let until = until.map(clock::number);
        self.visit("run_down", || {
            let ended = loop {
                self.drain_inbox();
                // Nobody waits with the root; one that stays woken would keep the executor from its
                // sleep.
                self.root.take_wake();
                if self.has_ended() {
                    break true;
                }
                if until.is_some_and(|until| clock::now() >= until) {
                    break false;
                }
                let ready = self.is_ready();
                self.run_batch(self.batch, Then::Stop);
                // Once more to the top when that was all there was to do: it may have been the last
                // task's last poll. But not before the look that is due: others may make tasks
                // ready each time.
                let looked = if ready && !self.is_ready() { self.look_if_due(0) } else { self.look_or_park(until, 0) };
                looked.unwrap_or_else(|error| cannot_wait(error));
            };
            // One that came from a handle's drop between two runs has met no batch.
            self.hand_on_panic();
            ended
        })
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
    use std::cell::Cell;

    use super::*;
    use crate::{LocalExecutor, PanicPolicy};

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
            let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| executor.core.run_down(None))).unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"boom"));
            assert!(executor.core.run_down(None), "once");
        }
    }

    // Neither a task that is always ready nor a thread that always has something keeps timers from
    // firing, and tasks from ending.
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
            assert!(executor.core.run_down(Some(Instant::now() + Duration::from_secs(30))));
            assert!(over.get());
        }
    }
}
