//! Closures that block — owns the pool of threads that they run on — must never make an executor's thread wait.
//!
//! [`unblock`] puts a job into the queue of a [`Pool`]; a free worker takes it, or a new one is started, up to the bound. The result comes
//! back through a [slot](crate::task::slot), the same as that of a task spawned from another thread. Which pool: that of the runtime whose
//! thread asks, on a worker its own, anywhere else the [process's](default).
//!
//! # What the pool promises
//!
//! - A job that was begun is run to its end, whatever happens to its handle and to its pool; only the end of the process stops it. A job
//!   that was not begun when the pool is closed is dropped, and its handle says `Cancelled`. So a write that has to be on the disk is one
//!   whose handle was awaited (BP5).
//! - A job is begun or taken back, never both: either happens under the pool's one lock.
//! - A queued job has a worker: one that is free, one that will be when it is done, or, when the system grants no thread at all, an awaiter
//!   who asks for one again.
//! - Nothing of a user's is called or dropped with a lock held.
//!
//! # Panics of a user's code
//!
//! | code | called by | a panic |
//! |---|---|---|
//! | the closure | a worker | goes to the handle; without one it is discarded, the hook has printed it |
//! | the closure's drop, of a job not begun | the handle's drop, `close` | discarded |
//! | the result's drop, without a handle | a worker | discarded |
//! | an awaiter's `wake` | a worker | discarded; the result is there all the same |

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

mod current;

#[cfg_attr(wakeline_loom, path = "blocking/default_of_model.rs")]
#[allow(unsafe_code)]
mod default;

mod job;

// Its end, and what is left at it, is for runtimes.
#[allow(dead_code)]
mod pool;

pub use job::JobInfo;
#[allow(unused_imports)]
pub(crate) use pool::{Pool, PoolOptions};

use crate::task::{JoinError, Receiver, Site};
use job::Job;
use pool::Submitted;

/// Runs a closure that blocks on another thread, and gives its result.
///
/// The closure goes to a pool of threads, which start when there is something to do, up to a bound, and end when they have been idle for a
/// while. It may take as long as it wants: files, name resolution, a lock that others hold, a library that knows no async. Where many
/// are submitted, they start in the order of their submission.
///
/// Works on any thread, with and without an executor. Outside of a runtime the pool is the process's own: at most 512 threads, which
/// end after 10 s without work. A closure may call `unblock` itself, and on a small pool should not *wait* for the result, since it occupies
/// the thread that might be the last.
///
/// When the system grants no more threads, the closure waits in the queue like behind a full pool: until a thread of the pool is free, or,
/// when there is none at all, until one can be made. The awaiter then tries every millisecond, and its executor does not sleep meanwhile.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// let text = wakeline::unblock(|| std::fs::read_to_string("Cargo.toml")).await.unwrap()?;
/// assert!(text.contains("wakeline"));
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// [`Panicked`](JoinError::Panicked) when the closure panicked, with what it carried and the line that called `unblock`.
/// [`Cancelled`](JoinError::Cancelled) when the runtime was shut down before the closure was begun.
///
/// # Cancel safety
///
/// Dropping the future before the closure was begun takes it out of the queue and drops it. After that the closure runs on, as no thread
/// can be stopped from outside; its result is dropped on the pool's thread. Awaiting `&mut future` is cancel safe.
///
/// A closure that was begun is stopped by nothing but the end of the process, and that does not wait for it: `main` has to await what must
/// not be cut off.
#[track_caller]
pub fn unblock<T, F>(f: F) -> Unblock<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    submit(None, f, Site::caller())
}

/// [`unblock`] with a name for messages and reports.
#[track_caller]
pub(crate) fn unblock_named<T, F>(name: String, f: F) -> Unblock<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    submit(Some(name.into()), f, Site::caller())
}

fn submit<T, F>(name: Option<Box<str>>, f: F, site: Site) -> Unblock<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (pool, (job, result)) = (current::pool(), Job::new(f, name, site));
    let submitted = pool.submit(job);
    Unblock { result, pool, submitted }
}

/// The result of a closure that runs on the blocking pool; made by [`unblock`].
///
/// Dropping it takes the closure back, if it was not begun; [`detach`](Unblock::detach) lets it run in any case.
#[must_use = "dropping it takes the closure out of the queue, if it was not begun; `.await` it, or let it run with `.detach()`"]
pub struct Unblock<T> {
    result: Receiver<T>,
    pool: Pool,
    submitted: Submitted,
}

impl<T> Unblock<T> {
    /// Lets the closure run without a handle. Its result is dropped on the pool's thread.
    ///
    /// # Examples
    ///
    /// ```
    /// let (done, wait) = std::sync::mpsc::channel();
    /// wakeline::unblock(move || done.send(1)).detach();
    /// assert_eq!(wait.recv(), Ok(1));
    /// ```
    pub fn detach(self) {
        if self.pool.is_of_this_process() {
            self.result.leave();
        }
    }

    /// Is the result there, or the closure taken back?
    pub fn is_finished(&self) -> bool {
        !self.pool.is_of_this_process() || self.result.is_finished()
    }
}

impl<T> Future for Unblock<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.pool.is_of_this_process() {
            // The workers have stayed behind in the parent, and with them perhaps a lock.
            return Poll::Ready(Err(JoinError::Cancelled));
        }
        let polled = self.result.poll(cx);
        let was_refused_thread = matches!(self.submitted, Submitted::WithoutThread(_));
        if polled.is_pending() && was_refused_thread && self.pool.is_without_thread() {
            cx.waker().wake_by_ref();
        }
        polled
    }
}

impl<T> Drop for Unblock<T> {
    fn drop(&mut self) {
        if self.pool.is_of_this_process() && self.result.leave() {
            self.pool.take_back(self.submitted);
        }
    }
}

impl<T> Unpin for Unblock<T> {}

impl<T> fmt::Debug for Unblock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unblock").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// Handles go where their results may go.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Unblock<Vec<u8>>>();
};

#[cfg(test)]
mod tests;
