//! What the lock of a pool guards: the queue, the list of the workers, and how far the end has
//! come.
//!
//! A job is never dropped in here: what is taken out goes to the caller, which drops it without the
//! lock.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

use slab::Slab;

use super::job::{Job, JobInfo, RunningJob};
use crate::task::TaskInfo;

/// How long a system that has refused a thread is left alone. A failure costs some ten
/// microseconds.
pub(super) const PAUSE: Duration = Duration::from_millis(1);
/// A refusal that comes so long after the one before begins anew, with patience.
const CALM: Duration = Duration::from_secs(1);
/// So many detached jobs that got no thread are remembered for the report: enough to see which.
const REMEMBERED: usize = 1000;

pub(super) struct State {
    /// By submission.
    pub(super) queue: BTreeMap<u64, Job>,
    /// The number of the next job.
    pub(super) next: u64,
    /// The workers that were started and have not ended, with what they run. The key is in the
    /// thread's name.
    pub(super) workers: Slab<Option<RunningJob>>,
    /// How many of them run something.
    pub(super) running: usize,
    /// How many of them wait to be notified.
    pub(super) waiting: usize,
    /// None once the system grants a thread.
    pub(super) refused: Option<Refusals>,
    pub(super) phase: PoolPhase,
    /// What was dropped without having been begun, and not by its handle.
    pub(super) not_begun: Vec<JobInfo>,
}

/// How far the pool's end has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PoolPhase {
    Open,
    /// Works its queue off until the instant, if there is one.
    Ending {
        until: Option<Instant>,
        /// Who submits now is one of its own jobs.
        is_left: bool,
    },
    Closed,
}

/// Refusals that follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusals {
    since: Instant,
    last: Instant,
}

/// Jobs that were taken out of the queue, to be dropped without the lock.
pub(super) type Dropped = BTreeMap<u64, Job>;

impl State {
    pub(super) fn new() -> Self {
        Self {
            queue: BTreeMap::new(),
            next: 0,
            workers: Slab::new(),
            running: 0,
            waiting: 0,
            refused: None,
            phase: PoolPhase::Open,
            not_begun: Vec::new(),
        }
    }

    /// A worker begins a job.
    pub(super) fn begin(&mut self, worker: usize, job: &Job) {
        self.workers[worker] = Some(RunningJob::now(job));
        self.running += 1;
    }

    /// A worker is free, for the first time or again.
    pub(super) fn finish(&mut self, worker: usize) {
        if self.workers[worker].take().is_some() {
            self.running -= 1;
        }
    }

    /// Is a worker missing that the bound allows, when `coming` more jobs come?
    pub(super) fn wants_thread(&self, coming: usize, bound: usize) -> bool {
        self.queue.len() + coming > self.workers.len() - self.running && self.workers.len() < bound
    }

    pub(super) fn refuse(&mut self) {
        let last = crate::clock::instant_now();
        let follows = self.refused.filter(|refused| last.duration_since(refused.last) < CALM);
        self.refused = Some(Refusals { since: follows.map_or(last, |refused| refused.since), last });
    }

    /// Has the system had time since it refused a thread?
    pub(super) fn may_retry(&self) -> bool {
        self.refused.is_none_or(|refused| refused.last.elapsed() >= PAUSE)
    }

    /// Is the patience with a system that refuses threads at its end?
    pub(super) fn gives_up(&self, patience: Duration) -> bool {
        self.refused.is_none_or(|refused| refused.since.elapsed() >= patience)
    }

    pub(super) fn close(&mut self) -> Dropped {
        self.phase = PoolPhase::Closed;
        self.not_begun.extend(self.queue.values().map(|job| JobInfo::not_begun(job.info().clone())));
        mem::take(&mut self.queue)
    }

    /// Closes a pool that is ending, when its time is up, or when it is left and has no worker.
    pub(super) fn settle(&mut self) -> Dropped {
        let PoolPhase::Ending { until, is_left } = self.phase else { return Dropped::new() };
        let is_over = until.is_some_and(|until| crate::clock::instant_now() >= until);
        if is_over || (is_left && self.workers.is_empty()) { self.close() } else { Dropped::new() }
    }

    /// Is there nothing more to wait for than what is in the queue?
    pub(super) fn is_left(&self) -> bool {
        matches!(self.phase, PoolPhase::Ending { is_left: true, .. } | PoolPhase::Closed)
    }

    /// A detached job that got no thread.
    pub(super) fn remember(&mut self, job: TaskInfo) {
        if self.not_begun.len() < REMEMBERED {
            self.not_begun.push(JobInfo::not_begun(job));
        }
    }
}
