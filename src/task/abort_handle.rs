//! A handle that can only end its task.
//!
//! It is a waker in all but name: abort is a wake that carries one bit more. Whether the future is
//! gone it reads in the remote word, because the flags are the owner's: the owner sets GONE for a
//! task that is watched, and the thread that drops the future of a task from another thread sets it
//! for each, before the result is sent.

use std::fmt;
use std::task::Waker;

use super::cell::TaskRef;
use super::error::TaskId;
use super::waker;

/// Ends a task from any thread; made by [`Task::abort_handle`](crate::Task::abort_handle) and
/// [`RemoteTask::abort_handle`](crate::RemoteTask::abort_handle).
///
/// Cloning is cheap. Dropping it does nothing to the task. It works also after the task, its handle
/// or its executor has gone, and keeps only the memory of the task, not its future and not its
/// output.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wakeline::{block_on, spawn, time};
///
/// block_on(async {
///     let task = spawn(time::sleep(Duration::from_secs(3600)));
///     let stop = task.abort_handle();
///     spawn(async move { stop.abort() }).detach();
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    /// A counted reference.
    task: Waker,
    id: TaskId,
}

impl AbortHandle {
    /// Of a task that is watched, or that another thread has spawned; the caller holds a reference,
    /// or is the owner.
    pub(super) fn new(task: TaskRef) -> Self {
        Self { task: Waker::clone(&waker::borrowed(task)), id: task.id() }
    }

    fn task(&self) -> TaskRef {
        waker::task_of(&self.task).expect("made from a task")
    }

    /// The task's identity.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The name that [`Builder::name`](crate::task::Builder::name) gave it.
    pub fn name(&self) -> Option<&str> {
        waker::name_of(&self.task)
    }

    /// Has the future been dropped, because it returned, panicked or was cancelled? What its drop
    /// wrote is then visible here.
    pub fn is_finished(&self) -> bool {
        self.task().is_gone()
    }

    /// Asks for the task's end and returns at once. The future is dropped by its own thread, at the
    /// task's next turn; a closure that was sent there and not begun is dropped here. A task that
    /// has finished stays as it is.
    pub fn abort(&self) {
        self.task().abort_remote();
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id).field("name", &self.name()).finish_non_exhaustive()
    }
}
