//! A batch: the tasks that are ready are polled.
//!
//! Two tasks that wake each other make batches of one. So that they need not go round the loop for
//! each poll, the next batch is taken where the last one ended, unless the root is woken or a task
//! has asked for a look: both have their turn between two batches.

use std::panic;
use std::thread;

use super::core::ExecutorCore;
use super::event_interval;
use super::hooks::Hooks;
use super::unstarted::Unstarted;
use crate::run_queue::Batch;
use crate::task::current::{self, Current};
use crate::task::{Linked, discard};

/// What to do at the end of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Stop,
    /// Go on with the next one.
    Next,
}

impl<H: Hooks> ExecutorCore<H> {
    /// 7 → 2.
    pub(super) fn drain_inbox(&self) {
        if self.shared.inbox().has_tasks() {
            self.admit(self.shared.inbox().take_all());
        }
    }

    /// What came by the inbox becomes ready.
    pub(super) fn admit(&self, tasks: impl Iterator<Item = Linked>) {
        let woken = self.shared.admit(tasks);
        self.hooks.woken(woken);
        self.hooks.spawned(&self.shared);
    }

    /// 3, 4, 5: polls the tasks that are ready now, at most `most`, until a look outside is due;
    /// then those that these have made ready.
    pub(super) fn run_batch(&self, most: usize, then: Then) {
        if self.shared.run_queue.is_empty() {
            return self.hand_on_panic();
        }
        let mut batch = self.shared.run_queue.take();
        let mut left = most;
        while left > 0 && !batch.is_empty() {
            let stride = left.min(if self.has_outside() { self.event_interval.stride() } else { event_interval::MOST });
            let polls = current::with(|owner| self.run_some(owner, &mut batch, stride, then));
            left -= polls;
            if self.look_is_due(polls) {
                break;
            }
            self.drain_inbox();
        }
        drop(batch);
        self.hand_on_panic();
    }

    /// Polls `most` tasks, or what there is of the batch, and says how many. After a panic no other
    /// batch is begun.
    fn run_some(&self, owner: &Current, batch: &mut Batch<'_>, most: usize, mut then: Then) -> usize {
        let queue = &self.shared.run_queue;
        let mut left = most;
        while left > 0 && !batch.is_empty() {
            let next = || {
                if batch.is_empty() && !self.goes_on(owner, batch, then) {
                    return None;
                }
                batch.pop()
            };
            if !owner.run_all(&mut left, next, |task| self.hooks.begins(task), |task| queue.push(task)) {
                then = Then::Stop;
            }
        }
        let polls = most - left;
        self.hooks.ends(polls, &self.shared);
        polls
    }

    /// Takes the next batch where the last one has ended.
    #[cold]
    #[inline(always)]
    fn goes_on(&self, owner: &Current, batch: &mut Batch<'_>, then: Then) -> bool {
        then == Then::Next && !self.root.is_woken() && !owner.wants_look() && batch.refill()
    }

    /// Makes the task one of this executor's and polls it, ahead of those that are ready.
    pub(super) fn run_unstarted(&self, unstarted: Unstarted) {
        let ready = self.shared.run_queue.take();
        let Some(task) = unstarted.take().admit(self.shared.here()) else { return };
        self.shared.registry.borrow_mut().insert(task);
        self.hooks.spawned(&self.shared);
        self.run_batch(1, Then::Stop);
        drop(ready);
    }

    /// The first panic that `PanicPolicy::Propagate` has kept goes on here.
    #[inline]
    pub(super) fn hand_on_panic(&self) {
        if self.shared.escaped.borrow().is_some() {
            self.resume_panic();
        }
    }

    #[cold]
    fn resume_panic(&self) {
        let escaped = self.shared.escaped.borrow_mut().take();
        match escaped {
            // Called in a drop while another panic unwinds: a second one would end the process.
            Some(payload) if thread::panicking() => discard(payload),
            Some(payload) => panic::resume_unwind(payload),
            None => {}
        }
    }
}
