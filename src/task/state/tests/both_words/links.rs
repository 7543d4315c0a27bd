//! What the inbox and the executor do with a task, and how it comes to its end.

use super::*;

impl TaskWorld {
    /// Nobody has it as `Queued` any more.
    pub(super) fn leave_queue(self) -> Self {
        if self.flags.is_linked() {
            return self.unlinked_at_turn().leave_queue();
        }
        let (flags, left) = (self.flags.unqueued(), TaskWorld { flags: self.flags.unqueued(), ready: false, ..self });
        if flags.is_forsaken() { left.end() } else { left }
    }

    /// Ends it without a turn, if that can be; else at its turn.
    fn end(self) -> Self {
        let anchored = if self.flags.is_anchored() { self } else { self.anchor() };
        let Some(flags) = anchored.flags.begin_end() else {
            let aborted = TaskWorld { aborted: true, ..anchored };
            return aborted.queue(aborted.flags.aborted());
        };
        assert!(!self.ready, "what is in the run queue could be polled after its end: {self:?}");
        if flags.is_done() {
            return TaskWorld { flags: flags.paused(), ..anchored }.settle();
        }
        TaskWorld { flags, stage: Life::Dropping, ..anchored }
    }

    /// The inbox, and the end of the executor.
    pub(super) fn links(self) -> Vec<TaskWorld> {
        let mut next = Vec::new();
        if self.pushing && !self.closed {
            next.push(TaskWorld { pushing: false, linked: true, ..self });
        } else if self.pushing {
            // What was not begun ends as if it had been taken out; any other one is unlinked by its
            // pusher, whose reference remains.
            if self.is_begun() {
                let (word, duty) = self.word.unlink();
                assert_ne!(duty, Unlinked::Free, "{self:?}");
                next.push(TaskWorld { word, pushing: false, ..self });
            } else {
                next.push(TaskWorld { pushing: false, linked: true, ..self });
            }
        }
        if self.linked && self.stage == Life::New {
            let begun = TaskWorld { word: self.word.begin().expect("nobody has aborted it"), stage: Life::Idle, ..self };
            let adopted = TaskWorld { flags: begun.flags.unanchored(), anchors: begun.anchors - 1, ..begun };
            next.push(TaskWorld { woken: true, ..adopted }.arrived());
            let (word, duty) = self.word.abort();
            assert_eq!(duty, Wake::Unbegun, "who holds the link ends it: {self:?}");
            next.push(TaskWorld { word, stage: Life::Unbegun, aborted: true, ..self });
        } else if self.linked && !self.is_begun() {
            assert!(self.word.begin().is_none(), "it cannot be begun: {self:?}");
            let (word, duty) = self.word.unlink();
            let left = TaskWorld { word, linked: false, ..self };
            next.push(left.free_if(duty == Unlinked::Free));
        } else if self.linked && !self.flags.is_linked() {
            next.push(self.arrived());
        }
        if self.stage == Life::Unbegun && self.registered {
            let word = self.word.leave();
            next.push(TaskWorld { word, flags: self.flags.refused(), body: Contents::Nothing, ..self }.retire());
        }
        // The executor's drop is called from none of its polls, and admits all before it ends any.
        let quiet = self.stage != Life::Polling && self.discarding.is_none();
        if !self.closing && quiet {
            let left = if self.ready { self.leave_queue() } else { self };
            next.push(TaskWorld { closing: true, ..left });
        } else if !self.closed && quiet {
            next.push(TaskWorld { closed: true, ..self });
        } else if self.flags.is_root() && self.body == Contents::Future && self.stage == Life::Idle {
            next.push(TaskWorld { flags: self.flags.looked_at().0, ..self }.end());
        }
        // An executor may let go of a task at any time.
        if self.is_begun() && !self.flags.is_anchored() {
            next.push(self.end());
        }
        next
    }
}
