//! The executor's memory. This module owns what outlives the executor for the sake of late wakers.
//! It must never let a foreign thread past the inbox.
//!
//! Two halves. The inbox is everybody's. The owner's half (run queue, registry, reactor) belongs to
//! the thread that made the executor and is emptied when the executor is dropped; what then
//! remains, until the last spawner and the last task that a waker still refers to have gone, is a
//! closed inbox and a notifier.
//!
//! - \[X1\] The owner's half is touched on the owner's thread only: by the executor, which is not
//!   `Send`, by a thread that has this executor entered, runs it or not, and by the methods of
//!   [`Schedule`] that say so.
//! - \[X2\] An executor that is entered and runs is borrowed by a stack frame above, so its memory
//!   lives. One that is entered by a guard stands in a list that holds its memory, and what is done
//!   with it there runs no code of a user's, which might drop the guard: it is not being dropped,
//!   so a spawn drops no future.

use std::cell::RefCell;
use std::num::NonZero;
use std::ptr::NonNull;
use std::rc::Rc;

use super::policy::PanicPolicy;
use super::registry::{LateNumbers, Registry};
use crate::inbox::{Inbox, Notify};
use crate::reactor::{Notifier, Reactor};
use crate::run_queue::RunQueue;
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, OwnerCell};
use crate::task::{
    FreeList, Label, Numbered, Origin, Payload, RemoteTask, Schedule, Site, Task, TaskRef, allocate, current, discard, remote,
};

/// So many shells of tasks may lie in an inbox; more only where as many others do. A sweep costs a
/// few nanoseconds for each, so nobody pays for it whose core is not far behind, and each abort
/// pays for a few at most.
const MANY: isize = if cfg!(wakeline_loom) { 2 } else { 1024 };

/// What the owner is doing, as far as a local wake has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// It runs, or will run before anybody waits for it.
    Plain,
    /// A host loop waits for the descriptor: what becomes ready has to notify it.
    Hosted,
    /// It is being dropped: nothing becomes ready any more.
    Closing,
}

/// The memory that tasks, spawners and the executor share.
pub(crate) struct Shared {
    inbox: Inbox<Notifier>,
    pub(super) run_queue: RunQueue,
    pub(super) registry: RefCell<Registry>,
    /// The numbers of tasks that are not in the registry any more, because the executor is being
    /// dropped or has been.
    pub(super) late: RefCell<LateNumbers>,
    /// Memory for the next tasks; emptied when the executor is dropped.
    pub(super) blocks: RefCell<FreeList>,
    /// None once the executor has been dropped.
    pub(super) reactor: RefCell<Option<Rc<Reactor>>>,
    pub(super) mode: OwnerCell<Mode>,
    pub(super) policy: PanicPolicy,
    /// How many tasks in the inbox were ended before they were begun. Others may be counted out
    /// before they are counted in.
    abandoned: AtomicUsize,
    /// How many others were there when those were last taken out.
    kept: AtomicUsize,
    /// Not zero while a thread takes them out.
    sweeping: AtomicUsize,
    /// Held by that thread while it has the inbox's tasks.
    swept: Mutex<()>,
    /// The first panic that `PanicPolicy::Propagate` has to hand on.
    pub(super) escaped: RefCell<Option<Payload>>,
}

// SAFETY: [X1] what is not `Send` or `Sync` in here is the owner's half, which only the owner's
// thread touches and which is emptied before another thread can drop the rest; a foreign thread
// that reached it would race.
unsafe impl Send for Shared {}
// SAFETY: [X1] as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new(reactor: Rc<Reactor>, policy: PanicPolicy) -> Arc<Self> {
        Arc::new(Self {
            inbox: Inbox::new(reactor.notifier().clone()),
            run_queue: RunQueue::new(),
            registry: RefCell::default(),
            late: RefCell::default(),
            blocks: RefCell::default(),
            reactor: RefCell::new(Some(reactor)),
            mode: OwnerCell::new(Mode::Plain),
            policy,
            abandoned: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
            sweeping: AtomicUsize::new(0),
            swept: Mutex::new(()),
            escaped: RefCell::new(None),
        })
    }

    pub(crate) fn inbox(&self) -> &Inbox<Notifier> {
        &self.inbox
    }

    /// The identity of the executor: what tasks and the thread-local know it by.
    pub(super) fn address(this: &Arc<Self>) -> NonNull<()> {
        NonNull::new(Arc::as_ptr(this).cast_mut().cast()).expect("an Arc's pointer is not null")
    }

    /// 1, 2: a task of this thread. No atomic operation, no reference to this memory. `address` is
    /// this executor's: a pointer of the `Arc` and not one made from `&self`, for tasks reach the
    /// `Arc`'s count by it.
    pub(super) fn spawn<F, N>(&self, address: NonNull<()>, future: F, label: N, site: Site) -> Task<F::Output>
    where
        F: Future + 'static,
        N: Label,
    {
        let task = allocate::<F, N, Shared>(future, label, address, site, Origin::Owner);
        if self.mode.get() == Mode::Closing {
            task.anchor();
            task.shut_down();
        } else {
            self.registry.borrow_mut().insert(task);
            self.make_ready(task);
        }
        Task::new(task)
    }

    /// A task from any thread: the closure travels, the future is made by the owner.
    pub(super) fn spawn_remote<C, F, N>(this: &Arc<Self>, make: C, label: N, site: Site) -> RemoteTask<F::Output>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
        N: Label + Send,
    {
        let (future, receiver) = remote(make);
        let task = allocate::<_, _, Shared>(future, Numbered::new(label), Self::address(this), site, Origin::Remote);
        let handle = RemoteTask::new(receiver, task);
        if !task.push() {
            task.refuse_spawn();
        }
        handle
    }

    #[inline]
    fn make_ready(&self, task: TaskRef) {
        match self.mode.get() {
            Mode::Plain => self.run_queue.push(task),
            Mode::Hosted => {
                // What is there already has notified.
                let first = self.run_queue.is_empty();
                self.run_queue.push(task);
                if first {
                    self.inbox.notifier().notify();
                }
            }
            Mode::Closing => {}
        }
    }

    /// Owner: would a turn find a task?
    #[cfg(all(unix, not(wakeline_loom)))]
    pub(super) fn has_work(&self) -> bool {
        !self.run_queue.is_empty() || self.inbox.has_tasks()
    }

    /// 7 → 2: what the inbox held becomes ready, and what is new is registered. Returns how many
    /// were not new.
    pub(super) fn admit(&self, tasks: impl Iterator<Item = TaskRef>) -> usize {
        let mut woken = 0;
        for task in tasks {
            if task.unlink() {
                self.registry.borrow_mut().insert(task);
            } else {
                woken += 1;
            }
        }
        woken
    }

    /// Takes the shells of tasks that were ended before they were begun out of the inbox;
    /// everything else goes back. While a thread does, the owner finds the inbox empty, and is
    /// notified when it is not any more. One at a time.
    #[cold]
    fn sweep(&self) {
        // Relaxed: keeps a second thread from waiting for the lock; nothing is published by it.
        if self.sweeping.swap(1, Ordering::Relaxed) != 0 {
            return;
        }
        let swept = self.swept.lock();
        let left = self.inbox.sweep(|task| task.is_abandoned(), TaskRef::unlink_ended);
        // Relaxed: a guess at how long the inbox is.
        self.kept.store(*left.as_ref().unwrap_or(&0), Ordering::Relaxed);
        drop(swept);
        // Relaxed: as above.
        self.sweeping.store(0, Ordering::Relaxed);
        // The executor is ending, and has met none of these.
        for task in left.err().into_iter().flatten() {
            if task.is_new() {
                task.refuse_unbegun();
            } else {
                task.push_again();
            }
        }
    }

    /// Owner: is nothing in the inbox, nor with a thread that sweeps it?
    pub(super) fn has_empty_inbox(&self) -> bool {
        // Who sees the inbox empty because of a sweep waits for it here: it had the lock before it
        // took anything out.
        let swept = self.swept.lock();
        drop(swept);
        !self.inbox.has_tasks()
    }

    /// A panic without a receiver.
    pub(super) fn apply_policy(&self, payload: Payload) {
        match self.policy {
            PanicPolicy::Abort => std::process::abort(),
            // Nobody will run the executor again, and what is kept here might be dropped by another
            // thread.
            PanicPolicy::Propagate if self.mode.get() == Mode::Closing => discard(payload),
            PanicPolicy::Propagate if self.escaped.borrow().is_none() => *self.escaped.borrow_mut() = Some(payload),
            PanicPolicy::Propagate | PanicPolicy::Isolate => discard(payload),
        }
    }
}

/// Runs `f` with the executor that this thread has entered, and its address.
#[inline]
pub(super) fn with_entered<R>(f: impl FnOnce(&Shared, NonNull<()>) -> R) -> Option<R> {
    let entered = NonNull::new(current::with(|current| current.executor()).cast_mut())?;
    // SAFETY: [X2] the address is that of the `Shared` of an entered executor, whose frame is above
    // this one; a stale address would be read as an executor.
    Some(f(unsafe { entered.cast::<Shared>().as_ref() }, entered))
}

/// [`with_entered`], or where none runs with the executor whose address `other` gives, which is
/// entered by a guard. `f` is called at one place, so that it can be inlined: a spawn is a good
/// part of what a small task costs.
#[inline]
pub(super) fn with_running_or<R>(
    other: impl FnOnce() -> Option<NonNull<()>>,
    f: impl FnOnce(&Shared, NonNull<()>) -> R,
) -> Option<R> {
    let address = NonNull::new(current::with(|current| current.executor()).cast_mut()).or_else(other)?;
    // SAFETY: [X2] the address is that of an executor whose frame is above this one, or of one that
    // stands in the list of those that are entered; a stale address would be read as an executor.
    Some(f(unsafe { address.cast::<Shared>().as_ref() }, address))
}

/// The executor that this thread runs, for a caller that wants to keep its memory.
pub(super) fn running() -> Option<Arc<Shared>> {
    let entered = NonNull::new(current::with(|current| current.executor()).cast_mut())?;
    let shared = entered.cast::<Shared>().as_ptr().cast_const();
    // SAFETY: [X2] the address came from an `Arc`, whose executor's frame is above this one; of
    // freed memory it would be no count.
    unsafe { Arc::increment_strong_count(shared) };
    // SAFETY: [X2] as above, and the count was just taken for this `Arc`; without it the executor's
    // memory would be freed under it.
    Some(unsafe { Arc::from_raw(shared) })
}

impl Schedule for Shared {
    fn ready(&self, task: TaskRef) {
        self.make_ready(task);
    }

    fn push(&self, task: TaskRef) -> bool {
        self.inbox.push(task)
    }

    #[inline]
    fn abandoned(&self) {
        // Relaxed: a count that decides when it is worth while to look.
        let abandoned = self.abandoned.fetch_add(1, Ordering::Relaxed).wrapping_add(1) as isize;
        let kept = self.kept.load(Ordering::Relaxed) as isize;
        if abandoned >= MANY.max(kept) {
            self.sweep();
        }
    }

    fn reclaimed(&self) {
        // Relaxed: as above.
        self.abandoned.fetch_sub(1, Ordering::Relaxed);
    }

    #[inline]
    fn forget(&self, task: TaskRef) {
        self.registry.borrow_mut().remove(task);
    }

    fn orphan_panic(&self, payload: Payload) {
        self.apply_policy(payload);
    }

    fn number(&self, task: TaskRef) -> NonZero<u64> {
        if task.is_anchored() { self.late.borrow_mut().number(task) } else { self.registry.borrow_mut().number(task) }
    }

    fn blocks(&self) -> &RefCell<FreeList> {
        &self.blocks
    }
}

/// The wake cell of an executor: what the waker of `block_on`'s future points at. It has no future
/// of its own.
pub(super) fn allocate_root(shared: &Arc<Shared>, site: Site) -> TaskRef {
    allocate::<_, (), Shared>(std::future::pending::<()>(), (), Shared::address(shared), site, Origin::Root)
}
