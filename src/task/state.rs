//! The remote word of a task: the one atomic that other threads share with the owner.
//!
//! Every change is a pure function from a [`Snapshot`] to the next snapshot and a `#[must_use]`
//! duty: what the caller has to do now. [`RemoteWord`] is the interpreter; each of its methods is
//! one read-modify-write on the word. The test at the end walks every snapshot that the transitions
//! can reach, with a ghost count of who holds what, and checks that exactly one party frees, once,
//! and after everybody.
//!
//! ```text
//!  63 .. 8   7, 6       5      4        3     2      1      0
//!  count     reserved   GONE   WATCHED  NEW   ABORT  DEAD   QUEUED
//! ```
//!
//! - **QUEUED** — the task is linked in the inbox, or the thread that set the bit is about to link
//!   it; or it came by the inbox and waits in the run queue. The link acts as a reference. Only the
//!   winner of the bit pushes. The owner clears it at the task's turn, right before the poll, so
//!   that a task is pushed at most once for each poll, however often it is woken; or at once for a
//!   task that will have no turn. The thread that cannot push the task clears it as well, because
//!   the inbox is closed.
//! - **DEAD** — the owner is done with the task: the registry's reference is gone and the word
//!   alone decides who frees.
//! - **ABORT** — somebody asked for the task's end; the owner sees it at the next unlink. Never
//!   cleared, and asked for once: a second abort does nothing.
//! - **NEW** — spawned by another thread, and begun by nobody. The one that changes that owns the
//!   closure: the owner by clearing NEW (`begin`), or the one that sets ABORT while NEW is set, on
//!   whatever thread, and then drops it. Both are exchanges of this word, so it is one of them.
//! - **WATCHED** — there is, or was, an [`AbortHandle`](super::AbortHandle) of a task with a
//!   local handle: the owner sets GONE. Set by the owner, never cleared, so a task that nobody
//!   watches pays one look at its end.
//! - **GONE** — the future has been dropped. Set by the owner, for those on other threads who
//!   ask; until then DEAD would be too late, for a task that is over is not DEAD while its local
//!   handle keeps it.
//! - **count** — references that may travel between threads: wakers and remote handles; while the
//!   task is alive, one more for the registry. References that stay on the owner's thread are
//!   counted in the header by plain arithmetic (`local_refs`).
//!
//! The free condition is *DEAD, count 0, not QUEUED*. The transition that makes it true is unique
//! in the word's modification order, so exactly one thread frees. While the task is not DEAD only
//! the owner's `is_sole` look may free, when it finds that nobody else exists.
//!
//! Rejected: one word for owner and remote flags (a read-modify-write for every local wake and
//! every poll), and a biased count whose sum may be negative (1.5 ns a clone, four more models).
//!
//! # Who points at a task
//!
//! | reference | counted in | travels | made by |
//! |---|---|---|---|
//! | the registry's | remote word, 1 while alive | no | spawn; given up by `settle` |
//! | a link in the inbox | the QUEUED bit | from pusher to owner | the first remote wake since the last turn |
//! | a link in the run queue | flag READY | no | a local wake |
//! | `Waker`, `RemoteTask`, `AbortHandle` | remote word | yes | clone |
//! | `Task` | flag HANDLE | no | spawn |
//! | `LocalWaker` | `local_refs` | no | a leaf that waits |
//!
//! A task's memory is freed when all of them are gone; its future and output are dropped by the
//! owner, long before, and never by a reference that goes away. So dropping a waker never runs a
//! user's code.
//!
//! # Rules, cited by the code
//!
//! - \[T1\] The block is freed by the one party that the remote word, or the owner's look at it,
//!   has told so.
//! - \[T2\] A `TaskRef`, which does not leave this room, is used only under a reference of the
//!   table above, or by the owner before `settle`.
//! - \[T3\] The body belongs to the owner (until the first unlink: to the spawning thread), and
//!   holds the future until DONE, its output while OUTPUT, else nothing.
//! - \[T4\] The executor's memory outlives every task: the executor itself keeps it for those that
//!   are registered, and any other one (ANCHORED: nobody has begun it, its executor has gone, or it
//!   is settled and others still refer to it) holds a reference of its own, taken before DEAD is
//!   visible.
//! - \[T5\] A waker gives its reference back after its last access to the header and to the
//!   executor.
//! - \[T6\] A boxed local waker has exactly one owner.
//! - \[T7\] There is one thread on which a `Here` of an executor is made, and the executor's memory
//!   stays at least until its free list [has no tasks](super::FreeList::has_tasks).
//! - \[T8\] The one that has a task as `Linked` touches the remote word and the link; of a task
//!   that nobody has begun also the closure, which can be sent.

#[cfg(not(wakeline_tsan))]
use crate::sync::fence;
use crate::sync::{AtomicUsize, Ordering};

const QUEUED: usize = 1 << 0;
const DEAD: usize = 1 << 1;
const ABORT: usize = 1 << 2;
const NEW: usize = 1 << 3;
const WATCHED: usize = 1 << 4;
const GONE: usize = 1 << 5;
/// One reference; bits 6 and 7 are reserved.
const ONE: usize = 1 << 8;
/// Half of what the count can hold. A program that clones beyond it leaks wakers; it is ended
/// before the count can wrap, as `Arc` does.
const TOO_MANY: usize = usize::MAX / 2;

/// A value of the remote word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Snapshot(usize);

/// What a waker, or an abort, has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Wake {
    /// The bit was won: link the task into the inbox.
    Push,
    /// Another thread has won the bit and the owner has not unlinked the task yet: nothing to do.
    Queued,
    /// An abort of a task that nobody has begun: it is the caller's to end.
    Unbegun,
    /// The task is over: nothing to do.
    Dead,
}

/// What the owner has to do with a task that it has unlinked from the inbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Unlinked {
    /// The link was the last reference: free the task.
    Free,
    /// The task is over, and somebody else will free it.
    Dead,
    /// The task is alive: make it ready.
    Live {
        /// Its end was asked for.
        abort: bool,
    },
}

/// What a thread has to do that gave a reference back, or the owner that gave up its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Released {
    /// It was the last one: free the task.
    Free,
    /// Others remain.
    Kept,
}

impl Snapshot {
    /// Spawned by the owner: the registry's reference.
    pub(crate) const LOCAL: Snapshot = Snapshot(ONE);
    /// Spawned by another thread: the registry's reference, the handle's, and the link into the
    /// inbox.
    pub(crate) const REMOTE: Snapshot = Snapshot((2 * ONE) | QUEUED | NEW);

    fn is(self, bit: usize) -> bool {
        self.0 & bit != 0
    }

    fn count(self) -> usize {
        self.0 / ONE
    }

    /// Nobody is left who could free it but the caller.
    fn is_free(self) -> bool {
        self.is(DEAD) && self.count() == 0 && !self.is(QUEUED)
    }

    fn wake(self) -> (Snapshot, Wake) {
        match (self.is(DEAD), self.is(QUEUED)) {
            (true, _) => (self, Wake::Dead),
            (false, true) => (self, Wake::Queued),
            (false, false) => (Snapshot(self.0 | QUEUED), Wake::Push),
        }
    }

    fn abort(self) -> (Snapshot, Wake) {
        match self.wake() {
            (_, Wake::Dead) => (self, Wake::Dead),
            _ if self.is(ABORT) => (self, Wake::Queued),
            (next, _) if self.is(NEW) => (Snapshot(next.0 | ABORT), Wake::Unbegun),
            (next, duty) => (Snapshot(next.0 | ABORT), duty),
        }
    }

    /// None when it was aborted before.
    fn begin(self) -> Option<Snapshot> {
        (!self.is(ABORT)).then_some(Snapshot(self.0 & !NEW))
    }

    fn unlink(self) -> (Snapshot, Unlinked) {
        let next = Snapshot(self.0 & !(QUEUED | NEW));
        let duty = match (next.is_free(), next.is(DEAD)) {
            (true, _) => Unlinked::Free,
            (false, true) => Unlinked::Dead,
            (false, false) => Unlinked::Live { abort: self.is(ABORT) },
        };
        (next, duty)
    }

    fn retain(self) -> Snapshot {
        Snapshot(self.0 + ONE)
    }

    fn release(self) -> (Snapshot, Released) {
        let next = Snapshot(self.0 - ONE);
        (next, if next.is_free() { Released::Free } else { Released::Kept })
    }

    /// The registry's reference is the only one and nothing is linked.
    fn is_sole(self) -> bool {
        self.0 & !ABORT == ONE
    }

    fn watch(self) -> Snapshot {
        Snapshot(self.0 | WATCHED)
    }

    fn is_watched(self) -> bool {
        self.is(WATCHED)
    }

    fn leave(self) -> Snapshot {
        Snapshot(self.0 | GONE)
    }

    fn is_gone(self) -> bool {
        self.is(GONE) || self.is(DEAD)
    }

    fn retire(self) -> (Snapshot, Released) {
        let next = Snapshot(self.0 - ONE + DEAD);
        (next, if next.is_free() { Released::Free } else { Released::Kept })
    }
}

/// The remote word itself.
#[derive(Debug)]
pub(crate) struct RemoteWord(AtomicUsize);

impl RemoteWord {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self(AtomicUsize::new(snapshot.0))
    }

    /// Any thread that holds a reference.
    pub(crate) fn wake(&self) -> Wake {
        self.update(Snapshot::wake)
    }

    /// Any thread that holds a reference.
    pub(crate) fn abort(&self) -> Wake {
        self.update(Snapshot::abort)
    }

    /// Runs a transition that must publish. It writes even when the snapshot stays the same: a wake
    /// that finds QUEUED still has to make what it wrote before visible to the poll that follows,
    /// and only a write can.
    fn update(&self, transition: impl Fn(Snapshot) -> (Snapshot, Wake)) -> Wake {
        // Relaxed: the value is only a guess for the exchange below.
        let mut seen = Snapshot(self.0.load(Ordering::Relaxed));
        loop {
            let (next, duty) = transition(seen);
            if duty == Wake::Dead {
                return duty;
            }
            // Release: pairs with the Acquire in `unlink`; what the waker wrote is visible to the
            // poll. Acquire: pairs with the Release in `unlink`; the one that used the old
            // link is done with it before this thread writes the new one. Relaxed on failure: only
            // another guess.
            match self.0.compare_exchange_weak(seen.0, next.0, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return duty,
                Err(now) => seen = Snapshot(now),
            }
        }
    }

    /// The holder of the link, after it has read it; or the pusher that a closed inbox refused.
    pub(crate) fn unlink(&self) -> Unlinked {
        // Acquire: pairs with the Release in `update` and `release`. Release: pairs with the
        // Acquire in `update`: the link, which the pusher has written for nothing, is written
        // before the next winner of QUEUED writes it, who may not know yet that the inbox is
        // closed.
        Snapshot(self.0.fetch_and(!(QUEUED | NEW), Ordering::AcqRel)).unlink().1
    }

    /// The holder of the link of a task that is NEW: makes it one that has begun. False when it was
    /// aborted before.
    pub(crate) fn begin(&self) -> bool {
        // Relaxed: it decides between two who need nothing of each other. What comes after it is
        // ordered by the `unlink` that follows.
        let begin = |seen| Snapshot(seen).begin().map(|next| next.0);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin).is_ok()
    }

    /// The holder of the link: has nobody begun the task?
    pub(crate) fn is_new(&self) -> bool {
        // Relaxed: the link was handed over after NEW was set, and nobody else clears it.
        Snapshot(self.0.load(Ordering::Relaxed)).is(NEW)
    }

    /// The owner: from here on somebody on another thread may ask [`is_gone`](Self::is_gone).
    pub(crate) fn watch(&self) {
        // Relaxed: only the owner asks for this bit.
        let _seen = Snapshot(self.0.fetch_or(Snapshot(0).watch().0, Ordering::Relaxed));
    }

    /// The owner of a task whose future is gone: does somebody want to know?
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        // Relaxed: the owner has set it, or nobody has.
        Snapshot(self.0.load(Ordering::Relaxed)).is_watched()
    }

    /// The owner, or another thread that has dropped the future.
    pub(crate) fn leave(&self) {
        // Release: pairs with the Acquire in `is_gone`: what the future's drop wrote is visible to
        // who hears of it.
        let _seen = Snapshot(self.0.fetch_or(Snapshot(0).leave().0, Ordering::Release));
    }

    /// Any thread that holds a reference: has the future been dropped?
    pub(crate) fn is_gone(&self) -> bool {
        // Acquire: pairs with the Release in `leave` and `retire`.
        Snapshot(self.0.load(Ordering::Acquire)).is_gone()
    }

    /// The holder of the link: can it not be begun any more?
    pub(crate) fn is_abandoned(&self) -> bool {
        // Relaxed: only a hint; `begin` decides.
        let seen = Snapshot(self.0.load(Ordering::Relaxed));
        seen.is(NEW) && seen.is(ABORT)
    }

    /// Any thread that holds a reference.
    pub(crate) fn retain(&self) {
        // Relaxed: the reference it is made from keeps the task; handing the new one to another
        // thread is that hand-over's business.
        let seen = Snapshot(self.0.fetch_add(ONE, Ordering::Relaxed));
        if seen.retain().0 > TOO_MANY {
            std::process::abort();
        }
    }

    /// Any thread, with a reference that it gives back.
    pub(crate) fn release(&self) -> Released {
        // Release: pairs with `acquire` in the thread that frees, and with the Acquire in
        // `is_sole`, `retire` and `unlink`.
        let duty = Snapshot(self.0.fetch_sub(ONE, Ordering::Release)).release().1;
        if duty == Released::Free {
            self.acquire();
        }
        duty
    }

    /// The one who frees: the accesses of all others are over before the free.
    fn acquire(&self) {
        // Acquire: pairs with the Release of every earlier `release` and of `retire`.
        #[cfg(not(wakeline_tsan))]
        fence(Ordering::Acquire);
        // ThreadSanitizer does not know fences and would report each free as a race. What it knows
        // says the same: the load reads the value of the `release` above, whose chain of
        // read-modify-writes all the others are part of.
        #[cfg(wakeline_tsan)]
        let _last = self.0.load(Ordering::Acquire);
    }

    /// The owner of a task that is over: is the registry's reference the only one? Then no other
    /// thread can reach the task, because references are made from references.
    pub(crate) fn is_sole(&self) -> bool {
        // Acquire: pairs with the Release in `release`.
        Snapshot(self.0.load(Ordering::Acquire)).is_sole()
    }

    /// The owner of a task that is over: gives up the registry's reference. From here on the word
    /// alone decides who frees.
    pub(crate) fn retire(&self) -> Released {
        // Release: pairs with `acquire` in `release` and the Acquires in `unlink` and `is_gone`.
        // Acquire: pairs with the Release in `release`, for the case that this is the last
        // reference after all.
        Snapshot(self.0.fetch_sub(ONE - DEAD, Ordering::AcqRel)).retire().1
    }
}

#[cfg(test)]
mod tests;
