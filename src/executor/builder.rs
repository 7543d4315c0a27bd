//! Options of executors, with their defaults and the reasons for them.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::context::thread_reactor;
use super::core::ExecutorCore;
use super::event_interval::EventInterval;
use super::hooks::Hooks;
use super::injector::Injector;
use super::local::LocalExecutor;
use super::policy::PanicPolicy;
use super::shared::SharedOwner;
use super::spin::Spin;
use crate::clock;
use crate::fork;
use crate::task::Site;

/// Most tasks polled between two looks at the root and the inbox: at some 5 ns a poll, one to two
/// microseconds.
const BATCH: u32 = 256;
/// Polls between two looks at sockets and timers while tasks are ready. A look costs what forty
/// polls cost; at 256 it adds a sixth.
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
    timer_slack: Duration,
}

impl Builder {
    fn new() -> Self {
        Self {
            name: None,
            batch: BATCH,
            event_interval: EVENT_INTERVAL,
            policy: PanicPolicy::default(),
            spin: Duration::ZERO,
            timer_slack: Duration::ZERO,
        }
    }

    /// A name for messages.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Most tasks polled between two looks at remote wakes and the future of `block_on`. 256 by
    /// default; 0 counts as 1.
    pub fn batch(mut self, tasks: u32) -> Self {
        self.batch = tasks.max(1);
        self
    }

    /// Polls after which sockets and timers are looked at while tasks are ready; 200 µs do the
    /// same. 256 by default; 0 counts as 1.
    pub fn event_interval(mut self, polls: u32) -> Self {
        self.event_interval = polls.max(1);
        self
    }

    /// What happens to a panic of a task that nobody holds the handle of. [`PanicPolicy::Isolate`]
    /// by default; the free [`block_on`](crate::block_on) has [`PanicPolicy::Propagate`].
    pub fn panic_policy(mut self, policy: PanicPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How long the executor spins before it parks in the kernel. Zero by default.
    ///
    /// A parked thread takes microseconds to wake, a spinning one a fraction of one; the price is a
    /// processor that is busy for nothing. It pays where threads wait for each other in turn, with
    /// some microseconds to some tens of them. Every few microseconds the thread yields its
    /// processor to others. Where that is what brings something to do, or nothing does, the
    /// executor parks at once, and spins again only now and then: so it costs next to nothing where
    /// it brings nothing.
    pub fn spin(mut self, time: Duration) -> Self {
        self.spin = time;
        self
    }

    /// How much later than its deadline a timer may fire, so that timers that lie close together
    /// fire in one wake-up. Zero by default.
    ///
    /// An executor that has nothing else to do sleeps until this much after the earliest deadline,
    /// and fires all timers that are due by then. No timer fires early, and none later than this
    /// after its deadline by the executor's own doing. While the executor is awake for other
    /// reasons it fires timers as they become due, and slack changes nothing.
    ///
    /// It trades lateness for processor time and battery: each wake-up costs some ten microseconds.
    /// With timers a millisecond apart or more there is nothing to save. With ten thousand that end
    /// each second, 250 µs save most of the wake-ups. Every duration is accepted, and saturates.
    /// The system adds some lateness of its own, 50 µs on Linux unless the thread asks for less.
    ///
    /// For comparison: tokio and asyncio round timers to whole milliseconds, so that a sleep there
    /// is half a millisecond to a millisecond late and more; `timer_slack(1 ms)` is the same trade,
    /// without the rounding.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use wakeline::LocalExecutor;
    ///
    /// let executor = LocalExecutor::builder().timer_slack(Duration::from_micros(250)).build();
    /// let start = Instant::now();
    /// executor.block_on(wakeline::time::sleep(Duration::from_millis(1)));
    /// assert!(start.elapsed() >= Duration::from_millis(1));
    /// ```
    pub fn timer_slack(mut self, slack: Duration) -> Self {
        self.timer_slack = slack;
        self
    }

    /// Makes the executor.
    #[track_caller]
    pub fn build(self) -> LocalExecutor {
        LocalExecutor { core: self.build_core(None, ()) }
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
        executor.core.open_reactor()?;
        Ok(executor)
    }

    /// Makes an executor that takes closures from the injector when it has nothing else to do.
    #[cfg(any(test, wakeline_loom))]
    pub(crate) fn build_with(self, injector: Rc<dyn Injector>) -> LocalExecutor {
        LocalExecutor { core: self.build_core(Some(injector), ()) }
    }

    /// Makes an executor with these hooks, and with an injector where there is one.
    #[track_caller]
    pub(crate) fn build_core<H: Hooks>(self, injector: Option<Rc<dyn Injector>>, hooks: H) -> ExecutorCore<H> {
        let reactor = thread_reactor();
        let shared = SharedOwner::new(reactor.clone(), self.policy);
        ExecutorCore {
            root: shared.root(Site::caller()),
            shared,
            reactor,
            event_interval: EventInterval::new(self.event_interval as usize),
            batch: self.batch as usize,
            spin: Spin::new(self.spin),
            timer_slack: clock::after(0, self.timer_slack),
            injector,
            hooks,
            hosts: Cell::new(0),
            generation: fork::generation(),
            name: self.name,
        }
    }
}

impl LocalExecutor {
    /// An executor with the default options. Cannot fail: the kernel's objects are made at first
    /// need.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Sets options.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Default for LocalExecutor {
    fn default() -> Self {
        Self::new()
    }
}
