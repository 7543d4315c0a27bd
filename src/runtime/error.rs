//! Why a runtime did not do what it was asked, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;

use crate::executor::EnterError;
use crate::task::current::{self, Current};

/// Why a task could not be spawned on a runtime. The closure has been dropped.
///
/// # Examples
///
/// ```
/// use wakeline::runtime::SpawnError;
/// use wakeline::{Cores, Runtime};
///
/// let runtime = Runtime::builder().cores(Cores::exactly(1)).build()?;
/// let error = runtime.try_spawn_on(5, || async {}).unwrap_err();
/// assert!(matches!(error, SpawnError::NoSuchCore { core: 5, cores: 1, .. }));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// The runtime has fewer cores.
    #[non_exhaustive]
    NoSuchCore {
        /// The core that was asked for.
        core: usize,
        /// How many there are; they are numbered from 0.
        cores: usize,
    },
    /// The runtime's shutdown has begun.
    ShuttingDown,
    /// The runtime belongs to the process that this one was forked from: its threads are not here.
    Forked,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoSuchCore { core, cores } => {
                write!(f, "there is no core {core}: this runtime has {cores}, numbered from 0")
            }
            Self::ShuttingDown => write!(f, "the runtime is shutting down and takes no new tasks"),
            Self::Forked => write!(
                f,
                "this runtime was made by the process that this one was forked from, and its threads are not in this one; \
                 build a new `Runtime` in the child"
            ),
        }
    }
}

impl Error for SpawnError {}

impl From<SpawnError> for io::Error {
    fn from(error: SpawnError) -> Self {
        let kind = match error {
            SpawnError::NoSuchCore { .. } => io::ErrorKind::InvalidInput,
            SpawnError::ShuttingDown | SpawnError::Forked => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// Is this thread inside an executor?
pub(super) fn is_inside() -> bool {
    current::with(Current::has_entered)
}

/// For calls that block: panics inside an executor.
#[track_caller]
pub(super) fn refuse_inside(call: &'static str) {
    if is_inside() {
        panic!("{}", EnterError::nested(call));
    }
}

/// A runtime inside a runtime, or inside any executor.
pub(super) fn built_inside() -> io::Error {
    io::Error::other(format!(
        "a runtime cannot be built here: {}; inside a runtime, `Core::current()` leads to the one that is there",
        EnterError::nested("Runtime::build")
    ))
}
