//! An executor's data: what the parts of the loop work on.
//!
//! Each part is an `impl` of [`ExecutorCore`] in a file of its own: `batch` polls, `park` looks
//! outside and sleeps, `host` knows somebody else's loop, `cancel` ends tasks, `visit` enters and
//! leaves, and `run` puts them together.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::event_interval::EventInterval;
use super::hooks::Hooks;
use super::injector::Injector;
use super::shared::SharedOwner;
use super::spawner::Spawner;
use super::spin::Spin;
use crate::clock;
use crate::fork;
use crate::reactor::Reactor;
use crate::task::current::{self, Current};
use crate::task::{RootTask, TaskInfo};

/// What an executor consists of.
pub(crate) struct ExecutorCore<H: Hooks> {
    pub(super) shared: SharedOwner,
    /// What the waker of `block_on`'s future points at. It is used again by the next call, so a
    /// stale waker of an earlier one costs one spurious poll.
    pub(super) root: RootTask,
    pub(super) reactor: Rc<Reactor>,
    pub(super) event_interval: EventInterval,
    /// Most tasks polled between two looks at the root and the inbox.
    pub(super) batch: usize,
    /// How many host loops watch the descriptor.
    pub(super) hosts: Cell<usize>,
    pub(super) spin: Spin,
    /// Nanoseconds by which a sleep for a timer may be longer than to its deadline.
    pub(super) timer_slack: u64,
    /// Where it takes closures that any core may begin; a runtime's executors have one.
    pub(super) injector: Option<Rc<dyn Injector>>,
    /// Listen to the loop.
    pub(super) hooks: H,
    /// The process that made it.
    pub(super) generation: u32,
    pub(super) name: Option<Box<str>>,
}

impl<H: Hooks> ExecutorCore<H> {
    /// How many tasks are registered: those that have not ended, and those whose handle has not
    /// gone.
    pub(super) fn task_count(&self) -> usize {
        self.shared.registry.borrow().len()
    }

    /// The tasks that have not ended, newest first.
    pub(crate) fn tasks(&self) -> Vec<TaskInfo> {
        self.shared.registry.borrow_mut().number_all();
        self.shared.registry.borrow().iter().filter(|task| !task.is_done()).map(|task| task.info()).collect()
    }

    /// How many tasks have not ended, and how many ever were spawned.
    pub(crate) fn task_counts(&self) -> (usize, usize) {
        let registry = self.shared.registry.borrow();
        (registry.iter().filter(|task| !task.is_done()).count(), registry.inserted())
    }

    /// A handle with which any thread can spawn tasks here.
    pub(crate) fn spawner(&self) -> Spawner {
        Spawner::new(self.shared.shared().clone())
    }

    /// False in a child that was forked after the executor was made.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.generation == fork::generation()
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

    /// When this executor would look at the timers of its thread, with nothing else to do.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.reactor.timers().next_look(self.timer_slack).map(clock::instant)
    }

    /// Would a batch or the root find something?
    pub(super) fn is_ready(&self) -> bool {
        !self.shared.run_queue.is_empty() || self.root.is_woken()
    }

    /// After `polls` more: by the event interval, or because a task has asked for a look.
    pub(super) fn look_is_wanted(&self, polls: usize) -> bool {
        current::with(Current::take_look) || self.look_is_due(polls)
    }

    /// After `polls` more.
    pub(super) fn look_is_due(&self, polls: usize) -> bool {
        self.has_outside() && self.event_interval.is_due(polls)
    }

    /// Is there anything to look at, besides the inbox?
    pub(super) fn has_outside(&self) -> bool {
        !self.reactor.is_idle() || self.injector.is_some()
    }
}
