//! Why an executor could not be entered, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;

use crate::task::TaskInfo;
use crate::task::current::{self, Current};

/// Why an executor could not be entered: this thread is inside one already, or the executor belongs
/// to another process.
///
/// Its `Display` names the running task and where it was spawned, and says what to do instead.
///
/// # Examples
///
/// ```
/// wakeline::block_on(async {
///     let error = wakeline::try_block_on(async {}).unwrap_err();
///     assert!(error.to_string().contains(".await"));
/// });
/// ```
#[derive(Clone, Debug)]
pub struct EnterError(EnterErrorKind);

#[derive(Clone, Debug)]
enum EnterErrorKind {
    /// Inside a task, or inside the future of `block_on` (`None`).
    Nested { call: &'static str, task: Option<TaskInfo> },
    /// A guard was asked for where an executor runs.
    Running { task: Option<TaskInfo> },
    /// The executor was made before a fork, by the parent.
    Forked,
}

impl EnterError {
    /// Blocking `call` inside whatever this thread is running.
    pub(crate) fn nested(call: &'static str) -> Self {
        Self(EnterErrorKind::Nested { call, task: current::with(Current::task_info) })
    }

    /// When this thread runs an executor, which a guard would not replace.
    pub(super) fn if_running() -> Result<(), Self> {
        if !current::with(Current::has_entered) {
            return Ok(());
        }
        Err(Self(EnterErrorKind::Running { task: current::with(Current::task_info) }))
    }

    pub(super) fn forked() -> Self {
        Self(EnterErrorKind::Forked)
    }

    /// Was it because this thread is inside an executor already?
    pub fn is_nested(&self) -> bool {
        matches!(self.0, EnterErrorKind::Nested { .. } | EnterErrorKind::Running { .. })
    }

    /// Was it because the executor belongs to the process that this one was forked from?
    pub fn is_forked(&self) -> bool {
        matches!(self.0, EnterErrorKind::Forked)
    }
}

impl fmt::Display for EnterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            EnterErrorKind::Nested { call, task } => {
                match task {
                    Some(task) => write!(f, "`{call}` was called inside {task}")?,
                    None => write!(f, "`{call}` was called inside the future of `block_on`")?,
                }
                write!(
                    f,
                    ", which would stop the thread that has to run it: `.await` the future there, `spawn` it, \
                     or move what blocks to another thread (`unblock`)"
                )
            }
            EnterErrorKind::Running { task } => {
                match task {
                    Some(task) => write!(f, "`enter` was called inside {task}")?,
                    None => write!(f, "`enter` was called inside the future of `block_on`")?,
                }
                write!(
                    f,
                    ", where the executor that runs is the one that `spawn` finds: spawn on the other one with \
                     `LocalExecutor::spawn`, or enter it before"
                )
            }
            EnterErrorKind::Forked => write!(
                f,
                "this executor was made by the process that this one was forked from, and its descriptors are still the parent's; \
                 make a new `LocalExecutor` in the child"
            ),
        }
    }
}

impl Error for EnterError {}

impl From<EnterError> for io::Error {
    fn from(error: EnterError) -> Self {
        io::Error::other(error)
    }
}
