//! How a task ended when it did not return, and whose a panic is.
//!
//! A payload can be sent to another thread and need not be shareable, while errors are expected to
//! be both, or `?` does not take them. Rule \[E1\]: a shared [`Panic`] shows its payload only as a
//! type that is `Sync`; anything else takes it by value.
//!
//! # Panics of a user's code
//!
//! | code | called by | a panic |
//! |---|---|---|
//! | `poll` | the run loop | ends the task; goes to the handle, without one to the executor's policy |
//! | the future's drop | the run loop, the executor's drop | the same: after `poll` returned, and when cancelled |
//! | an unbegun closure's drop | the run loop, the executor's drop | the same |
//! | an unbegun closure's drop | another thread | goes to the handle; without one discarded: no executor has begun it |
//! | a second one of a task: of its future's drop or its output's | the run loop | discarded; the task ends with its first |
//! | the output's drop | the run loop or the handle's drop | to the policy |
//! | a joiner's `wake` | the run loop | to the policy; the task has ended all the same |
//! | a foreign waker's `clone`, `drop` | the poll | forwarded to that poll |
//! | a foreign waker's `drop` | the handle's drop | a local handle's: to the policy; a remote one's: discarded |
//! | a foreign waker's `wake`, `drop` | a drop, while a panic unwinds | discarded: a second one would end the process |
//! | an output's drop | a remote handle's drop | discarded: the policy is another thread's |
//! | a payload's drop | where the payload is discarded | discarded |
//!
//! Once the executor's drop has begun, the policy can hand nothing on: under `Abort` the process
//! ends, else the panic is discarded.
//!
//! A panic is caught per batch and not per poll: the loop sets which task is running, and a caught
//! panic ends that one.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::mem;
use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe, Location, catch_unwind};
use std::thread;

use super::number;
use super::site::Site;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Drops what a panic carried, where nobody receives it. A payload that panics in its own drop has
/// the last word: the payload of that second panic is leaked, for its drop could be the third.
pub(crate) fn discard(payload: Payload) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
}

/// Calls foreign code that may panic. While a panic unwinds already, a second one would end the
/// process: it is discarded.
pub(crate) fn contain(foreign: impl FnOnce()) {
    if !thread::panicking() {
        return foreign();
    }
    if let Err(second) = catch_unwind(AssertUnwindSafe(foreign)) {
        discard(second);
    }
}

/// What every future of this crate says that is polled again after its end, and is not fused by
/// nature.
#[cold]
#[track_caller]
pub(crate) fn polled_after_completion(name: &str) -> ! {
    panic!("`{name}` polled after completion")
}

/// The identity of a task, or of a job of the blocking pool.
///
/// A number that no other task of the process has, had or will have, on whatever thread: it can be
/// written into a log. Numbers are given when they are first asked for, so they do not say in which
/// order tasks were spawned.
///
/// # Examples
///
/// ```
/// wakeline::block_on(async {
///     let (a, b) = (wakeline::spawn(async {}), wakeline::spawn(async {}));
///     assert_ne!(a.id(), b.id());
///     assert_eq!(a.id(), a.id());
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub(super) NonZero<u64>);

impl TaskId {
    /// For a reader on another thread, who keeps words: the id's number, of which a word of 32 bits
    /// has the lower half.
    pub(crate) fn word(self) -> usize {
        self.0.get() as usize
    }

    /// Back from a word that [`TaskId::word`] gave; none from zero.
    pub(crate) fn from_word(word: usize) -> Option<Self> {
        NonZero::new(word as u64).map(Self)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({self})")
    }
}

/// Which task a message is about: its id, its name if it has one, and where it was spawned. Or
/// which job of the blocking pool.
///
/// Its `Display` is what every message of this crate says of a task, for example ``task "ticker"
/// (spawned at src/main.rs:12:5)``.
///
/// # Examples
///
/// ```
/// use wakeline::JoinError;
///
/// let error = wakeline::block_on(async { wakeline::spawn(async { panic!("no") }).await }).unwrap_err();
/// let JoinError::Panicked(panic) = error else { unreachable!() };
/// assert!(panic.task().location().unwrap().file().ends_with(".rs"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskInfo {
    noun: &'static str,
    id: TaskId,
    name: Option<Box<str>>,
    location: Option<&'static Location<'static>>,
}

impl TaskInfo {
    pub(crate) fn new(id: TaskId, name: Option<&str>, site: Site) -> Self {
        Self { noun: "task", id, name: name.map(Box::from), location: site.location() }
    }

    /// Of a closure on the blocking pool.
    pub(crate) fn of_job(name: Option<Box<str>>, site: Site) -> Self {
        Self { noun: "job", id: TaskId(number::next()), name, location: site.location() }
    }

    /// The task's identity.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The name that [`Builder::name`](crate::task::Builder::name) gave it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The line that spawned it. `None` only in programs with more than 65 535 such lines.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.location
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {name:?} ", self.noun)?,
            None => write!(f, "{} {} ", self.noun, self.id)?,
        }
        match self.location {
            Some(location) => write!(f, "(spawned at {location})"),
            None => write!(f, "(spawned at an unknown line)"),
        }
    }
}

/// A panic that ended a task: its payload, and which task it was.
///
/// # Examples
///
/// ```
/// use wakeline::JoinError;
///
/// match wakeline::block_on(async { wakeline::spawn(async { panic!("out of cheese") }).await }) {
///     Err(JoinError::Panicked(panic)) => assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of cheese")),
///     other => unreachable!("{other:?}"),
/// }
/// ```
pub struct Panic {
    payload: Payload,
    task: TaskInfo,
}

impl Panic {
    pub(crate) fn new(payload: Payload, task: TaskInfo) -> Self {
        Self { payload, task }
    }

    /// The task that panicked.
    pub fn task(&self) -> &TaskInfo {
        &self.task
    }

    /// What the panic carried, if it is a `T`.
    pub fn downcast_ref<T: Any + Sync>(&self) -> Option<&T> {
        self.payload.downcast_ref()
    }

    /// What the panic carried, if it is a `T`; else the panic again.
    ///
    /// # Errors
    ///
    /// The panic itself, when it carries something else.
    pub fn downcast<T: Any>(self) -> Result<Box<T>, Self> {
        let task = self.task;
        self.payload.downcast().map_err(|payload| Self { payload, task })
    }

    /// What the panic carried.
    pub fn into_payload(self) -> Box<dyn Any + Send + 'static> {
        self.payload
    }

    /// The message, when the panic carried text, as those of `panic!` do.
    pub fn message(&self) -> Option<&str> {
        let text = self.downcast_ref::<&'static str>().copied();
        text.or_else(|| self.downcast_ref::<String>().map(String::as_str))
    }
}

// SAFETY: [E1] what is shared of the payload is a reference to a type that is `Sync`, or nothing; a
// reference to another type would let two threads touch what is not made for it.
unsafe impl Sync for Panic {}

/// As its `Display`: what `unwrap` prints is meant for reading.
impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Panic({self})")
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "{} panicked: {message}", self.task),
            None => write!(f, "{} panicked with a payload that is no text", self.task),
        }
    }
}

impl Error for Panic {}

/// Why a task has no output.
///
/// # Examples
///
/// ```
/// use wakeline::JoinError;
///
/// wakeline::block_on(async {
///     let task = wakeline::spawn(std::future::pending::<()>());
///     task.abort();
///     assert!(matches!(task.await, Err(JoinError::Cancelled)));
/// });
/// ```
///
/// It goes through `?` into a `Box<dyn Error + Send + Sync>`, and into an [`io::Error`] of the kind
/// `Other`, which keeps it. The [`source`](Error::source) of `Panicked` is the [`Panic`].
///
/// ```
/// use std::io;
///
/// async fn answer() -> io::Result<u32> {
///     Ok(wakeline::spawn(async { 42 }).await?)
/// }
/// # assert_eq!(wakeline::block_on(answer()).unwrap(), 42);
/// ```
#[non_exhaustive]
pub enum JoinError {
    /// The task's future, or its drop, panicked. Or the closure that makes the future of a remote
    /// task, or its drop, did.
    Panicked(Panic),
    /// The task was aborted, or its executor was dropped. Or it was a job, and its pool was closed
    /// before the job had begun.
    Cancelled,
    /// It was a job, its pool had no thread, and the system granted none. The job has been dropped.
    NoThread(io::Error),
}

impl JoinError {
    pub(crate) fn no_thread(job: &TaskInfo, error: &io::Error) -> Self {
        Self::NoThread(io::Error::other(format!("{job} could not be begun: the system grants no thread: {error}")))
    }

    /// Was it a panic?
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// Was it cancelled?
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// The panic's payload.
    ///
    /// # Panics
    ///
    /// When the task was cancelled and there is no payload.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self {
            Self::Panicked(panic) => panic.into_payload(),
            Self::Cancelled => {
                panic!("`into_panic` on the error of a cancelled task, which has no payload; ask `is_panic` first")
            }
            Self::NoThread(error) => panic!("`into_panic` on the error of a job that was not begun: {error}"),
        }
    }

    /// Goes on with the task's panic in this thread; the panic hook does not run again.
    ///
    /// # Panics
    ///
    /// Always: with the payload, or, when the task was cancelled, with a message that says so.
    #[track_caller]
    pub fn resume_unwind(self) -> ! {
        match self {
            Self::Panicked(panic) => panic::resume_unwind(panic.into_payload()),
            Self::Cancelled => panic!("the task was cancelled: it was aborted, or its executor was dropped, or its pool closed"),
            Self::NoThread(error) => panic!("{error}"),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panic) => panic.fmt(f),
            Self::Cancelled => {
                write!(f, "the task was cancelled: it was aborted, or its executor was dropped, or its pool closed")
            }
            Self::NoThread(error) => error.fmt(f),
        }
    }
}

/// Names the variant, and says what its `Display` says: it is what `unwrap` prints.
impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panic) => write!(f, "Panicked({panic})"),
            Self::Cancelled => write!(f, "Cancelled({self})"),
            Self::NoThread(_) => write!(f, "NoThread({self})"),
        }
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Panicked(panic) => Some(panic),
            Self::Cancelled => None,
            Self::NoThread(error) => Some(error),
        }
    }
}

impl From<JoinError> for io::Error {
    /// Of the kind `Other`. [`get_ref`](io::Error::get_ref) and
    /// [`into_inner`](io::Error::into_inner) give the `JoinError` back.
    fn from(error: JoinError) -> Self {
        io::Error::other(error)
    }
}

/// Errors go through `?` into boxes that can be sent and shared.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<JoinError>();
};
