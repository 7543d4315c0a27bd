//! The threads of a pool and their queue, behind one lock. Jobs are called and dropped without it.
//!
//! ```text
//!  submit ──▶ queue ──▶ a worker takes the oldest, runs it without the lock, looks again
//!    │          ▲                 │
//!    │     take_back, close       └─ nothing there: waits; ends when idle for long, or at the
//!    │                               close of the pool
//!    └─ more jobs than free workers, fewer workers than the bound: one is started
//! ```
//!
//! A worker looks at the queue under the lock before it waits, before it gives up and before it
//! ends, and is on the list until then. So a thread that adds a job finds either a worker that will
//! look again, or none, and then starts one (BP1: a notification cannot strand a job; BP2: the
//! numbers are those of the list). Workers that were started and have not yet looked count as free.
//!
//! Threads are started with the lock held: other submitters wait the 20 µs that their own thread
//! would take. Without it, a submitter could rely on a thread whose start fails a moment later, and
//! somebody would have to be found to try again.
//!
//! # A refused thread
//!
//! The system may refuse a thread, for a moment or for long. The submitter then tries again, every
//! [`PAUSE`], and sleeps in between without the lock; its job is not in the queue yet. When it has
//! tried for as long as the options say, the pool makes do with what it has: the job waits behind
//! those that run, as in a pool that is full. Where there is no worker at all it is dropped, and
//! its handle gets an error that says so. So a queued job always has a worker, and nobody waits for
//! a thread by spinning. As long as refusals follow each other, later submitters try once and do
//! not sleep: the patience is spent once for all of them.
//!
//! # The end
//!
//! ```text
//! Open ──end──▶ Ending(until) ──leave──▶ Ending(until), left ──▶ Closed
//!               │                        │                       no worker and no queue any more
//!               │                        └─ only jobs submit
//!               └─ the queue is worked off; at `until` it is dropped, and the pool Closed
//! ```
//!
//! The thread that finds that the time is up closes the pool: a worker between two jobs, one that
//! submits, or one that joins. So a pool that nobody waits for keeps its deadline too. What was not
//! begun is dropped and written down.
//!
//! Rejected: a queue per worker (BP1 came from there, and a job costs microseconds anyway); running
//! the job on the submitting thread when there is no other, which could stop an executor for ever;
//! an awaiter that asks for a thread again at each poll, for nobody polls by time.

use std::fmt;
use std::io;
use std::mem;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::job::{Job, JobInfo, RunningJob};
use super::state::{Dropped, PAUSE, PoolPhase, State};
use crate::fork;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, start_thread};
use crate::task::TaskInfo;

/// For how long a submitter asks a system again that refuses threads. A thread that is ending gives
/// its number back within a scheduler's slice or some; a core that stands still for as long as
/// this, once, is late by what a busy machine makes it late anyway.
pub(crate) const PATIENCE: Duration = Duration::from_millis(25);
/// What a pool is made with.
pub(crate) struct PoolOptions {
    /// At most so many threads; at least one.
    pub(crate) threads: usize,
    /// How long a thread without work stays.
    pub(crate) idle: Duration,
    /// Threads are called `name-blocking-0` and so on.
    pub(crate) name: String,
    /// For how long a submitter asks again for a thread that was refused.
    pub(crate) patience: Duration,
}

/// Starts a thread.
type StartThread = dyn Fn(String, Box<dyn FnOnce() + Send>) -> io::Result<()> + Send + Sync;

/// Threads for jobs that block. Clones are the same pool.
#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Idle workers wait here.
    jobs: Condvar,
    /// Who waits for the last worker of a pool that ends.
    ended: Condvar,
    /// Submitters that were refused a thread sleep here.
    pause: Condvar,
    options: PoolOptions,
    start: Box<StartThread>,
    /// The process whose threads these are.
    generation: u32,
}

/// How a submission went.
#[derive(Debug)]
pub(super) enum Submitted {
    /// The job has this number, and the pool has workers.
    Queued(u64),
    /// The pool has no worker and the system grants none: the job was dropped.
    NoThread(TaskInfo, io::Error),
    /// The pool is closed, the job was dropped.
    Closed(TaskInfo),
}

/// What a pool leaves when it has ended, or its time is up.
#[derive(Debug, Default)]
pub(crate) struct LeftJobs {
    /// What was dropped, oldest first.
    pub(crate) not_begun: Vec<JobInfo>,
    /// What still runs. Its threads end after it.
    pub(crate) running: Vec<JobInfo>,
}

impl Pool {
    pub(crate) fn new(options: PoolOptions) -> Self {
        Self::starting(options, Box::new(start_thread))
    }

    /// [`Pool::new`] with another way to start threads.
    pub(crate) fn starting(mut options: PoolOptions, start: Box<StartThread>) -> Self {
        fork::watch();
        options.threads = options.threads.max(1);
        // The system's names end there, and std panics.
        options.name.retain(|letter| letter != '\0');
        let shared = Shared {
            state: Mutex::new(State::new()),
            jobs: Condvar::new(),
            ended: Condvar::new(),
            pause: Condvar::new(),
            options,
            start,
            generation: fork::generation(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Are the workers threads of this process, and not of one that this was forked from? Nothing
    /// else may be asked if not.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.shared.generation == fork::generation()
    }

    /// Puts a job into the queue. A closed pool drops it here, and so does one that has no thread
    /// and gets none, after some time in which the caller's thread sleeps.
    pub(super) fn submit(&self, job: Job) -> Submitted {
        let mut state = self.shared.lock();
        loop {
            let dropped = state.settle();
            if state.phase == PoolPhase::Closed {
                drop(state);
                drop(dropped);
                return Submitted::Closed(job.refuse());
            }
            let Err(error) = self.grow(&mut state, 1) else { break };
            if !state.gives_up(self.shared.options.patience) {
                (state, _) = wait(&self.shared.pause, state, crate::clock::instant_now().checked_add(PAUSE));
            } else if state.workers.is_empty() {
                drop(state);
                return Submitted::NoThread(job.refuse(), error);
            } else {
                break;
            }
        }
        let number = state.next;
        state.next += 1;
        state.queue.insert(number, job);
        let somebody_waits = state.waiting > 0;
        drop(state);
        // The worker that it wakes, or another one, looks at the queue after this; a system call,
        // so not for nobody.
        if somebody_waits {
            self.shared.jobs.notify_one();
        }
        Submitted::Queued(number)
    }

    /// Drops the job here, unless it was begun.
    pub(super) fn take_back(&self, number: u64) {
        let job = self.shared.lock().queue.remove(&number);
        drop(job);
    }

    /// A detached job that got no thread: the report of the end names it.
    pub(super) fn remember(&self, job: TaskInfo) {
        self.shared.lock().remember(job);
    }

    /// The queue is worked off, at most until `until`; then the pool is closed. When that has
    /// passed it is closed here. Returns at once.
    pub(crate) fn end(&self, until: Option<Instant>) {
        self.change(|state| {
            if state.phase == PoolPhase::Open {
                state.phase = PoolPhase::Ending { until, is_left: false };
            }
        });
    }

    /// Nobody submits any more but the jobs of a pool that is ending. Returns at once.
    pub(crate) fn leave(&self) {
        self.change(|state| {
            if let PoolPhase::Ending { is_left, .. } = &mut state.phase {
                *is_left = true;
            }
        });
    }

    /// Closes a pool that is ending, if its time is up.
    pub(crate) fn settle(&self) {
        self.change(|_| {});
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.shared.lock();
        change(&mut state);
        let dropped = state.settle();
        self.tell_workers(state, dropped);
    }

    /// How far the end has come has changed.
    fn tell_workers(&self, state: MutexGuard<'_, State>, dropped: Dropped) {
        drop(state);
        self.shared.jobs.notify_all();
        drop(dropped);
    }

    /// Waits until a pool that is left or closed has no workers any more, at most until `until`,
    /// and closes it.
    ///
    /// A job that calls this waits for itself, and does so for ever without a limit.
    pub(crate) fn join(&self, until: Option<Instant>) -> LeftJobs {
        let mut state = self.shared.lock();
        let mut late = false;
        while !state.workers.is_empty() && !late {
            (state, late) = wait(&self.shared.ended, state, until);
        }
        let dropped = state.close();
        let not_begun = mem::take(&mut state.not_begun);
        let running: Vec<_> = state.workers.iter().filter_map(|(_, begun)| begun.clone()).collect();
        self.tell_workers(state, dropped);
        LeftJobs { not_begun, running: running.into_iter().map(RunningJob::report).collect() }
    }

    /// Starts a worker, if one is missing when `coming` more jobs come.
    ///
    /// # Errors
    ///
    /// The system's, when it refuses a thread.
    fn grow(&self, state: &mut State, coming: usize) -> io::Result<()> {
        let Shared { options, start, .. } = &*self.shared;
        if !state.wants_thread(coming, options.threads) {
            return Ok(());
        }
        let worker = state.workers.insert(None);
        let pool = self.clone();
        let started = start(format!("{}-blocking-{worker}", options.name), Box::new(move || pool.work(worker)));
        match &started {
            Ok(()) => state.refused = None,
            Err(_) => {
                state.workers.remove(worker);
                state.refuse();
            }
        }
        started
    }

    /// A worker's life.
    fn work(&self, worker: usize) {
        let _entered = self.enter();
        while let Some(job) = self.next_job(worker) {
            job.run();
        }
    }

    /// The worker has nothing to do: its next job, or the end.
    fn next_job(&self, worker: usize) -> Option<Job> {
        let mut state = self.shared.lock();
        state.finish(worker);
        let mut until = None;
        let mut late = false;
        loop {
            let dropped = state.settle();
            if !dropped.is_empty() {
                drop(state);
                drop(dropped);
                state = self.shared.lock();
            }
            if let Some((_, job)) = state.queue.pop_first() {
                state.begin(worker, &job);
                if state.may_retry() {
                    // Refused: there is this worker, at least.
                    let _ = self.grow(&mut state, 0);
                }
                return Some(job);
            }
            if state.is_left() || late {
                break;
            }
            let idle = self.shared.options.idle;
            let until = *until.get_or_insert_with(|| crate::clock::instant_now().checked_add(idle));
            state.waiting += 1;
            (state, late) = wait(&self.shared.jobs, state, until);
            state.waiting -= 1;
        }
        state.workers.remove(worker);
        let last = state.is_left() && state.workers.is_empty();
        // The queue is empty, so nothing is dropped by it.
        let _ = state.settle();
        drop(state);
        if last {
            self.shared.ended.notify_all();
        }
        None
    }

    /// Workers, those that run something, those that wait, jobs in the queue.
    pub(crate) fn counts(&self) -> [usize; 4] {
        let state = self.shared.lock();
        [state.workers.len(), state.running, state.waiting, state.queue.len()]
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits to be notified, and says whether the time is up, which it never is when nothing is said of
/// it. A limit that has passed does not wait: that is how a model, whose waits know no time, gives
/// up.
fn wait<'a>(condvar: &Condvar, state: MutexGuard<'a, State>, until: Option<Instant>) -> (MutexGuard<'a, State>, bool) {
    let Some(until) = until else {
        return (condvar.wait(state).unwrap_or_else(PoisonError::into_inner), false);
    };
    let left = until.saturating_duration_since(crate::clock::instant_now());
    if left.is_zero() {
        return (state, true);
    }
    let (state, waited) = condvar.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
    (state, waited.timed_out())
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Pool");
        shown.field("name", &self.shared.options.name).field("threads", &self.shared.options.threads);
        if self.is_of_this_process() {
            let [workers, running, waiting, queued] = self.counts();
            shown.field("workers", &workers).field("running", &running).field("waiting", &waiting).field("queued", &queued);
        }
        shown.finish_non_exhaustive()
    }
}
