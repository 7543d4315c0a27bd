//! A task of another thread before it is begun, and how it ends without ever having had an
//! executor.
//!
//! Such a task is a closure that waits: in an inbox, or where executors help themselves. It carries
//! NEW. The closure can be sent, so it may be dropped anywhere, and it is dropped where its end is
//! asked for: the one that waits for the end then need not wait for an executor that does not come
//! by.
//!
//! Two parties have to do with it, who need not know of each other.
//!
//! - **Who ends it**: the abort that has set ABORT under NEW. To it belong the closure and the
//!   registry's reference, which it gives up when the closure is gone. It does not touch the link.
//! - **Who holds the link**: the owner that drains its inbox, the one that has taken the task out
//!   of an inbox, or the holder of an [`Unstarted`](crate::executor::Unstarted). It begins the
//!   task, and then that is one of an executor like any other; or it finds that it was ended, and
//!   gives up the link, no more. The free comes after the unlink, because QUEUED is a reference.
//!
//! Until it is begun the task holds a reference to the executor's memory, which both may ask.
//!
//! What stays is an empty shell in the inbox. Where there are many the executor's memory has them
//! taken out by the one that ends the next one.
//!
//! A closure that owns the handle of another such task drops it, and so ends that one, in its own
//! drop. Where these nest deeply they wait for the outermost one, as a stack has an end.

use std::cell::Cell;

use super::cell::TaskRef;
use super::error::discard;
use super::flags::Flags;
use super::state::{Released, Wake};
use crate::sync::owner_local;

/// So many drops may lie within each other: some kilobytes of stack each in a debug build.
const DEEPEST: usize = 64;

owner_local! {
    /// How many closures this thread is dropping, one within the other, and those that wait until
    /// it has dropped the outermost, linked as ready tasks are.
    static ENDING: Cell<(usize, Option<TaskRef>)> = Cell::new((0, None))
}

impl TaskRef {
    /// The holder of the link: has nobody begun the task?
    pub(super) fn is_new(&self) -> bool {
        self.header().remote.is_new()
    }

    /// The holder of the link of a task that is NEW: begins it. False when it was ended before.
    pub(super) fn begin(&self) -> bool {
        self.header().remote.begin()
    }

    /// The holder of the link: was the task ended before it was begun?
    pub(super) fn is_abandoned(&self) -> bool {
        self.header().remote.is_abandoned()
    }

    /// The holder of the link of a task that could not be begun, because somebody ends it or has
    /// ended it.
    #[cold]
    pub(super) fn unlink_ended(self) {
        (self.header().vtable.reclaimed)(self);
        self.unlink_unseen();
    }

    /// The holder of the link of a task that is NEW and shall not be begun: ends it, unless its
    /// handle is faster, and gives up the link. True when it was ended here.
    #[cold]
    pub(super) fn refuse_unbegun(self) -> bool {
        let ends = self.header().remote.abort() == Wake::Unbegun;
        if ends {
            self.end_unbegun();
        }
        self.unlink_ended();
        ends
    }

    /// The one that was told to by the word: drops the closure, which lets the handle know, and
    /// gives up the registry's reference. A panic of that drop is the handle's; without one it has
    /// no receiver, as no executor has begun the task.
    #[cold]
    pub(super) fn end_unbegun(self) {
        let Ok((depth, waiting)) = ENDING.try_with(Cell::get) else { return self.end_here() };
        if depth == DEEPEST {
            self.run_next().set(waiting);
            let _ = ENDING.try_with(|ending| ending.set((depth, Some(self))));
            return;
        }
        let _ = ENDING.try_with(|ending| ending.set((depth + 1, waiting)));
        self.end_here();
        while let Some(next) = leave(depth) {
            next.end_here();
        }
    }

    fn end_here(self) {
        if let Err(payload) = self.drop_future() {
            discard(payload);
        }
        // Nobody else has touched the flags: no executor has begun the task.
        self.header().flags.set(Flags::REMOTE.refused());
        (self.header().vtable.abandoned)(self);
        if self.header().remote.retire() == Released::Free {
            self.free_retired();
        }
    }
}

/// The outermost drop takes the next that waits; any other one, or the last, goes up to `depth`.
fn leave(depth: usize) -> Option<TaskRef> {
    let take = |ending: &Cell<(usize, Option<TaskRef>)>| {
        let (_, waiting) = ending.get();
        let next = if depth == 0 { waiting } else { None };
        match next {
            Some(task) => ending.set((1, task.run_next().take())),
            None => ending.set((depth, waiting)),
        }
        next
    };
    ENDING.try_with(take).ok().flatten()
}
