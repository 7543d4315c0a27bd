//! The way into a runtime from any thread. It never blocks, and it keeps nothing running.

use std::fmt;

use super::error::SpawnError;
use super::index::CoreIndex;
use super::metrics::RuntimeMetrics;
use super::shared::{Shared, Target};
use super::shutdown::phase::Phase;
use crate::executor::{Spawner, TaskBuilder};
use crate::sync::Arc;
use crate::task::{Label, MakeFuture, RemoteTask, Site};

/// Spawns tasks on a runtime's cores, from any thread, also when the runtime has gone.
///
/// Made by [`Runtime::handle`](super::Runtime::handle) and [`Core::handle`](super::Core::handle).
/// Cloning is cheap, and a handle does not keep the runtime running.
///
/// Once the runtime's shutdown has begun, what is spawned is dropped at once and its handle says
/// [`Cancelled`](crate::JoinError::Cancelled); the `try_` functions return an error instead.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The number of cores.
    pub fn cores(&self) -> usize {
        self.shared.workers.len()
    }

    /// Sends the closure to a core, where it makes the future; the future stays there and need not
    /// be `Send`.
    ///
    /// Never blocks: one push into the core's inbox, which wakes the core if it sleeps.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::{Cores, Runtime};
    ///
    /// let runtime = Runtime::builder().cores(Cores::exactly(2)).build()?;
    /// let handle = runtime.handle();
    /// let task = handle.spawn_on(1, || async {
    ///     let local = std::rc::Rc::new(5); // lives and dies on core 1
    ///     *local + 1
    /// });
    /// assert_eq!(runtime.block_on(task).unwrap(), 6);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When there is no such core, and in a process forked from the runtime's.
    #[track_caller]
    pub fn spawn_on<C, F>(&self, core: impl CoreIndex, make: C) -> RemoteTask<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.spawn(Target::Core(core.number()), make, (), Site::caller())
    }

    /// [`spawn_on`](Self::spawn_on) that returns an error where the task cannot run.
    ///
    /// # Errors
    ///
    /// When there is no such core, when the shutdown has begun, and in a process forked from the
    /// runtime's. The closure is dropped.
    #[track_caller]
    pub fn try_spawn_on<C, F>(&self, core: impl CoreIndex, make: C) -> Result<RemoteTask<F::Output>, SpawnError>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.try_spawn(Target::Core(core.number()), make, Site::caller())
    }

    /// Spawns on whichever core is free first. From its first poll on the task stays there.
    ///
    /// Closures wait in one queue. An idle core takes one at once; a busy one takes one at each
    /// look outside, after at most 256 polls or 200 µs. So a core that is stuck keeps no closure
    /// that another could take. One whose handle ends it leaves the queue at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::{Cores, Runtime};
    ///
    /// let runtime = Runtime::builder().cores(Cores::exactly(2)).build()?;
    /// let handle = runtime.handle();
    /// let tasks: Vec<_> = (0..4).map(|n| handle.spawn_balanced(move || async move { n * n })).collect();
    /// let squares = runtime.block_on(async {
    ///     let mut squares = Vec::new();
    ///     for task in tasks {
    ///         squares.push(task.await.unwrap());
    ///     }
    ///     squares
    /// });
    /// assert_eq!(squares, [0, 1, 4, 9]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// In a process forked from the runtime's.
    #[track_caller]
    pub fn spawn_balanced<C, F>(&self, make: C) -> RemoteTask<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.spawn(Target::Any, make, (), Site::caller())
    }

    /// [`spawn_balanced`](Self::spawn_balanced) that returns an error where the task cannot run.
    ///
    /// # Errors
    ///
    /// When the shutdown has begun, and in a process forked from the runtime's. The closure is
    /// dropped.
    #[track_caller]
    pub fn try_spawn_balanced<C, F>(&self, make: C) -> Result<RemoteTask<F::Output>, SpawnError>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.try_spawn(Target::Any, make, Site::caller())
    }

    /// The executor of a core, for what takes a [`Spawner`].
    ///
    /// It goes on to spawn until the core's executor is dropped: what it brings during the shutdown
    /// runs, or is cancelled at the deadline.
    ///
    /// # Panics
    ///
    /// When there is no such core.
    #[track_caller]
    pub fn spawner(&self, core: impl CoreIndex) -> Spawner {
        let (core, cores) = (core.number(), self.cores());
        match self.shared.workers.get(core) {
            Some(worker) => worker.spawner.clone(),
            None => panic!("{}", SpawnError::NoSuchCore { core, cores }),
        }
    }

    /// What the cores have done so far; see [`Runtime::metrics`](super::Runtime::metrics).
    pub fn metrics(&self) -> RuntimeMetrics {
        let cores = self.shared.workers.iter().map(|worker| worker.metrics.counts().into()).collect();
        RuntimeMetrics { cores, waiting: self.shared.injector.len() }
    }

    /// Begins the runtime's shutdown, and returns at once.
    ///
    /// From here on new work is refused, what waits in the balanced queue is dropped, and
    /// [`Core::stopping`](super::Core::stopping) resolves on all cores. Tasks that run go on until
    /// [`Runtime::shutdown`](super::Runtime::shutdown) sets the deadline. So a task that waits for
    /// Ctrl-C can end `Runtime::run`, whose mains listen to `stopping`.
    ///
    /// In a process forked from the runtime's it does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use wakeline::{Cores, Runtime};
    ///
    /// let runtime = Runtime::builder().cores(Cores::exactly(2)).build()?;
    /// let outputs = runtime.run(|core| async move {
    ///     if core.index() == 1 {
    ///         core.handle().stop();
    ///     }
    ///     core.stopping().await;
    /// });
    /// assert_eq!(outputs.len(), 2);
    /// println!("{}", runtime.shutdown(Duration::from_secs(5)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop(&self) {
        if !self.shared.is_of_the_parent() {
            self.shared.stop(Phase::Stopping);
        }
    }

    /// Has the shutdown begun?
    pub fn is_stopping(&self) -> bool {
        self.shared.is_shut()
    }

    #[track_caller]
    fn spawn<M: MakeFuture, N: Label + Send>(&self, target: Target, make: M, label: N, site: Site) -> RemoteTask<M::Result> {
        match self.shared.admit(target) {
            Ok(()) => self.shared.spawn(target, make, label, site).unwrap_or_else(|refused| refused),
            Err(SpawnError::ShuttingDown) => self.shared.refuse(make, label, site),
            Err(error) => panic!("{error}"),
        }
    }

    fn try_spawn<M: MakeFuture>(&self, target: Target, make: M, site: Site) -> Result<RemoteTask<M::Result>, SpawnError> {
        self.shared.admit(target)?;
        self.shared.spawn(target, make, (), site).map_err(|_refused| SpawnError::ShuttingDown)
    }

    #[track_caller]
    fn spawn_named<M: MakeFuture>(&self, target: Target, make: M, builder: TaskBuilder, site: Site) -> RemoteTask<M::Result> {
        match builder.into_name() {
            Some(name) => self.spawn(target, make, name, site),
            None => self.spawn(target, make, (), site),
        }
    }
}

impl AsRef<Handle> for Handle {
    fn as_ref(&self) -> &Handle {
        self
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("cores", &self.cores()).field("stopping", &self.is_stopping()).finish()
    }
}

/// Tasks with options on a runtime.
impl TaskBuilder {
    /// Spawns on a core of a runtime, which is named by itself, by its [`Handle`] or by one of its
    /// cores; see [`Handle::spawn_on`](crate::runtime::Handle::spawn_on).
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::{Cores, Runtime, task};
    ///
    /// let runtime = Runtime::builder().cores(Cores::exactly(1)).build()?;
    /// let task = task::Builder::new().name("answer").spawn_on(&runtime, 0, || async { 42 });
    /// assert_eq!(task.name(), Some("answer"));
    /// assert_eq!(runtime.block_on(task).unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Handle::spawn_on`](crate::runtime::Handle::spawn_on).
    #[track_caller]
    pub fn spawn_on<R, C, F>(self, runtime: &R, core: impl CoreIndex, make: C) -> RemoteTask<F::Output>
    where
        R: AsRef<Handle>,
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        runtime.as_ref().spawn_named(Target::Core(core.number()), make, self, Site::caller())
    }

    /// Spawns on whichever core of a runtime is free first; see
    /// [`Handle::spawn_balanced`](crate::runtime::Handle::spawn_balanced).
    ///
    /// # Panics
    ///
    /// As [`Handle::spawn_balanced`](crate::runtime::Handle::spawn_balanced).
    #[track_caller]
    pub fn spawn_balanced<R, C, F>(self, runtime: &R, make: C) -> RemoteTask<F::Output>
    where
        R: AsRef<Handle>,
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        runtime.as_ref().spawn_named(Target::Any, make, self, Site::caller())
    }
}
