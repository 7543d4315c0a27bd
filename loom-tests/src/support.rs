//! How a model is run, and the few things that most models are made of.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Instant;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Condvar, Mutex};
use wakeline::model::Notify;
use wakeline::{LocalExecutor, PanicPolicy};

/// How far a model is explored.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// Every interleaving that loom tells apart: models of two threads.
    All,
    /// Those with at most three preemptions: models of three threads.
    Three,
    /// Those with at most two, for models of three threads that wake and sleep most, or lock most.
    Two,
}

/// Explores `f` and says how many executions that took. The options come from here and from nowhere
/// else: loom's own environment variables could end an exploration early, and that would look like
/// a pass.
pub fn model(bound: Bound, f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = match bound {
        Bound::All => None,
        Bound::Three => Some(3),
        Bound::Two => Some(2),
    };
    builder.max_threads = 5;
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

/// What an owner of a model sleeps on; a notification is kept until somebody waits.
#[derive(Debug)]
pub struct Latch {
    notified: Mutex<bool>,
    condvar: Condvar,
    /// For the model's last look, when all threads have been joined. Not loom's: it must not order
    /// anything.
    notifications: AtomicUsize,
}

impl Latch {
    /// Not notified.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self { notified: Mutex::new(false), condvar: Condvar::new(), notifications: AtomicUsize::new(0) }
    }

    /// Sleeps until it is notified.
    pub fn wait(&self) {
        let mut notified = self.notified.lock().unwrap();
        while !*notified {
            notified = self.condvar.wait(notified).unwrap();
        }
        *notified = false;
    }

    /// A wait with a limit of zero: takes the notification, if there is one.
    pub fn look(&self) -> bool {
        std::mem::take(&mut *self.notified.lock().unwrap())
    }

    /// How often a push notified it.
    pub fn notifications(&self) -> usize {
        self.notifications.load(Ordering::Relaxed)
    }

    /// A notification that no push has caused: the owner wakes for a timer, a signal, or nothing.
    pub fn disturb(&self) {
        *self.notified.lock().unwrap() = true;
        self.condvar.notify_one();
    }
}

impl Notify for Latch {
    fn notify(&self) {
        self.notifications.fetch_add(1, Ordering::Relaxed);
        self.disturb();
    }
}

/// What a task of a model leaves behind. std's primitives, of which loom knows nothing: they order
/// nothing, and each is touched between two steps that loom knows.
#[derive(Debug, Default)]
pub struct Probe {
    waker: std::sync::Mutex<Option<Waker>>,
    polls: AtomicUsize,
}

impl Probe {
    /// Nothing was polled yet.
    pub fn new() -> std::sync::Arc<Self> {
        std::sync::Arc::default()
    }

    /// How often the task was polled.
    pub fn polls(&self) -> usize {
        self.polls.load(Ordering::Relaxed)
    }

    /// The waker that the first poll has left.
    pub fn waker(&self) -> Waker {
        self.waker.lock().unwrap().take().expect("the task was polled, and its waker was not taken before")
    }

    /// A future that leaves its waker at its first poll, and is ready with the number of its polls
    /// when `step` says so at a later one.
    pub fn watch<S>(self: &std::sync::Arc<Self>, mut step: S) -> impl Future<Output = usize> + use<S>
    where
        S: FnMut(&mut Context<'_>) -> bool,
    {
        let probe = self.clone();
        poll_fn(move |cx| {
            let polls = probe.polls.fetch_add(1, Ordering::Relaxed) + 1;
            if polls == 1 {
                let waker = cx.waker().clone();
                *probe.waker.lock().unwrap() = Some(waker);
                return Poll::Pending;
            }
            if step(cx) { Poll::Ready(polls) } else { Poll::Pending }
        })
    }
}

/// What is found where a panic would be swallowed, as in a drop that an executor calls: noted
/// there, judged outside. std's primitives, for the reason that [`Probe`] gives.
#[derive(Debug, Clone, Default)]
pub struct Findings(std::sync::Arc<std::sync::Mutex<Vec<(&'static str, bool)>>>);

impl Findings {
    /// Notes whether something is as it should be.
    pub fn note(&self, what: &'static str, is_so: bool) {
        self.0.lock().unwrap().push((what, is_so));
    }

    /// Fails unless so many things were noted, and each was as it should be.
    #[track_caller]
    pub fn judge(&self, count: usize) {
        let found = self.0.lock().unwrap();
        assert!(found.len() == count && found.iter().all(|(_, is_so)| *is_so), "{found:?}, {count} expected");
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

static LATCH_WAKER: RawWakerVTable = RawWakerVTable::new(
    |latch| {
        // SAFETY: the address is that of a loom `Arc`, whose count the waker holds one of.
        unsafe { Arc::increment_strong_count(latch.cast::<Latch>()) };
        RawWaker::new(latch, &LATCH_WAKER)
    },
    |latch| {
        // SAFETY: the waker's own count goes with it.
        unsafe { Arc::from_raw(latch.cast::<Latch>()) }.notify();
    },
    |latch| {
        // SAFETY: the waker keeps the latch for the call.
        unsafe { &*latch.cast::<Latch>() }.notify();
    },
    |latch| {
        // SAFETY: the waker's own count goes with it.
        drop(unsafe { Arc::from_raw(latch.cast::<Latch>()) });
    },
);

/// A waker of another runtime: notifies the latch.
pub fn waker_of(latch: &Arc<Latch>) -> Waker {
    // SAFETY: the address is that of a loom `Arc`, and the waker gets a count of its own.
    unsafe { Waker::new(Arc::into_raw(latch.clone()).cast(), &LATCH_WAKER) }
}

/// Another runtime: polls the future whenever its waker was woken, until it is ready.
pub fn wait_for<F: Future>(future: F) -> F::Output {
    let latch = Arc::new(Latch::new());
    let waker = waker_of(&latch);
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        latch.wait();
    }
}

/// Words of a model that a task may read while another thread writes them: relaxed, so that nothing
/// but the wake orders them.
#[derive(Debug, Clone)]
pub struct Word(Arc<loom::sync::atomic::AtomicUsize>);

impl Word {
    /// Zero.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Arc::new(loom::sync::atomic::AtomicUsize::new(0)))
    }

    /// Writes without ordering anything.
    pub fn write(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Reads without ordering anything.
    pub fn read(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A letter of a model: written once by another thread and read once by the task that it wakes;
/// loom fails the model when the wake does not order the two.
#[derive(Debug, Clone)]
pub struct Letter(Arc<UnsafeCell<usize>>);

// SAFETY: loom checks each access, which is what the letter is for.
unsafe impl Send for Letter {}
// SAFETY: as above.
unsafe impl Sync for Letter {}

impl Letter {
    /// Empty.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Arc::new(UnsafeCell::new(0)))
    }

    /// Writes it.
    pub fn write(&self, value: usize) {
        // SAFETY: loom fails the model when another access is not ordered with this one.
        self.0.with_mut(|letter| unsafe { *letter = value });
    }

    /// Reads it.
    pub fn read(&self) -> usize {
        // SAFETY: as above.
        self.0.with(|letter| unsafe { *letter })
    }
}
