//! Ending tasks. This module owns the order in which they end, newest first. It must never run a
//! drop of a user's with a borrow held.

use super::core::ExecutorCore;
use super::hooks::Hooks;
use super::shared::{Mode, Shared};
use super::{enter, host};
use crate::sync;
use crate::task::current::{self, Entered};
use crate::task::{TaskRef, discard};

impl<H: Hooks> ExecutorCore<H> {
    /// Ends the tasks that are chosen: drops their futures here and now, the one that was spawned
    /// last first. A drop may spawn, and may end others: those that it spawns are asked about as
    /// well, and come next. The calling thread has entered the executor, and no chosen task is in a
    /// run queue that is still polled. `is_chosen` is called with the registry borrowed.
    pub(super) fn cancel(&self, is_chosen: impl Fn(TaskRef) -> bool) {
        let shared = &self.shared;
        loop {
            let newest = shared.registry.borrow().newest(&is_chosen);
            let Some(task) = newest else { break };
            // Out of the registry first: the drop of its future may do anything, with any task.
            let number = shared.registry.borrow_mut().remove_numbered(task);
            task.anchor();
            shared.late.borrow_mut().keep(task, number);
            current::with(|current| current.begin(Some(task)));
            self.hooks.begins(task);
            task.shut_down();
        }
        current::with(|current| current.begin(None));
        self.hooks.ends(0, shared);
    }
}

impl<H: Hooks> Drop for ExecutorCore<H> {
    fn drop(&mut self) {
        if sync::is_over() {
            return;
        }
        let shared = &self.shared;
        let _entered = Entered::new(Shared::address(shared).as_ptr().cast_const());
        shared.mode.set(Mode::Closing);
        host::remove(shared);
        enter::remove(shared);
        // From here on no push succeeds. What was spawned and not yet seen joins the others.
        let _ = shared.admit(shared.inbox().close());
        self.cancel(|_| true);
        // The handle of a task that another executor of this thread runs may still keep a waker of
        // the root.
        self.root.anchor();
        self.root.shut_down();
        shared.blocks.take();
        shared.reactor.borrow_mut().take();
        let escaped = shared.escaped.borrow_mut().take();
        if let Some(payload) = escaped {
            discard(payload);
        }
    }
}
