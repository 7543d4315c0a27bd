//! The executor's memory, which outlives the executor for the sake of late wakers.
//!
//! Two halves. The inbox is everybody's. The owner's half, [`Owned`] (run queue, registry,
//! reactor), belongs to the thread that made the executor and is emptied when the executor is
//! dropped; what then remains, until the last spawner and the last task that a waker still refers
//! to have gone, is a closed inbox and a notifier.
//!
//! - \[X1\] The owner's half is reached by way of a [`SharedOwner`], or of a [`Here`] that one has
//!   made, neither of which is `Send`. The `SharedOwner`'s drop empties it, and keeps the memory
//!   for ever if there is still a task that relies on it.
//! - \[X2\] A thread enters no other type than this one, within a function of a `SharedOwner` that
//!   is borrowed until it returns.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::num::NonZero;
use std::ops::Deref;
use std::ptr::NonNull;
use std::rc::Rc;

use super::policy::PanicPolicy;
use super::registry::{LateNumbers, Registry};
use crate::inbox::{Inbox, Notify};
use crate::reactor::{Notifier, Reactor};
use crate::run_queue::RunQueue;
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, OwnerCell, is_over};
use crate::task::{
    FreeList, Here, Label, Linked, MakeFuture, Payload, Queued, Registered, RemoteTask, RootTask, Schedule, Site, Task, TaskView,
    discard, spawn, spawn_remote,
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
    /// How many tasks in the inbox were ended before they were begun. Others may be counted out
    /// before they are counted in.
    abandoned: AtomicUsize,
    /// How many others were there when those were last taken out.
    kept: AtomicUsize,
    /// Not zero while a thread takes them out.
    sweeping: AtomicUsize,
    /// Held by that thread while it has the inbox's tasks.
    swept: Mutex<()>,
    owned: Owned,
}

/// The owner's half.
pub(crate) struct Owned {
    pub(super) run_queue: RunQueue,
    pub(super) registry: RefCell<Registry>,
    /// The numbers of tasks that are not in the registry any more, because the executor is being
    /// dropped or has been.
    pub(super) late: RefCell<LateNumbers>,
    /// Memory for the next tasks; emptied when the executor is dropped.
    blocks: RefCell<FreeList>,
    /// None once the executor has been dropped.
    pub(super) reactor: RefCell<Option<Rc<Reactor>>>,
    pub(super) mode: OwnerCell<Mode>,
    policy: PanicPolicy,
    /// The first panic that `PanicPolicy::Propagate` has to hand on.
    pub(super) escaped: RefCell<Option<Payload>>,
}

// SAFETY: [X1] what is not `Send` or `Sync` in here is the owner's half, which only the owner's
// thread reaches and which is emptied before another thread can drop the rest; a foreign thread
// that reached it would race.
unsafe impl Send for Shared {}
// SAFETY: [X1] as above.
unsafe impl Sync for Shared {}

/// The executor's memory on its owner's thread.
#[derive(Clone)]
pub(super) struct LocalShared {
    shared: Arc<Shared>,
    /// Not `Send`.
    local: PhantomData<*const ()>,
}

impl LocalShared {
    pub(super) fn here(&self) -> Here<'_, Shared> {
        let address = NonNull::new(Arc::as_ptr(&self.shared).cast_mut()).expect("an Arc's pointer is not null");
        // SAFETY: [X1] it never left the thread of its owner, which keeps the memory while a task
        // relies on it; a `Here` of another thread would touch what is not its own.
        unsafe { Here::new(address) }
    }

    /// For a caller on any thread.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Runs `f` with the executor entered.
    pub(super) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        // SAFETY: [X2] nobody else enters anything; another type would be read as an executor.
        unsafe { self.here().enter(f) }
    }
}

impl Deref for LocalShared {
    type Target = Owned;

    #[inline]
    fn deref(&self) -> &Owned {
        &self.shared.owned
    }
}

/// The executor's own [`LocalShared`]: there is one.
pub(super) struct SharedOwner(LocalShared);

impl SharedOwner {
    pub(super) fn new(reactor: Rc<Reactor>, policy: PanicPolicy) -> Self {
        let inbox = Inbox::new(reactor.notifier().clone());
        let owned = Owned {
            run_queue: RunQueue::new(),
            registry: RefCell::default(),
            late: RefCell::default(),
            blocks: RefCell::default(),
            reactor: RefCell::new(Some(reactor)),
            mode: OwnerCell::new(Mode::Plain),
            policy,
            escaped: RefCell::new(None),
        };
        let (abandoned, kept, sweeping) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new(Shared { inbox, abandoned, kept, sweeping, swept: Mutex::new(()), owned });
        Self(LocalShared { shared, local: PhantomData })
    }

    pub(super) fn inbox(&self) -> &Inbox<Notifier> {
        &self.0.shared.inbox
    }

    /// The wake cell of `block_on`.
    pub(super) fn root(&self, site: Site) -> RootTask {
        RootTask::new(&self.0.shared, site)
    }

    /// 7 → 2: what the inbox held becomes ready, and what is new is registered. Returns how many
    /// were not new.
    pub(super) fn admit(&self, tasks: impl Iterator<Item = Linked>) -> usize {
        let here = self.here();
        let mut woken = 0;
        for task in tasks {
            match task.admit(here) {
                Some(task) => self.registry.borrow_mut().insert(task),
                None => woken += 1,
            }
        }
        woken
    }

    /// Is nothing in the inbox, nor with a thread that sweeps it?
    pub(super) fn has_empty_inbox(&self) -> bool {
        // Who sees the inbox empty because of a sweep waits for it here: it had the lock before it
        // took anything out.
        let swept = self.0.shared.swept.lock();
        drop(swept);
        !self.inbox().has_tasks()
    }
}

impl Deref for SharedOwner {
    type Target = LocalShared;

    #[inline]
    fn deref(&self) -> &LocalShared {
        &self.0
    }
}

impl Drop for SharedOwner {
    /// Whatever the executor has left.
    fn drop(&mut self) {
        if is_over() {
            return;
        }
        self.mode.set(Mode::Closing);
        self.run_queue.clear();
        drop(self.registry.take());
        self.blocks.borrow_mut().clear();
        self.reactor.borrow_mut().take();
        self.escaped.borrow_mut().take().into_iter().for_each(discard);
        if self.blocks.borrow().has_tasks() {
            mem::forget(self.0.shared.clone());
        }
    }
}

impl Shared {
    pub(crate) fn inbox(&self) -> &Inbox<Notifier> {
        &self.inbox
    }

    /// A task from any thread: the closure travels, the future is made by the owner.
    pub(super) fn spawn_remote<M: MakeFuture, N: Label + Send>(
        this: &Arc<Self>,
        make: M,
        label: N,
        site: Site,
    ) -> RemoteTask<M::Result> {
        let (task, handle) = spawn_remote(this, make, label, site);
        // One that is refused ends here.
        drop(this.inbox.push(task));
        handle
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
        let left = self.inbox.sweep(Linked::is_abandoned, drop);
        // Relaxed: a guess at how long the inbox is.
        self.kept.store(*left.as_ref().unwrap_or(&0), Ordering::Relaxed);
        drop(swept);
        // Relaxed: as above.
        self.sweeping.store(0, Ordering::Relaxed);
        // The executor is ending, and has met none of these: what waits in there ends.
        drop(left);
    }
}

impl<'a> Here<'a, Shared> {
    fn owned(self) -> &'a Owned {
        &self.get().owned
    }

    /// 1, 2: a task of this thread. No atomic operation, no reference to the memory.
    pub(super) fn spawn<F, N>(self, future: F, label: N, site: Site) -> Task<F::Output>
    where
        F: Future + 'static,
        N: Label,
    {
        let owned = self.owned();
        let (registered, queued, task) = spawn(self, future, label, site);
        if owned.mode.get() == Mode::Plain {
            owned.registry.borrow_mut().insert(registered);
            owned.run_queue.push(queued);
        } else {
            self.admit_spawned(registered, queued);
        }
        task
    }

    #[cold]
    fn admit_spawned(self, registered: Registered, queued: Queued) {
        if self.owned().mode.get() == Mode::Closing {
            drop(queued);
            return registered.end(|_| {});
        }
        self.owned().registry.borrow_mut().insert(registered);
        self.make_ready(queued);
    }

    #[inline]
    fn make_ready(self, task: Queued) {
        let owned = self.owned();
        match owned.mode.get() {
            Mode::Plain => owned.run_queue.push(task),
            Mode::Hosted => {
                // What is there already has notified.
                let first = owned.run_queue.is_empty();
                owned.run_queue.push(task);
                if first {
                    self.inbox.notifier().notify();
                }
            }
            Mode::Closing => drop(task),
        }
    }

    /// Runs `f` with the reactor; None once the executor has been dropped.
    #[inline]
    pub(super) fn with_reactor<R>(self, f: impl FnOnce(&Rc<Reactor>) -> R) -> Option<R> {
        self.owned().reactor.borrow().as_ref().map(f)
    }

    /// None once the executor has been dropped.
    #[inline]
    pub(super) fn reactor(self) -> Option<Rc<Reactor>> {
        self.owned().reactor.borrow().clone()
    }

    /// Would a turn find a task?
    #[cfg(all(unix, not(wakeline_loom)))]
    pub(super) fn has_work(self) -> bool {
        !self.owned().run_queue.is_empty() || self.inbox.has_tasks()
    }
}

/// Runs `f` with the executor that this thread has entered, or where there is none with what
/// `other` gives. `f` is called at one place, so that it can be inlined: a spawn is a good part of
/// what a small task costs.
#[inline]
pub(super) fn with_entered_or<R>(
    other: impl FnOnce() -> Option<LocalShared>,
    f: impl FnOnce(Here<'_, Shared>) -> R,
) -> Option<R> {
    // SAFETY: [X2] the one that has entered it is a frame above this one; with another type an
    // executor would be read that is none.
    let entered = unsafe { Here::entered() };
    // Dropped by hand, which a spawn pays less for: a panic of `f` leaks the reference.
    let kept = ManuallyDrop::new(if entered.is_none() { other() } else { None });
    let result = f(entered.or_else(|| kept.as_ref().map(LocalShared::here))?);
    drop(ManuallyDrop::into_inner(kept));
    Some(result)
}

/// The executor that this thread runs, for a caller that wants to keep its memory.
pub(super) fn running() -> Option<Arc<Shared>> {
    with_entered_or(|| None, |here| here.keep())
}

impl Schedule for Shared {
    fn ready(here: Here<'_, Self>, task: Queued) {
        here.make_ready(task);
    }

    fn push(&self, task: Linked) -> Result<(), Linked> {
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
    fn forget(here: Here<'_, Self>, task: &TaskView) -> Option<Registered> {
        here.owned().registry.borrow_mut().remove(task)
    }

    /// By the policy.
    fn orphan_panic(here: Here<'_, Self>, payload: Payload) {
        let owned = here.owned();
        match owned.policy {
            PanicPolicy::Abort => std::process::abort(),
            // Nobody will run the executor again, and what is kept here might be dropped by another
            // thread.
            PanicPolicy::Propagate if owned.mode.get() == Mode::Closing => discard(payload),
            PanicPolicy::Propagate if owned.escaped.borrow().is_none() => *owned.escaped.borrow_mut() = Some(payload),
            PanicPolicy::Propagate | PanicPolicy::Isolate => discard(payload),
        }
    }

    fn number(here: Here<'_, Self>, task: &TaskView) -> NonZero<u64> {
        let owned = here.owned();
        if task.is_anchored() {
            return owned.late.borrow_mut().number(task);
        }
        let known = owned.registry.borrow().known_number(task);
        known.unwrap_or_else(|| owned.registry.borrow_mut().number(task))
    }

    #[inline]
    fn blocks(here: Here<'_, Self>) -> Option<&RefCell<FreeList>> {
        Some(&here.get().owned.blocks)
    }
}
