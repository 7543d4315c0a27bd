//! A task that no executor has begun. This module owns its closure until then. The task must never
//! be lost: somebody takes it, or its handle hears that it was cancelled.
//!
//! An [`Unstarted`] is a task as another thread spawns it, closure inside, with QUEUED and NEW set
//! in its remote word. QUEUED stands for its place in the injector: no wake and no abort pushes it
//! anywhere. An abort ends it where it is called, and the injector is left with an empty shell. The
//! executor that takes it begins it, by the word; then nobody else touches the closure, and it
//! writes its own address into the header and unlinks it as if it had come from the inbox.
//!
//! Rule \[X3\]: a task that no executor has begun is touched by the holder of its [`Unstarted`]
//! alone, but for its remote word, and but for the closure of one that was aborted, which is the
//! aborter's.
//!
//! Rejected: to hand over boxed closures and make the task when it is taken (the handle would have
//! no task to abort until then, and its id and name would change).

use super::shared::Shared;
use crate::sync::Arc;
use crate::task::{Label, Numbered, Origin, RemoteTask, Site, TaskInfo, TaskRef, allocate, remote};

/// A task that no executor has taken yet. Dropping it drops its closure, and its handle says that
/// it was cancelled.
pub(crate) struct Unstarted {
    /// None once somebody has taken it.
    task: Option<TaskRef>,
    /// Whose task it is until somebody takes it: keeps the memory that the header's address names.
    _home: Arc<Shared>,
}

// SAFETY: [X3] the task has no owner yet, and the holder of this value alone touches more of it
// than its remote word.
unsafe impl Send for Unstarted {}

impl Unstarted {
    /// Makes one, and its handle. It adopts the link that a task of another thread is made with.
    pub(super) fn prepare<C, F, N>(home: &Arc<Shared>, make: C, label: N, site: Site) -> (Self, RemoteTask<F::Output>)
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
        N: Label + Send,
    {
        let (future, receiver) = remote(make);
        let task = allocate::<_, _, Shared>(future, Numbered::new(label), Shared::address(home), site, Origin::Remote);
        (Self { task: Some(task), _home: home.clone() }, RemoteTask::new(receiver, task))
    }

    /// Drops the closure, unless it was aborted before. True when it was dropped here.
    pub(crate) fn refuse(mut self) -> bool {
        self.task.take().is_some_and(TaskRef::refuse_unbegun)
    }

    /// What messages say of it.
    pub(crate) fn info(&self) -> TaskInfo {
        self.task.expect("nobody has taken it").info()
    }

    /// The task, for the executor that begins it. None when it is given away already.
    pub(super) fn take(&mut self) -> Option<TaskRef> {
        self.task.take()
    }
}

impl Drop for Unstarted {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.refuse_unbegun();
        }
    }
}
