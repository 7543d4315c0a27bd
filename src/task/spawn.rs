//! How a task comes to be, and to its executor.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::Waker;

use super::cell::TaskRef;
use super::flags::Flags;
use super::handle::Task;
use super::label::{Label, Numbered};
use super::make_future::MakeFuture;
use super::refs::{Linked, Queued, Registered};
use super::remote::{RemoteTask, remote};
use super::schedule::{Here, Schedule, release, retain};
use super::site::Site;
use super::state::Snapshot;
use super::vtable::allocate;
use super::waker::borrowed;
use crate::sync::{Arc, is_over};

/// A task of this thread: no atomic operation, and no reference to the executor's memory. It is
/// ready, and registered once the executor has put it into its registry.
#[inline]
pub(crate) fn spawn<S, F, N>(here: Here<'_, S>, future: F, label: N, site: Site) -> (Registered, Queued, Task<F::Output>)
where
    S: Schedule,
    F: Future + 'static,
    N: Label,
{
    let blocks = S::blocks(here).expect("it registers tasks");
    let start = (Snapshot::LOCAL, Flags::LOCAL);
    let task = allocate::<F, N, S>(future, label, here.address(), Some(blocks), site, start);
    (Registered::new(task), Queued::won(task), Task::new(task))
}

/// A task from any thread: the closure travels, the future is made by the owner. Until somebody
/// begins it, it keeps the executor's memory.
pub(crate) fn spawn_remote<S, M, N>(home: &Arc<S>, make: M, label: N, site: Site) -> (Linked, RemoteTask<M::Result>)
where
    S: Schedule,
    M: MakeFuture,
    N: Label + Send,
{
    let (future, receiver) = remote(move || make.make());
    let task = allocate_anchored(home, future, Numbered::new(label), site, (Snapshot::REMOTE, Flags::REMOTE));
    (Linked::won(task), RemoteTask::new(receiver, task))
}

fn allocate_anchored<S: Schedule, F: Future, N: Label>(
    executor: &Arc<S>,
    future: F,
    label: N,
    site: Site,
    start: (Snapshot, Flags),
) -> TaskRef {
    let memory = address_of(executor);
    retain::<S>(memory);
    allocate::<F, N, S>(future, label, memory, None, site, start)
}

/// What tasks know the executor by. A pointer of the `Arc`, for tasks reach the `Arc`'s count by
/// it.
fn address_of<S>(executor: &Arc<S>) -> NonNull<()> {
    NonNull::new(Arc::as_ptr(executor).cast_mut().cast()).expect("an Arc's pointer is not null")
}

impl Linked {
    /// The owner takes the task out of the inbox: one that was woken becomes ready, one that waits
    /// unbegun becomes a task of this executor, which then has to register it. A task of another
    /// executor goes back to that one's inbox.
    pub(crate) fn admit<S: Schedule>(self, here: Here<'_, S>) -> Option<Registered> {
        let task = self.into_task();
        if !task.is_new() {
            if task.executor() == here.address() {
                task.arrive();
            } else {
                task.push();
            }
            return None;
        }
        if !task.begin() {
            task.unlink_ended();
            return None;
        }
        assert!((task.header().vtable.schedule)() == TypeId::of::<S>(), "executors of one kind share tasks");
        let home = task.executor();
        S::blocks(here).expect("it registers tasks").borrow_mut().gain_task();
        task.header().executor.set(here.address());
        task.weigh_anchor();
        release::<S>(home);
        let registered = Registered::new(task);
        task.arrive();
        Some(registered)
    }
}

/// The wake cell of an executor: what the waker of `block_on`'s future points at. It has no future
/// of its own, and is in no registry and no run queue.
#[derive(Debug)]
pub(crate) struct RootTask(TaskRef);

impl RootTask {
    pub(crate) fn new<S: Schedule>(executor: &Arc<S>, site: Site) -> Self {
        let start = (Snapshot::LOCAL, Flags::ROOT);
        Self(allocate_anchored(executor, std::future::pending::<()>(), (), site, start))
    }

    /// Nothing is counted for it.
    #[inline]
    pub(crate) fn waker(&self) -> RootWaker<'_> {
        RootWaker { waker: borrowed(self.0), root: PhantomData }
    }

    /// Was it woken since the last look?
    #[inline]
    pub(crate) fn take_wake(&self) -> bool {
        self.0.take_wake()
    }

    /// As [`take_wake`](Self::take_wake), which would say so once more.
    #[inline]
    pub(crate) fn is_woken(&self) -> bool {
        self.0.is_ready()
    }

    /// For a model that tells its nodes from each other.
    #[cfg(wakeline_loom)]
    pub(crate) fn number(&self) -> usize {
        self.0.address().addr()
    }

    /// For a model that shows what happens to an owner that unlinks a task before it has read its
    /// link.
    #[cfg(wakeline_loom)]
    pub(crate) fn unlink_early(&self) {
        self.0.unlink();
        self.take_wake();
    }
}

impl Drop for RootTask {
    fn drop(&mut self) {
        if !is_over() {
            self.take_wake();
            if self.0.hold() {
                self.0.end_held();
            }
        }
    }
}

/// A waker of the root for as long as the root is borrowed.
pub(crate) struct RootWaker<'a> {
    waker: ManuallyDrop<Waker>,
    root: PhantomData<&'a RootTask>,
}

impl Deref for RootWaker<'_> {
    type Target = Waker;

    #[inline]
    fn deref(&self) -> &Waker {
        &self.waker
    }
}
