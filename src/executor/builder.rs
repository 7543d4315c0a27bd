//! Options of executors and of tasks — owns their defaults and the reasons for them.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Duration;

use super::backlog::Backlog;
use super::context::{outside, thread_reactor};
use super::enter::with_current;
use super::pace::Pace;
use super::pulse::{Observer, Pulse};
use super::rest::Watching;
use super::shared::{PanicPolicy, Shared, allocate_root};
use super::{LocalExecutor, Spawner};
use crate::fork;
use crate::sync::Arc;
use crate::task::{RemoteTask, Site, Task};

/// Most tasks polled between two looks at the root and the inbox: at some 5 ns a poll, one to two microseconds.
const BATCH: u32 = 256;
/// Polls between two looks at sockets and timers while tasks are ready. A look costs what forty polls cost; at 256 it adds a sixth.
const EVENT_INTERVAL: u32 = 256;

/// Options of a [`LocalExecutor`]; made by [`LocalExecutor::builder`].
///
/// # Examples
///
/// ```
/// use wakeline::{LocalExecutor, PanicPolicy};
///
/// let executor = LocalExecutor::builder().name("worker").panic_policy(PanicPolicy::Propagate).build();
/// assert_eq!(executor.name(), Some("worker"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    name: Option<Box<str>>,
    batch: u32,
    event_interval: u32,
    policy: PanicPolicy,
    spin: Duration,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { name: None, batch: BATCH, event_interval: EVENT_INTERVAL, policy: PanicPolicy::default(), spin: Duration::ZERO }
    }

    /// A name for messages.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Most tasks polled between two looks at remote wakes and the future of `block_on`. 256 by default; 0 counts as 1.
    pub fn batch(mut self, tasks: u32) -> Self {
        self.batch = tasks.max(1);
        self
    }

    /// Polls after which sockets and timers are looked at while tasks are ready; 200 µs do the same. 256 by default; 0 counts as 1.
    pub fn event_interval(mut self, polls: u32) -> Self {
        self.event_interval = polls.max(1);
        self
    }

    /// What happens to a panic of a task that nobody holds the handle of. [`PanicPolicy::Isolate`] by default; the free
    /// [`block_on`](crate::block_on) has [`PanicPolicy::Propagate`].
    pub fn panic_policy(mut self, policy: PanicPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How long the executor watches for something to do before it sleeps in the kernel. Zero by default.
    ///
    /// A sleeping thread takes microseconds to wake, a watching one a fraction of one; the price is a processor that is busy for nothing. It
    /// pays where threads wait for each other in turn, with some microseconds to some tens of them. Every few microseconds the processor
    /// is offered to other threads. Where that is what brings something to do, or nothing does, the executor sleeps at once, and watches
    /// again only now and then: so it costs next to nothing where it brings nothing.
    pub fn spin(mut self, time: Duration) -> Self {
        self.spin = time;
        self
    }

    /// Makes the executor.
    #[track_caller]
    pub fn build(self) -> LocalExecutor {
        self.build_for(None, None)
    }

    /// Makes the executor, and opens the kernel objects that a wait needs.
    ///
    /// [`build`](Self::build) leaves them to the first wait, which goes on without when there are
    /// none left: it sleeps and is woken, but sockets report errors. A program that would rather
    /// end at its start asks here.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = wakeline::LocalExecutor::builder().try_build()?;
    /// assert_eq!(executor.block_on(async { 7 }), 7);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The kernel's, when descriptors or memory have run out.
    #[track_caller]
    pub fn try_build(self) -> io::Result<LocalExecutor> {
        let executor = self.build();
        executor.open_reactor()?;
        Ok(executor)
    }

    /// Makes an executor that helps itself from the backlog when it has nothing else to do, and tells the pulse what it is doing.
    #[track_caller]
    pub(crate) fn build_for(self, backlog: Option<Rc<dyn Backlog>>, pulse: Option<Arc<Pulse>>) -> LocalExecutor {
        let reactor = thread_reactor();
        let shared = Shared::new(reactor.clone(), self.policy);
        LocalExecutor {
            root: allocate_root(&shared, Site::caller()),
            shared,
            reactor,
            pace: Pace::new(self.event_interval as usize),
            batch: self.batch as usize,
            watching: Watching::new(self.spin),
            backlog,
            observer: pulse.map(Observer::new),
            hosts: Cell::new(0),
            generation: fork::generation(),
            name: self.name,
        }
    }
}

/// Options of a task; [`spawn`](crate::spawn) is the short way.
///
/// # Examples
///
/// ```
/// wakeline::block_on(async {
///     let task = wakeline::task::Builder::new().name("answer").spawn(async { 42 });
///     assert_eq!(task.name(), Some("answer"));
///     assert_eq!(task.await.unwrap(), 42);
/// });
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct TaskBuilder {
    name: Option<Box<str>>,
}

impl TaskBuilder {
    /// No options yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A name for messages. It costs the task one allocation more.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Spawns on the executor of this thread.
    ///
    /// # Panics
    ///
    /// Where no executor is entered.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let site = Site::caller();
        match with_current(|shared, address| self.spawn_at(shared, address, future, site)) {
            Some(task) => task,
            None => panic!("{}", outside("`task::Builder::spawn`")),
        }
    }

    /// Spawns on this executor, entered or not.
    #[track_caller]
    pub fn spawn_in<F>(self, executor: &LocalExecutor, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_at(&executor.shared, Shared::address(&executor.shared), future, Site::caller())
    }

    /// Spawns from any thread; see [`Spawner::spawn`].
    #[track_caller]
    pub fn spawn_with<C, F>(self, spawner: &Spawner, make: C) -> RemoteTask<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        match self.name {
            Some(name) => Shared::spawn_remote(spawner.shared(), make, name, Site::caller()),
            None => Shared::spawn_remote(spawner.shared(), make, (), Site::caller()),
        }
    }

    /// For the spawns that belong to the floors above.
    pub(crate) fn into_name(self) -> Option<Box<str>> {
        self.name
    }

    fn spawn_at<F>(self, shared: &Shared, address: NonNull<()>, future: F, site: Site) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match self.name {
            Some(name) => shared.spawn(address, future, name, site),
            None => shared.spawn(address, future, (), site),
        }
    }
}

impl fmt::Debug for TaskBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).finish()
    }
}
