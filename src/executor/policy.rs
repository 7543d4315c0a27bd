//! What becomes of a panic that nobody receives. A panic that a handle takes does not come here.

/// What happens to a panic of a task that nobody holds the handle of. The free
/// [`block_on`](crate::block_on) propagates it; a [`LocalExecutor`](crate::LocalExecutor) and a
/// [`Runtime`](crate::Runtime) isolate it, unless their builder was told otherwise.
///
/// The panic hook has printed it before the policy is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum PanicPolicy {
    /// The executor goes on.
    #[default]
    Isolate,
    /// The panic goes on in `block_on`, or whatever else runs the executor. Of several at once the
    /// first one does, and none while another panic unwinds there. The executor's drop hands
    /// nothing on.
    Propagate,
    /// The process is aborted.
    Abort,
}
