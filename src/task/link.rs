//! The owner's end of the link in the inbox: it is kept until the task's turn.

use super::cell::TaskRef;
use super::flags::Woken;
use super::state::Unlinked;

impl TaskRef {
    /// Owner: a task that has begun was taken out of the inbox, and its link has been read. It is
    /// made ready, and stays QUEUED until its turn, so that nobody pushes it again before.
    pub(super) fn arrive(self) {
        let flags = &self.header().flags;
        match flags.get().arrived() {
            Some((next, duty)) => {
                flags.set(next);
                if duty == Woken::Queue {
                    (self.header().vtable.ready)(self);
                }
            }
            None => self.unlink(),
        }
    }

    /// Owner: as [`arrive`](Self::arrive), without a turn to wait for.
    pub(super) fn unlink(self) {
        match self.header().remote.unlink() {
            Unlinked::Free => self.free_retired(),
            Unlinked::Dead => {}
            Unlinked::Live { abort: true } => self.abort_local(),
            Unlinked::Live { abort: false } => self.wake_local(),
        }
    }

    /// The holder of the link: gives it up, and forgets the wake that it stood for.
    #[cold]
    pub(super) fn unlink_unseen(self) {
        if self.header().remote.unlink() == Unlinked::Free {
            self.free_retired();
        }
    }

    /// Owner, of a task that leaves the run queue: gives up the link that was kept until here. What
    /// its wakers wrote is visible from here on.
    pub(super) fn unlink_at_turn(self) {
        let header = self.header();
        if header.flags.get().is_linked() {
            // It is in the registry, or ANCHORED: it is not over, so it is not freed here.
            let abort = header.remote.unlink() == Unlinked::Live { abort: true };
            header.flags.set(header.flags.get().unlinked(abort));
        }
    }
}
