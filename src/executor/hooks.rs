//! What the loop tells of itself, and when. A loop that nobody listens to pays nothing for it.
//!
//! An executor has its hooks as a type parameter, so the loop is compiled once for each kind of
//! them. The unit type listens to nothing and nothing of it is left in the code: the loop of a
//! [`LocalExecutor`](crate::LocalExecutor) holds no metrics. A runtime's cores have `MetricsHooks`.
//!
//! What the owner's own tasks spawn and wake is told in sum, after the polls that did it. They
//! reach the executor by an address that knows nothing of its hooks, and a call for each would cost
//! those that have none.

use super::shared::Owned;
use crate::task::TaskView;

/// Called by the loop, on the owner's thread. No hook runs code of a user's.
pub(crate) trait Hooks {
    /// Tasks came that other threads have spawned; they are registered now.
    fn spawned(&self, executor: &Owned);

    /// So many tasks are ready that other threads have woken.
    fn woken(&self, tasks: usize);

    /// The task is polled next, or its future is dropped.
    fn begins(&self, task: &TaskView);

    /// The last of `polls` polls is over, or the last drop; until the next `begins` no task runs.
    fn ends(&self, polls: usize, executor: &Owned);

    /// Nothing is ready: the thread spins, or sleeps.
    fn parks(&self);

    /// The sleep is over.
    fn unparks(&self);
}

/// Listens to nothing.
impl Hooks for () {
    #[inline]
    fn spawned(&self, _: &Owned) {}

    #[inline]
    fn woken(&self, _: usize) {}

    #[inline]
    fn begins(&self, _: &TaskView) {}

    #[inline]
    fn ends(&self, _: usize, _: &Owned) {}

    #[inline]
    fn parks(&self) {}

    #[inline]
    fn unparks(&self) {}
}

#[cfg(test)]
mod tests;
