//! What a shutdown has come to, in words for an operator.

use std::collections::BTreeMap;
use std::fmt;

use crate::blocking::JobInfo;
use crate::task::TaskInfo;

/// What became of a runtime's tasks and of its jobs when it was shut down; see
/// [`Runtime::shutdown`](crate::Runtime::shutdown).
///
/// Its `Display` is for an operator's log: one line that sums up, then a line for each kind of task
/// that was cancelled, each kind of job that was not begun, and for each that was abandoned, with
/// names and spawn sites. After work well done it is one line:
///
/// ```text
/// shut down: all 3 cores ended; 120 tasks finished, none cancelled, nothing abandoned
/// ```
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wakeline::{Cores, Runtime, task};
///
/// let runtime = Runtime::builder().cores(Cores::exactly(1)).build()?;
/// task::Builder::new().name("ticker").spawn_on(&runtime, 0, || std::future::pending::<()>()).detach();
/// let report = runtime.shutdown(Duration::ZERO);
/// assert_eq!(report.cancelled[0].name(), Some("ticker"));
/// let text = report.to_string();
/// assert!(text.starts_with("shut down: the core ended; no task finished, 1 cancelled, nothing abandoned"));
/// assert!(text.contains("\n  cancelled: task \"ticker\" (spawned at "));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// How many cores the runtime had.
    pub cores: usize,
    /// Tasks that have ended since the runtime was built: by themselves, or by their handles. Those
    /// of a core that is stuck in a poll are not known, and not among them.
    pub finished: usize,
    /// Those of them that were there when their cores were told to end, or came after that.
    pub finished_in_grace: usize,
    /// Tasks that were dropped: first those that no core had taken yet, then those of core 0,
    /// newest first, and so on.
    pub cancelled: Vec<TaskInfo>,
    /// Closures of [`unblock`](crate::unblock) that no thread had begun at the deadline, oldest
    /// first; those whose tasks were cancelled are not listed again. Before them come detached ones
    /// for which the system had granted no thread, the first thousand. All have been dropped.
    pub not_begun: Vec<JobInfo>,
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
    pub(in crate::runtime) core: usize,
    pub(in crate::runtime) thread: Box<str>,
    pub(in crate::runtime) running: Option<TaskInfo>,
    pub(in crate::runtime) others: usize,
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

    /// The task in whose poll or drop it is stuck. `None` when it is the destructor of a
    /// thread-local. Of a very long name, the beginning.
    pub fn task(&self) -> Option<&TaskInfo> {
        self.running.as_ref()
    }

    /// How many more tasks it has.
    pub fn others(&self) -> usize {
        self.others
    }
}

impl ShutdownReport {
    pub(in crate::runtime) fn new(cores: usize, cancelled: Vec<TaskInfo>) -> Self {
        let (not_begun, abandoned) = (Vec::new(), Vec::new());
        Self { cores, finished: 0, finished_in_grace: 0, cancelled, not_begun, abandoned }
    }

    /// Was nothing cancelled, no job left out, and nothing abandoned?
    pub fn is_clean(&self) -> bool {
        self.cancelled.is_empty() && self.not_begun.is_empty() && self.abandoned.is_empty()
    }

    fn stuck_cores(&self) -> usize {
        self.abandoned.iter().filter(|left| matches!(left, Abandoned::Core(_))).count()
    }

    /// The line that sums up.
    fn sum_up(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.cores;
        match self.stuck_cores() {
            0 if cores == 1 => write!(f, "shut down: the core ended; ")?,
            0 => write!(f, "shut down: all {cores} cores ended; ")?,
            stuck => write!(f, "shut down: {} of {} ended; ", cores - stuck, count(cores, "core"))?,
        }
        match self.finished {
            0 => write!(f, "no task finished, ")?,
            finished => write!(f, "{} finished, ", count(finished, "task"))?,
        }
        match self.cancelled.len() {
            0 => write!(f, "none cancelled, ")?,
            cancelled => write!(f, "{cancelled} cancelled, ")?,
        }
        match self.not_begun.len() {
            0 => {}
            jobs => write!(f, "{} not begun, ", count(jobs, "job"))?,
        }
        match self.abandoned.len() {
            0 => write!(f, "nothing abandoned"),
            abandoned => write!(f, "{abandoned} abandoned"),
        }
    }
}

/// "1 task", "2 tasks".
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A line for each kind: ten thousand connections are one.
fn list<'a>(f: &mut fmt::Formatter<'_>, what: &str, noun: &str, all: impl Iterator<Item = &'a TaskInfo>) -> fmt::Result {
    let mut kinds: BTreeMap<_, (usize, &TaskInfo)> = BTreeMap::new();
    for one in all {
        kinds.entry((one.name(), one.location())).or_insert((0, one)).0 += 1;
    }
    for ((name, location), (number, one)) in kinds {
        write!(f, "\n  {what}: ")?;
        if number == 1 {
            write!(f, "{one}")?;
            continue;
        }
        write!(f, "{}", count(number, noun))?;
        if let Some(name) = name {
            write!(f, " {name:?}")?;
        }
        if let Some(location) = location {
            write!(f, " (spawned at {location})")?;
        }
    }
    Ok(())
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sum_up(f)?;
        list(f, "cancelled", "task", self.cancelled.iter())?;
        list(f, "not begun", "job", self.not_begun.iter().map(JobInfo::info))?;
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
            others => write!(f, ", and has {} more", count(others, "task")),
        }
    }
}
