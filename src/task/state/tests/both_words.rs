//! The remote word and the owner's flags walked together, with a ghost of who holds what. What the
//! ghost knows is not asked of a word.
//!
//! A step is what one party does between two points where another party, or user code, may run. The
//! steps are those of `lifecycle` and `unbegun`, in their order, and every state that they can
//! reach is checked: no task is settled while something refers to it, none is freed twice or early,
//! no wake and no abort is lost, and nothing is QUEUED or READY that is linked nowhere.

mod links;

use std::collections::HashSet;

use super::super::*;
use crate::task::flags::{Flags, Left, Woken};

/// What the owner, or who else the body belongs to, is doing with the task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Life {
    /// Nobody has begun it.
    New,
    /// The one that has aborted it drops the closure.
    Unbegun,
    Idle,
    Polling,
    /// Its future is being dropped.
    Dropping,
    /// Its future is gone, and user code is called.
    Finishing,
}

/// What the body holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Contents {
    Future,
    Output,
    Nothing,
}

/// Both words, and who really holds what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct TaskWorld {
    word: Snapshot,
    flags: Flags,
    stage: Life,
    body: Contents,
    /// The owner has not retired the registry's reference.
    registered: bool,
    /// A local handle exists.
    handle: bool,
    /// What the handle would say to a poll, and has not said: it is cancelled.
    untold: bool,
    /// Local references.
    locals: u8,
    /// Wakers and handles that may travel.
    references: u8,
    /// References to the executor's memory.
    anchors: u8,
    /// A push is under way: QUEUED was won, the inbox has not answered.
    pushing: bool,
    /// Linked in the inbox.
    linked: bool,
    /// Linked in the run queue.
    ready: bool,
    /// The handle's drop drops the output; was RUNNING set before?
    discarding: Option<bool>,
    /// It was woken since its last poll began.
    woken: bool,
    /// Its end was asked for.
    aborted: bool,
    /// Somebody has dropped it as `Queued`.
    forgotten: bool,
    /// The executor is being dropped: nothing is linked into its run queue.
    closing: bool,
    /// Its inbox is closed.
    closed: bool,
    freed: bool,
}

/// Enough for every distinction: none, one, several.
const MOST: u8 = 2;

impl TaskWorld {
    fn new(word: Snapshot, flags: Flags, stage: Life) -> Self {
        let remote = stage == Life::New;
        TaskWorld {
            word,
            flags,
            stage,
            body: Contents::Future,
            registered: true,
            handle: flags.has_handle(),
            untold: false,
            locals: 0,
            references: u8::from(remote),
            anchors: u8::from(flags.is_anchored()),
            pushing: remote,
            linked: false,
            ready: flags.is_ready(),
            discarding: None,
            woken: flags.is_ready(),
            aborted: false,
            forgotten: false,
            closing: false,
            closed: false,
            freed: false,
        }
    }

    /// Has an executor begun it?
    fn is_begun(self) -> bool {
        !matches!(self.stage, Life::New | Life::Unbegun)
    }

    fn check(self) {
        if self.freed {
            return;
        }
        let held = usize::from(self.references) + usize::from(self.registered);
        assert_eq!(self.word.count(), held, "the count is that of who holds one: {self:?}");
        assert_eq!(self.word.is(QUEUED), self.pushing || self.linked, "QUEUED is the link: {self:?}");
        assert_eq!(self.word.is(DEAD), !self.registered, "DEAD is the owner's last word: {self:?}");
        assert!(!self.word.is_free(), "nobody is left who frees it: {self:?}");
        assert_eq!(self.flags.has_handle(), self.handle, "{self:?}");
        assert_eq!(self.flags.has_output(), self.body == Contents::Output, "{self:?}");
        assert_eq!(self.flags.cancellation_told().is_some(), self.untold, "a cancellation is told once: {self:?}");
        assert!(!self.flags.is_done() || self.body != Contents::Future, "DONE: the future is gone: {self:?}");
        let works = matches!(self.stage, Life::Polling | Life::Dropping | Life::Finishing) || self.discarding.is_some();
        assert_eq!(self.flags.is_running(), works, "RUNNING is a frame on the owner's stack: {self:?}");
        if self.ready {
            assert!(self.flags.is_ready() && !self.flags.is_done() && self.stage == Life::Idle, "in the run queue: {self:?}");
        }
        if self.flags.is_ready() && !self.flags.is_done() && !self.flags.is_root() {
            assert!(self.ready || works, "READY is the link, or comes to a poll's end: {self:?}");
        }
        if self.body == Contents::Future && self.is_begun() && self.stage != Life::Dropping && !self.closing && !self.forgotten {
            let seen = self.flags.is_ready() && (self.ready || self.stage == Life::Polling || self.flags.is_root());
            let comes = seen || self.linked || self.pushing;
            assert!(comes || !self.woken, "a wake is lost: {self:?}");
            assert!(comes || !self.aborted, "an abort is lost: {self:?}");
        }
        if self.flags.is_linked() {
            assert!(self.linked && self.ready, "a link is kept until the task's turn: {self:?}");
        }
        if self.word.is_watched() && self.body != Contents::Future {
            assert!(self.word.is_gone(), "who watches it hears so: {self:?}");
        }
    }

    fn free(self) -> Self {
        assert!(!self.freed, "freed twice: {self:?}");
        let holders = (self.references, self.locals, self.handle, self.linked, self.pushing, self.ready);
        assert_eq!(holders, (0, 0, false, false, false, false), "freed while referenced: {self:?}");
        assert_eq!(self.body, Contents::Nothing, "something in the body is leaked: {self:?}");
        TaskWorld { freed: true, ..self }
    }

    /// The word has said who frees, now that the registry's reference is gone.
    fn free_if(self, free: bool) -> Self {
        if !free {
            return self;
        }
        assert!(!self.registered);
        assert_eq!(self.anchors, 1, "a task that was retired gives one reference to the executor back: {self:?}");
        self.free()
    }

    fn anchor(self) -> Self {
        TaskWorld { anchors: self.anchors + 1, flags: self.flags.anchored(), ..self }
    }

    fn retire(self) -> Self {
        assert!(self.registered, "settled twice: {self:?}");
        let (word, duty) = self.word.retire();
        TaskWorld { word, registered: false, ..self }.free_if(duty == Released::Free)
    }

    fn settle(self) -> Self {
        if !self.flags.may_settle() || self.locals > 0 {
            return self;
        }
        assert_eq!((self.handle, self.ready, self.discarding), (false, false, None), "settled while referenced: {self:?}");
        assert!(!matches!(self.stage, Life::Polling | Life::Dropping | Life::Finishing), "settled at work: {self:?}");
        match (self.flags.is_anchored(), self.word.is_sole()) {
            (true, _) => self.retire(),
            (false, true) => {
                assert_eq!(self.anchors, 0, "{self:?}");
                self.free()
            }
            (false, false) => self.anchor().retire(),
        }
    }

    fn queue(self, (flags, duty): (Flags, Woken)) -> Self {
        let ready = duty == Woken::Queue;
        assert!(!ready || !self.ready, "linked twice: {self:?}");
        let woken = TaskWorld { flags, ready: self.ready || ready, ..self };
        if ready && self.closing { woken.leave_queue() } else { woken }
    }

    /// Out of the inbox, by the owner.
    fn arrived(self) -> Self {
        match self.flags.arrived() {
            Some(step) => self.queue(step),
            None => self.unlinked(),
        }
    }

    fn unlinked_at_turn(self) -> Self {
        assert!(self.linked && self.ready, "its link is kept until its turn: {self:?}");
        let (word, duty) = self.word.unlink();
        assert!(matches!(duty, Unlinked::Live { .. }), "{self:?}");
        TaskWorld { word, linked: false, flags: self.flags.unlinked(duty == Unlinked::Live { abort: true }), ..self }
    }

    fn unlinked(self) -> Self {
        let (word, duty) = self.word.unlink();
        let left = TaskWorld { word, linked: false, ..self };
        match duty {
            Unlinked::Free => left.free_if(true),
            Unlinked::Dead => left,
            Unlinked::Live { abort: true } => left.queue(left.flags.aborted()),
            Unlinked::Live { abort: false } => left.queue(left.flags.woken()),
        }
    }

    /// The future is gone.
    fn finish(self, left: Left) -> Self {
        let word = if self.word.is_watched() { self.word.leave() } else { self.word };
        let body = if left == Left::Output { Contents::Output } else { Contents::Nothing };
        let done = TaskWorld { word, body, flags: self.flags.finished(left), untold: left == Left::Nothing, ..self };
        let done = if self.handle { done } else { done.take_output().unwrap_or(done) };
        TaskWorld { stage: Life::Finishing, ..done }
    }

    fn take_output(self) -> Option<Self> {
        self.flags.output_taken().map(|flags| TaskWorld { flags, body: Contents::Nothing, ..self })
    }

    /// What any thread may do that holds a reference.
    fn references(self) -> Vec<TaskWorld> {
        let mut next = Vec::new();
        if self.references < MOST {
            next.push(TaskWorld { word: self.word.retain(), references: self.references + 1, ..self });
        }
        // The one who pushes keeps its own reference until it has pushed.
        if !self.pushing || self.references > 1 {
            let (word, duty) = self.word.release();
            next.push(TaskWorld { word, references: self.references - 1, ..self }.free_if(duty == Released::Free));
        }
        if self.is_begun() {
            let (word, duty) = self.word.wake();
            next.push(TaskWorld { word, pushing: self.pushing || duty == Wake::Push, woken: true, ..self });
        }
        // The handle of a new task comes when the push is over, and the root has none.
        if !(self.flags.is_root() || (self.pushing && self.stage == Life::New)) {
            let (word, duty) = self.word.abort();
            let stage = if duty == Wake::Unbegun { Life::Unbegun } else { self.stage };
            assert!(stage == self.stage || self.stage == Life::New, "ended by two: {self:?}");
            next.push(TaskWorld { word, stage, pushing: self.pushing || duty == Wake::Push, aborted: true, ..self });
        }
        next
    }

    /// What code on the owner's thread may do, within the task and outside.
    fn user_code(self) -> Vec<TaskWorld> {
        let mut next = Vec::new();
        let borrowed = self.stage == Life::Polling || (self.flags.is_root() && self.body == Contents::Future);
        if borrowed || self.locals > 0 || self.references > 0 {
            let woken = self.queue(self.flags.woken());
            next.push(TaskWorld { woken: self.woken || self.body == Contents::Future, ..woken });
            if !self.flags.is_done() && self.locals < MOST {
                next.push(TaskWorld { locals: self.locals + 1, ..self });
            }
        }
        if (borrowed || self.locals > 0 || self.handle) && self.references < MOST {
            next.push(TaskWorld { word: self.word.retain(), references: self.references + 1, ..self });
        }
        if self.locals > 0 {
            next.push(TaskWorld { locals: self.locals - 1, ..self }.settle());
        }
        if self.handle {
            let aborted = TaskWorld { aborted: true, ..self.queue(self.flags.aborted()) };
            let watched = TaskWorld { word: self.word.watch(), ..self };
            let gone = TaskWorld { word: watched.word.leave(), ..watched };
            next.extend([aborted, if self.flags.is_done() { gone } else { watched }, self.drop_handle(), aborted.drop_handle()]);
            next.extend(self.take_output());
            next.extend(self.flags.cancellation_told().map(|flags| TaskWorld { flags, untold: false, ..self }));
        }
        next
    }

    fn drop_handle(self) -> Self {
        let left = TaskWorld { flags: self.flags.handle_dropped(), handle: false, ..self };
        if !left.flags.has_output() {
            return left.settle();
        }
        let before = left.flags.is_running();
        let held = TaskWorld { flags: left.flags.held(), discarding: Some(before), ..left };
        held.take_output().expect("it has one")
    }

    /// What the owner's loop does, and what returns to it.
    fn owner(self) -> Vec<TaskWorld> {
        let mut next = Vec::new();
        if self.ready {
            let taken = TaskWorld { ready: false, ..self };
            if self.flags.is_linked() {
                assert!(self.flags.begin_poll().is_none(), "unlinked before it is polled: {self:?}");
                next.push(self.unlinked_at_turn());
            } else if let Some(flags) = self.flags.begin_poll() {
                assert!(!flags.is_ready(), "polled again without a wake: {self:?}");
                assert!(
                    !self.aborted || self.linked || self.pushing || self.forgotten,
                    "polled though its end was asked for: {self:?}"
                );
                next.push(TaskWorld { flags, stage: Life::Polling, woken: false, ..taken });
            } else {
                next.push(TaskWorld { flags: self.flags.unqueued().held(), stage: Life::Dropping, ..taken });
            }
            // Somebody lets go of it: what has woken it is forgotten.
            next.push(TaskWorld { forgotten: true, ..self.leave_queue() });
        }
        if let Some(before) = self.discarding {
            let flags = if before { self.flags } else { self.flags.paused() };
            next.push(TaskWorld { flags, discarding: None, ..self }.settle());
        } else {
            match self.stage {
                Life::Polling => {
                    let idle = TaskWorld { stage: Life::Idle, ..self };
                    next.extend([idle.queue(self.flags.pended()), TaskWorld { stage: Life::Dropping, ..self }]);
                }
                Life::Dropping => next.extend([self.finish(Left::Output), self.finish(Left::Nothing)]),
                Life::Finishing => next.push(TaskWorld { flags: self.flags.paused(), stage: Life::Idle, ..self }.settle()),
                _ => {}
            }
        }
        if self.flags.is_root() && self.body == Contents::Future {
            let (flags, woken) = self.flags.looked_at();
            next.extend(woken.then_some(TaskWorld { flags, woken: self.woken && (self.linked || self.pushing), ..self }));
        }
        next
    }

    fn steps(self) -> Vec<TaskWorld> {
        let references = if self.references > 0 { self.references() } else { Vec::new() };
        let local = if self.is_begun() { [self.user_code(), self.owner()].concat() } else { Vec::new() };
        [references, local, self.links()].concat()
    }
}

fn walk(start: TaskWorld) -> HashSet<TaskWorld> {
    let (mut seen, mut edge) = (HashSet::from([start]), vec![start]);
    while let Some(world) = edge.pop() {
        world.check();
        if !world.freed {
            let steps = world.steps();
            assert!(!steps.is_empty(), "nobody is left to free it: {world:?}");
            edge.extend(steps.into_iter().filter(|next| seen.insert(*next)));
        }
    }
    seen
}

#[test]
fn every_reachable_state_of_both_words_agrees_with_who_holds_what() {
    let local = TaskWorld::new(Snapshot::LOCAL, Flags::LOCAL, Life::Idle);
    let remote = TaskWorld::new(Snapshot::REMOTE, Flags::REMOTE, Life::New);
    let root = TaskWorld::new(Snapshot::LOCAL, Flags::ROOT, Life::Idle);
    for start in [local, remote, TaskWorld { pushing: false, linked: true, ..remote }, root] {
        let seen = walk(start);
        assert!(seen.len() > 200, "the walk went somewhere: {}", seen.len());
        assert!(seen.iter().any(|world| world.freed), "it ends");
        let bare = |world: &&TaskWorld| world.references == 0 && world.locals == 0 && !world.freed;
        assert!(seen.iter().filter(bare).any(|world| world.flags.is_done()), "a task outlives its future");
    }
}
