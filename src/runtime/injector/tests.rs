use std::sync::atomic;
use std::task::Wake;

use super::*;
use crate::LocalExecutor;
use crate::task::Site;

/// How often a core was called.
#[derive(Default)]
struct Calls(atomic::AtomicUsize);

impl Wake for Calls {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, atomic::Ordering::Relaxed);
    }
}

/// A queue, the workers of its cores, and what calls them.
struct Workers {
    injector: Arc<InjectorQueue>,
    workers: Vec<WorkerInjector>,
    calls: Vec<std::sync::Arc<Calls>>,
    home: LocalExecutor,
}

impl Workers {
    /// The queue is open, and nothing waits in it.
    fn new(count: usize) -> Self {
        let injector = InjectorQueue::new(count);
        let workers = (0..count).map(|core| WorkerInjector::new(injector.clone(), core)).collect();
        let calls = (0..count).map(|_| std::sync::Arc::default()).collect();
        let cores = Self { injector, workers, calls, home: LocalExecutor::new() };
        (0..count).for_each(|core| cores.sleeps(core));
        cores.add();
        assert_eq!(cores.called(), vec![1; count], "the first addition calls all");
        assert!(cores.workers[0].take().is_some());
        cores
    }

    fn add(&self) {
        let (number, place) = InjectorQueue::place(&self.injector);
        let make = move || async move { place.leave() };
        let (task, handle) = self.home.spawner().prepare(make, (), Site::caller());
        assert!(self.injector.add(number, task).is_ok());
        handle.detach();
    }

    fn sleeps(&self, core: usize) {
        assert!(self.workers[core].take_or_wait(&Waker::from(self.calls[core].clone())).is_none());
    }

    fn called(&self) -> Vec<usize> {
        self.calls.iter().map(|calls| calls.0.load(atomic::Ordering::Relaxed)).collect()
    }
}

#[test]
fn an_addition_calls_the_core_that_was_busy_last_and_that_one_calls_the_next() {
    let cores = Workers::new(3);
    [2, 0, 1].into_iter().for_each(|core| cores.sleeps(core));
    for _ in 0..4 {
        cores.add();
        assert_eq!(cores.called(), [1, 2, 1], "one at a time");
    }
    for (comes, expected) in [(1, [2, 2, 1]), (0, [2, 2, 2]), (2, [2, 2, 2])] {
        assert!(cores.workers[comes].take().is_some());
        assert_eq!(cores.called(), expected);
    }
    assert_eq!(cores.injector.len(), 1);
}

#[test]
fn a_core_that_was_called_and_does_not_come_leaves_it_to_another() {
    let mut cores = Workers::new(3);
    [0, 1, 2].into_iter().for_each(|core| cores.sleeps(core));
    cores.add();
    assert_eq!(cores.called(), [1, 1, 2]);
    drop(cores.workers.pop());
    assert_eq!(cores.called(), [1, 2, 2], "it has ended");
    // Its sleep has ended by a panic, and it is about to sleep again.
    let waker = Waker::from(cores.calls[1].clone());
    assert!(cores.workers[1].take_or_wait(&waker).is_some());
    cores.sleeps(1);
    cores.add();
    assert_eq!(cores.called(), [1, 3, 2]);
}

#[test]
fn a_busy_core_sees_by_the_length_alone_that_something_waits() {
    let cores = Workers::new(2);
    // It is on no list, so it looks at nothing else.
    assert!(cores.workers[1].take().is_none());
    cores.add();
    cores.add();
    assert_eq!(cores.injector.len(), 2);
    assert!(cores.workers[1].take().is_some() && cores.workers[0].take().is_some());
    assert_eq!(cores.injector.len(), 0);
    assert!(cores.workers[1].take().is_none());
    assert_eq!(cores.called(), [1, 1], "nobody slept");
}

#[test]
fn a_core_that_is_called_or_leaves_is_on_no_list() {
    let mut cores = Workers::new(2);
    cores.sleeps(0);
    // It wakes for something else.
    assert!(cores.workers[0].take().is_none());
    cores.sleeps(1);
    cores.add();
    assert_eq!(cores.called(), [1, 2]);
    assert!(cores.workers[0].take().is_some());
    cores.sleeps(0);
    drop(cores.workers.remove(0));
    cores.add();
    assert_eq!(cores.called(), [1, 2]);
    assert_eq!(cores.injector.close().len(), 1);
    assert_eq!(cores.injector.len(), 0);
    assert!(cores.workers[0].take().is_none());
}
