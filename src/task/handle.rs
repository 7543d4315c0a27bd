//! The handle of a task on the owner's thread.
//!
//! A [`Task`] is the task's address and the flag HANDLE; awaiting, aborting and dropping it are
//! plain loads and stores. Because it is not `Send`, it is always on the owner's thread, also when
//! the executor is not entered or has been dropped.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::FusedFuture;

use super::abort_handle::AbortHandle;
use super::cell::{LocalWaker, TaskRef};
use super::current;
use super::error::{JoinError, TaskId, polled_after_completion};
use crate::sync::is_over;

/// A spawned task: awaits its output, or ends it.
///
/// Awaiting gives `Ok(output)`, or a [`JoinError`] when the task panicked or was cancelled. Either
/// way the future, and everything it owned, has been dropped on its thread before the await
/// returns. The executor keeps the task running whether or not somebody awaits it.
///
/// **Dropping the handle cancels the task**: its future is dropped at the task's next turn, not
/// within the drop. [`detach`](Task::detach) lets it run on.
///
/// # Examples
///
/// ```
/// wakeline::block_on(async {
///     let task = wakeline::spawn(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// });
/// ```
///
/// # Cancel safety
///
/// Awaiting `&mut task` is cancel safe: the output stays with the task until a poll returns it.
///
/// # Panics
///
/// When it is polled again after it has returned the result.
#[must_use = "dropping a task's handle cancels the task; `.await` it, or let it run on with `.detach()`"]
pub struct Task<T> {
    task: TaskRef,
    /// Not `Send`: the task's plain state belongs to this thread. It hands out a `T`.
    output: PhantomData<(T, *const ())>,
}

impl<T> Task<T> {
    /// The handle of a task that was made with the flag HANDLE and whose output is a `T`.
    pub(super) fn new(task: TaskRef) -> Self {
        Self { task, output: PhantomData }
    }

    /// For a test that keeps a registry of its own.
    #[cfg(test)]
    pub(crate) fn with_view<R>(&self, f: impl FnOnce(&super::refs::TaskView) -> R) -> R {
        f(&super::refs::TaskView::of(self.task))
    }

    /// The task's identity.
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    /// The name that [`Builder::name`](crate::task::Builder::name) gave it.
    pub fn name(&self) -> Option<&str> {
        self.task.name(self)
    }

    /// Has the future been dropped, because it returned, panicked or was cancelled?
    pub fn is_finished(&self) -> bool {
        self.task.is_done()
    }

    /// Asks for the task's end and returns at once. The future is dropped at the task's next turn;
    /// a task that has finished stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// wakeline::block_on(async {
    ///     let task = wakeline::spawn(std::future::pending::<()>());
    ///     task.abort();
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn abort(&self) {
        self.task.abort_local();
    }

    /// Something that can end the task from any thread, and does not keep it running when it is
    /// dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// wakeline::block_on(async {
    ///     let task = wakeline::spawn(std::future::pending::<()>());
    ///     let handle = task.abort_handle();
    ///     std::thread::spawn(move || handle.abort()).join().unwrap();
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.watch();
        AbortHandle::new(self.task)
    }

    /// Ends the task and waits until its future has been dropped. `Some(output)` when it had
    /// finished before.
    ///
    /// A panic of the task, or of its future's drop, goes to the executor's
    /// [`PanicPolicy`](crate::PanicPolicy).
    ///
    /// # Examples
    ///
    /// ```
    /// wakeline::block_on(async {
    ///     let held = std::rc::Rc::new(());
    ///     let inside = held.clone();
    ///     let task = wakeline::spawn(async move { let _inside = inside; std::future::pending::<()>().await });
    ///     assert_eq!(task.cancel().await, None);
    ///     assert_eq!(std::rc::Rc::strong_count(&held), 1);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future still cancels the task; an output that it had is dropped.
    pub async fn cancel(mut self) -> Option<T> {
        self.abort();
        match (&mut self).await {
            Ok(output) => Some(output),
            Err(JoinError::Cancelled | JoinError::NoThread(_)) => None,
            Err(JoinError::Panicked(panic)) => {
                self.task.orphan_panic(panic.into_payload());
                None
            }
        }
    }

    /// Lets the task run on without a handle, until it ends, or its executor is dropped. Its output
    /// is dropped when it comes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// let ran = Rc::new(Cell::new(false));
    /// let flag = ran.clone();
    /// wakeline::block_on(async move {
    ///     wakeline::spawn(async move { flag.set(true) }).detach();
    ///     wakeline::yield_now().await;
    /// });
    /// assert!(ran.get());
    /// ```
    pub fn detach(self) {
        let task = self.task;
        mem::forget(self);
        task.drop_handle();
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let task = self.task;
        if !task.is_done() {
            let joiner = task.joiner();
            let old = joiner.take();
            let waker = match old {
                Some(old) if old.will_wake(cx.waker()) => old,
                // The old waker is dropped when this block is left, with nothing borrowed.
                _ => LocalWaker::new(cx.waker()),
            };
            joiner.set(Some(waker));
            if !task.is_done() {
                return Poll::Pending;
            }
            // A foreign waker's `clone` has run the executor, and with it the task to its end,
            // before there was a joiner to wake.
            drop(joiner.take());
        }
        ready!(current::poll_budget(cx));
        current::spend_budget();
        Poll::Ready(match task.take_output::<T>() {
            Some(Ok(output)) => Ok(output),
            Some(Err(panic)) => Err(JoinError::Panicked(*panic)),
            None if task.take_cancellation() => Err(JoinError::Cancelled),
            None => polled_after_completion("Task"),
        })
    }
}

/// [`is_terminated`](FusedFuture::is_terminated) says that the result was returned.
impl<T> FusedFuture for Task<T> {
    fn is_terminated(&self) -> bool {
        self.task.has_been_told()
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if is_over() {
            return;
        }
        if !self.task.is_done() {
            self.task.abort_local();
        }
        self.task.drop_handle();
    }
}

impl<T> Unpin for Task<T> {}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("task", &self.task.info()).field("finished", &self.is_finished()).finish()
    }
}
