//! What models need and no public function gives them. Only builds for loom have this module.
//!
//! Most models drive the public executor. What they cannot get from it is here: an [`Owner`] that
//! is nothing but an inbox, so that a model can take the owner's steps one by one and put its own
//! latch in the place of the kernel; a [`Node`], which is a task as the inbox sees it; [`notify`],
//! a wake-up of the owner that has nothing to do with a task; a [`Sight`] of what an executor is
//! polling; a [`SignalPipe`], which is a signal's receiver without the signal; [`BalanceMembers`],
//! which hand over what is no socket; a [`BlockingPool`] whose bound and end are the model's; and a
//! [`Queue`], a runtime's balanced one without its threads.

#![allow(missing_debug_implementations)]

mod balance;
mod queue;

#[cfg(all(unix, feature = "signal"))]
mod signal_pipe;

pub use balance::{BalanceMembers, BalanceMembership, Served};
pub use queue::Queue;
#[cfg(all(unix, feature = "signal"))]
pub use signal_pipe::SignalPipe;

pub use crate::inbox::Notify;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::num::NonZero;
use std::ptr::NonNull;
use std::task::Waker;
use std::time::Duration;

use crate::blocking::{self, PoolOptions};
use crate::executor::metrics::ExecutorMetrics;
use crate::inbox::Inbox;
use crate::sync::{Arc, start_thread};
use crate::task::{FreeList, Here, Linked, Payload, Queued, Registered, RootTask, Schedule, Site, TaskView};
use crate::{Spawner, Unblock, unblock};

/// Calls the executor's notifier although nothing was pushed: a stale notification, a signal, a
/// timer.
pub fn notify(spawner: &Spawner) {
    spawner.shared().inbox().notifier().notify();
}

/// What a shutdown does about an executor that does not come back: drops the closures that it has
/// not begun. How many they were.
pub fn drop_unbegun(spawner: &Spawner) -> usize {
    spawner.drop_unbegun().len()
}

/// What one executor shows of the task that it is polling.
#[derive(Clone)]
pub struct Sight(Arc<ExecutorMetrics>);

impl Sight {
    /// Nothing to see yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(ExecutorMetrics::new())
    }

    /// The owner begins a poll.
    pub fn set(&self, id: usize, name: &str) {
        self.0.seqlock().set(id, Site::caller(), Some(name));
    }

    /// Another thread looks.
    pub fn read(&self) -> Option<(usize, String)> {
        self.0.seqlock().read().map(|(id, name, _)| (id, name.unwrap_or_default()))
    }

    /// Another thread looks, and does not ask whether what it sees belongs together.
    pub fn read_carelessly(&self) -> (usize, String) {
        let (id, name, _) = self.0.seqlock().words();
        (id, name.unwrap_or_default())
    }
}

/// The smallest thing that tasks can belong to: they are nodes, and it registers none.
struct OwnerShared<N> {
    inbox: Inbox<N>,
}

/// An owner that takes the steps of the loop one by one.
pub struct Owner<N> {
    shared: Arc<OwnerShared<N>>,
    /// Not `Send`.
    local: PhantomData<*const ()>,
}

impl<N: Notify + Send + Sync + 'static> Owner<N> {
    /// An empty inbox whose pushers call `notifier`.
    pub fn new(notifier: N) -> Self {
        let inbox = Inbox::new(Arc::new(notifier));
        Self { shared: Arc::new(OwnerShared { inbox }), local: PhantomData }
    }

    /// What it sleeps on.
    pub fn notifier(&self) -> &N {
        self.shared.inbox.notifier()
    }

    /// A task that can be pushed and is never polled.
    pub fn node(&self) -> Node<'_> {
        Node { task: RootTask::new(&self.shared, Site::caller()), owner: PhantomData }
    }

    fn taken(&self, tasks: crate::inbox::Taken) -> TakenNodes<'_, N> {
        let shared = NonNull::new(Arc::as_ptr(&self.shared).cast_mut()).expect("an Arc's pointer is not null");
        // SAFETY: [T7] the owner does not leave its thread, and has no tasks but nodes, which keep
        // the memory; on another thread this would be a second owner.
        TakenNodes { tasks, owner: unsafe { Here::new(shared) } }
    }

    /// `Inbox::has_tasks`.
    pub fn has_tasks(&self) -> bool {
        self.shared.inbox.has_tasks()
    }

    /// `Inbox::arm`.
    #[must_use]
    pub fn arm(&self) -> bool {
        self.shared.inbox.arm()
    }

    /// `Inbox::take_all`.
    pub fn take_all(&self) -> TakenNodes<'_, N> {
        self.taken(self.shared.inbox.take_all())
    }

    /// Somebody who does as the owner does, elsewhere.
    pub fn thief(&self) -> Thief<N> {
        Thief(self.shared.clone())
    }

    /// `Inbox::close`.
    pub fn close(&self) -> TakenNodes<'_, N> {
        self.taken(self.shared.inbox.close())
    }
}

/// Another thread that takes tasks out of an [`Owner`]'s inbox in the owner's way: for a model that
/// shows why nobody may.
pub struct Thief<N>(Arc<OwnerShared<N>>);

impl<N: Notify> Thief<N> {
    /// Takes all, and ASLEEP with it; what there was is pushed again.
    pub fn take_all(&self) {
        self.0.inbox.take_all().for_each(Linked::push_again);
    }
}

/// A task of an [`Owner`], held by it.
pub struct Node<'a> {
    task: RootTask,
    owner: PhantomData<&'a ()>,
}

impl Node<'_> {
    /// What tells it from others.
    pub fn id(&self) -> usize {
        self.task.number()
    }

    /// A reference for another thread, whose wake pushes the node.
    pub fn waker(&self) -> Waker {
        self.task.waker().clone()
    }

    /// The owner's RMW that takes it out of the inbox. A model that calls it by itself takes over
    /// the duty of the iteration over [`TakenNodes`], and shows what happens when the order is
    /// wrong.
    pub fn unlink(&self) {
        self.task.unlink_early();
    }
}

/// What was pushed, oldest first; each node is unlinked as it comes out.
#[must_use = "nodes that are dropped here are not seen"]
pub struct TakenNodes<'a, N> {
    tasks: crate::inbox::Taken,
    owner: Here<'a, OwnerShared<N>>,
}

impl<N> TakenNodes<'_, N> {
    /// The next node, still linked.
    pub fn next_linked(&mut self) -> Option<usize> {
        self.tasks.next().map(Linked::leave)
    }
}

impl<N: Notify + Send + Sync + 'static> Iterator for TakenNodes<'_, N> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let task = self.tasks.next()?;
        let node = task.number();
        assert!(task.admit(self.owner).is_none(), "nobody spawns in these models");
        Some(node)
    }
}

impl<N: Notify + Send + Sync + 'static> Schedule for OwnerShared<N> {
    fn ready(_: Here<'_, Self>, _: Queued) {}

    fn push(&self, task: Linked) -> Result<(), Linked> {
        self.inbox.push(task)
    }

    fn forget(_: Here<'_, Self>, _: &TaskView) -> Option<Registered> {
        None
    }

    fn orphan_panic(_: Here<'_, Self>, payload: Payload) {
        std::panic::resume_unwind(payload);
    }

    fn number(_: Here<'_, Self>, _: &TaskView) -> NonZero<u64> {
        unreachable!("nobody asks for the id of a node")
    }

    fn blocks(_: Here<'_, Self>) -> Option<&RefCell<FreeList>> {
        None
    }
}

/// What a worker of a [`BlockingPool`] does when there is nothing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idle {
    /// Waits for ever.
    Stays,
    /// Ends.
    Ends,
}

/// A blocking pool, to be closed and joined by the model, which would otherwise find a thread that
/// waits for ever.
#[derive(Clone)]
pub struct BlockingPool(blocking::Pool);

impl BlockingPool {
    /// A pool of at most so many workers.
    pub fn new(threads: usize, idle: Idle) -> Self {
        let idle = if idle == Idle::Ends { Duration::ZERO } else { Duration::MAX };
        Self(blocking::Pool::new(PoolOptions { threads, idle, name: "model".into(), patience: Duration::ZERO }))
    }

    /// One that is refused so many threads before it gets any.
    pub fn refused(threads: usize, refusals: usize) -> Self {
        let left = std::sync::Mutex::new(refusals);
        let options = PoolOptions { threads, idle: Duration::MAX, name: "model".into(), patience: Duration::ZERO };
        let start = move |name, run| {
            let mut left = left.lock().expect("nothing panics in here");
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => return start_thread(name, run),
            }
            Err(std::io::ErrorKind::WouldBlock.into())
        };
        Self(blocking::Pool::starting(options, Box::new(start)))
    }

    /// [`unblock`] on this pool.
    pub fn unblock<T, F>(&self, f: F) -> Unblock<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let _entered = self.0.enter();
        unblock(f)
    }

    /// `Pool::end`, at once: what was not begun is dropped.
    pub fn close(&self) {
        self.0.end(Some(crate::clock::instant_now()));
    }

    /// `Pool::end` without a limit, and `Pool::leave`.
    pub fn finish(&self) {
        self.0.end(None);
        self.0.leave();
    }

    /// `Pool::join` without a limit; then every count has to be zero. How many jobs were not begun.
    pub fn join(&self) -> usize {
        let left = self.0.join(None);
        assert!(left.running.is_empty());
        assert_eq!(self.0.counts(), [0; 4]);
        left.not_begun.len()
    }
}
