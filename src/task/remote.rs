//! The handle of a task that another thread spawned. The closure travels, the future never does.
//!
//! The heap cell is made by the spawning thread with the closure in it, and the owner calls the
//! closure at the first poll. The result goes into a [slot](super::join_slot) that handle and task
//! share; the task itself returns nothing.
//!
//! The sending end lies behind the future in the same struct, so that it is dropped after it:
//! whatever ends the task, the future is gone before the handle learns of it. What the drop of a
//! cancelled future panics with is the result.

use std::fmt;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::FusedFuture;
use pin_project_lite::pin_project;

use super::abort_handle::AbortHandle;
use super::cell::TaskRef;
use super::error::{JoinError, Panic, Payload, TaskId, discard};
use super::join_slot::{JoinReceiver, JoinSender, join_slot};
use super::{current, waker};
use crate::sync::{catch_unwind, is_over};

pin_project! {
    #[project = StageProj]
    enum Stage<C, F> {
        Make { make: Option<C> },
        Run { #[pin] future: F },
        Gone,
    }
}

pin_project! {
    /// The future that the owner polls.
    pub(super) struct RemoteFuture<C, F: Future> {
        #[pin]
        stage: Stage<C, F>,
        // Behind the stage: dropped after it.
        sender: JoinSender<F::Output>,
    }

    impl<C, F: Future> PinnedDrop for RemoteFuture<C, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if matches!(*this.stage, Stage::Gone) {
                return;
            }
            match catch_unwind(AssertUnwindSafe(|| this.stage.set(Stage::Gone))) {
                Ok(()) => running().say_gone(),
                Err(payload) => forward_panic(this.sender, payload),
            }
        }
    }
}

impl<C, F> Future for RemoteFuture<C, F>
where
    C: FnOnce() -> F,
    F: Future,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let StageProj::Make { make } = this.stage.as_mut().project() {
                let make = make.take().expect("a stage that has been made is replaced at once");
                let future = make();
                this.stage.set(Stage::Run { future });
            }
            match this.stage.as_mut().project() {
                StageProj::Run { future } => future.poll(cx),
                _ => unreachable!("a task that is over is not polled"),
            }
        }));
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        // The future goes before its result is seen.
        let dropped = catch_unwind(AssertUnwindSafe(|| this.stage.set(Stage::Gone)));
        match (polled, dropped) {
            (Ok(Poll::Ready(output)), Ok(())) => {
                running().say_gone();
                this.sender.send(Ok(output));
            }
            (Ok(output), Err(first)) => {
                forget_second(|| drop(output));
                forward_panic(this.sender, first);
            }
            (Err(first), dropped) => {
                forget_second(|| drop(dropped));
                forward_panic(this.sender, first);
            }
            (Ok(Poll::Pending), Ok(())) => unreachable!("pending has returned above"),
        }
        Poll::Ready(())
    }
}

/// A task ends with its first panic: what `f` panics with is discarded.
fn forget_second(f: impl FnOnce()) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(f)) {
        discard(second);
    }
}

/// The task whose future this is.
fn running() -> TaskRef {
    current::with(|current| current.task()).expect("a task is being polled or dropped")
}

/// To the handle; when nobody holds one any more, to the task, whose executor has a policy.
fn forward_panic<T>(sender: &JoinSender<T>, payload: Payload) {
    let task = running();
    task.say_gone();
    let panic = JoinError::Panicked(Panic::new(payload, task.info()));
    if let Some(Err(JoinError::Panicked(panic))) = sender.offer(Err(panic)) {
        resume_unwind(panic.into_payload());
    }
}

/// The two ends of a task that is to be spawned on another thread.
pub(super) fn remote<C, F>(make: C) -> (RemoteFuture<C, F>, JoinReceiver<F::Output>)
where
    C: FnOnce() -> F,
    F: Future,
{
    let (sender, receiver) = join_slot();
    (RemoteFuture { stage: Stage::Make { make: Some(make) }, sender }, receiver)
}

/// A task on another thread's executor: awaits its output, or ends it, from any thread.
///
/// The promises are those of [`Task`](crate::Task), kept between threads. The future and everything
/// it owns live and are dropped on their executor's thread; an output that has arrived belongs to
/// the handle and is dropped with it.
///
/// **Dropping the handle cancels the task**; [`detach`](RemoteTask::detach) lets it run on.
///
/// # Examples
///
/// ```
/// let executor = wakeline::LocalExecutor::new();
/// let spawner = executor.spawner();
/// let other = std::thread::spawn(move || {
///     let task = spawner.spawn(|| async { 6 * 7 });
///     wakeline::block_on(task).unwrap()
/// });
/// executor.block_on(async {
///     while !other.is_finished() {
///         wakeline::yield_now().await;
///     }
/// });
/// assert_eq!(other.join().unwrap(), 42);
/// ```
///
/// # Cancel safety
///
/// Awaiting `&mut task` is cancel safe: the output stays in its slot until a poll returns it.
///
/// # Panics
///
/// When it is polled again after it has returned the result.
#[must_use = "dropping a task's handle cancels the task; `.await` it, or let it run on with `.detach()`"]
pub struct RemoteTask<T> {
    result: JoinReceiver<T>,
    /// A counted reference to the task, by way of which it is aborted.
    task: Waker,
}

impl<T> RemoteTask<T> {
    /// Adopts the reference that a remote task is made with.
    pub(super) fn new(receiver: JoinReceiver<T>, task: TaskRef) -> Self {
        Self { result: receiver, task: waker::adopt(task) }
    }

    fn task(&self) -> TaskRef {
        waker::task_of(&self.task).expect("made from a task")
    }

    /// The task's identity.
    pub fn id(&self) -> TaskId {
        self.task().id()
    }

    /// The name that [`Builder::name`](crate::task::Builder::name) gave it.
    pub fn name(&self) -> Option<&str> {
        waker::name_of(&self.task)
    }

    /// Has the future been dropped, because it returned, panicked or was cancelled?
    pub fn is_finished(&self) -> bool {
        self.result.is_finished()
    }

    /// Asks for the task's end and returns at once; see [`Task::abort`](crate::Task::abort). A
    /// closure that its executor has not begun is dropped here and now, so nobody waits for an
    /// executor that does not come by; a panic of that drop is the handle's.
    pub fn abort(&self) {
        self.task().abort_remote();
    }

    /// Something that can end the task from any thread, and does not keep it running when it is
    /// dropped.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.task())
    }

    /// Ends the task and waits until its future has been dropped, on its own thread. `Some(output)`
    /// when it had finished before. A closure that its executor has not begun is dropped here, and
    /// there is nothing to wait for.
    ///
    /// # Panics
    ///
    /// With the task's panic, when the task has panicked, or its future did as it was dropped: it
    /// goes on here, as after [`JoinError::resume_unwind`], because the policy of the task's
    /// executor belongs to another thread.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future still cancels the task.
    pub async fn cancel(mut self) -> Option<T> {
        self.abort();
        match (&mut self).await {
            Ok(output) => Some(output),
            Err(JoinError::Panicked(panic)) => resume_unwind(panic.into_payload()),
            Err(_) => None,
        }
    }

    /// Lets the task run on without a handle. Its output is dropped on its executor's thread.
    pub fn detach(mut self) {
        self.result.leave();
    }
}

impl<T> Future for RemoteTask<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.result.poll_as("RemoteTask", cx)
    }
}

/// [`is_terminated`](FusedFuture::is_terminated) says that the result was returned.
impl<T> FusedFuture for RemoteTask<T> {
    fn is_terminated(&self) -> bool {
        self.result.has_returned()
    }
}

impl<T> Drop for RemoteTask<T> {
    fn drop(&mut self) {
        if !is_over() && self.result.leave() {
            self.abort();
        }
    }
}

impl<T> Unpin for RemoteTask<T> {}

impl<T> fmt::Debug for RemoteTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteTask").field("task", &self.task().info()).field("finished", &self.is_finished()).finish()
    }
}
