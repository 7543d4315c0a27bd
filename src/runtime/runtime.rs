//! The owner's side of a runtime: the join handles of its threads, and the calls that wait for
//! them. No lock of the runtime is held during a wait.
//!
//! | code of the user | called by | a panic |
//! |---|---|---|
//! | the main of a core | the core | ends `run`: the other mains are cancelled in order, then it goes on there |
//! | a task without a handle | the core | to the policy; with `Propagate` the runtime stops and it goes on in `run`, `block_on` or `shutdown` |
//! | the drop of a closure that no core has taken | the thread that shuts down | discarded |
//! | the drop of a closure that is refused | the thread that spawns | goes on there |
//! | a foreign waker that waits for `stopping` | the thread that shuts down | discarded |
//! | a thread-local's destructor | the core's thread | aborts the process, as on any thread |
//!
//! After a fork the child has the runtime's memory and none of its threads. Dropping it there
//! leaves its memory alone, for a lock in it may be held by a thread that is not there.

use std::fmt;
use std::mem;
use std::time::Duration;

use super::core::{self, Core, Stopping};
use super::error::{self, SpawnError};
use super::handle::Handle;
use super::index::CoreIndex;
use super::metrics::RuntimeMetrics;
use super::run::{self, Mains};
use super::shared::{Shared, Target};
use super::shutdown::order;
use super::shutdown::report::ShutdownReport;
use crate::sync::thread::JoinHandle;
use crate::sync::{Arc, is_over};
use crate::task::{RemoteTask, Site};

/// One executor per core, each on a thread of its own. A panic of a detached task ends that task
/// and nothing else ([`PanicPolicy::Isolate`](crate::PanicPolicy::Isolate)), unless the
/// [builder](super::Builder::panic_policy) says otherwise.
///
/// Dropping it shuts it down with the builder's [`drop_deadline`](super::Builder::drop_deadline),
/// one second by default, and never hangs. Inside a task it asks for the end and does not wait. It
/// gives no report of what it has cut off; [`shutdown`](Runtime::shutdown) does.
///
/// # Examples
///
/// ```
/// use wakeline::{Cores, Runtime};
///
/// let runtime = Runtime::builder().cores(Cores::exactly(2)).build()?;
/// let lengths = runtime.run(|core| async move {
///     let words = std::rc::Rc::new(["one", "three"]); // nothing here need be Send
///     wakeline::spawn(async move { words[core.index()].len() }).await.unwrap()
/// });
/// assert_eq!(lengths, [3, 5]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a runtime that is dropped is shut down"]
pub struct Runtime {
    handle: Handle,
    /// Empty once it has been shut down.
    threads: Vec<JoinHandle<()>>,
    drop_deadline: Duration,
}

impl Runtime {
    pub(super) fn new(shared: Arc<Shared>, threads: Vec<JoinHandle<()>>, drop_deadline: Duration) -> Self {
        Self { handle: Handle::new(shared), threads, drop_deadline }
    }

    fn shared(&self) -> &Arc<Shared> {
        self.handle.shared()
    }

    /// For calls that block.
    #[track_caller]
    fn check(&self, call: &'static str) {
        error::refuse_inside(call);
        if self.shared().is_of_the_parent() {
            panic!("{}", SpawnError::Forked);
        }
    }

    /// Runs the same main on every core and returns what they return, by core. The caller's thread
    /// waits.
    ///
    /// The closure is called on each core, so that neither the future nor anything in it need be
    /// `Send`.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::{Cores, Runtime};
    ///
    /// let runtime = Runtime::builder().cores(Cores::exactly(3)).build()?;
    /// assert_eq!(runtime.run(|core| async move { core.index() * 10 }), [0, 10, 20]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// - With the first panic of a main; of several at once, that of the lowest core. The other
    ///   mains are cancelled before, in the order of their cores: when `run` goes on, their futures
    ///   have been dropped. One that blocks its thread is waited for until the
    ///   [`drop_deadline`](super::Builder::drop_deadline) has passed.
    /// - With a task's panic under [`PanicPolicy::Propagate`](crate::PanicPolicy::Propagate).
    /// - When the shutdown has begun before, or a main was cancelled because its core has ended.
    /// - When the thread is inside an executor, and in a process forked from the runtime's.
    #[track_caller]
    pub fn run<F, Fut>(&self, main: F) -> Vec<Fut::Output>
    where
        F: Fn(Core) -> Fut + Send + Sync + 'static,
        Fut: Future + 'static,
        Fut::Output: Send + 'static,
    {
        self.check("Runtime::run");
        if let Err(error) = self.shared().admit(Target::Any) {
            panic!("`Runtime::run` was called too late: {error}");
        }
        let (main, site) = (std::sync::Arc::new(main), Site::caller());
        let spawn = |core| {
            let make = run::main_of(main.clone(), Core::new(self.handle.clone(), core));
            self.shared().spawn_on(core, make, Box::<str>::from("main"), site)
        };
        let mains = (0..self.cores()).map(spawn).collect();
        Mains::new(self.shared(), mains).finish(self.drop_deadline)
    }

    /// Runs a future on the calling thread, which is none of the cores. [`unblock`](crate::unblock)
    /// in it uses the runtime's threads.
    ///
    /// What it spawns with [`spawn`](crate::spawn) are the calling thread's own tasks, as under the
    /// free [`block_on`](crate::block_on): the panic of a detached one goes on here. The runtime's
    /// policy is for the cores.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::{Cores, Runtime};
    ///
    /// let runtime = Runtime::builder().cores(Cores::exactly(1)).build()?;
    /// let sum = runtime.block_on(async { runtime.spawn_on(0, || async { 2 }).await.unwrap() + 3 });
    /// assert_eq!(sum, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When the thread is inside an executor, in a process forked from the runtime's, with the
    /// future's own panic, with that of a detached task of this thread, and with that of a core's
    /// under [`PanicPolicy::Propagate`](crate::PanicPolicy::Propagate).
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.check("Runtime::block_on");
        let pool = self.shared().pool.enter();
        let output = run::block_on_either(future, self.shared());
        drop(pool);
        output
    }

    /// See [`Handle::spawn_on`].
    #[track_caller]
    pub fn spawn_on<C, F>(&self, core: impl CoreIndex, make: C) -> RemoteTask<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_on(core, make)
    }

    /// See [`Handle::try_spawn_on`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn try_spawn_on<C, F>(&self, core: impl CoreIndex, make: C) -> Result<RemoteTask<F::Output>, SpawnError>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.handle.try_spawn_on(core, make)
    }

    /// See [`Handle::spawn_balanced`].
    #[track_caller]
    pub fn spawn_balanced<C, F>(&self, make: C) -> RemoteTask<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_balanced(make)
    }

    /// See [`Handle::try_spawn_balanced`].
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn try_spawn_balanced<C, F>(&self, make: C) -> Result<RemoteTask<F::Output>, SpawnError>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.handle.try_spawn_balanced(make)
    }

    /// The number of cores.
    pub fn cores(&self) -> usize {
        self.handle.cores()
    }

    /// For other threads and tasks: spawns here, and does not keep the runtime running.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What the cores have done so far. Reads numbers that the cores leave behind; none of them is
    /// disturbed.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::{Cores, Runtime};
    ///
    /// let runtime = Runtime::builder().cores(Cores::exactly(2)).build()?;
    /// runtime.run(|_| wakeline::yield_now());
    /// assert!(runtime.metrics().cores.iter().all(|core| core.polls > 0));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle.metrics()
    }

    /// Ends the runtime and says what became of its tasks.
    ///
    /// 1. From here on spawns are refused, and closures of `spawn_balanced` that no core has taken
    ///    are dropped.
    /// 2. [`Core::stopping`] resolves on all cores.
    /// 3. Tasks may end by themselves until `deadline` has passed. Meanwhile closures of
    ///    [`unblock`](crate::unblock) are begun as before.
    /// 4. Tasks that have not are dropped, newest first, on their own cores, whose sockets and
    ///    timers still work.
    /// 5. The threads of the cores are joined, in their order.
    /// 6. Closures of `unblock` that wait are run, those included that tasks have detached on
    ///    hearing of the end, and those that other closures submit. At the deadline what no thread
    ///    has begun is dropped, and what still runs is left alone; the report names both.
    ///
    /// Returns as soon as no task and no closure is left. A core that is stuck in a task's poll or
    /// drop gets a second beyond the deadline; then it is left alone, and the report names the
    /// task. Closures that it has not begun are dropped here. Called by a closure of
    /// [`unblock`](crate::unblock) on one of the runtime's own threads, it waits for that closure
    /// until the deadline, like for any other. A deadline of zero drops everything at once;
    /// [`Duration::MAX`] waits for every task, however long that takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use wakeline::{Cores, Runtime};
    ///
    /// let runtime = Runtime::builder().cores(Cores::exactly(1)).build()?;
    /// runtime.spawn_on(0, || async {}).detach();
    /// let report = runtime.shutdown(Duration::from_secs(5));
    /// assert!(report.is_clean());
    /// println!("{report}");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When the thread is inside an executor, and in a process forked from the runtime's. After the
    /// shutdown, with a task's panic under
    /// [`PanicPolicy::Propagate`](crate::PanicPolicy::Propagate) that nobody has received yet.
    #[track_caller]
    pub fn shutdown(mut self, deadline: Duration) -> ShutdownReport {
        self.check("Runtime::shutdown");
        let report = order::shut_down(self.handle.shared(), mem::take(&mut self.threads), deadline);
        if let Some(payload) = self.shared().take_escaped() {
            std::panic::resume_unwind(payload);
        }
        report
    }
}

impl AsRef<Handle> for Runtime {
    fn as_ref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let threads = mem::take(&mut self.threads);
        if threads.is_empty() || is_over() {
            return;
        }
        if self.shared().is_of_the_parent() {
            // Neither the threads nor the locks are this process's.
            mem::forget(threads);
            mem::forget(self.handle.clone());
        } else if error::is_inside() || core::is_on_core_of(self.shared()) {
            order::request(self.shared(), self.drop_deadline);
        } else {
            let _ = order::shut_down(self.handle.shared(), threads, self.drop_deadline);
        }
    }
}

/// What belongs to a runtime may be used on any thread.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<(Runtime, Handle, Core, Stopping, ShutdownReport, RuntimeMetrics)>();
};

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("handle", &self.handle).finish_non_exhaustive()
    }
}
