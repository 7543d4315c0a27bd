//! Spawning from other threads.

use std::fmt;

use super::enter::innermost;
use super::shared::{Shared, running};
use super::unstarted::Unstarted;
use crate::sync::Arc;
use crate::task::{Label, MakeFuture, RemoteTask, Site, TaskInfo};

/// Spawns tasks on an executor from any thread, also after the executor has gone.
///
/// Made by [`LocalExecutor::spawner`](crate::LocalExecutor::spawner). Cloning is cheap.
///
/// # Examples
///
/// ```
/// let executor = wakeline::LocalExecutor::new();
/// let spawner = executor.spawner();
/// let task = std::thread::spawn(move || {
///     spawner.spawn(|| async {
///         let local = std::rc::Rc::new(5); // lives and dies on the executor's thread
///         *local + 1
///     })
/// });
/// assert_eq!(executor.block_on(task.join().unwrap()).unwrap(), 6);
/// ```
#[derive(Clone)]
pub struct Spawner {
    shared: Arc<Shared>,
}

impl Spawner {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The spawner of the executor that this thread runs, or has
    /// [entered](crate::LocalExecutor::enter). `None` where there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use wakeline::Spawner;
    ///
    /// assert!(Spawner::current().is_none());
    /// let answer = wakeline::block_on(async {
    ///     let spawner = Spawner::current().unwrap();
    ///     let task = std::thread::spawn(move || spawner.spawn(|| async { 42 })).join().unwrap();
    ///     task.await.unwrap()
    /// });
    /// assert_eq!(answer, 42);
    /// ```
    pub fn current() -> Option<Self> {
        running().or_else(|| Some(innermost()?.shared().clone())).map(Self::new)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Sends the closure to the executor's thread, where it makes the future; the future stays
    /// there and need not be `Send`.
    ///
    /// Never blocks. When the executor has gone, the closure is dropped here and the handle says
    /// [`Cancelled`](crate::JoinError::Cancelled).
    #[track_caller]
    pub fn spawn<C, F>(&self, make: C) -> RemoteTask<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Shared::spawn_remote(&self.shared, make, (), Site::caller())
    }

    /// As [`spawn`](Self::spawn), for a caller that has its own say about label and site.
    pub(crate) fn spawn_labelled<M: MakeFuture, N: Label + Send>(&self, make: M, label: N, site: Site) -> RemoteTask<M::Result> {
        Shared::spawn_remote(&self.shared, make, label, site)
    }

    /// A task for whichever executor takes it; this one's memory is its home until then.
    pub(crate) fn prepare<M: MakeFuture, N: Label + Send>(
        &self,
        make: M,
        label: N,
        site: Site,
    ) -> (Unstarted, RemoteTask<M::Result>) {
        Unstarted::prepare(&self.shared, make, label, site)
    }

    /// For an executor whose thread does not come back: drops the closures that it has not begun,
    /// on this thread, and says whose they were. What else is in its inbox goes back there.
    pub(crate) fn drop_unbegun(&self) -> Vec<TaskInfo> {
        let mut dropped = Vec::new();
        for task in self.shared.inbox().take_tasks() {
            match task.unbegun() {
                Some(info) => dropped.extend(task.refuse().then_some(info)),
                None => task.push_again(),
            }
        }
        dropped
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}
