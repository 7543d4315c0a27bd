//! A closure on its way to a thread. A panic of it goes to its handle and no further.

use std::fmt;
use std::panic::{AssertUnwindSafe, Location};
use std::time::{Duration, Instant};

use crate::sync::catch_unwind;
use crate::task::{JoinError, JoinReceiver, JoinSender, Panic, Site, TaskInfo, discard, join_slot};

/// What is called or dropped, once; its types are forgotten.
trait Work: Send {
    /// Calls the closure and sends what it returns.
    fn run(self: Box<Self>, info: &TaskInfo);
    /// Drops the closure and says `Cancelled`.
    fn cancel(self: Box<Self>);
}

struct Typed<F, T> {
    f: F,
    sender: JoinSender<T>,
}

impl<T, F> Work for Typed<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(self: Box<Self>, info: &TaskInfo) {
        let Self { f, sender } = *self;
        let result = catch_unwind(AssertUnwindSafe(f));
        let result = result.map_err(|payload| JoinError::Panicked(Panic::new(payload, info.clone())));
        guarded(|| sender.send(result));
    }

    fn cancel(self: Box<Self>) {
        let Self { f, sender } = *self;
        // The closure goes before the handle learns of it.
        guarded(|| drop(f));
        guarded(|| drop(sender));
    }
}

/// A user's code whose panic nobody receives.
fn guarded(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// A closure that waits for a thread. One that is dropped was not begun.
pub(super) struct Job {
    /// None once it is called.
    work: Option<Box<dyn Work>>,
    info: TaskInfo,
}

impl Job {
    /// The job, and where its result will be.
    pub(super) fn new<T, F>(f: F, name: Option<Box<str>>, site: Site) -> (Self, JoinReceiver<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = join_slot();
        let info = TaskInfo::of_job(name, site);
        (Self { work: Some(Box::new(Typed { f, sender })), info }, receiver)
    }

    pub(super) fn info(&self) -> &TaskInfo {
        &self.info
    }

    /// Drops the closure here, and says which it was.
    pub(super) fn refuse(self) -> TaskInfo {
        self.info.clone()
    }

    /// Calls the closure here.
    pub(super) fn run(mut self) {
        let work = self.work.take().expect("a job is consumed by its run");
        work.run(&self.info);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            work.cancel();
        }
    }
}

/// A job that is being run by a thread of the pool.
#[derive(Clone, Debug)]
pub(super) struct RunningJob {
    info: TaskInfo,
    since: Instant,
}

impl RunningJob {
    pub(super) fn now(job: &Job) -> Self {
        Self { info: job.info().clone(), since: crate::clock::instant_now() }
    }

    pub(super) fn report(self) -> JobInfo {
        JobInfo { running_for: Some(self.since.elapsed()), info: self.info }
    }
}

/// Which job a report is about: where [`unblock`](crate::unblock) was called, and for how long the
/// closure had been running.
///
/// Its `Display` is, for example, ``job #17 (spawned at src/main.rs:12:5), running for 3.2s`` or
/// ``job "resolve example.org" (spawned at src/main.rs:12:5), not begun``.
#[derive(Clone, Debug)]
pub struct JobInfo {
    info: TaskInfo,
    running_for: Option<Duration>,
}

impl JobInfo {
    pub(super) fn not_begun(info: TaskInfo) -> Self {
        Self { info, running_for: None }
    }

    /// The line that called [`unblock`](crate::unblock). `None` only in programs with more than 65
    /// 535 such lines.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.info.location()
    }

    /// What it is, where this crate called [`unblock`](crate::unblock) itself, like
    /// `resolve example.org`.
    pub fn name(&self) -> Option<&str> {
        self.info.name()
    }

    /// For how long it had been running when the report was made; `None` when no thread had begun
    /// it.
    pub fn running_for(&self) -> Option<Duration> {
        self.running_for
    }

    /// What messages say of it.
    pub(crate) fn info(&self) -> &TaskInfo {
        &self.info
    }
}

impl fmt::Display for JobInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.running_for {
            Some(time) => write!(f, "{}, running for {time:.1?}", self.info),
            None => write!(f, "{}, not begun", self.info),
        }
    }
}
