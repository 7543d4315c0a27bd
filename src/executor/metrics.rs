//! What a core's executor does, as other threads see it: a few counts, and the name of the running
//! task. The owner writes them with plain stores and never waits.
//!
//! A runtime reads it for its metrics, and when a core does not answer: then the task that it is
//! stuck in has to be named, although every other fact about that task belongs to the core's
//! thread. So [`MetricsHooks`] copies id, spawn site and the first bytes of the name here before
//! each poll.
//!
//! **The running task is a seqlock.** The owner makes the version odd, writes the words, and makes
//! it even; a reader that finds the same even version before and after has read words of one poll.
//! The idea is that of Linux's `seqlock_t`; how to say it with C++'s orderings is from Boehm, *Can
//! seqlocks get along with programming language memory models?* (2012). The counts need no such
//! care: each is right by itself.
//!
//! Rejected: a mutex (two locked operations for each poll) and the task's address alone (a reader
//! that follows it may find freed memory).

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::hooks::Hooks;
use super::shared::Owned;
use crate::sync::{Arc, AtomicUsize, Ordering, fence};
use crate::task::{Site, TaskId, TaskInfo, TaskView};

/// Words for the front of a name: on 64-bit platforms 48 bytes, more than a name has that is meant
/// for reading.
const WORDS: usize = 6;
const WORD: usize = size_of::<usize>();

/// What an executor is doing.
#[derive(Debug)]
pub(crate) struct ExecutorMetrics {
    made: Instant,
    tasks: AtomicUsize,
    polls: AtomicUsize,
    local_wakes: AtomicUsize,
    remote_wakes: AtomicUsize,
    turns: AtomicUsize,
    sleeps: AtomicUsize,
    /// Microseconds awake, up to the last time it fell asleep.
    busy: AtomicUsize,
    /// When it woke, in microseconds after `made`, plus one; 0 while it sleeps.
    awake: AtomicUsize,
    running: RunningTask,
}

/// Id, name and spawn site of a task.
type Words = (usize, Option<String>, Site);

/// The task being polled or dropped.
#[derive(Debug)]
pub(crate) struct RunningTask {
    /// Odd while the owner writes.
    version: AtomicUsize,
    /// Its id; 0 for none.
    id: AtomicUsize,
    /// Its spawn site, and from bit 16 on the length of its name in `name`.
    site: AtomicUsize,
    name: [AtomicUsize; WORDS],
}

/// A reading of the counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) tasks: u64,
    pub(crate) polls: u64,
    pub(crate) local_wakes: u64,
    pub(crate) remote_wakes: u64,
    pub(crate) turns: u64,
    pub(crate) sleeps: u64,
    pub(crate) busy: Duration,
}

impl ExecutorMetrics {
    pub(crate) fn new() -> Arc<Self> {
        let zero = || AtomicUsize::new(0);
        let running = RunningTask { version: zero(), id: zero(), site: zero(), name: std::array::from_fn(|_| zero()) };
        Arc::new(Self {
            made: crate::clock::instant_now(),
            tasks: zero(),
            polls: zero(),
            local_wakes: zero(),
            remote_wakes: zero(),
            turns: zero(),
            sleeps: zero(),
            busy: zero(),
            awake: zero(),
            running,
        })
    }

    fn micros(&self, since: Duration) -> usize {
        // On a 32-bit platform the counts wrap; they are for looking at.
        since.as_micros() as usize
    }

    /// Any thread. As of the owner's last batch.
    pub(crate) fn counts(&self) -> Counts {
        // Relaxed: counts, nothing is published by them.
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed) as u64;
        let awake = match read(&self.awake) {
            0 => 0,
            since => (self.micros(self.made.elapsed()) as u64).saturating_sub(since - 1),
        };
        Counts {
            tasks: read(&self.tasks),
            polls: read(&self.polls),
            local_wakes: read(&self.local_wakes),
            remote_wakes: read(&self.remote_wakes),
            turns: read(&self.turns),
            sleeps: read(&self.sleeps),
            busy: Duration::from_micros(read(&self.busy) + awake),
        }
    }

    /// Any thread: the task that the owner is polling or dropping. None between two, and when the
    /// owner is too quick to be read.
    pub(crate) fn running(&self) -> Option<TaskInfo> {
        let (id, name, site) = self.running.read()?;
        Some(TaskInfo::new(TaskId::from_word(id)?, name.as_deref(), site))
    }

    /// The seqlock, for its model.
    #[cfg(wakeline_loom)]
    pub(crate) fn seqlock(&self) -> &RunningTask {
        &self.running
    }
}

impl RunningTask {
    /// The owner.
    #[inline]
    pub(crate) fn set(&self, id: usize, site: Site, name: Option<&str>) {
        // Relaxed: the owner alone writes it.
        let version = self.version.load(Ordering::Relaxed);
        // Relaxed: the fence orders it before the words.
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // Release: pairs with the Acquire fence in `read`.
        fence(Ordering::Release);
        let name = name.map_or(&[][..], |name| front(name, WORDS * WORD).as_bytes());
        // Relaxed, all of them: the version guards them.
        self.id.store(id, Ordering::Relaxed);
        self.site.store(usize::from(site.number()) | (name.len() << 16), Ordering::Relaxed);
        for (word, bytes) in self.name.iter().zip(name.chunks(WORD)) {
            let mut whole = [0; WORD];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.store(usize::from_ne_bytes(whole), Ordering::Relaxed);
        }
        // Release: pairs with the Acquire in `read`.
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// Any thread.
    pub(crate) fn read(&self) -> Option<Words> {
        // Acquire: pairs with the Release at the end of `set`; the words of that version are
        // visible, or later ones.
        let version = self.version.load(Ordering::Acquire);
        let words = self.words();
        // Acquire: pairs with the Release fence in `set`; who has read a later word sees a later
        // version.
        fence(Ordering::Acquire);
        // Relaxed: ordered by the fence.
        let unchanged = self.version.load(Ordering::Relaxed) == version;
        (unchanged && version % 2 == 0).then_some(words)
    }

    /// What is there, maybe of several polls.
    pub(crate) fn words(&self) -> Words {
        // Relaxed, all of them: the version says whether they belong together.
        let (id, site) = (self.id.load(Ordering::Relaxed), self.site.load(Ordering::Relaxed));
        let bytes = self.name.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes());
        let name: Vec<u8> = bytes.take(site >> 16).collect();
        let name = (!name.is_empty()).then(|| String::from_utf8_lossy(&name).into_owned());
        (id, name, Site::from_number(site as u16))
    }
}

/// As many whole letters as fit.
fn front(name: &str, most: usize) -> &str {
    let end = (0..=most.min(name.len())).rev().find(|&end| name.is_char_boundary(end));
    &name[..end.unwrap_or(0)]
}

/// The owner's side: what it hears of the loop it writes into the metrics, with plain stores.
#[derive(Debug)]
pub(crate) struct MetricsHooks {
    metrics: Arc<ExecutorMetrics>,
    polls: Cell<usize>,
    remote_wakes: Cell<usize>,
    sleeps: Cell<usize>,
    busy: Cell<Duration>,
    awake_since: Cell<Instant>,
}

impl MetricsHooks {
    pub(crate) fn new(metrics: Arc<ExecutorMetrics>) -> Self {
        let hooks = Self {
            metrics,
            polls: Cell::new(0),
            remote_wakes: Cell::new(0),
            sleeps: Cell::new(0),
            busy: Cell::new(Duration::ZERO),
            awake_since: Cell::new(crate::clock::instant_now()),
        };
        hooks.unparks();
        hooks
    }

    /// After each batch.
    fn publish(&self, executor: &Owned) {
        let (polls, remote) = (self.polls.get(), self.remote_wakes.get());
        let (tasks, spawned) = {
            let registry = executor.registry.borrow();
            (registry.len(), registry.inserted())
        };
        let turns = executor.reactor.borrow().as_ref().map_or(0, |reactor| reactor.metrics().turns);
        // Each poll had one reason: the task was new, or was woken.
        let local = polls.saturating_sub(remote + spawned);
        let metrics = &self.metrics;
        let write = |count: &AtomicUsize, value| {
            // Relaxed: counts, nothing is published by them.
            count.store(value, Ordering::Relaxed);
        };
        write(&metrics.tasks, tasks);
        write(&metrics.polls, polls);
        write(&metrics.local_wakes, local);
        write(&metrics.remote_wakes, remote);
        write(&metrics.turns, turns as usize);
    }
}

impl Hooks for MetricsHooks {
    fn spawned(&self, executor: &Owned) {
        // Relaxed: as in `publish`. Before the batch: the count is right also while its first task
        // is stuck.
        self.metrics.tasks.store(executor.registry.borrow().len(), Ordering::Relaxed);
    }

    fn woken(&self, tasks: usize) {
        self.remote_wakes.set(self.remote_wakes.get() + tasks);
    }

    #[inline]
    fn begins(&self, task: &TaskView) {
        self.metrics.running.set(task.id().word(), task.site(), task.name());
    }

    fn ends(&self, polls: usize, executor: &Owned) {
        self.metrics.running.set(0, Site::from_number(0), None);
        self.polls.set(self.polls.get() + polls);
        self.publish(executor);
    }

    fn parks(&self) {
        self.sleeps.set(self.sleeps.get() + 1);
        self.busy.set(self.busy.get() + self.awake_since.get().elapsed());
        let metrics = &self.metrics;
        // Relaxed, all three: as above.
        metrics.sleeps.store(self.sleeps.get(), Ordering::Relaxed);
        metrics.awake.store(0, Ordering::Relaxed);
        metrics.busy.store(metrics.micros(self.busy.get()), Ordering::Relaxed);
    }

    fn unparks(&self) {
        let now = crate::clock::instant_now();
        self.awake_since.set(now);
        // Relaxed: as above.
        self.metrics.awake.store(self.metrics.micros(now.duration_since(self.metrics.made)) + 1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::ExecutorCore;
    use crate::{LocalExecutor, spawn, task, yield_now};

    fn observed() -> (ExecutorCore<MetricsHooks>, Arc<ExecutorMetrics>) {
        let metrics = ExecutorMetrics::new();
        (LocalExecutor::builder().build_core(None, MetricsHooks::new(metrics.clone())), metrics)
    }

    #[test]
    fn the_running_task_can_be_named_from_another_thread() {
        let (executor, metrics) = observed();
        let ask = move || {
            let metrics = metrics.clone();
            std::thread::spawn(move || metrics.running()).join().unwrap()
        };
        assert!(ask().is_none());
        let long = "é".repeat(40);
        executor.block_on(async {
            let plain = spawn({
                let ask = ask.clone();
                async move { ask().unwrap() }
            });
            let id = plain.id();
            let info = plain.await.unwrap();
            assert_eq!((info.id(), info.name()), (id, None));
            assert!(info.location().unwrap().file().ends_with("metrics.rs"));
            let named = task::Builder::new().name(long.clone()).spawn({
                let ask = ask.clone();
                async move { ask().unwrap() }
            });
            let info = named.await.unwrap();
            let name = info.name().unwrap();
            assert!(long.starts_with(name) && name.len() >= WORDS * WORD - 1, "whole letters, as many as fit: {name}");
        });
        assert!(ask().is_none());
    }

    #[test]
    fn what_an_executor_did_is_counted() {
        let (executor, metrics) = observed();
        let spawner = executor.spawner();
        executor.block_on(async {
            let task = spawn(async {
                yield_now().await;
                yield_now().await;
            });
            task.await.unwrap();
            let remote = std::thread::spawn(move || spawner.spawn(|| async {})).join().unwrap();
            remote.await.unwrap();
        });
        let counts = metrics.counts();
        assert_eq!((counts.tasks, counts.polls), (0, 4), "three polls of one, one of the other: {counts:?}");
        assert_eq!(counts.local_wakes, 2, "{counts:?}");
        assert!(counts.busy > Duration::ZERO);
    }

    #[test]
    fn a_core_that_parks_is_not_busy() {
        // By how much less it was busy than the clock went on, while timers ran. A machine that
        // keeps the thread waiting on its way to sleep makes it less, so there is more than one
        // try.
        let parked = || {
            let (executor, metrics) = observed();
            for _ in 0..4 {
                executor.block_on(crate::time::sleep(Duration::from_millis(5)));
            }
            let counts = metrics.counts();
            assert!(counts.sleeps >= 4);
            metrics.made.elapsed().saturating_sub(counts.busy)
        };
        assert!((0..50).any(|_| parked() >= Duration::from_millis(15)));
    }
}
