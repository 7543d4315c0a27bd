//! What a shutdown has come to — owns the words for an operator.

use std::collections::BTreeMap;
use std::fmt;

use crate::blocking::JobInfo;
use crate::task::TaskInfo;

/// What became of a runtime's tasks when it was shut down; see [`Runtime::shutdown`](super::Runtime::shutdown).
///
/// Its `Display` is for an operator's log: one line that sums up, then a line for each kind of task that was cancelled and for each that was
/// abandoned, with names and spawn sites.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wakeline::{Cores, Runtime, task};
///
/// let runtime = Runtime::builder().cores(Cores::exactly(1)).build()?;
/// task::Builder::new().name("ticker").spawn_on_core(&runtime.handle(), 0, || std::future::pending::<()>()).detach();
/// let report = runtime.shutdown(Duration::ZERO);
/// assert_eq!(report.cancelled[0].name(), Some("ticker"));
/// assert!(report.to_string().starts_with("shut down: 0 tasks finished, 1 cancelled, nothing abandoned\n  cancelled: task \"ticker\""));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Tasks that were there when their cores were told to end, or came after that, and ended before the deadline.
    pub finished: usize,
    /// Tasks that were dropped: first those that no core had taken yet, then those of core 0, newest first, and so on.
    pub cancelled: Vec<TaskInfo>,
    /// What did not come to its end and was left alone.
    pub abandoned: Vec<Abandoned>,
}

/// What a shutdown had to leave alone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Abandoned {
    /// A core whose thread did not come back.
    Core(StuckCore),
    /// A closure of [`unblock`](crate::unblock) that still runs. Its thread ends with it.
    Job(JobInfo),
}

/// A core that was stuck when the runtime was shut down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StuckCore {
    pub(super) core: usize,
    pub(super) thread: Box<str>,
    pub(super) running: Option<TaskInfo>,
    pub(super) others: usize,
}

impl StuckCore {
    /// The core's number.
    pub fn core(&self) -> usize {
        self.core
    }

    /// The name of its thread.
    pub fn thread(&self) -> &str {
        &self.thread
    }

    /// The task in whose poll or drop it is stuck. `None` when it is the destructor of a thread-local. Of a very long name, the beginning.
    pub fn task(&self) -> Option<&TaskInfo> {
        self.running.as_ref()
    }

    /// How many more tasks it has.
    pub fn others(&self) -> usize {
        self.others
    }
}

impl ShutdownReport {
    pub(super) fn new(cancelled: Vec<TaskInfo>) -> Self {
        Self { finished: 0, cancelled, abandoned: Vec::new() }
    }

    /// Was nothing cancelled, and nothing abandoned?
    pub fn is_clean(&self) -> bool {
        self.cancelled.is_empty() && self.abandoned.is_empty()
    }
}

/// "1 task", "2 tasks".
fn tasks(count: usize) -> String {
    format!("{count} task{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shut down: {} finished, {} cancelled, ", tasks(self.finished), self.cancelled.len())?;
        match self.abandoned.len() {
            0 => write!(f, "nothing abandoned")?,
            count => write!(f, "{count} abandoned")?,
        }
        // Ten thousand connections are one line.
        let mut kinds: BTreeMap<_, (usize, &TaskInfo)> = BTreeMap::new();
        for task in &self.cancelled {
            kinds.entry((task.name(), task.location())).or_insert((0, task)).0 += 1;
        }
        for ((name, location), (count, task)) in kinds {
            write!(f, "\n  cancelled: ")?;
            match (count, name, location) {
                (1, ..) => write!(f, "{task}")?,
                (_, Some(name), Some(location)) => write!(f, "{count} tasks {name:?} (spawned at {location})")?,
                (_, None, Some(location)) => write!(f, "{count} tasks (spawned at {location})")?,
                (_, Some(name), None) => write!(f, "{count} tasks {name:?}")?,
                (_, None, None) => write!(f, "{count} tasks")?,
            }
        }
        for left in &self.abandoned {
            write!(f, "\n  abandoned: {left}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core(core) => core.fmt(f),
            Self::Job(job) => job.fmt(f),
        }
    }
}

impl fmt::Display for StuckCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "core {} (thread {:?}) is stuck in ", self.core, self.thread)?;
        match &self.running {
            Some(task) => write!(f, "{task}")?,
            None => write!(f, "no task: in the destructor of a thread-local, or the kernel")?,
        }
        match self.others {
            0 => Ok(()),
            others => write!(f, ", and has {} more", tasks(others)),
        }
    }
}
