//! Options of a runtime, and its start. A build that fails leaves no thread behind.
//!
//! All threads are started first and wait; when each of them has an executor, they are given the
//! runtime and run. When one could not be started or pinned, or could not open what it will wait
//! with, those that wait are told to end and are joined, and the error comes out of `build`.

use std::io;
use std::time::Duration;

use super::cpus::Cores;
use super::cpus::affinity;
use super::error::{built_inside, is_inside};
use super::injector::InjectorQueue;
use super::runtime::Runtime;
use super::shared::{Shared, Worker};
use super::shutdown::phase::Stop;
use super::worker::{self, Plan, WorkerStart};
use crate::blocking::{PATIENCE, Pool, PoolOptions};
use crate::executor::{PanicPolicy, open_thread_reactor};
use crate::fork;
use crate::sync::thread::{Builder as ThreadBuilder, JoinHandle};
use crate::sync::{Arc, Mutex, start_thread};

/// Grace at the drop of a runtime: long enough for tasks that listen to `stopping` to send a last
/// answer, short enough for nobody to believe that the program hangs.
const DROP_DEADLINE: Duration = Duration::from_secs(1);

/// As many as the process's own pool has, and for the same reasons: jobs wait for something, and
/// should not wait for each other.
const BLOCKING_THREADS: usize = 512;
const BLOCKING_IDLE: Duration = Duration::from_secs(10);

/// Options of a [`Runtime`].
///
/// # Examples
///
/// ```
/// use wakeline::{Cores, Runtime};
///
/// let runtime = Runtime::builder().cores(Cores::exactly(2)).name("web").build()?;
/// let names = runtime.run(|_| async { std::thread::current().name().map(String::from) });
/// assert_eq!(names, [Some("web-0".to_string()), Some("web-1".to_string())]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    cores: Option<Cores>,
    pin: bool,
    name: String,
    spin: Duration,
    timer_slack: Duration,
    blocking_threads: usize,
    blocking_idle: Duration,
    policy: PanicPolicy,
    drop_deadline: Duration,
}

impl Runtime {
    /// Sets options.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            cores: None,
            pin: false,
            name: String::from("wakeline"),
            spin: Duration::ZERO,
            timer_slack: Duration::ZERO,
            blocking_threads: BLOCKING_THREADS,
            blocking_idle: BLOCKING_IDLE,
            policy: PanicPolicy::default(),
            drop_deadline: DROP_DEADLINE,
        }
    }

    /// How many cores. [`Cores::auto`] by default.
    pub fn cores(mut self, cores: Cores) -> Self {
        self.cores = Some(cores);
        self
    }

    /// Keeps each core on one CPU: core `i` on the `i`-th of those on which the building thread may
    /// run. Off by default.
    ///
    /// The threads of [`unblock`](crate::unblock) are not pinned. It pays on a machine that has
    /// nothing else to do. Where others compete for the same CPUs, the kernel knows better. On
    /// platforms without masks `build` is then an error.
    pub fn pin(mut self, pin: bool) -> Self {
        self.pin = pin;
        self
    }

    /// What the threads are called: `web-0`, `web-1` for `"web"`. `"wakeline"` by default. Linux
    /// shows the first 15 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How long a core watches for something to do before it sleeps; see
    /// [`executor::Builder::spin`](crate::executor::Builder::spin). Zero by default.
    pub fn spin(mut self, time: Duration) -> Self {
        self.spin = time;
        self
    }

    /// How much later than its deadline a timer of a core may fire, so that timers that lie close
    /// together fire in one wake-up; see
    /// [`executor::Builder::timer_slack`](crate::executor::Builder::timer_slack). Zero by default.
    pub fn timer_slack(mut self, slack: Duration) -> Self {
        self.timer_slack = slack;
        self
    }

    /// At most so many threads for [`unblock`](crate::unblock) on the runtime's cores. 512 by
    /// default; 0 counts as 1.
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = threads;
        self
    }

    /// How long a thread for [`unblock`](crate::unblock) stays without work. Ten seconds by
    /// default.
    pub fn blocking_idle(mut self, time: Duration) -> Self {
        self.blocking_idle = time;
        self
    }

    /// What happens to a panic of a task that nobody holds the handle of. [`PanicPolicy::Isolate`]
    /// by default.
    ///
    /// With [`PanicPolicy::Propagate`] the first such panic of any core begins the runtime's
    /// shutdown, and goes on in [`run`](Runtime::run), [`block_on`](Runtime::block_on) or
    /// [`shutdown`](Runtime::shutdown), whichever is under way or comes next. The drop of a runtime
    /// hands nothing on. The policy is for tasks: a detached closure of [`unblock`](crate::unblock)
    /// that panics ends nothing.
    pub fn panic_policy(mut self, policy: PanicPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The deadline of the shutdown that dropping the runtime is. One second by default;
    /// [`Duration::MAX`] waits for every task and every closure of [`unblock`](crate::unblock).
    pub fn drop_deadline(mut self, deadline: Duration) -> Self {
        self.drop_deadline = deadline;
        self
    }

    /// Starts the threads, and opens what each of them will need of the kernel: its event queue and
    /// what other threads notify. So does this thread, for [`Runtime::run`] and
    /// [`Runtime::block_on`]; on another thread `block_on` opens its own at the first need.
    ///
    /// # Errors
    ///
    /// - For no cores, more than there may be, or more pinned ones than CPUs; for a name with a
    ///   zero byte.
    /// - When a thread cannot be started or pinned, or no descriptors are left. Threads that were
    ///   started have ended when the error is returned.
    /// - Inside a task, or whatever else an executor runs.
    pub fn build(self) -> io::Result<Runtime> {
        if is_inside() {
            return Err(built_inside());
        }
        if self.name.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name of a runtime's threads has a zero byte in it"));
        }
        // Before the process that builds it is written down.
        fork::watch();
        let cores = self.cores.clone().unwrap_or_else(Cores::auto);
        let cpus = if self.pin { affinity::allowed()? } else { Vec::new() };
        cores.check(self.pin, &cpus)?;
        open_this_thread()?;
        let injector = InjectorQueue::new(cores.count());
        let mut starting = Starting { workers: Vec::new(), threads: Vec::new() };
        for core in 0..cores.count() {
            starting.start(Plan {
                core,
                name: format!("{}-{core}", self.name).into_boxed_str(),
                cpu: cpus.get(core).copied(),
                spin: self.spin,
                timer_slack: self.timer_slack,
                policy: self.policy,
                injector: injector.clone(),
                start: WorkerStart::new(),
            })?;
        }
        let (threads, idle) = (self.blocking_threads, self.blocking_idle);
        let options = PoolOptions { threads, idle, name: self.name, patience: PATIENCE };
        let pool = if self.pin { free_pool(options, cpus) } else { Pool::new(options) };
        starting.finish(injector, pool, self.drop_deadline)
    }
}

/// A model's thread has nothing to open, and should have no executor that the model does not ask
/// for.
fn open_this_thread() -> io::Result<()> {
    if cfg!(wakeline_loom) {
        return Ok(());
    }
    let explain =
        |error: io::Error| io::Error::new(error.kind(), format!("the thread that builds a runtime cannot wait: {error}"));
    open_thread_reactor().map_err(explain)
}

/// A pool whose threads run on all of `cpus`. The pinned core that happens to start one would hand
/// its own CPU down, and what blocks or computes there would stand in that core's way.
fn free_pool(options: PoolOptions, cpus: Vec<usize>) -> Pool {
    let cpus = Arc::new(cpus);
    let start = move |name, run: Box<dyn FnOnce() + Send>| {
        let cpus = cpus.clone();
        let freed = move || {
            // Those CPUs were this process's a moment ago; where they are no more, the thread stays
            // where it is.
            let _ = affinity::keep_this_thread_on(&cpus);
            run();
        };
        start_thread(name, Box::new(freed))
    };
    Pool::starting(options, Box::new(start))
}

/// Threads that wait for the word to begin. When it is dropped, they are told to end.
struct Starting {
    workers: Vec<(Box<str>, Arc<WorkerStart>)>,
    threads: Vec<JoinHandle<()>>,
}

impl Starting {
    fn start(&mut self, plan: Plan) -> io::Result<()> {
        let (core, worker) = (plan.core, (plan.name.clone(), plan.start.clone()));
        let thread = ThreadBuilder::new().name(plan.name.to_string()).spawn(move || worker::run(plan));
        let explain =
            |error: io::Error| io::Error::new(error.kind(), format!("the thread of core {core} cannot be started: {error}"));
        self.threads.push(thread.map_err(explain)?);
        self.workers.push(worker);
        Ok(())
    }

    fn finish(mut self, injector: Arc<InjectorQueue>, pool: Pool, drop_deadline: Duration) -> io::Result<Runtime> {
        let mut workers = Vec::with_capacity(self.workers.len());
        for (name, start) in &self.workers {
            let spawner = start.ready.take(None).expect("waits without end")?;
            workers.push(Worker {
                name: name.clone(),
                spawner,
                stop: Stop::new(),
                metrics: start.metrics.clone(),
                done: start.done.clone(),
                end: Mutex::new(None),
            });
        }
        let shared = Shared::new(workers.into_boxed_slice(), injector, pool);
        for (_, start) in std::mem::take(&mut self.workers) {
            start.go.put(Some(shared.clone()));
        }
        Ok(Runtime::new(shared, std::mem::take(&mut self.threads), drop_deadline))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        for (_, start) in &self.workers {
            start.go.put(None);
        }
        for thread in self.threads.drain(..) {
            // A thread that was never told to run has run nothing that could panic.
            let _ = thread.join();
        }
    }
}
