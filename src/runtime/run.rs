//! The same main on every core, and the wait for all of them. When it returns, no main is running.
//!
//! The caller's thread waits in its own executor, so what that has to run goes on meanwhile. All
//! mains are watched at the same time: one that serves for ever on core 0 does not hide the panic
//! of another. When one panics, the others are ended one after the other, in the order of their
//! cores, each dropped on its own thread before the next is asked; then the panic goes on. A main
//! that blocks its thread cannot be ended; it is waited for no longer than the deadline for the
//! drop of the runtime, all of them together.

use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::core::Core;
use super::handoff::Handoff;
use super::shared::Shared;
use crate::executor::block_on;
use crate::task::{JoinError, Payload, RemoteTask};
use crate::wait_list::WaitKey;

/// What one main has come to.
enum Main<T> {
    Runs(RemoteTask<T>),
    Returned(T),
}

/// Why the others have to end.
pub(super) enum MainFailure {
    Panicked(Payload),
    /// The main of this core was dropped: its core has ended.
    Cancelled(usize),
}

/// The mains of all cores, and the place where a panic of another task is waited for.
pub(super) struct Mains<'a, T> {
    mains: Vec<Main<T>>,
    shared: &'a Shared,
    place: Option<WaitKey>,
}

impl<'a, T> Mains<'a, T> {
    /// By core.
    pub(super) fn new(shared: &'a Shared, mains: Vec<RemoteTask<T>>) -> Self {
        Self { mains: mains.into_iter().map(Main::Runs).collect(), shared, place: None }
    }

    /// Waits for all of them; then returns what they have returned, or goes on with a panic. The
    /// others are given `patience` to end then.
    #[track_caller]
    pub(super) fn finish(mut self, patience: Duration) -> Vec<T> {
        let Err(failure) = block_on(&mut self) else {
            let returned = self.mains.drain(..).map(|main| match main {
                Main::Returned(output) => output,
                Main::Runs(_) => unreachable!("all have returned"),
            });
            return returned.collect();
        };
        self.end_all(crate::clock::instant_now().checked_add(patience));
        drop(self);
        match failure {
            MainFailure::Panicked(payload) => resume_unwind(payload),
            MainFailure::Cancelled(core) => {
                panic!("the main of core {core} was cancelled: the runtime was shut down while `Runtime::run` was waiting for it")
            }
        }
    }

    fn end_all(&mut self, until: Option<Instant>) {
        for main in &mut self.mains {
            if let Main::Runs(task) = main {
                task.abort();
                wait_for_end(task, until);
            }
        }
    }
}

impl<T> Unpin for Mains<'_, T> {}

impl<T> Future for Mains<'_, T> {
    type Output = Result<(), MainFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(payload) = this.shared.poll_escaped(&mut this.place, cx) {
            return Poll::Ready(Err(MainFailure::Panicked(payload)));
        }
        let mut failure = None;
        for (core, main) in this.mains.iter_mut().enumerate() {
            let Main::Runs(task) = main else { continue };
            match Pin::new(task).poll(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(output)) => *main = Main::Returned(output),
                Poll::Ready(Err(_)) if matches!(failure, Some(MainFailure::Panicked(_))) => {}
                Poll::Ready(Err(JoinError::Panicked(panic))) => failure = Some(MainFailure::Panicked(panic.into_payload())),
                Poll::Ready(Err(JoinError::Cancelled | JoinError::NoThread(_))) => {
                    failure.get_or_insert(MainFailure::Cancelled(core));
                }
            }
        }
        match failure {
            Some(failure) => Poll::Ready(Err(failure)),
            None if this.mains.iter().all(|main| matches!(main, Main::Returned(_))) => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Mains<'_, T> {
    fn drop(&mut self) {
        self.shared.leave_escaped(&mut self.place);
    }
}

/// Waits until the task's future has been dropped.
fn wait_for_end<T>(task: &mut RemoteTask<T>, until: Option<Instant>) {
    while !task.is_finished() {
        let ended = std::sync::Arc::new(Handoff::new());
        let waker = Waker::from(ended.clone());
        // The output, if there is one, has no receiver any more.
        let polled = Pin::new(&mut *task).poll(&mut Context::from_waker(&waker));
        if polled.is_ready() || ended.take(until).is_none() {
            return;
        }
    }
}

/// Waits for the future, unless a panic of the runtime's escapes before.
pub(super) fn block_on_either<F: Future>(future: F, shared: &Shared) -> F::Output {
    match block_on(OrEscaped { future: pin!(future), shared, place: None }) {
        Ok(output) => output,
        Err(payload) => resume_unwind(payload),
    }
}

struct OrEscaped<'a, F> {
    future: Pin<&'a mut F>,
    shared: &'a Shared,
    place: Option<WaitKey>,
}

impl<F: Future> Future for OrEscaped<'_, F> {
    type Output = Result<F::Output, Payload>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(payload) = this.shared.poll_escaped(&mut this.place, cx) {
            return Poll::Ready(Err(payload));
        }
        this.future.as_mut().poll(cx).map(Ok)
    }
}

impl<F> Drop for OrEscaped<'_, F> {
    fn drop(&mut self) {
        self.shared.leave_escaped(&mut self.place);
    }
}

/// The main of one core, as it is sent there.
pub(super) fn main_of<F, Fut>(main: std::sync::Arc<F>, core: Core) -> impl FnOnce() -> Fut + Send + 'static
where
    F: Fn(Core) -> Fut + Send + Sync + 'static,
{
    move || main(core)
}
