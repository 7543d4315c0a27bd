//! The inbox — owns the one queue that other threads write to, whose head also says *asleep* and
//! *closed* — must never allocate, block or lose a node.
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
//! Rules: \[I1\] a task's link is written only by the winner of QUEUED before its push succeeds,
//! and from then on only by the taker of the task, until it is unlinked or pushed again.
//! \[I2\] who unlinks a task has read its link before, for the next winner may write it right
//! after.
//!
//! **An address in the head is a number.** Between the load of the head and the exchange the task
//! behind it may be taken out, end and be freed, and another be born in its place. The exchange
//! compares addresses, so it succeeds, and the link is right: it says where the next task lies. But
//! the pointer that it was copied from was one to the task that has gone, and for the abstract
//! machine a pointer is more than its address: what it may be used for (its provenance) died with
//! that task. So a pusher exposes its task's address before the exchange, and the taker
//! makes each pointer anew from the address ([`TaskRef::from_exposed`]), at a time when every
//! task in the list is alive and was exposed. No instruction comes of either. Nothing else keeps a
//! task as a number or compares its address with a foreign one: wakers and the run queue hold the
//! pointer that the task was made with, and [`LocalWaker`](crate::task::LocalWaker) changes two low
//! bits of it and keeps what it may be used for.
//!
//! Rejected: a bounded queue (a waker would have to wait), a separate `sleeping` flag (store, then
//! load: needs fences that everybody gets wrong), Vyukov's queue (a pre-empted producer hides what
//! others pushed). The idea of putting *asleep* into the head is folly's `AtomicNotificationQueue`.

use std::ptr;

use crate::sync::{Arc, AtomicPtr, Canary, Ordering};
use crate::task::TaskRef;

/// Ends the owner's sleep. A latch: a call before the owner waits makes that wait return at once.
pub trait Notify {
    /// Called by the push that found the owner asleep.
    fn notify(&self);
}

/// The values of the head that are not a task; a task's address is aligned to eight.
const ASLEEP: *mut () = ptr::without_provenance_mut(1);
const CLOSED: *mut () = ptr::without_provenance_mut(2);

/// The queue that other threads write to.
#[derive(Debug)]
pub(crate) struct Inbox<N> {
    head: Head,
    /// Ends the owner's sleep; called by the one push that replaced ASLEEP.
    notifier: Arc<N>,
    canary: Canary,
}

/// Alone on its cache lines (two, as processors fetch them in pairs): other threads write it while
/// the owner runs.
#[derive(Debug)]
#[repr(align(128))]
struct Head(AtomicPtr<()>);

impl<N: Notify> Inbox<N> {
    pub(crate) fn new(notifier: Arc<N>) -> Self {
        Self { head: Head(AtomicPtr::new(ptr::null_mut())), notifier, canary: Canary::new() }
    }

    /// 5b, 6: links a task whose QUEUED bit the caller has won. False when the inbox is closed and
    /// nothing was linked.
    pub(crate) fn push(&self, task: TaskRef) -> bool {
        self.canary.check();
        task.expose();
        // Relaxed: only a guess for the exchange below.
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            if head == CLOSED {
                return false;
            }
            let next = if head == ASLEEP { ptr::null_mut() } else { head };
            // SAFETY: [I1] the caller won QUEUED and the task is not linked yet, so nobody else
            // touches its link; two writers would lose one of two lists.
            task.inbox_next().with_mut(|link| unsafe { *link = next });
            // Release: pairs with the Acquire in `take_all` and `close`: the link, and a new task's
            // whole block, are visible to the owner. Acquire: pairs with the Release in `arm`:
            // a pusher that finds ASLEEP also sees where the owner said it would sleep. Relaxed on
            // failure: another guess.
            match self.head.0.compare_exchange_weak(head, task.address(), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        if head == ASLEEP {
            // The task is linked, so the owner may have ended it and the executor by now: the
            // pusher's reference keeps this memory.
            self.canary.check();
            self.notifier.notify();
        }
        true
    }

    /// Owner: is there a task? A plain load, cheap enough for every few polls.
    #[inline]
    pub(crate) fn has_tasks(&self) -> bool {
        // Relaxed: only a hint; `take_all` synchronises.
        let head = self.head.0.load(Ordering::Relaxed);
        !head.is_null() && head != ASLEEP && head != CLOSED
    }

    /// Owner, before it sleeps: from now on the first push notifies. False when there is a task, or
    /// the inbox is closed: do not sleep.
    #[must_use]
    pub(crate) fn arm(&self) -> bool {
        // Release: pairs with the Acquire in `push`. Relaxed on failure: the caller drains, which
        // synchronises.
        self.head.0.compare_exchange(ptr::null_mut(), ASLEEP, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// 7 → 2, owner: everything that was pushed, oldest first. Ends *asleep*.
    pub(crate) fn take_all(&self) -> Taken {
        // Acquire: pairs with the Release in `push`.
        Taken::oldest_first(self.head.0.swap(ptr::null_mut(), Ordering::Acquire))
    }

    /// Any thread: everything that was pushed, oldest first, while the owner does not come to it.
    /// The taker unlinks each task, or pushes it again. A head that holds no task stays as it
    /// is: who took ASLEEP away would leave an owner asleep that nobody notifies.
    pub(crate) fn take_tasks(&self) -> Taken {
        // Relaxed: only a guess for the exchange below.
        let mut head = self.head.0.load(Ordering::Relaxed);
        while !head.is_null() && head != ASLEEP && head != CLOSED {
            // Acquire: pairs with the Release in `push`. Relaxed on failure: another guess.
            match self.head.0.compare_exchange_weak(head, ptr::null_mut(), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Taken::oldest_first(head),
                Err(now) => head = now,
            }
        }
        Taken(None)
    }

    /// Any thread: takes out the tasks of which `is_to_go` says so and gives them to `out`, and
    /// puts the others back in their order. How many those are; or the tasks themselves, when the
    /// inbox was closed meanwhile.
    ///
    /// Others have pushed in between: those are taken too, and lie above. The owner may have fallen
    /// asleep over the empty inbox: then this is a push that finds ASLEEP.
    pub(crate) fn sweep(&self, is_to_go: impl Fn(TaskRef) -> bool, out: impl Fn(TaskRef)) -> Result<usize, Taken> {
        let (mut newest, mut kept) = (ptr::null_mut(), 0);
        loop {
            for task in self.take_tasks() {
                if is_to_go(task) {
                    out(task);
                } else {
                    // SAFETY: [I1] the task was taken out here and is not unlinked, so its link is
                    // this thread's; [I2] the iteration has read it before. Another writer would
                    // tear the list.
                    task.inbox_next().with_mut(|link| unsafe { *link = newest });
                    (newest, kept) = (task.address(), kept + 1);
                }
            }
            if newest.is_null() {
                return Ok(0);
            }
            // Relaxed: only a guess for the exchange below.
            let head = self.head.0.load(Ordering::Relaxed);
            let (is_closed, is_asleep) = (head == CLOSED, head == ASLEEP);
            if is_closed {
                return Err(Taken::oldest_first(newest));
            }
            let is_empty = head.is_null() || is_asleep;
            // Release, Acquire: as in `push`. Relaxed on failure: the next round asks again.
            if is_empty && self.head.0.compare_exchange_weak(head, newest, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                if is_asleep {
                    self.notifier.notify();
                }
                return Ok(kept);
            }
        }
    }

    /// Owner, at its end: what had been pushed. No push succeeds any more.
    pub(crate) fn close(&self) -> Taken {
        // Acquire: pairs with the Release in `push`.
        Taken::oldest_first(self.head.0.swap(CLOSED, Ordering::Acquire))
    }

    pub(crate) fn notifier(&self) -> &Arc<N> {
        &self.notifier
    }
}

/// Tasks taken out of the inbox, still QUEUED: the one who iterates unlinks each of them, or pushes
/// it again.
#[derive(Debug)]
#[must_use = "tasks that are not unlinked can never be woken again"]
pub(crate) struct Taken(Option<TaskRef>);

impl Taken {
    fn oldest_first(head: *mut ()) -> Self {
        let mut newer = ptr::null_mut();
        let mut rest = if head == ASLEEP || head == CLOSED { ptr::null_mut() } else { head };
        while let Some(task) = TaskRef::from_exposed(rest) {
            // SAFETY: [I1] the list was taken out of the head, so until it is unlinked each of its
            // links belongs to the taker; a pusher's write at the same time would tear the list.
            rest = task.inbox_next().with_mut(|link| unsafe { std::mem::replace(&mut *link, newer) });
            newer = task.address();
        }
        Self(TaskRef::from_address(newer))
    }
}

impl Iterator for Taken {
    type Item = TaskRef;

    fn next(&mut self) -> Option<TaskRef> {
        let task = self.0?;
        // SAFETY: [I1] the task is not unlinked yet, so the link is the taker's. [I2] It is read
        // here, before the caller can unlink it or push it again; after that a pusher may write it.
        self.0 = TaskRef::from_exposed(task.inbox_next().with(|link| unsafe { *link }));
        Some(task)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::num::NonZero;
    use std::ptr::NonNull;

    use super::*;
    use crate::task::{FreeList, Origin, Payload, Schedule, Site, allocate, borrowed};

    /// The smallest thing that can own tasks.
    struct OneInbox {
        inbox: Inbox<Notifications>,
        blocks: RefCell<FreeList>,
    }

    #[derive(Default)]
    struct Notifications(Cell<usize>);

    impl Notify for Notifications {
        fn notify(&self) {
            self.0.set(self.0.get() + 1);
        }
    }

    impl Schedule for OneInbox {
        fn ready(&self, _: TaskRef) {}

        fn push(&self, task: TaskRef) -> bool {
            self.inbox.push(task)
        }

        fn forget(&self, _: TaskRef) {}

        fn orphan_panic(&self, _: Payload) {}

        fn number(&self, _: TaskRef) -> NonZero<u64> {
            unreachable!("nobody asks for the id of these tasks")
        }

        fn blocks(&self) -> &RefCell<FreeList> {
            &self.blocks
        }
    }

    /// A pointer with that address and nothing else of a pointer, as one that was read before its
    /// task had gone.
    fn stale(address: *mut ()) -> *mut () {
        ptr::without_provenance_mut(address.addr())
    }

    // In an ordinary run a pointer is its address, and this shows that the order is kept; Miri
    // knows the difference.
    #[test]
    #[expect(clippy::arc_with_non_send_sync, reason = "the task's header wants an Arc's memory; this one stays on its thread")]
    fn a_link_is_an_address_and_no_more() {
        let owner = Arc::new(OneInbox { inbox: Inbox::new(Arc::new(Notifications::default())), blocks: RefCell::default() });
        let address = NonNull::new(Arc::as_ptr(&owner).cast_mut().cast()).unwrap();
        let make = |_| allocate::<_, (), OneInbox>(std::future::pending::<()>(), (), address, Site::caller(), Origin::Root);
        let tasks = [0, 1, 2].map(make);
        assert!(owner.inbox.arm());
        tasks.iter().for_each(|task| borrowed(*task).wake_by_ref());
        assert_eq!(owner.inbox.notifier().0.get(), 1, "one notification a sleep");
        for task in tasks {
            task.expose();
            assert_eq!(TaskRef::from_exposed(stale(task.address())), Some(task));
            // SAFETY: [I1] the task is linked, and this thread is the only one: nobody writes the
            // link meanwhile.
            let link = task.inbox_next().with(|link| unsafe { *link });
            // SAFETY: [I1] as above; nobody reads it meanwhile.
            task.inbox_next().with_mut(|place| unsafe { *place = stale(link) });
        }
        let newest = owner.inbox.head.0.swap(stale(tasks[2].address()), Ordering::Relaxed);
        assert_eq!(newest, tasks[2].address());
        let mut taken = Vec::new();
        for task in owner.inbox.take_tasks() {
            assert!(!task.unlink() && task.take_wake());
            taken.push(task);
        }
        assert_eq!(taken, tasks);
        assert_eq!(TaskRef::from_exposed(ptr::null_mut()), None);
        tasks.into_iter().for_each(TaskRef::shut_down);
    }
}
