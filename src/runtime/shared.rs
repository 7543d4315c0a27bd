//! What a runtime's threads, handles and owner share: one entry per worker, and the gate for new
//! work. It keeps no thread running.
//!
//! A [`Worker`] is what others know of a core's thread: the way into its inbox, its phase, its
//! metrics, and what it left when it ended. Everything in here may be touched from any thread,
//! after the end too.
//!
//! **The gate.** New work from outside is refused once the shutdown has begun. The gate is a flag
//! that is read without a lock. A thread that has begun the shutdown, or was told of it, reads that
//! it is shut. A spawn that comes at the same time may find it open and then reaches its core in
//! time to be run or cancelled, or finds the inbox closed; its handle hears of it in each case.

use std::sync::PoisonError;
use std::task::{Context, Poll};

use super::error::SpawnError;
use super::handoff::Handoff;
use super::injector::InjectorQueue;
use super::shutdown::phase::{Phase, Stop};
use crate::blocking::Pool;
use crate::executor::metrics::ExecutorMetrics;
use crate::executor::{Spawner, Unstarted};
use crate::fork;
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::task::{Label, MakeFuture, Payload, RemoteTask, Site, TaskInfo, discard};
use crate::wait_list::{Found, SharedWaker, WaitKey, WaitList, Wakes, poll_wait_freely};

/// What all threads of a runtime share.
pub(crate) struct Shared {
    pub(super) workers: Box<[Worker]>,
    pub(super) injector: Arc<InjectorQueue>,
    /// For what its tasks have to say to blocking code. It takes jobs until the last core has
    /// ended, or the deadline: tasks may need it to end in order.
    pub(super) pool: Pool,
    /// Cores that have not ended.
    alive: AtomicUsize,
    /// Not zero once the shutdown has begun.
    shut: AtomicUsize,
    /// Balanced tasks that were dropped before any core took them.
    unstarted: Mutex<Vec<TaskInfo>>,
    escapes: Mutex<Escapes>,
    /// The process that built it.
    generation: u32,
}

/// What others know of one core.
pub(crate) struct Worker {
    /// The thread's name.
    pub(super) name: Box<str>,
    pub(super) spawner: Spawner,
    pub(super) stop: Stop,
    pub(super) metrics: Arc<ExecutorMetrics>,
    /// Put when the thread has ended.
    pub(super) done: Arc<Handoff<()>>,
    /// What it left, from just before it drops what had not ended.
    pub(super) end: Mutex<Option<WorkerEnd>>,
}

/// What a core left when it ended.
#[derive(Debug)]
pub(super) struct WorkerEnd {
    /// Tasks that ended before it dropped the rest.
    pub(super) finished: usize,
    /// Those of them that did since it was told to end.
    pub(super) finished_in_grace: usize,
    /// Those that it dropped, or is dropping: newest first.
    pub(super) left: Vec<TaskInfo>,
}

/// Panics that no handle received and that the policy hands on to the thread that runs the runtime.
#[derive(Default)]
struct Escapes {
    first: Option<Payload>,
    waiting: WaitList<SharedWaker>,
}

/// Where a task is to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Core(usize),
    Any,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    pub(super) fn lock_end(&self) -> MutexGuard<'_, Option<WorkerEnd>> {
        lock(&self.end)
    }
}

impl Shared {
    pub(super) fn new(workers: Box<[Worker]>, injector: Arc<InjectorQueue>, pool: Pool) -> Arc<Self> {
        Arc::new(Self {
            alive: AtomicUsize::new(workers.len()),
            workers,
            injector,
            pool,
            shut: AtomicUsize::new(0),
            unstarted: Mutex::new(Vec::new()),
            escapes: Mutex::new(Escapes::default()),
            generation: fork::generation(),
        })
    }

    pub(super) fn worker(&self, core: usize) -> &Worker {
        &self.workers[core]
    }

    /// Was it built by the process that this one was forked from? Then none of its locks may be
    /// touched: a thread that is not in this process may hold them.
    pub(super) fn is_of_the_parent(&self) -> bool {
        self.generation != fork::generation()
    }

    // New work.

    /// May there be new work for `target`?
    pub(super) fn admit(&self, target: Target) -> Result<(), SpawnError> {
        let cores = self.workers.len();
        match target {
            _ if self.is_of_the_parent() => Err(SpawnError::Forked),
            Target::Core(core) if core >= cores => Err(SpawnError::NoSuchCore { core, cores }),
            _ if self.is_shut() => Err(SpawnError::ShuttingDown),
            _ => Ok(()),
        }
    }

    pub(super) fn is_shut(&self) -> bool {
        // Relaxed: publishes nothing; the module says who reads it set.
        self.shut.load(Ordering::Relaxed) != 0
    }

    /// A task for a core, also when the shutdown has begun since it was admitted.
    pub(super) fn spawn_on<M: MakeFuture, N: Label + Send>(
        &self,
        core: usize,
        make: M,
        label: N,
        site: Site,
    ) -> RemoteTask<M::Result> {
        self.workers[core].spawner.spawn_labelled(make, label, site)
    }

    /// A task for `target`, which has been admitted. An error when the shutdown has begun since:
    /// its handle says so.
    pub(super) fn spawn<M: MakeFuture, N: Label + Send>(
        &self,
        target: Target,
        make: M,
        label: N,
        site: Site,
    ) -> Result<RemoteTask<M::Result>, RemoteTask<M::Result>> {
        match target {
            Target::Core(core) => Ok(self.spawn_on(core, make, label, site)),
            Target::Any => {
                let (number, place) = InjectorQueue::place(&self.injector);
                let make = move || {
                    place.leave();
                    make.make()
                };
                let (unstarted, handle) = self.workers[0].spawner.prepare(make, label, site);
                match self.injector.add(number, unstarted) {
                    Ok(()) => Ok(handle),
                    Err(refused) => {
                        drop(refused);
                        Err(handle)
                    }
                }
            }
        }
    }

    /// A task that is dropped here and now, and whose handle says so.
    pub(super) fn refuse<M: MakeFuture, N: Label + Send>(&self, make: M, label: N, site: Site) -> RemoteTask<M::Result> {
        let (unstarted, handle) = self.workers[0].spawner.prepare(make, label, site);
        drop(unstarted);
        handle
    }

    // The end.

    /// Shuts the gate, drops what no core has taken, and tells the cores, in their order.
    pub(super) fn stop(&self, phase: Phase) {
        // Relaxed: as in `is_shut`.
        self.shut.store(1, Ordering::Relaxed);
        self.drop_unstarted(self.injector.close().into_values());
        for worker in &self.workers {
            wake(worker.stop.advance(phase));
        }
    }

    fn drop_unstarted(&self, left: impl IntoIterator<Item = Unstarted>) {
        for task in left {
            let info = task.info();
            let mut was_dropped = false;
            quietly(|| was_dropped = task.refuse());
            if was_dropped {
                lock(&self.unstarted).push(info);
            }
        }
    }

    /// A core has dropped its executor.
    pub(super) fn core_has_ended(&self, worker: &Worker) {
        // Relaxed: a count. A thread that reads it in `leave_pool` after the end was asked for has
        // locked this worker's phase after that; so either the lock below shows the end, or that
        // reader sees the count.
        self.alive.fetch_sub(1, Ordering::Relaxed);
        if worker.stop.phase().is_ending() {
            self.leave_pool();
        }
    }

    /// Where no core is left, nobody but its jobs uses the pool any more. The last core says so, or
    /// the thread that asks for the end when all cores have ended before.
    pub(super) fn leave_pool(&self) {
        // Relaxed: as above.
        if self.alive.load(Ordering::Relaxed) == 0 {
            self.pool.leave();
        }
    }

    /// Balanced tasks that no core has taken, once.
    pub(super) fn take_unstarted(&self) -> Vec<TaskInfo> {
        std::mem::take(&mut lock(&self.unstarted))
    }

    /// A panic that nobody received on a core whose policy hands panics on: the thread that runs
    /// the runtime goes on with the first, and the runtime stops.
    pub(super) fn escape(&self, payload: Payload) {
        let mut escapes = lock(&self.escapes);
        let other = match escapes.first {
            None => {
                escapes.first = Some(payload);
                None
            }
            Some(_) => Some(payload),
        };
        let woken = Wakes::all(&mut escapes.waiting);
        drop(escapes);
        other.into_iter().for_each(discard);
        wake(woken);
        self.stop(Phase::Stopping);
    }

    /// The first panic that escaped, once.
    pub(super) fn take_escaped(&self) -> Option<Payload> {
        lock(&self.escapes).first.take()
    }

    /// Ready with the first panic that escapes.
    pub(super) fn poll_escaped(&self, place: &mut Option<WaitKey>, cx: &Context<'_>) -> Poll<Payload> {
        poll_wait_freely(cx.waker(), |offer| {
            let mut escapes = lock(&self.escapes);
            match escapes.first.take() {
                Some(payload) => Found::Ready(payload, escapes.waiting.stop(place)),
                None => escapes.waiting.wait_on(place, offer),
            }
        })
    }

    pub(super) fn leave_escaped(&self, place: &mut Option<WaitKey>) {
        let old = lock(&self.escapes).waiting.stop(place);
        drop(old);
    }
}

/// A foreign waker that panics keeps nobody else from hearing.
fn wake(wakers: Wakes<SharedWaker>) {
    quietly(|| wakers.wake());
}

/// Runs a user's code whose panic has no receiver; the panic hook has printed it.
pub(super) fn quietly(f: impl FnOnce()) {
    if let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) {
        discard(payload);
    }
}
