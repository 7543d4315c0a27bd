//! A worker: one core of a runtime, with its thread and executor. It ends when each of its tasks
//! has ended or was dropped.
//!
//! ```text
//! pin, make the executor ─▶ told to begin ─▶ loop until Ending ─▶ run down until the deadline
//!        │                                                               │
//!        └─ failed, or told not to ─┐                            drop what is left
//!                                   ▼                                    │
//!                          thread-locals, done ◀─────────────────────────┘
//! ```
//!
//! What is left at the deadline is written down before it is dropped, so that a drop that never
//! returns does not take the others' names with it. It is dropped here, newest first, while sockets
//! and timers still work.
//!
//! **Panics that leave the loop.** With the policy to hand panics on, a task's panic comes out of
//! the executor here; so does that of a foreign waker, and that of an executor whose kernel refuses
//! to wait. It is kept for the thread that runs the runtime, the runtime's shutdown begins, and the
//! core goes on, since other tasks may want to end in order. When it comes out again with nothing
//! polled in between, it will not stop coming, and the core ends at once.

use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::core::{Core, CurrentCore};
use super::cpus::affinity;
use super::handle::Handle;
use super::handoff::{Handoff, notify_at_thread_end};
use super::injector::{InjectorQueue, WorkerInjector};
use super::shared::{Shared, Worker, WorkerEnd, quietly};
use super::shutdown::phase::{Phase, Stop};
use crate::executor::metrics::{ExecutorMetrics, MetricsHooks};
use crate::executor::{ExecutorCore, LocalExecutor, PanicPolicy, Spawner};
use crate::sync::{Arc, catch_unwind};
use crate::task::{Payload, discard};
use crate::wait_list::WaitKey;

/// The executor of a core.
type CoreExecutor = ExecutorCore<MetricsHooks>;

/// What a core's thread is started with.
pub(super) struct Plan {
    pub(super) core: usize,
    pub(super) name: Box<str>,
    /// The CPU that it is pinned to.
    pub(super) cpu: Option<usize>,
    pub(super) spin: Duration,
    pub(super) timer_slack: Duration,
    pub(super) policy: PanicPolicy,
    pub(super) injector: Arc<InjectorQueue>,
    pub(super) start: Arc<WorkerStart>,
}

/// What builder and thread tell each other.
pub(super) struct WorkerStart {
    pub(super) metrics: Arc<ExecutorMetrics>,
    /// The thread is ready to run, or has failed.
    pub(super) ready: Handoff<io::Result<Spawner>>,
    /// It shall run, or end.
    pub(super) go: Handoff<Option<Arc<Shared>>>,
    /// It has ended.
    pub(super) done: Arc<Handoff<()>>,
}

impl WorkerStart {
    pub(super) fn new() -> Arc<Self> {
        let (ready, go, done) = (Handoff::new(), Handoff::new(), Arc::new(Handoff::new()));
        Arc::new(Self { metrics: ExecutorMetrics::new(), ready, go, done })
    }
}

/// The thread.
pub(super) fn run(plan: Plan) {
    let start = plan.start.clone();
    notify_at_thread_end(start.done.clone());
    // Whatever happens, the builder hears of it.
    let executor = match catch_unwind(AssertUnwindSafe(|| plan.prepare())) {
        Ok(Ok(executor)) => executor,
        Ok(Err(error)) => return start.ready.put(Err(error)),
        Err(payload) => {
            discard(payload);
            return start.ready.put(Err(io::Error::other(format!("core {} panicked before it could run", plan.core))));
        }
    };
    start.ready.put(Ok(executor.spawner()));
    let told = start.go.take(None).expect("waits without end");
    drop(start);
    match told {
        Some(shared) => live(executor, &plan, shared),
        None => drop(executor),
    }
}

impl Plan {
    fn prepare(&self) -> io::Result<CoreExecutor> {
        if let Some(cpu) = self.cpu {
            let explain = |error| io::Error::other(format!("core {} cannot be pinned to CPU {cpu}: {error}", self.core));
            affinity::pin_this_thread(cpu).map_err(explain)?;
        }
        let injector = Rc::new(WorkerInjector::new(self.injector.clone(), self.core));
        let builder = LocalExecutor::builder().name(&*self.name).panic_policy(self.policy);
        let builder = builder.spin(self.spin).timer_slack(self.timer_slack);
        let executor = builder.build_core(Some(injector), MetricsHooks::new(self.start.metrics.clone()));
        // Now, while there is somebody to hear of an error: later it would be in the middle of a
        // task.
        let explain = |error: io::Error| io::Error::new(error.kind(), format!("core {} cannot wait: {error}", self.core));
        executor.open_reactor().map_err(explain)?;
        Ok(executor)
    }
}

fn live(executor: CoreExecutor, plan: &Plan, shared: Arc<Shared>) {
    let worker = shared.worker(plan.core);
    let current = CurrentCore::enter(Core::new(Handle::new(shared.clone()), plan.core));
    let pool = shared.pool.enter();
    let until = run_until_told(&executor, &shared, worker);
    run_down(&executor, &shared, worker, until);
    // A panic that comes out of here would be the executor's own; those of the tasks it keeps in.
    quietly(|| drop(executor));
    drop((pool, current));
    shared.core_has_ended(worker);
}

/// The core's loop. Returns the deadline.
fn run_until_told(executor: &CoreExecutor, shared: &Shared, worker: &Worker) -> Option<Instant> {
    let mut escapes = EscapeLimit::new(shared, worker);
    // One for the whole loop, so that it stays the first that waits.
    let mut told = Told::new(&worker.stop);
    loop {
        match catch_unwind(AssertUnwindSafe(|| executor.block_on(&mut told))) {
            Ok(until) => return until,
            Err(payload) => {
                if !escapes.can_go_on_after(payload) {
                    return Some(crate::clock::instant_now());
                }
            }
        }
    }
}

/// Grace, until the deadline; and the list of what is left.
fn run_down(executor: &CoreExecutor, shared: &Shared, worker: &Worker, until: Option<Instant>) {
    let (alive, before) = executor.task_counts();
    let mut escapes = EscapeLimit::new(shared, worker);
    let ended = loop {
        match catch_unwind(AssertUnwindSafe(|| executor.run_down(until))) {
            Ok(ended) => break ended,
            Err(payload) => {
                if !escapes.can_go_on_after(payload) {
                    break false;
                }
            }
        }
    };
    let left = if ended { Vec::new() } else { executor.tasks() };
    let (_, spawned) = executor.task_counts();
    let finished = spawned - left.len();
    let finished_in_grace = alive + (spawned - before) - left.len();
    *worker.lock_end() = Some(WorkerEnd { finished, finished_in_grace, left });
}

/// What came out of the core's loop.
struct EscapeLimit<'a> {
    shared: &'a Shared,
    worker: &'a Worker,
    /// The core's polls when the last one came.
    polls: Option<u64>,
}

impl<'a> EscapeLimit<'a> {
    fn new(shared: &'a Shared, worker: &'a Worker) -> Self {
        Self { shared, worker, polls: None }
    }

    /// Keeps the panic for the thread that runs the runtime. False when the core has polled nothing
    /// since the last one.
    fn can_go_on_after(&mut self, payload: Payload) -> bool {
        self.shared.escape(payload);
        let polls = Some(self.worker.metrics.counts().polls);
        let polled = self.polls != polls;
        self.polls = polls;
        polled
    }
}

/// The future of a core's loop: ready with the deadline when the core shall end.
struct Told<'a> {
    stop: &'a Stop,
    place: Option<WaitKey>,
}

impl<'a> Told<'a> {
    fn new(stop: &'a Stop) -> Self {
        Self { stop, place: None }
    }
}

impl Future for Told<'_> {
    type Output = Option<Instant>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let stop = self.stop;
        stop.poll(&mut self.place, cx, |phase| match phase {
            Phase::Ending(until) => Some(until),
            Phase::Running | Phase::Stopping => None,
        })
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.stop.leave(&mut self.place);
    }
}
