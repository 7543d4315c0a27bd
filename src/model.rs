//! Doors for the models — owns what a model needs and no public function reaches — must never
//! exist in an ordinary build.
//!
//! Most models drive the public executor. What they cannot get from it is here: an [`Owner`] that
//! is nothing but an inbox, so that a model can take the owner's steps one by one and put its own
//! latch in the place of the kernel; a [`Node`], which is a task as the inbox sees it; [`ring`], a
//! wake-up of the owner that has nothing to do with a task; a [`Sight`] of what an executor is
//! polling; a [`SignalPipe`], which is a signal's receiver without the signal; [`BalanceMembers`],
//! which hand over what is no socket; a [`Pool`] whose bound and end are the model's; and a
//! [`Queue`], a runtime's balanced one without its threads.

#![allow(missing_debug_implementations)]

mod queue;

pub use queue::Queue;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::num::NonZero;
use std::ptr::NonNull;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::blocking::{self, PoolOptions};
use crate::executor::metrics::ExecutorMetrics;
use crate::inbox::{Inbox, Notify};
use crate::net::members;
use crate::sync::{Arc, start_thread};
use crate::task::{FreeList, Origin, Payload, Schedule, Site, TaskRef, allocate, borrowed};
use crate::{Spawner, Unblock, unblock};

/// What the owner of a model sleeps on.
pub trait Bell: 'static {
    /// Ends the owner's sleep; called by the push that found it asleep.
    fn ring(&self);
}

/// A [`Bell`] as the inbox knows it.
#[derive(Debug)]
struct Rope<B>(B);

impl<B: Bell> Notify for Rope<B> {
    fn notify(&self) {
        self.0.ring();
    }
}

#[cfg(all(unix, feature = "signal"))]
impl<B: Bell> crate::signal::WriteEnd for Rope<B> {
    fn write_byte(&self) {
        self.0.ring();
    }
}

/// What a signal's handler writes to and its receiver reads, with `B` for the socket between them.
#[cfg(all(unix, feature = "signal"))]
pub struct SignalPipe<B: Bell>(crate::signal::SelfPipe<Rope<B>>);

#[cfg(all(unix, feature = "signal"))]
impl<B: Bell> SignalPipe<B> {
    /// No signal has come.
    pub fn new(doorbell: B) -> Self {
        Self(crate::signal::SelfPipe::new(Rope(doorbell)))
    }

    /// The doorbell.
    pub fn doorbell(&self) -> &B {
        &self.0.write_end().0
    }

    /// The handler runs.
    pub fn raise(&self) {
        self.0.raise();
    }

    /// Whether a signal has come; if not, `drain` has found the doorbell empty. It says of each
    /// look whether there was anything in it.
    pub fn has_come(&self, mut drain: impl FnMut() -> bool) -> bool {
        self.0.poll_raised(|| if drain() { Poll::Ready(Ok(())) } else { Poll::Pending }).is_ready()
    }
}

/// Rings the executor's notifier although nothing was pushed: a stale ring, a signal, a timer.
pub fn ring(spawner: &Spawner) {
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

/// The smallest thing that can own tasks.
struct Desk<B> {
    inbox: Inbox<Rope<B>>,
    blocks: RefCell<FreeList>,
}

// SAFETY: [X1] the blocks are the owner's half, touched by the thread of the `Owner`, which is not
// `Send`; the inbox is everybody's.
unsafe impl<B: Bell> Send for Desk<B> {}
// SAFETY: [X1] as above.
unsafe impl<B: Bell> Sync for Desk<B> {}

/// An owner that takes the steps of the loop one by one.
pub struct Owner<B: Bell> {
    desk: Arc<Desk<B>>,
    /// Not `Send`.
    local: PhantomData<*const ()>,
}

impl<B: Bell> Owner<B> {
    /// An empty inbox whose pushers ring `bell`.
    pub fn new(bell: B) -> Self {
        let inbox = Inbox::new(Arc::new(Rope(bell)));
        Self { desk: Arc::new(Desk { inbox, blocks: RefCell::default() }), local: PhantomData }
    }

    /// What it sleeps on.
    pub fn bell(&self) -> &B {
        &self.desk.inbox.notifier().0
    }

    /// A task that can be pushed and is never polled.
    pub fn node(&self) -> Node<'_> {
        let desk = NonNull::new(Arc::as_ptr(&self.desk).cast_mut()).expect("an Arc's pointer is not null").cast();
        let task = allocate::<_, (), Desk<B>>(std::future::pending::<()>(), (), desk, Site::caller(), Origin::Root);
        Node { task, owner: PhantomData }
    }

    /// `Inbox::has_tasks`.
    pub fn has_tasks(&self) -> bool {
        self.desk.inbox.has_tasks()
    }

    /// `Inbox::arm`.
    #[must_use]
    pub fn arm(&self) -> bool {
        self.desk.inbox.arm()
    }

    /// `Inbox::take_all`.
    pub fn take_all(&self) -> Taken {
        Taken(self.desk.inbox.take_all())
    }

    /// Somebody who does as the owner does, elsewhere.
    pub fn thief(&self) -> Thief<B> {
        Thief(self.desk.clone())
    }

    /// `Inbox::close`.
    pub fn close(&self) -> Taken {
        Taken(self.desk.inbox.close())
    }
}

/// Another thread that takes tasks out of an [`Owner`]'s inbox in the owner's way: for a model that
/// shows why nobody may.
pub struct Thief<B>(Arc<Desk<B>>);

impl<B: Bell> Thief<B> {
    /// Takes all, and ASLEEP with it; what there was is pushed again.
    pub fn take_all(&self) {
        self.0.inbox.take_all().for_each(TaskRef::push_again);
    }
}

/// A task of an [`Owner`], held by it.
pub struct Node<'a> {
    task: TaskRef,
    owner: PhantomData<&'a ()>,
}

impl Node<'_> {
    /// What tells it from others.
    pub fn id(&self) -> usize {
        self.task.address().addr()
    }

    /// A reference for another thread, whose wake pushes the node.
    pub fn waker(&self) -> Waker {
        Waker::clone(&borrowed(self.task))
    }

    /// The owner's RMW that takes it out of the inbox. A model that calls it by itself takes over
    /// the duty of the iteration over [`Taken`], and shows what happens when the order is wrong.
    pub fn unlink(&self) {
        assert!(!self.task.unlink(), "nobody spawns in these models");
        self.task.take_wake();
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        self.task.shut_down();
    }
}

/// What was pushed, oldest first; each node is unlinked as it comes out.
#[must_use = "nodes that are not unlinked can never be pushed again"]
pub struct Taken(crate::inbox::Taken);

impl Taken {
    /// The next node, still linked.
    pub fn next_linked(&mut self) -> Option<usize> {
        self.0.next().map(|task| task.address().addr())
    }
}

impl Iterator for Taken {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let task = self.0.next()?;
        let node = task.address().addr();
        assert!(!task.unlink(), "nobody spawns in these models");
        task.take_wake();
        Some(node)
    }
}

impl<B: Bell> Schedule for Desk<B> {
    fn ready(&self, _: TaskRef) {}

    fn push(&self, task: TaskRef) -> bool {
        self.inbox.push(task)
    }

    fn forget(&self, _: TaskRef) {}

    fn orphan_panic(&self, payload: Payload) {
        std::panic::resume_unwind(payload);
    }

    fn number(&self, _: TaskRef) -> NonZero<u64> {
        unreachable!("nobody asks for the id of a node")
    }

    fn blocks(&self) -> &RefCell<FreeList> {
        &self.blocks
    }
}

/// Cores that share out whatever a model likes.
pub struct BalanceMembers<T>(Arc<members::Members<T>>);

impl<T> BalanceMembers<T> {
    /// So many cores, none of which has joined.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(members::Members::new(count)))
    }

    /// Another handle on the same cores.
    pub fn again(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Sits down on a free seat.
    pub fn join(&self, core: usize) -> BalanceMembership<T> {
        BalanceMembership(members::Members::join(&self.0, core).expect("the core has not joined"))
    }

    /// What each core has to serve.
    pub fn live(&self) -> Vec<usize> {
        (0..self.0.count()).map(|core| self.0.load(core).live()).collect()
    }
}

/// The place of a core. Dropping it is leaving.
pub struct BalanceMembership<T>(members::Membership<T>);

impl<T> BalanceMembership<T> {
    /// Decides who serves what this core has accepted; `None` when it was handed away.
    pub fn place(&self, what: T) -> Option<Served<T>> {
        match self.0.place(what, 0) {
            members::Placed::Here(what, counted) => Some(Served { what, _counted: counted }),
            members::Placed::Away => None,
        }
    }

    /// The next one that another core has handed over.
    pub async fn recv(&self) -> Served<T> {
        let (what, counted) = self.0.recv().await;
        Served { what, _counted: counted }
    }
}

/// What a core serves; counts there until it is dropped.
pub struct Served<T> {
    /// What was handed.
    pub what: T,
    _counted: members::Counted,
}

/// What a worker of a [`Pool`] does when there is nothing to do.
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
pub struct Pool(blocking::Pool);

impl Pool {
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
