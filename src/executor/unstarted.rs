//! A task that no executor has begun: somebody takes it, or its handle hears that it was cancelled.
//!
//! An [`Unstarted`] is a task as another thread spawns it, closure inside, with QUEUED and NEW set
//! in its remote word. QUEUED stands for its place in the injector: no wake and no abort pushes it
//! anywhere. An abort ends it where it is called, and the injector is left with an empty shell. The
//! executor that takes it admits it as if it had come from its inbox.
//!
//! Rejected: to hand over boxed closures and make the task when it is taken (the handle would have
//! no task to abort until then, and its id and name would change).

use super::shared::Shared;
use crate::sync::Arc;
use crate::task::{Label, Linked, MakeFuture, RemoteTask, Site, TaskInfo, spawn_remote};

/// A task that no executor has taken yet. Dropping it drops its closure, and its handle says that
/// it was cancelled.
pub(crate) struct Unstarted(Linked);

impl Unstarted {
    /// Makes one, and its handle. `home` is whose task it is until somebody takes it.
    pub(super) fn prepare<M: MakeFuture, N: Label + Send>(
        home: &Arc<Shared>,
        make: M,
        label: N,
        site: Site,
    ) -> (Self, RemoteTask<M::Result>) {
        let (task, handle) = spawn_remote(home, make, label, site);
        (Self(task), handle)
    }

    /// Drops the closure, unless it was aborted before. True when it was dropped here.
    pub(crate) fn refuse(self) -> bool {
        self.0.refuse()
    }

    /// What messages say of it.
    pub(crate) fn info(&self) -> TaskInfo {
        self.0.unbegun().expect("nobody has begun it")
    }

    /// The task, for the executor that begins it.
    pub(super) fn take(self) -> Linked {
        self.0
    }
}
