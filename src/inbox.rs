//! The inbox: the one queue that other threads write to, whose head also says *asleep* and
//! *closed*.
//!
//! ```text
//! head:  EMPTY ⇄ newest task → … → oldest task        push (any thread), take_all (owner), take_tasks (any thread)
//!        EMPTY → ASLEEP                               arm: the owner is about to sleep
//!        ASLEEP → task                                the push that found it: that pusher notifies, once per sleep
//!        ASLEEP → EMPTY                               take_all: the owner woke by itself
//!        EMPTY, ASLEEP → tasks                        sweep (any thread): puts back what it has taken
//!        anything → CLOSED                            close: the executor is ending, pushes are refused
//! ```
//!
//! Everything that another thread can cause (a wake, an abort, a spawn, the root's wake) is one
//! node here, so there is one path to verify. A node is the task itself; it is linked by the thread
//! that won the QUEUED bit of its remote word, hence at most once.
//!
//! **No wake is lost.** A push meets one of three heads. EMPTY or a task: the owner is awake or
//! will not fall asleep, because `arm` is an exchange of EMPTY for ASLEEP and fails while a task is
//! there. ASLEEP: this pusher notifies, and the notifier is a latch, so it does not matter whether
//! the owner has begun to wait. CLOSED: the owner drops every task. All three are facts about the
//! modification order of one word, so there is no store-then-load race, no fence and no sequential
//! consistency.
//!
//! Rejected: a bounded queue (a waker would have to wait), a separate `sleeping` flag (store, then
//! load: needs fences that everybody gets wrong), Vyukov's queue (a pre-empted producer hides what
//! others pushed). The idea of putting *asleep* into the head is folly's `AtomicNotificationQueue`.

use std::mem;

use crate::sync::{Arc, Canary, Ordering};
use crate::task::{Chain, Head, Linked, Mark};

/// Ends the owner's sleep. A latch: a call before the owner waits makes that wait return at once.
pub trait Notify {
    /// Called by the push that found the owner asleep.
    fn notify(&self);
}

/// The queue that other threads write to.
#[derive(Debug)]
pub(crate) struct Inbox<N> {
    head: Apart,
    /// Ends the owner's sleep; called by the one push that replaced ASLEEP.
    notifier: Arc<N>,
    canary: Canary,
}

/// Alone on its cache lines (two, as processors fetch them in pairs): other threads write it while
/// the owner runs.
#[derive(Debug)]
#[repr(align(128))]
struct Apart(Head);

impl<N: Notify> Inbox<N> {
    pub(crate) fn new(notifier: Arc<N>) -> Self {
        Self { head: Apart(Head::new()), notifier, canary: Canary::new() }
    }

    /// 5b, 6: links a task. Back when the inbox is closed.
    pub(crate) fn push(&self, mut task: Linked) -> Result<(), Linked> {
        self.canary.check();
        let mut head = self.head.0.look();
        loop {
            if head.is(Mark::Closed) {
                return Err(task);
            }
            // Release: pairs with the Acquire in `take_all` and `close`: the link, and a new task's
            // whole block, are visible to the owner. Acquire: pairs with the Release in `arm`:
            // the one that finds ASLEEP also sees where the owner said it would sleep.
            match self.head.0.push(task, head, Ordering::AcqRel) {
                Ok(()) => break,
                Err((back, now)) => (task, head) = (back, now),
            }
        }
        if head.is(Mark::Asleep) {
            // The task is linked, so the owner may have ended it and the executor by now: the
            // pusher's reference keeps this memory.
            self.canary.check();
            self.notifier.notify();
        }
        Ok(())
    }

    /// Owner: is there a task? A plain load, cheap enough for every few polls.
    #[inline]
    pub(crate) fn has_tasks(&self) -> bool {
        self.head.0.look().is_task()
    }

    /// Owner, before it sleeps: from now on the first push notifies. False when there is a task, or
    /// the inbox is closed: do not sleep.
    #[must_use]
    pub(crate) fn arm(&self) -> bool {
        // Release: pairs with the Acquire in `push`.
        self.head.0.take_if(Mark::Empty.seen(), Mark::Asleep, Ordering::Release).is_ok()
    }

    /// 7 → 2, owner: everything that was pushed, oldest first. Ends *asleep*.
    pub(crate) fn take_all(&self) -> Taken {
        // Acquire: pairs with the Release in `push`.
        Taken(self.head.0.take(Mark::Empty, Ordering::Acquire).reversed())
    }

    /// Any thread: everything that was pushed, oldest first, while the owner does not come to it.
    /// The one that takes unlinks each task, or pushes it again. A head that holds no task stays as
    /// it is: who took ASLEEP away would leave an owner asleep that nobody notifies.
    pub(crate) fn take_tasks(&self) -> Taken {
        let mut head = self.head.0.look();
        while head.is_task() {
            // Acquire: pairs with the Release in `push`.
            match self.head.0.take_if(head, Mark::Empty, Ordering::Acquire) {
                Ok(tasks) => return Taken(tasks.reversed()),
                Err(now) => head = now,
            }
        }
        Taken(Chain::new())
    }

    /// Any thread: takes out the tasks of which `is_to_go` says so and gives them to `out`, and
    /// puts the others back in their order. How many those are; or the tasks themselves, when the
    /// inbox was closed meanwhile.
    ///
    /// Others have pushed in between: those are taken too, and lie above. The owner may have fallen
    /// asleep over the empty inbox: then this is a push that finds ASLEEP.
    pub(crate) fn sweep(&self, is_to_go: impl Fn(&Linked) -> bool, out: impl Fn(Linked)) -> Result<usize, Taken> {
        let (mut newest, mut kept) = (Chain::new(), 0);
        loop {
            for task in self.take_tasks() {
                if is_to_go(&task) {
                    out(task);
                } else {
                    newest.push(task);
                    kept += 1;
                }
            }
            if newest.is_empty() {
                return Ok(0);
            }
            let head = self.head.0.look();
            let (is_closed, is_asleep) = (head.is(Mark::Closed), head.is(Mark::Asleep));
            if is_closed {
                return Err(Taken(newest.reversed()));
            }
            if head.is_task() {
                continue;
            }
            let mark = if is_asleep { Mark::Asleep } else { Mark::Empty };
            // Release, Acquire: as in `push`.
            match self.head.0.put_back(mem::replace(&mut newest, Chain::new()), mark, Ordering::AcqRel) {
                Ok(()) if is_asleep => self.notifier.notify(),
                Ok(()) => {}
                Err(back) => {
                    newest = back;
                    continue;
                }
            }
            return Ok(kept);
        }
    }

    /// Owner, at its end: what had been pushed. No push succeeds any more.
    pub(crate) fn close(&self) -> Taken {
        // Acquire: pairs with the Release in `push`.
        Taken(self.head.0.take(Mark::Closed, Ordering::Acquire).reversed())
    }

    pub(crate) fn notifier(&self) -> &Arc<N> {
        &self.notifier
    }
}

/// Tasks taken out of the inbox, oldest first, still QUEUED: the one who iterates admits each of
/// them, or pushes it again.
#[derive(Debug)]
#[must_use = "tasks that are dropped here are not woken"]
pub(crate) struct Taken(Chain);

impl Iterator for Taken {
    type Item = Linked;

    fn next(&mut self) -> Option<Linked> {
        self.0.pop()
    }
}
