//! A task's turn: it is polled, or its future is dropped.
//!
//! A panic is caught around many polls. Whose it was is what the thread-local said before that
//! poll; so that this is true whatever runs in between, it names a task only while the task is
//! RUNNING, and what was named before comes back at the end.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::task::Context;

use super::current::{self, Current, Outer};
use super::refs::{Queued, Registered, TaskView};
use super::waker::borrowed;
use crate::sync::catch_unwind;

impl Current {
    /// Polls the tasks that `next` hands out, each after `begins` was told, and gives those to
    /// `again` that were woken meanwhile. Counts `most` down, and ends at zero. Returns false when
    /// a panic has ended a task.
    #[inline]
    pub(crate) fn run_all(
        &self,
        most: &mut usize,
        mut next: impl FnMut() -> Option<Queued>,
        mut begins: impl FnMut(&TaskView),
        mut again: impl FnMut(Queued),
    ) -> bool {
        let _outer = Outer::of(self, None);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            while *most > 0 {
                let Some(queued) = next() else { return };
                *most -= 1;
                begins(&queued);
                let task = queued.into_task();
                self.replace_task(Some(task));
                self.refill_budget();
                let ready = task.run(&mut Context::from_waker(&borrowed(task)));
                self.replace_task(None);
                if ready {
                    again(Queued::won(task));
                }
            }
        }));
        match (polled, self.task()) {
            (Ok(()), _) => return true,
            (Err(payload), Some(task)) => task.fail(payload),
            (Err(payload), None) => resume_unwind(payload),
        }
        false
    }
}

impl Registered {
    /// The executor lets go of the task and ends it: tells `begins`, then drops the future here and
    /// now. One that is ready, or runs further up the stack, ends at its turn.
    pub(crate) fn end(self, begins: impl FnOnce(&TaskView)) {
        let task = self.into_task();
        task.anchor();
        if !task.hold() {
            return task.abort_local();
        }
        current::as_running(task, || {
            begins(&TaskView::of(task));
            current::with(Current::refill_budget);
            task.end_held();
        });
    }
}
