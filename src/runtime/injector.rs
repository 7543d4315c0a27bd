//! Closures for the first core that is free, and the list of the cores that are idle.
//!
//! A task that has begun is never in here. Nothing is woken or dropped with the lock held.
//!
//! ```text
//! spawn_balanced ─▶ queue ─┬─ a core that is about to sleep, or was just woken ─▶ polled at once
//!                          └─ a busy core, one at each look outside            ─▶ polled at once
//! ```
//!
//! A task that waits here has no thread yet: the future is not made, so nothing of it is bound to a
//! core. Once taken it never moves. That is what Go does with its global queue, less the stealing.
//!
//! **While something waits and a core sleeps, a core is on its way.** A core goes onto the list of
//! idle cores under the lock, and only when the queue is empty. An addition takes a core off the
//! list, under the same lock, and wakes it, unless one was called before and has not come yet. The
//! core that comes takes a task, and if more are there it calls the next core, under the same lock
//! and before it polls anything: so no blocking task can stand between. One that wakes for another
//! reason takes itself off the list before it polls, so that no addition counts on a core that is
//! busy. Its waker is that of its executor's root: the wake goes through the inbox like any other,
//! once per sleep.
//!
//! One at a time, because waking a core costs more than a small task: where a thread adds many, the
//! first core that comes often takes them all. And the core that was busy last, because the others'
//! caches are colder. Waking one for each addition, the one that has been idle longest, made
//! batches of 64 cost four times as much. The price: a core that was called and gets no CPU keeps
//! the others from being called for that time.
//!
//! **The price is paid by those who use it.** Two locked operations on one shared lock for each
//! sleep would be the only thing that all cores write to. So the queue begins shut: a core leaves
//! its waker here before its first sleep, and then sleeps without a word. The first addition opens
//! the queue and wakes all cores, whatever they do. A core that has seen the queue shut and sleeps
//! has its wake in its inbox, and who has taken that out sees the queue open, because the inbox
//! orders the two.
//!
//! **Busy cores look at a number.** The length is kept beside the lock and read without it. A stale
//! reading is one look late; a core that is about to sleep does not trust it.
//!
//! A task that is aborted leaves the queue at once: its closure, which the aborter drops, holds the
//! number of its place.
//!
//! Rejected: a queue per core with stealing (a thief and an owner share every queue's end, to move
//! what has not begun, and that is better put where it is taken from anyway); giving each closure
//! to the core with the fewest tasks (a core that is stuck would keep it).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::task::Waker;

use crate::executor::{Injector, Unstarted};
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering};

/// The queue that all cores share.
pub(crate) struct InjectorQueue {
    state: Mutex<State>,
    /// As of the last change; written under the lock, read by anybody.
    length: AtomicUsize,
    /// Not zero once something was added; written under the lock, read by anybody.
    open: AtomicUsize,
    /// The next place in the queue.
    next: AtomicUsize,
}

struct State {
    /// By place.
    queue: BTreeMap<usize, Unstarted>,
    /// Cores that sleep, or are about to; the one that has been idle longest first.
    idle: Vec<usize>,
    /// The core that was called and has not come yet.
    called: Option<usize>,
    /// By core: ends its sleep. There from its first sleep to its end.
    wakers: Vec<Option<Waker>>,
    closed: bool,
}

impl InjectorQueue {
    pub(crate) fn new(cores: usize) -> Arc<Self> {
        let state = State {
            queue: BTreeMap::new(),
            idle: Vec::with_capacity(cores),
            called: None,
            wakers: (0..cores).map(|_| None).collect(),
            closed: false,
        };
        let zero = || AtomicUsize::new(0);
        Arc::new(Self { state: Mutex::new(state), length: zero(), open: zero(), next: zero() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait. From any thread; a moment old.
    pub(crate) fn len(&self) -> usize {
        // Relaxed: only a hint; what is taken is taken under the lock.
        self.length.load(Ordering::Relaxed)
    }

    /// A place for a closure, and what the closure holds of it.
    pub(crate) fn place(this: &Arc<Self>) -> (usize, InjectorSlot) {
        // Relaxed: only different from all others. On a 32-bit platform it may wrap while the queue
        // is empty.
        let number = this.next.fetch_add(1, Ordering::Relaxed);
        (number, InjectorSlot { injector: this.clone(), number: Some(number) })
    }

    /// Puts the task into its place and wakes one idle core.
    ///
    /// # Errors
    ///
    /// The task, when the queue is closed.
    pub(crate) fn add(&self, place: usize, task: Unstarted) -> Result<(), Unstarted> {
        let mut state = self.lock();
        if state.closed {
            return Err(task);
        }
        state.queue.insert(place, task);
        self.publish_length(&state);
        let (one, all) = match self.is_open() {
            true => (state.call_idle(), Vec::new()),
            false => (None, self.open_and_call_all(&mut state)),
        };
        drop(state);
        one.into_iter().chain(all).for_each(Waker::wake);
        Ok(())
    }

    fn is_open(&self) -> bool {
        // Relaxed: under the lock it is exact; without it, see `WorkerInjector::take_or_wait`.
        self.open.load(Ordering::Relaxed) != 0
    }

    /// Cores that have seen the queue shut are on no list.
    #[cold]
    fn open_and_call_all(&self, state: &mut State) -> Vec<Waker> {
        // Relaxed: read under the lock, or after the wake that follows, which orders it.
        self.open.store(1, Ordering::Relaxed);
        state.wakers.iter().flatten().cloned().collect()
    }

    fn publish_length(&self, state: &State) {
        // Relaxed: a hint, as in `len`.
        self.length.store(state.queue.len(), Ordering::Relaxed);
    }

    fn pop(&self, state: &mut State) -> Option<Unstarted> {
        let task = state.queue.pop_first();
        self.publish_length(state);
        task.map(|(_, task)| task)
    }

    /// Takes the task out of its place, if it is still there, to be dropped without the lock.
    fn remove(&self, place: usize) -> Option<Unstarted> {
        let mut state = self.lock();
        let task = state.queue.remove(&place);
        self.publish_length(&state);
        task
    }

    /// No task is added or taken any more. Who still waits comes back, oldest first, to be dropped
    /// without the lock.
    pub(crate) fn close(&self) -> BTreeMap<usize, Unstarted> {
        let mut state = self.lock();
        state.closed = true;
        state.idle.clear();
        let left = std::mem::take(&mut state.queue);
        self.publish_length(&state);
        left
    }
}

impl State {
    /// Calls a core, if something waits, one is idle, and none is on its way. It is the one that
    /// was busy last: what it needs is in its caches, and small work keeps one core awake and not
    /// all. Its waker is one of this crate, whose clone runs nobody's code.
    fn call_idle(&mut self) -> Option<Waker> {
        if self.queue.is_empty() || self.called.is_some() {
            return None;
        }
        self.called = self.idle.pop();
        self.called.and_then(|core| self.wakers[core].clone())
    }

    /// The core comes, or ends: it is not idle, and nobody waits for it.
    fn arrive(&mut self, core: usize) {
        self.idle.retain(|&idle| idle != core);
        self.called = self.called.filter(|&called| called != core);
    }
}

/// The place of a closure in the queue; it lies in the closure.
pub(crate) struct InjectorSlot {
    injector: Arc<InjectorQueue>,
    /// None once the closure is called.
    number: Option<usize>,
}

impl InjectorSlot {
    /// The closure is called: a core has taken the task out.
    pub(crate) fn leave(mut self) {
        self.number = None;
    }
}

impl Drop for InjectorSlot {
    fn drop(&mut self) {
        let task = self.number.and_then(|number| self.injector.remove(number));
        drop(task);
    }
}

/// One core's way to the queue.
pub(crate) struct WorkerInjector {
    injector: Arc<InjectorQueue>,
    core: usize,
    /// Its waker lies with the queue.
    has_waker: Cell<bool>,
    /// It may be on the list of idle cores.
    is_listed: Cell<bool>,
}

impl WorkerInjector {
    pub(crate) fn new(injector: Arc<InjectorQueue>, core: usize) -> Self {
        Self { injector, core, has_waker: Cell::new(false), is_listed: Cell::new(false) }
    }
}

impl Injector for WorkerInjector {
    fn take(&self) -> Option<Unstarted> {
        let listed = self.is_listed.replace(false);
        if !listed && self.injector.len() == 0 {
            return None;
        }
        let mut state = self.injector.lock();
        if listed {
            state.arrive(self.core);
        }
        let task = self.injector.pop(&mut state);
        let next = state.call_idle();
        drop(state);
        next.into_iter().for_each(Waker::wake); // What waits does not wait for this task's end.
        task
    }

    fn take_or_wait(&self, waker: &Waker) -> Option<Unstarted> {
        // Not a wait of `wait_list`: a core has one place, and its executor's own waker stays in
        // it. Shut as far as this core knows. If it has been opened, the wake that told all cores
        // is in the inbox, and there will be no sleep.
        if self.has_waker.get() && !self.injector.is_open() {
            return None;
        }
        let waker = (!self.has_waker.replace(true)).then(|| waker.clone());
        let mut state = self.injector.lock();
        if let Some(waker) = waker {
            state.wakers[self.core] = Some(waker);
        }
        if self.is_listed.replace(false) {
            // Its last sleep ended by a panic.
            state.arrive(self.core);
        }
        let task = self.injector.pop(&mut state);
        let next = state.call_idle();
        if task.is_none() && !state.closed && self.injector.is_open() && !self.is_listed.replace(true) {
            state.idle.push(self.core);
        }
        drop(state);
        next.into_iter().for_each(Waker::wake);
        task
    }
}

impl Drop for WorkerInjector {
    fn drop(&mut self) {
        let mut state = self.injector.lock();
        state.arrive(self.core);
        let (waker, next) = (state.wakers[self.core].take(), state.call_idle());
        drop(state);
        drop(waker);
        next.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
