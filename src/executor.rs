//! Executors as values: an executor runs tasks on the thread that made it.
//!
//! [`block_on()`] and [`spawn`] are enough for most programs, and a
//! [`Runtime`](crate::Runtime) for those that use several cores. A [`LocalExecutor`] is for the rest: its
//! tasks end with it, its options are yours, and you choose how it runs.
//!
//! ```
//! use std::time::Duration;
//! use wakeline::{LocalExecutor, PanicPolicy, time};
//!
//! let executor = LocalExecutor::builder().name("worker").panic_policy(PanicPolicy::Propagate).build();
//! let task = executor.spawn(async {
//!     time::sleep(Duration::from_millis(1)).await;
//!     42
//! });
//! assert_eq!(executor.block_on(task).unwrap(), 42);
//! ```
//!
//! | to | call |
//! |---|---|
//! | run a future to its end, and the tasks with it | [`LocalExecutor::block_on`] |
//! | run it in a loop of yours, a pass at a time | [`turn`](LocalExecutor::turn), [`try_tick`](LocalExecutor::try_tick), [`run_until_stalled`](LocalExecutor::run_until_stalled) |
//! | have somebody else's loop wait for it | `LocalExecutor::host` (Unix), [`next_deadline`](LocalExecutor::next_deadline) |
//! | spawn from another thread | [`Spawner`] |
//! | call constructors that spawn, before anything runs | [`LocalExecutor::enter`] |
//! | see what it asks of the kernel | [`LocalExecutor::metrics`] |
//!
//! Under all of them the same [fairness](crate#fairness) holds, also for the future of `block_on`: one that
//! is always ready keeps no task, timer, socket or other thread waiting.

// Builder's notes.
//
// This room owns the loop and everything one thread runs. It must never hold instrumentation, a `cfg`,
// or a borrow across user code.
//
// The loop is the drawing at the top of the crate, one call a step: poll the root if it was woken,
// drain the inbox, run a batch, and turn the reactor. It sleeps only when nothing is ready and the
// inbox's head has taken ASLEEP.
//
// **Fairness.** A task made ready is polled after at most the tasks that were ready before it: the run
// queue is first-in-first-out and a task that wakes itself goes to its tail. The root, the inbox,
// sockets and timers are looked at after at most one batch, and within a batch when a time slice is
// over; then one task that waits for whichever executor is free goes ahead of the others. The root's
// polls count as a task's do, and so does what others hand over while nothing is ready: each loop that
// polls anything counts it, and each loop that goes round asks whether a look is due. Leaf operations
// of this crate spend a budget per poll, so that a task whose sockets are always ready still yields.
//
// **Host loops.** An executor can be driven from somebody else's loop: `turn` does one bounded pass, and
// the descriptor of a `Host` is readable when the next pass would find something. Between passes the
// inbox stays ASLEEP, so that a remote wake rings, and local wakes ring as well.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use crate::fork;
use crate::inbox::Notify;
use crate::reactor::Reactor;
use crate::run_queue::Batch;
use crate::sync::{self, Arc, catch_unwind};
use crate::task::owner::{self, Entered, Owner};
use crate::task::{Payload, Site, Task, TaskInfo, TaskRef, borrowed, discard};

mod registry;

#[allow(unsafe_code)]
mod shared;

#[allow(unsafe_code)]
mod backlog;

mod pace;

pub(crate) mod pulse;

mod rest;

mod host;

mod enter;

pub(crate) mod context;

mod error;

mod builder;

mod spawner;

mod block_on;

mod yield_now;

mod budget;

pub use crate::reactor::Metrics;
pub(crate) use backlog::{Backlog, Unstarted};
pub(crate) use block_on::open_thread_reactor;
pub use block_on::{block_on, spawn, try_block_on};
pub use budget::{ConsumeBudget, Unconstrained, consume_budget, unconstrained};
pub use builder::{Builder, TaskBuilder};
pub use enter::EnterGuard;
pub use error::EnterError;
#[cfg(all(unix, not(wakeline_loom)))]
pub use host::Host;
pub use shared::PanicPolicy;
pub use spawner::Spawner;
pub use yield_now::{YieldNow, yield_now};

use pace::Pace;
use pulse::{Observer, Watch};
use rest::Watching;
use shared::{Mode, Shared};

/// Runs tasks on the thread that made it. A panic of a detached task stays inside
/// ([`PanicPolicy::Isolate`]), unless the [builder](Self::builder) was told otherwise.
///
/// The futures it runs need not be `Send`. It starts no thread, and opens no descriptor before a task waits for one. Several may exist on
/// a thread; they share the thread's sockets and timers, so a socket made under one can be awaited under another. One is entered at a
/// time; [`try_tick`](Self::try_tick) and its siblings may be called on a second one from inside a task of the first, blocking calls may
/// not.
///
/// Dropping it drops all its tasks, newest first, while sockets and timers still work; their handles then say
/// [`Cancelled`](crate::JoinError::Cancelled). It waits for nobody.
///
/// # Examples
///
/// ```
/// let executor = wakeline::LocalExecutor::new();
/// let task = executor.spawn(async { 6 * 7 });
/// assert_eq!(executor.block_on(task).unwrap(), 42);
/// ```
pub struct LocalExecutor {
    shared: Arc<Shared>,
    /// What the waker of `block_on`'s future points at; reused, so that a stale waker of an earlier call costs one spurious poll.
    root: TaskRef,
    reactor: Rc<Reactor>,
    pace: Pace,
    /// Most tasks polled between two looks at the root and the inbox.
    batch: usize,
    /// How many host loops watch the descriptor.
    hosts: Cell<usize>,
    watching: Watching,
    /// Where it helps itself when it has nothing to do; a runtime's executors have one.
    backlog: Option<Rc<dyn Backlog>>,
    /// Tells other threads what it is doing; a runtime's executors have one.
    observer: Option<Observer>,
    /// The process that made it.
    generation: u32,
    name: Option<Box<str>>,
}

/// What to do at the end of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Stop,
    /// Go on with the next one.
    Next,
}

impl LocalExecutor {
    /// An executor with the default options. Cannot fail: the kernel's objects are made at first need.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Sets options.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The name that the builder gave it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How many tasks have not ended, or have ended and are still referred to by their handle.
    pub fn task_count(&self) -> usize {
        self.shared.registry.borrow().len()
    }

    /// The tasks that have not ended, newest first.
    pub(crate) fn tasks(&self) -> Vec<TaskInfo> {
        // Their numbers come from the registry as well.
        let tasks: Vec<_> = self.shared.registry.borrow().iter().filter(|task| !task.is_done()).collect();
        tasks.into_iter().map(|task| task.info()).collect()
    }

    /// How many tasks have not ended, and how many ever were spawned.
    pub(crate) fn census(&self) -> (usize, usize) {
        let registry = self.shared.registry.borrow();
        (registry.iter().filter(|task| !task.is_done()).count(), registry.inserted())
    }

    /// What the thread has asked of the kernel so far, on behalf of all its executors.
    pub fn metrics(&self) -> Metrics {
        self.reactor.metrics()
    }

    /// Spawns a task. It runs when the executor does; its handle cancels it when dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = wakeline::LocalExecutor::new();
    /// executor.spawn(async { println!("runs at the next turn") }).detach();
    /// executor.run_until_stalled();
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.shared.spawn(Shared::address(&self.shared), future, (), Site::caller())
    }

    /// A handle with which any thread can spawn tasks here.
    pub fn spawner(&self) -> Spawner {
        Spawner::new(self.shared.clone())
    }

    /// Runs the future and the executor's tasks until the future returns. Sleeps in the kernel when nothing is ready.
    ///
    /// Tasks that have not ended stay, and go on in the next call.
    ///
    /// # Panics
    ///
    /// - When the thread is already inside an executor; the message names the task and what to do.
    /// - When the executor belongs to the process that this one was forked from.
    /// - With the future's own panic, and with a task's under [`PanicPolicy::Propagate`].
    /// - When the kernel refuses to wait, which means that a descriptor of the reactor was closed behind its back.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.try_block_on(future) {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }

    /// [`block_on`](Self::block_on) that returns an error where the executor cannot be entered.
    ///
    /// # Errors
    ///
    /// When the thread is already inside an executor, or the executor belongs to the parent process. The future is dropped unpolled.
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, EnterError> {
        let visit = self.begin_visit("block_on", Nesting::Refused)?;
        let output = self.run(pin!(sync::root(future)));
        drop(visit);
        Ok(output)
    }

    /// The loop.
    fn run<F: Future>(&self, mut root: Pin<&mut F>) -> F::Output {
        borrowed(self.root).wake_by_ref();
        loop {
            if let Poll::Ready(output) = self.poll_root_if_woken(root.as_mut()) {
                return self.give_back(output);
            }
            self.drain_inbox();
            self.run_batch(self.batch, Then::Next);
            // The round counts as a poll, that of the root: one that is always ready must not keep sockets
            // and timers from being looked at.
            if let Err(error) = self.look_or_sleep(None, 1) {
                panic!("the reactor of this thread cannot wait any more: {error}");
            }
        }
    }

    fn poll_root_if_woken<F: Future>(&self, root: Pin<&mut F>) -> Poll<F::Output> {
        if !self.root.take_wake() {
            return Poll::Pending;
        }
        owner::with(|owner| owner.begin(None));
        root.poll(&mut Context::from_waker(&borrowed(self.root)))
    }

    /// What the root has returned, unless its last poll has caused a panic that is handed on: one that
    /// waited for the next call would come out where nobody looks for it.
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

    /// 7 → 2.
    fn drain_inbox(&self) {
        if self.shared.inbox().has_tasks() {
            self.admit(self.shared.inbox().take_all());
        }
    }

    fn admit(&self, tasks: impl Iterator<Item = TaskRef>) {
        let woken = self.shared.admit(tasks);
        if let Some(observer) = &self.observer {
            observer.woken(woken, self.shared.registry.borrow().len());
        }
    }

    /// A task that this executor has begun and adopted, still linked.
    fn admit_begun(&self, task: TaskRef) {
        self.shared.registry.borrow_mut().insert(task);
        task.unlink_begun();
        if let Some(observer) = &self.observer {
            observer.woken(0, self.shared.registry.borrow().len());
        }
    }

    /// 3, 4, 5: polls the tasks that are ready now, at most `most`, until a look outside is due; then those that these have made ready.
    fn run_batch(&self, most: usize, then: Then) {
        let mut batch = self.shared.run_queue.take();
        let mut left = most;
        while left > 0 && !batch.is_empty() {
            let stride = left.min(if self.watches() { self.pace.stride() } else { pace::MOST });
            let polls = owner::with(|owner| match &self.observer {
                None => self.run_some(owner, &mut batch, stride, then, &()),
                Some(observer) => self.run_observed(owner, &mut batch, stride, then, observer),
            });
            self.observe(polls);
            left -= polls;
            if self.look_is_due(polls) {
                break;
            }
            self.drain_inbox();
        }
        drop(batch);
        self.hand_on_panic();
    }

    /// `run_some` under the eyes of others; apart, so that the unobserved loop is compiled as if this one did not exist.
    #[inline(never)]
    fn run_observed(&self, owner: &Owner, batch: &mut Batch<'_>, most: usize, then: Then, observer: &Observer) -> usize {
        self.run_some(owner, batch, most, then, observer)
    }

    /// Polls `most` tasks, or what there is of the batch, and says how many. Panics are caught around the lot; whose it was is what the loop
    /// set before that poll.
    ///
    /// Two tasks that wake each other make batches of one. So that they need not go round the loop for each poll, the next batch is taken
    /// in here, unless somebody who has his turn between two batches waits for it: the root, or a task that asked for a look.
    fn run_some(&self, owner: &Owner, batch: &mut Batch<'_>, most: usize, mut then: Then, watch: &impl Watch) -> usize {
        let queue = &self.shared.run_queue;
        let mut left = most;
        while left > 0 && !batch.is_empty() {
            let polled = catch_unwind(AssertUnwindSafe(|| {
                while left > 0 {
                    let Some(task) = batch.pop() else {
                        if then == Then::Stop || self.root.is_queued() || owner.wants_look() || !batch.refill() {
                            return;
                        }
                        continue;
                    };
                    left -= 1;
                    owner.begin(Some(task));
                    watch.begins(task);
                    if task.run(&mut Context::from_waker(&borrowed(task))) {
                        queue.push(task);
                    }
                }
            }));
            if let Err(payload) = polled {
                self.fail_running(owner, payload);
                then = Then::Stop;
            }
        }
        owner.begin(None);
        watch.rests();
        most - left
    }

    /// After `polls` more.
    #[inline]
    fn observe(&self, polls: usize) {
        if let Some(observer) = &self.observer {
            observer.polled(polls);
            let registry = self.shared.registry.borrow();
            observer.publish(registry.len(), registry.inserted(), self.reactor.metrics().turns);
        }
    }

    #[cold]
    fn fail_running(&self, owner: &Owner, payload: Payload) {
        match owner.task() {
            Some(task) => task.fail(payload),
            None => panic::resume_unwind(payload),
        }
    }

    /// [`PanicPolicy::Propagate`].
    fn hand_on_panic(&self) {
        let escaped = self.shared.escaped.borrow_mut().take();
        match escaped {
            // Called in a drop while another panic unwinds: a second one would end the process.
            Some(payload) if thread::panicking() => discard(payload),
            Some(payload) => panic::resume_unwind(payload),
            None => {}
        }
    }

    fn is_ready(&self) -> bool {
        !self.shared.run_queue.is_empty() || self.root.is_queued()
    }

    /// After `polls` more: by the pace, or because a task has asked for a look.
    fn look_is_wanted(&self, polls: usize) -> bool {
        owner::with(Owner::take_look) || self.look_is_due(polls)
    }

    /// After `polls` more.
    fn look_is_due(&self, polls: usize) -> bool {
        self.watches() && self.pace.is_due(polls)
    }

    /// Is there anything to look at, besides the inbox?
    fn watches(&self) -> bool {
        !self.reactor.is_idle() || self.backlog.is_some()
    }

    /// Polls one ready task, if there is one. Never blocks.
    ///
    /// When none is ready, remote wakes, sockets and timers are looked at first, so that a program which only ever ticks makes progress.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = wakeline::LocalExecutor::new();
    /// executor.spawn(async {}).detach();
    /// assert!(executor.try_tick());
    /// assert!(!executor.try_tick());
    /// ```
    ///
    /// # Panics
    ///
    /// When called from inside this very executor, or in a forked child; and with a task's panic under [`PanicPolicy::Propagate`].
    #[track_caller]
    pub fn try_tick(&self) -> bool {
        let visit = self.visit("try_tick");
        self.drain_inbox();
        // `run_batch` counts the polls.
        if self.shared.run_queue.is_empty() || self.look_is_wanted(0) {
            self.look().unwrap_or_else(|error| panic!("the reactor of this thread cannot wait any more: {error}"));
            self.drain_inbox();
        }
        let ready = !self.shared.run_queue.is_empty();
        self.run_batch(1, Then::Stop);
        drop(visit);
        ready
    }

    /// Looks at remote wakes, sockets and timers once, then polls tasks until none is ready. Never blocks.
    ///
    /// A task that always wakes itself keeps it running, with looks in between; [`turn`](Self::turn) is bounded.
    ///
    /// # Panics
    ///
    /// As [`try_tick`](Self::try_tick).
    #[track_caller]
    pub fn run_until_stalled(&self) {
        let visit = self.visit("run_until_stalled");
        self.drain_inbox();
        loop {
            self.look().unwrap_or_else(|error| panic!("the reactor of this thread cannot wait any more: {error}"));
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
        drop(visit);
    }

    /// One pass for a host loop: waits at most `timeout` for something to do (`None`: for as long as it takes), then polls each task that is
    /// ready now once. Tasks that became ready meanwhile are left for the next pass, and so are those that are not reached before sockets
    /// and timers have to be looked at again; the descriptor of a [`host`](Self::host) is then readable.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let executor = wakeline::LocalExecutor::new();
    /// let task = executor.spawn(async { 1 });
    /// while !task.is_finished() {
    ///     executor.turn(Some(Duration::from_millis(10)))?;
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What the kernel says when it cannot wait; when `timeout` is not zero and the thread is inside an executor; in a forked child.
    ///
    /// # Panics
    ///
    /// With a task's panic under [`PanicPolicy::Propagate`].
    pub fn turn(&self, timeout: Option<Duration>) -> io::Result<()> {
        let nesting = if timeout == Some(Duration::ZERO) { Nesting::Allowed } else { Nesting::Refused };
        let visit = self.begin_visit("turn", nesting)?;
        self.drain_inbox();
        // Nobody waits with the root; one that was woken late must not pass for work.
        self.root.take_wake();
        if self.shared.run_queue.is_empty() && timeout != Some(Duration::ZERO) {
            // A limit beyond what an Instant can say is none.
            self.sleep(timeout.and_then(|timeout| crate::clock::instant_now().checked_add(timeout)))?;
        } else {
            self.look()?;
            self.drain_inbox();
        }
        self.run_batch(usize::MAX, Then::Stop);
        drop(visit);
        Ok(())
    }

    /// When the earliest timer of this thread is due. A host loop waits no longer than that.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = wakeline::LocalExecutor::new();
    /// assert_eq!(executor.next_deadline(), None);
    /// ```
    pub fn next_deadline(&self) -> Option<Instant> {
        self.reactor.next_deadline()
    }

    /// Opens the kernel objects that a wait needs, unless they are open: the event queue, and what
    /// other threads notify. Without this the first wait opens them, where an error has nobody to
    /// go to.
    ///
    /// # Errors
    ///
    /// The kernel's, when descriptors or memory have run out; in a forked child.
    #[cfg(not(wakeline_loom))]
    pub(crate) fn open_reactor(&self) -> io::Result<()> {
        self.reactor.open()
    }

    /// A model has no kernel: there is nothing to open.
    #[cfg(wakeline_loom)]
    pub(crate) fn open_reactor(&self) -> io::Result<()> {
        self.reactor.check_process()
    }

    /// Runs the executor as long as the visit lives.
    fn begin_visit(&self, call: &'static str, nesting: Nesting) -> Result<Visit<'_>, EnterError> {
        if self.generation != fork::generation() {
            return Err(EnterError::forked());
        }
        let address = Shared::address(&self.shared).as_ptr().cast_const();
        let entered = owner::with(Owner::executor);
        if entered == address || (nesting == Nesting::Refused && !entered.is_null()) {
            return Err(EnterError::nested(call));
        }
        let visit = Visit { executor: self, _entered: Entered::new(address) };
        if self.hosts.get() > 0 {
            self.leave_to_nobody();
        }
        Ok(visit)
    }

    /// Enters for a call that does not block.
    #[track_caller]
    fn visit(&self, call: &'static str) -> Visit<'_> {
        match self.begin_visit(call, Nesting::Allowed) {
            Ok(visit) => visit,
            Err(error) => panic!("{error}"),
        }
    }

    /// A host loop is about to wait: whatever becomes ready from now on rings, and what is ready already rings now.
    fn wait_for_host(&self) {
        self.shared.mode.set(Mode::Hosted);
        // Not armed when a task is there already, and then there is work.
        let _armed = self.shared.inbox().arm();
        self.ring_for_hosts();
    }

    /// No host waits: what becomes ready rings no more.
    fn leave_to_nobody(&self) {
        self.shared.mode.set(Mode::Plain);
        self.admit(self.shared.inbox().take_all());
    }

    /// A turn may have taken a ring that was for another executor of this thread.
    fn ring_for_hosts(&self) {
        if host::has_work() {
            self.reactor.notifier().notify();
        }
    }
}

/// May the thread be inside another executor?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Nesting {
    Allowed,
    Refused,
}

/// The executor is entered as long as this lives.
struct Visit<'a> {
    executor: &'a LocalExecutor,
    _entered: Entered,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if self.executor.hosts.get() > 0 {
            self.executor.wait_for_host();
        } else {
            self.executor.ring_for_hosts();
        }
        if thread::panicking() {
            // The panic that unwinds is the first of several.
            let escaped = self.executor.shared.escaped.borrow_mut().take();
            escaped.into_iter().for_each(discard);
        }
    }
}

impl Default for LocalExecutor {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for LocalExecutor {
    fn drop(&mut self) {
        if sync::is_over() {
            return;
        }
        let shared = &self.shared;
        let _entered = Entered::new(Shared::address(shared).as_ptr().cast_const());
        shared.mode.set(Mode::Closing);
        host::remove(shared);
        enter::remove(shared);
        // From here on no push succeeds. What was spawned and not yet seen joins the others.
        let _ = shared.admit(shared.inbox().close());
        loop {
            let newest = shared.registry.borrow().newest();
            let Some(task) = newest else { break };
            // Out of the registry first: the drop of its future may do anything, with any task.
            let number = shared.registry.borrow_mut().remove_numbered(task);
            task.anchor();
            shared.late.borrow_mut().keep(task, number);
            owner::with(|owner| owner.begin(Some(task)));
            if let Some(observer) = &self.observer {
                observer.begins(task);
            }
            task.shut_down();
        }
        owner::with(|owner| owner.begin(None));
        if let Some(observer) = &self.observer {
            observer.rests();
        }
        // The handle of a task that another executor of this thread runs may still keep a waker of the root.
        self.root.anchor();
        self.root.shut_down();
        shared.blocks.take();
        shared.reactor.borrow_mut().take();
        let escaped = shared.escaped.borrow_mut().take();
        if let Some(payload) = escaped {
            discard(payload);
        }
    }
}

impl fmt::Debug for LocalExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalExecutor").field("name", &self.name).field("tasks", &self.tasks()).finish_non_exhaustive()
    }
}
