//! The threads and their queue — owns one lock and all that is behind it — must never call or drop a job with it held.
//!
//! ```text
//!  submit ──▶ queue ──▶ a worker takes the oldest, runs it without the lock, looks again
//!    │          ▲                 │
//!    │     take_back, close       └─ nothing there: waits, and ends when idle for long, or when the pool is closed
//!    └─ more jobs than free workers, fewer workers than the bound: one is started
//! ```
//!
//! A worker looks at the queue under the lock before it waits, before it gives up and before it ends, and is on the list until then. So
//! whoever adds a job finds either a worker that will look again, or none, and then starts one (BP1: a notification cannot strand a job;
//! BP2: the numbers are those of the list). Workers that were started and have not yet looked count as free.
//!
//! Threads are started with the lock held: other submitters wait the 20 µs that their own thread would take. Without it, a submitter
//! could rely on a thread whose start fails a moment later, and somebody would have to be found to try again.
//!
//! When the system refuses a thread, the job stays in the queue. If there are workers, they come to it, and each job that is begun tries to
//! start another. If there are none, the next submission tries again, and so does the awaiter, every millisecond: jobs without a worker are
//! exactly those whose submission failed to start one, since the last worker leaves an empty queue only. A job that was detached in this
//! state waits for one of them.
//!
//! Rejected: a queue per worker (BP1 came from there, and a job costs microseconds anyway); running the job on the submitting thread when
//! there is no other, which could stop an executor for ever; an error for it, which would lose the closure.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::mem;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use slab::Slab;

use super::job::{Begun, Job, JobInfo};
use crate::fork;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, start_thread};

/// How long an awaiter leaves a system alone that has refused a thread. A failure costs some ten microseconds.
const RETRY: Duration = Duration::from_millis(1);

/// What a pool is made with.
pub(crate) struct PoolOptions {
    /// At most so many threads; at least one.
    pub(crate) threads: usize,
    /// How long a thread without work stays.
    pub(crate) idle: Duration,
    /// Threads are called `name-blocking-0` and so on.
    pub(crate) name: String,
}

/// Starts a thread.
type Start = dyn Fn(String, Box<dyn FnOnce() + Send>) -> io::Result<()> + Send + Sync;

/// Threads for jobs that block. Clones are the same pool.
#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Idle workers wait here.
    jobs: Condvar,
    /// Who waits for the last worker of a closed pool.
    ended: Condvar,
    options: PoolOptions,
    start: Box<Start>,
    /// The process whose threads these are.
    generation: u32,
}

struct State {
    /// By submission.
    queue: BTreeMap<u64, Job>,
    /// The number of the next job.
    next: u64,
    /// The workers that were started and have not ended, with what they run. The key is in the thread's name.
    workers: Slab<Option<Begun>>,
    /// How many of them run something.
    running: usize,
    /// How many of them wait to be notified.
    waiting: usize,
    /// When the system last refused a thread, until it grants one.
    refused: Option<Instant>,
    closed: bool,
}

/// How a submission went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Submitted {
    /// The job has this number, and the pool has workers.
    Queued(u64),
    /// The job has this number, and the pool has no worker and could not get one.
    WithoutThread(u64),
    /// The pool is closed, the job was dropped.
    Refused,
}

impl State {
    /// A worker begins a job.
    fn begin(&mut self, worker: usize, job: &Job) {
        self.workers[worker] = Some(Begun::now(job));
        self.running += 1;
    }

    /// A worker is free, for the first time or again.
    fn finish(&mut self, worker: usize) {
        if self.workers[worker].take().is_some() {
            self.running -= 1;
        }
    }

    /// Is a worker missing that the bound allows?
    fn wants_thread(&self, bound: usize) -> bool {
        self.queue.len() > self.workers.len() - self.running && self.workers.len() < bound
    }

    /// Has the system had time since it refused a thread?
    fn may_retry(&self) -> bool {
        self.refused.is_none_or(|at| at.elapsed() >= RETRY)
    }
}

impl Pool {
    pub(crate) fn new(options: PoolOptions) -> Self {
        Self::starting(options, Box::new(start_thread))
    }

    /// [`Pool::new`] with another way to start threads.
    pub(crate) fn starting(mut options: PoolOptions, start: Box<Start>) -> Self {
        fork::watch();
        options.threads = options.threads.max(1);
        // The system's names end there, and std panics.
        options.name.retain(|letter| letter != '\0');
        let state =
            State { queue: BTreeMap::new(), next: 0, workers: Slab::new(), running: 0, waiting: 0, refused: None, closed: false };
        let (jobs, ended) = (Condvar::new(), Condvar::new());
        let shared = Shared { state: Mutex::new(state), jobs, ended, options, start, generation: fork::generation() };
        Self { shared: Arc::new(shared) }
    }

    /// Are the workers threads of this process, and not of one that this was forked from? Nothing else may be asked if not.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.shared.generation == fork::generation()
    }

    /// Puts a job into the queue; a closed pool drops it here.
    pub(super) fn submit(&self, job: Job) -> Submitted {
        let mut state = self.shared.lock();
        if state.closed {
            drop(state);
            drop(job);
            return Submitted::Refused;
        }
        let number = state.next;
        state.next += 1;
        state.queue.insert(number, job);
        self.grow(&mut state);
        let submitted = if state.workers.is_empty() { Submitted::WithoutThread(number) } else { Submitted::Queued(number) };
        let somebody_waits = state.waiting > 0;
        drop(state);
        // The worker that it wakes, or another one, looks at the queue after this; a system call, so not for nobody.
        if somebody_waits {
            self.shared.jobs.notify_one();
        }
        submitted
    }

    /// Drops the job here, unless it was begun.
    pub(super) fn take_back(&self, submitted: Submitted) {
        if let Submitted::Queued(number) | Submitted::WithoutThread(number) = submitted {
            let job = self.shared.lock().queue.remove(&number);
            drop(job);
        }
    }

    /// Do jobs wait that no thread is there for? Tries to start one first.
    pub(super) fn is_without_thread(&self) -> bool {
        let mut state = self.shared.lock();
        if state.workers.is_empty() && state.may_retry() {
            self.grow(&mut state);
        }
        state.workers.is_empty() && !state.queue.is_empty()
    }

    /// Takes no more jobs and drops those that were not begun; those that were go on. Returns at once.
    pub(crate) fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let dropped = mem::take(&mut state.queue);
        drop(state);
        self.shared.jobs.notify_all();
        drop(dropped);
    }

    /// Waits until a closed pool has no workers any more, at most until `until`. Which jobs are still being run then: their threads end after
    /// them.
    ///
    /// A job that calls this waits for itself, and does so for ever without a limit.
    pub(crate) fn join(&self, until: Option<Instant>) -> Vec<JobInfo> {
        let mut state = self.shared.lock();
        let mut late = false;
        while !state.workers.is_empty() && !late {
            (state, late) = wait(&self.shared.ended, state, until);
        }
        let left: Vec<_> = state.workers.iter().filter_map(|(_, begun)| begun.clone()).collect();
        drop(state);
        left.into_iter().map(Begun::report).collect()
    }

    /// Starts a worker, if one is missing.
    fn grow(&self, state: &mut State) {
        let Shared { options, start, .. } = &*self.shared;
        if !state.wants_thread(options.threads) {
            return;
        }
        let worker = state.workers.insert(None);
        let pool = self.clone();
        match start(format!("{}-blocking-{worker}", options.name), Box::new(move || pool.work(worker))) {
            Ok(()) => state.refused = None,
            Err(_) => {
                state.workers.remove(worker);
                state.refused = Some(Instant::now());
            }
        }
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
            if let Some((_, job)) = state.queue.pop_first() {
                state.begin(worker, &job);
                if state.may_retry() {
                    self.grow(&mut state);
                }
                return Some(job);
            }
            if state.closed || late {
                break;
            }
            let idle = self.shared.options.idle;
            let until = *until.get_or_insert_with(|| Instant::now().checked_add(idle));
            state.waiting += 1;
            (state, late) = wait(&self.shared.jobs, state, until);
            state.waiting -= 1;
        }
        state.workers.remove(worker);
        let last = state.closed && state.workers.is_empty();
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

/// Waits to be notified, and says whether the time is up, which it never is when nothing is said of it. A limit that has passed does not wait:
/// that is how a model, whose waits know no time, gives up.
fn wait<'a>(condvar: &Condvar, state: MutexGuard<'a, State>, until: Option<Instant>) -> (MutexGuard<'a, State>, bool) {
    let Some(until) = until else {
        return (condvar.wait(state).unwrap_or_else(PoisonError::into_inner), false);
    };
    let left = until.saturating_duration_since(Instant::now());
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
