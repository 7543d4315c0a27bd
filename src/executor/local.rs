//! The executor as users have it.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use super::core::ExecutorCore;
use super::enter::EnterGuard;
use super::error::EnterError;
#[cfg(all(unix, not(wakeline_loom)))]
use super::host::Host;
use super::spawner::Spawner;
use crate::reactor::Metrics;
use crate::task::{Site, Task};

/// Runs tasks on the thread that made it. A panic of a detached task stays inside
/// ([`PanicPolicy::Isolate`](crate::PanicPolicy::Isolate)), unless the [builder](Self::builder) was
/// told otherwise.
///
/// The futures it runs need not be `Send`. It starts no thread, and opens no descriptor before a
/// task waits for one. Several may exist on a thread; they share the thread's sockets and timers,
/// so a socket made under one can be awaited under another. One is entered at a time;
/// [`try_tick`](Self::try_tick) and its siblings may be called on a second one from inside a task
/// of the first, blocking calls may not.
///
/// Dropping it drops all its tasks, newest first, while sockets and timers still work; their
/// handles then say [`Cancelled`](crate::JoinError::Cancelled). It waits for nobody.
///
/// # Examples
///
/// ```
/// let executor = wakeline::LocalExecutor::new();
/// let task = executor.spawn(async { 6 * 7 });
/// assert_eq!(executor.block_on(task).unwrap(), 42);
/// ```
pub struct LocalExecutor {
    pub(super) core: ExecutorCore<()>,
}

impl LocalExecutor {
    /// The name that the builder gave it.
    pub fn name(&self) -> Option<&str> {
        self.core.name.as_deref()
    }

    /// How many tasks have not ended, or have ended and are still referred to by their handle.
    pub fn task_count(&self) -> usize {
        self.core.task_count()
    }

    /// What the thread has asked of the kernel so far, on behalf of all its executors.
    pub fn metrics(&self) -> Metrics {
        self.core.reactor.metrics()
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
        self.core.shared.here().spawn(future, (), Site::caller())
    }

    /// A handle with which any thread can spawn tasks here.
    pub fn spawner(&self) -> Spawner {
        self.core.spawner()
    }

    /// Runs the future and the executor's tasks until the future returns. Sleeps in the kernel when
    /// nothing is ready.
    ///
    /// Tasks that have not ended stay, and go on in the next call.
    ///
    /// # Panics
    ///
    /// - When the thread is already inside an executor; the message names the task and what to do.
    /// - When the executor belongs to the process that this one was forked from.
    /// - With the future's own panic, and with a task's under
    ///   [`PanicPolicy::Propagate`](crate::PanicPolicy::Propagate).
    /// - When the kernel refuses to wait, which means that a descriptor of the reactor was closed
    ///   behind its back.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.core.block_on(future)
    }

    /// [`block_on`](Self::block_on) that returns an error where the executor cannot be entered.
    ///
    /// # Errors
    ///
    /// When the thread is already inside an executor, or the executor belongs to the parent
    /// process. The future is dropped unpolled.
    pub fn try_block_on<F: Future>(&self, future: F) -> Result<F::Output, EnterError> {
        self.core.try_block_on(future)
    }

    /// Polls one ready task, if there is one. Never blocks.
    ///
    /// When none is ready, remote wakes, sockets and timers are looked at first, so that a program
    /// which only ever ticks makes progress.
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
    /// When called from inside this very executor, or in a forked child; and with a task's panic
    /// under [`PanicPolicy::Propagate`](crate::PanicPolicy::Propagate).
    #[track_caller]
    pub fn try_tick(&self) -> bool {
        self.core.try_tick()
    }

    /// Looks at remote wakes, sockets and timers once, then polls tasks until none is ready. Never
    /// blocks.
    ///
    /// A task that always wakes itself keeps it running, with looks in between;
    /// [`turn`](Self::turn) is bounded.
    ///
    /// # Panics
    ///
    /// As [`try_tick`](Self::try_tick).
    #[track_caller]
    pub fn run_until_stalled(&self) {
        self.core.run_until_stalled()
    }

    /// One pass for a host loop: waits at most `timeout` for something to do (`None`: for as long
    /// as it takes), then polls each task that is ready now once. Tasks that became ready meanwhile
    /// are left for the next pass, and so are those that are not reached before sockets and timers
    /// have to be looked at again; the descriptor of a [`host`](Self::host) is then readable.
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
    /// What the kernel says when it cannot wait; when `timeout` is not zero and the thread is
    /// inside an executor; in a forked child.
    ///
    /// # Panics
    ///
    /// With a task's panic under [`PanicPolicy::Propagate`](crate::PanicPolicy::Propagate).
    pub fn turn(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.core.turn(timeout)
    }

    /// When the earliest timer of this thread is due, and the
    /// [slack](crate::executor::Builder::timer_slack) of this executor has passed. A host loop
    /// waits no longer than that.
    ///
    /// # Examples
    ///
    /// ```
    /// let executor = wakeline::LocalExecutor::new();
    /// assert_eq!(executor.next_deadline(), None);
    /// ```
    pub fn next_deadline(&self) -> Option<Instant> {
        self.core.next_look()
    }

    /// The face that the executor shows to somebody else's loop: a descriptor that is readable when
    /// [`turn`](Self::turn) would find something.
    ///
    /// As long as a `Host` lives, what makes work for the executor between two turns notifies, also
    /// a spawn or a wake on this thread; so the executor pays for it only while somebody watches.
    /// Several may live at once, one for each loop that watches, and the last one that is dropped
    /// ends it. The host's loop waits no longer than [`next_deadline`](Self::next_deadline), calls
    /// `turn`, and need not ask the descriptor first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustix::event::{PollFd, PollFlags, poll};
    ///
    /// let executor = wakeline::LocalExecutor::new();
    /// let host = executor.host()?;
    /// let task = executor.spawn(async { 7 });
    /// while !task.is_finished() {
    ///     poll(&mut [PollFd::new(&host, PollFlags::IN)], None)?;
    ///     executor.turn(Some(Duration::ZERO))?;
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The kernel's, when descriptors have run out; on systems that have neither epoll nor kqueue;
    /// in a forked child.
    #[cfg(all(unix, not(wakeline_loom)))]
    pub fn host(&self) -> io::Result<Host<'_>> {
        Host::new(&self.core)
    }

    /// Enters the executor without running it: as long as the guard lives, [`spawn`](crate::spawn),
    /// timers, sockets and [`Spawner::current`](crate::Spawner::current) find it on this thread. It
    /// is for constructors that spawn, called before there is a task to call them in.
    ///
    /// Nothing runs before the executor does, and nothing can be waited for under the guard alone:
    /// a timer or socket that is polled where no executor runs says so. Inside an executor that
    /// runs, the running one is found. Of several guards the one that was made last counts; they
    /// may be dropped in any order. The guard stays on its thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::{LocalExecutor, Task};
    ///
    /// /// Spawns where it is called.
    /// fn start() -> Task<u32> {
    ///     wakeline::spawn(async { 42 })
    /// }
    ///
    /// let executor = LocalExecutor::new();
    /// let guard = executor.enter();
    /// let task = start();
    /// assert_eq!(executor.block_on(task).unwrap(), 42);
    /// drop(guard);
    /// ```
    ///
    /// # Panics
    ///
    /// Inside a task, or inside the future of `block_on`: there an executor runs, and it is the one
    /// that is found. Spawn on this one by [`LocalExecutor::spawn`]. In a forked child.
    #[track_caller]
    pub fn enter(&self) -> EnterGuard<'_> {
        if !self.core.is_of_this_process() {
            panic!("{}", EnterError::forked());
        }
        if let Err(error) = EnterError::if_running() {
            panic!("{error}");
        }
        EnterGuard::new(&self.core.shared)
    }
}

impl fmt::Debug for LocalExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, tasks) = (&self.core.name, self.core.tasks());
        f.debug_struct("LocalExecutor").field("name", name).field("tasks", &tasks).finish_non_exhaustive()
    }
}
