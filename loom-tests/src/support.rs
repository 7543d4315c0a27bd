//! How a model is run, and the few things that most models are made of.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use loom::sync::{Condvar, Mutex};
use wakeline::model::Bell;
use wakeline::{LocalExecutor, PanicPolicy};

/// How far a model is explored.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// Every interleaving.
    All,
    /// Every interleaving with at most three preemptions: two threads.
    Three,
    /// At most two preemptions: three threads.
    Two,
}

/// Explores `f` and says how many executions that took. The options come from here and from nowhere else: loom's own environment
/// variables could end an exploration early, and that would look like a pass.
pub fn model(bound: Bound, f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = match bound {
        Bound::All => None,
        Bound::Three => Some(3),
        Bound::Two => Some(2),
    };
    builder.max_threads = 3;
    builder.max_branches = 2_000;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.checkpoint_file = None;
    builder.expect_explicit_explore = false;
    let (begun, executions) = (Instant::now(), std::sync::Arc::new(AtomicUsize::new(0)));
    let count = executions.clone();
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        f();
    });
    let test = std::thread::current();
    let (test, took) = (test.name().unwrap_or("?"), begun.elapsed());
    println!("{test}: {} executions, {took:.2?}, {bound:?}", executions.load(Ordering::Relaxed));
}

/// An executor whose tasks' panics fail the model.
pub fn executor() -> LocalExecutor {
    LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build()
}

/// What an owner of a model sleeps on; a ring is kept until somebody waits.
#[derive(Debug)]
pub struct Latch {
    rung: Mutex<bool>,
    bell: Condvar,
    /// For the model's last look, when all threads have been joined. Not loom's: it must not order anything.
    rings: AtomicUsize,
}

impl Latch {
    /// Nobody has rung.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { rung: Mutex::new(false), bell: Condvar::new(), rings: AtomicUsize::new(0) }
    }

    /// Sleeps until it rings.
    pub fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.bell.wait(rung).unwrap();
        }
        *rung = false;
    }

    /// A wait with a limit of zero: takes the ring, if there is one.
    pub fn look(&self) -> bool {
        std::mem::take(&mut *self.rung.lock().unwrap())
    }

    /// How often it was rung by a push.
    pub fn rings(&self) -> usize {
        self.rings.load(Ordering::Relaxed)
    }

    /// A ring that no push has caused: the owner wakes for a timer, a signal, or nothing.
    pub fn disturb(&self) {
        *self.rung.lock().unwrap() = true;
        self.bell.notify_one();
    }
}

impl Bell for Latch {
    fn ring(&self) {
        self.rings.fetch_add(1, Ordering::Relaxed);
        self.disturb();
    }
}

/// What a task of a model leaves behind for the owner. Only the owner's thread touches it.
#[derive(Debug, Default)]
pub struct Probe {
    waker: RefCell<Option<Waker>>,
    polls: Cell<usize>,
}

impl Probe {
    /// Nothing was polled yet.
    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    /// How often the task was polled.
    pub fn polls(&self) -> usize {
        self.polls.get()
    }

    /// The waker that the first poll has left.
    pub fn waker(&self) -> Waker {
        self.waker.take().expect("the task was polled, and its waker was not taken before")
    }

    /// A future that leaves its waker at its first poll and is ready when `step` says so at a later one.
    pub fn watch<S: FnMut(&mut Context<'_>) -> bool>(self: &Rc<Self>, mut step: S) -> impl Future<Output = usize> + use<S> {
        let probe = self.clone();
        poll_fn(move |cx| {
            probe.polls.set(probe.polls.get() + 1);
            if probe.polls.get() == 1 {
                *probe.waker.borrow_mut() = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if step(cx) { Poll::Ready(probe.polls.get()) } else { Poll::Pending }
        })
    }
}

/// Remembers on how many threads, and how often, it was dropped.
#[derive(Debug, Clone, Default)]
pub struct Drops(std::sync::Arc<std::sync::Mutex<Vec<loom::thread::ThreadId>>>);

impl Drops {
    /// A value whose drop is written down.
    pub fn guard(&self) -> DropGuard {
        DropGuard(self.clone())
    }

    /// Who dropped them.
    pub fn threads(&self) -> Vec<loom::thread::ThreadId> {
        self.0.lock().unwrap().clone()
    }
}

/// See [`Drops::guard`].
#[derive(Debug)]
pub struct DropGuard(Drops);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().push(loom::thread::current().id());
    }
}
