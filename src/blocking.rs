//! Closures that block, on a pool of threads of their own, so that no executor's thread waits.
//!
//! [`unblock`] puts a job into the queue of a [`Pool`]; a free worker takes it, or a new one is
//! started, up to the bound. The result comes back through a [slot](crate::task::join_slot), the
//! same as that of a task spawned from another thread. Which pool: that of the runtime whose thread
//! asks, on a worker its own, anywhere else the [process's](default).
//!
//! # What the pool promises
//!
//! - A job that was begun is run to its end, whatever happens to its handle and to its pool; only
//!   the end of the process stops it. A job that was not begun when the pool is closed is dropped,
//!   its handle says `Cancelled`, and the report names it. A runtime closes its pool when the queue
//!   has been worked off, or at the deadline of its shutdown. So a write that has to be on the disk
//!   is one whose handle was awaited, or whose report was clean (BP5).
//! - A job is begun or taken back, never both: either happens under the pool's one lock.
//! - A queued job has a worker: one that is free, or one that will be when it is done. A job for
//!   which no thread can be had is dropped, and its handle gets an error that says so; of a
//!   detached one, a line on standard error and the report do.
//! - Nothing of a user's is called or dropped with a lock held.
//!
//! # Panics of a user's code
//!
//! | code | called by | a panic |
//! |---|---|---|
//! | the closure | a worker | goes to the handle; without one it is discarded under any policy, the hook has printed it |
//! | the closure's drop, of a job not begun | the handle's drop, the end | discarded |
//! | the result's drop, without a handle | a worker | discarded |
//! | an awaiter's `wake` | a worker | discarded; the result is there all the same |

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

mod current;

#[cfg_attr(wakeline_loom, path = "blocking/default_of_model.rs")]
#[allow(unsafe_code)]
mod default;

mod job;

mod state;

mod pool;

pub use job::JobInfo;
pub(crate) use pool::{PATIENCE, Pool, PoolOptions};

use crate::sync::is_over;
use crate::task::{JoinError, JoinReceiver, Site, TaskInfo, polled_after_completion};
use job::Job;
use pool::Submitted;

/// Runs a closure that blocks on another thread, and gives its result.
///
/// The closure goes to a pool of threads, which start when there is something to do, up to a bound,
/// and end when they have been idle for a while. It may take as long as it wants: files, name
/// resolution, a lock that others hold, a library that knows no async. Where many are submitted,
/// they start in the order of their submission.
///
/// Works on any thread, with and without an executor. Outside of a runtime the pool is the
/// process's own: at most 512 threads, which end after 10 s without work. A closure may call
/// `unblock` itself, and on a small pool should not *wait* for the result, since it occupies the
/// thread that might be the last.
///
/// # When the system grants no thread
///
/// A call that is refused a thread tries again, and this thread sleeps in between, 25 ms at most
/// and once for all calls that follow each other. Then the closure waits for a thread of the pool,
/// as it does behind a full one. If the pool has none it is dropped, and the future resolves with
/// [`NoThread`](JoinError::NoThread); of a [detached](Unblock::detach) one, a line on standard
/// error and the runtime's report say that it was not run.
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
/// [`Panicked`](JoinError::Panicked) when the closure panicked, with what it carried and the line
/// that called `unblock`. [`Cancelled`](JoinError::Cancelled) when it was
/// [aborted](Unblock::abort), or the deadline of its runtime's shutdown had come, before the
/// closure was begun; until then a shutdown runs what was submitted.
/// [`NoThread`](JoinError::NoThread) when there was no thread to begin it.
///
/// # Panics
///
/// The future, when it is polled after it was ready.
///
/// # Cancel safety
///
/// Dropping the future before the closure was begun takes it out of the queue and drops it. After
/// that the closure runs on, as no thread can be stopped from outside; its result is dropped on the
/// pool's thread. Awaiting `&mut future` is cancel safe.
///
/// A closure that was begun is stopped by nothing but the end of the process, and that does not
/// wait for it: `main` has to await what must not be cut off.
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
    let state = match submitted {
        Submitted::Queued(number) => State::Queued(number),
        Submitted::NoThread(job, error) => State::NoThread(job, error),
        Submitted::Closed(job) => State::Closed(job),
    };
    Unblock { result, pool, state }
}

/// The result of a closure that runs on the blocking pool; made by [`unblock`].
///
/// Dropping it takes the closure back, if it was not begun; [`detach`](Unblock::detach) lets it run
/// in any case.
#[must_use = "dropping it takes the closure out of the queue, if it was not begun; `.await` it, or let it run with `.detach()`"]
pub struct Unblock<T> {
    result: JoinReceiver<T>,
    pool: Pool,
    state: State,
}

/// What became of the job, as far as its handle knows.
enum State {
    /// The pool has it by this number; the slot says what comes of it.
    Queued(u64),
    /// No thread could be had. The slot's word is not asked for.
    NoThread(TaskInfo, io::Error),
    /// The pool had been closed.
    Closed(TaskInfo),
    /// The result was returned.
    Returned,
}

impl<T> Unblock<T> {
    /// Lets the closure run without a handle. Its result is dropped on the pool's thread.
    ///
    /// A panic of the closure has nobody to go to then: the panic hook has printed it, and it ends
    /// nothing, whatever the [`PanicPolicy`](crate::PanicPolicy) of the runtime. A closure that no
    /// thread could be had for, or whose runtime had been shut down before, is not run, and a line
    /// on standard error says so.
    ///
    /// # Examples
    ///
    /// ```
    /// let (done, wait) = std::sync::mpsc::channel();
    /// wakeline::unblock(move || done.send(1)).detach();
    /// assert_eq!(wait.recv(), Ok(1));
    /// ```
    pub fn detach(mut self) {
        if !self.pool.is_of_this_process() {
            return;
        }
        self.result.leave();
        match mem::replace(&mut self.state, State::Returned) {
            State::NoThread(job, error) => {
                report_loss(&job, &format_args!("the system grants no thread: {error}"));
                self.pool.remember(job);
            }
            State::Closed(job) => {
                report_loss(&job, &"its runtime was shut down");
                self.pool.remember(job);
            }
            State::Queued(_) | State::Returned => {}
        }
    }

    /// Asks for the closure's end, and returns at once. One that was not begun is dropped here, and
    /// the future resolves with [`Cancelled`](JoinError::Cancelled). One that was begun runs on,
    /// for no thread can be stopped from outside; its result comes as if nothing had been asked.
    ///
    /// # Examples
    ///
    /// ```
    /// # wakeline::block_on(async {
    /// let job = wakeline::unblock(|| 1);
    /// job.abort();
    /// match job.await {
    ///     Ok(output) => assert_eq!(output, 1), // it had begun
    ///     Err(error) => assert!(error.is_cancelled()),
    /// }
    /// # });
    /// ```
    pub fn abort(&self) {
        if let (State::Queued(number), true) = (&self.state, self.pool.is_of_this_process()) {
            self.pool.take_back(*number);
        }
    }

    /// Is the result there, or the closure taken back?
    pub fn is_finished(&self) -> bool {
        let is_queued = matches!(self.state, State::Queued(_)) && self.pool.is_of_this_process();
        !is_queued || self.result.is_finished()
    }
}

/// Of a detached job nobody else would hear.
#[cold]
fn report_loss(job: &TaskInfo, why: &dyn fmt::Display) {
    // Where standard error is closed, nobody listens.
    let _ = writeln!(io::stderr(), "wakeline: {job} was detached and is not run: {why}");
}

impl<T> Future for Unblock<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match mem::replace(&mut this.state, State::Returned) {
            State::Returned => polled_after_completion("Unblock"),
            // The workers have stayed behind in the parent, and with them perhaps a lock.
            _ if !this.pool.is_of_this_process() => Poll::Ready(Err(JoinError::Cancelled)),
            State::NoThread(job, error) => Poll::Ready(Err(JoinError::no_thread(&job, &error))),
            State::Closed(_) => Poll::Ready(Err(JoinError::Cancelled)),
            State::Queued(number) => {
                let polled = this.result.poll(cx);
                if polled.is_pending() {
                    this.state = State::Queued(number);
                }
                polled
            }
        }
    }
}

impl<T> Drop for Unblock<T> {
    fn drop(&mut self) {
        let State::Queued(number) = self.state else { return };
        if !is_over() && self.pool.is_of_this_process() && self.result.leave() {
            self.pool.take_back(number);
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
