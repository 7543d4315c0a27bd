//! Options of a task.

use std::fmt;

use super::context::outside;
use super::enter::with_current;
use super::local::LocalExecutor;
use super::shared::Shared;
use super::spawner::Spawner;
use crate::task::{Here, RemoteTask, Site, Task};

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
        match with_current(|here| self.spawn_at(here, future, site)) {
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
        self.spawn_at(executor.core.shared.here(), future, Site::caller())
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

    fn spawn_at<F>(self, here: Here<'_, Shared>, future: F, site: Site) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match self.name {
            Some(name) => here.spawn(future, name, site),
            None => here.spawn(future, (), site),
        }
    }
}

impl fmt::Debug for TaskBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).finish()
    }
}
