//! Ending tasks, newest first.

use super::core::ExecutorCore;
use super::hooks::Hooks;
use super::shared::Mode;
use super::{enter, host};
use crate::sync;
use crate::task::{TaskView, discard};

impl<H: Hooks> ExecutorCore<H> {
    /// Ends the tasks that are chosen: drops their futures here and now, the one that was spawned
    /// last first. A drop may spawn, and may end others: those that it spawns are asked about as
    /// well, and come next. One that is ready, or runs, ends at its turn. The calling thread has
    /// entered the executor. `is_chosen` is called with the registry borrowed.
    pub(super) fn cancel(&self, is_chosen: impl Fn(&TaskView) -> bool) {
        let shared = &self.shared;
        loop {
            // Out of the registry first: the drop of its future may do anything, with any task.
            let newest = shared.registry.borrow_mut().take_newest(&is_chosen);
            let Some((task, number)) = newest else { break };
            task.end(|task| {
                shared.late.borrow_mut().keep(task, number);
                self.hooks.begins(task);
            });
        }
        self.hooks.ends(0, shared);
    }
}

impl<H: Hooks> Drop for ExecutorCore<H> {
    fn drop(&mut self) {
        if sync::is_over() {
            return;
        }
        let shared = &self.shared;
        shared.enter(|| {
            shared.mode.set(Mode::Closing);
            host::remove(shared);
            enter::remove(shared);
            shared.run_queue.clear();
            // From here on no push succeeds. What was spawned and not yet seen joins the others.
            let _ = shared.admit(shared.inbox().close());
            self.cancel(|_| true);
            let escaped = shared.escaped.borrow_mut().take();
            escaped.into_iter().for_each(discard);
        });
    }
}
