//! Work that waits outside — owns what a task is before any executor has taken it — must never let such a task be lost: it is taken, or
//! its handle hears that it was cancelled.
//!
//! An executor that belongs to a runtime has a [`Backlog`]: tasks that any of the runtime's executors may take. It helps itself at two
//! places. Before it sleeps it takes one, or says that it is about to sleep; when something has ended the sleep it takes one before it
//! polls anything else. And while it is busy it takes one at each look outside, so after at most 256 polls or 200 µs. What it has taken it
//! polls at once, ahead of its run queue: a task that was only moved from one queue into another could wait behind one that never returns.
//!
//! An [`Unstarted`] is a task as another thread spawns it, closure inside, with QUEUED and NEW set in its remote word. QUEUED stands for
//! its place in the backlog: no wake and no abort pushes it anywhere. An abort ends it where it is called, and the backlog is left with
//! an empty shell. The executor that takes it begins it, by the word; then nobody else touches the closure, and it writes its own address
//! into the header and unlinks it as if it had come from the inbox.
//!
//! Rule \[X3\]: a task that no executor has begun is touched by the holder of its [`Unstarted`] alone, but for its remote word, and but for
//! the closure of one that was aborted, which is the aborter's.
//!
//! Rejected: to hand over boxed closures and make the task when it is taken (the handle would have no task to abort until then, and its id
//! and name would change).

use std::task::Waker;

use super::shared::Shared;
use super::{LocalExecutor, Then};
use crate::sync::Arc;
use crate::task::{Label, Numbered, Origin, RemoteTask, Site, TaskInfo, TaskRef, allocate, borrowed, remote};

/// Work that waits for whichever executor is free first.
pub(crate) trait Backlog {
    /// The executor is busy, or was just woken: a task, if there is one. Takes back an earlier [`Backlog::take_or_wait`].
    fn take(&self) -> Option<Unstarted>;

    /// The executor is about to sleep: a task, or from now on the next one that is added wakes `waker`.
    fn take_or_wait(&self, waker: &Waker) -> Option<Unstarted>;
}

/// A task that no executor has taken yet. Dropping it drops its closure, and its handle says that it was cancelled.
pub(crate) struct Unstarted {
    /// None once somebody has taken it.
    task: Option<TaskRef>,
    /// Whose task it is until somebody takes it: keeps the memory that the header's address names.
    _home: Arc<Shared>,
}

// SAFETY: [X3] the task has no owner yet, and whoever has this value is the only one to touch more of it than its remote word.
unsafe impl Send for Unstarted {}

impl Unstarted {
    /// Makes one, and its handle. It adopts the link that a task of another thread is made with.
    pub(super) fn prepare<C, F, N>(home: &Arc<Shared>, make: C, label: N, site: Site) -> (Self, RemoteTask<F::Output>)
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
        N: Label + Send,
    {
        let (future, receiver) = remote(make);
        let task = allocate::<_, _, Shared>(future, Numbered::new(label), Shared::address(home), site, Origin::Remote);
        (Self { task: Some(task), _home: home.clone() }, RemoteTask::new(receiver, task))
    }

    /// Drops the closure, unless it was aborted before. True when it was dropped here.
    pub(crate) fn refuse(mut self) -> bool {
        self.task.take().is_some_and(TaskRef::refuse_unbegun)
    }

    /// What messages say of it.
    pub(crate) fn info(&self) -> TaskInfo {
        self.task.expect("nobody has taken it").info()
    }
}

impl Drop for Unstarted {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.refuse_unbegun();
        }
    }
}

impl LocalExecutor {
    /// One look at the backlog, while there is other work.
    pub(super) fn help(&self) {
        if let Some(unstarted) = self.backlog.as_ref().and_then(|backlog| backlog.take()) {
            self.begin(unstarted);
        }
    }

    /// The last look before a sleep. True when there was something to do.
    pub(super) fn help_or_wait(&self) -> bool {
        let taken = self.backlog.as_ref().and_then(|backlog| backlog.take_or_wait(&borrowed(self.root)));
        taken.map(|unstarted| self.begin(unstarted)).is_some()
    }

    /// Makes the task one of this executor's and polls it, ahead of those that are ready.
    pub(super) fn begin(&self, mut unstarted: Unstarted) {
        let Some(task) = unstarted.task.take() else { return };
        if !task.begin() {
            return task.unlink_ended();
        }
        let ready = self.shared.run_queue.take();
        task.adopt(Shared::address(&self.shared));
        self.admit_begun(task);
        self.run_batch(1, Then::Stop);
        drop(ready);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, mpsc};

    use super::*;
    use crate::{Spawner, spawn, yield_now};

    /// A backlog of one thread, which writes down how it was asked.
    #[derive(Default)]
    struct Pile {
        tasks: RefCell<VecDeque<Unstarted>>,
        waiting: RefCell<Option<Waker>>,
        naps: RefCell<usize>,
    }

    impl Backlog for Pile {
        fn take(&self) -> Option<Unstarted> {
            self.waiting.borrow_mut().take();
            self.tasks.borrow_mut().pop_front()
        }

        fn take_or_wait(&self, waker: &Waker) -> Option<Unstarted> {
            let taken = self.tasks.borrow_mut().pop_front();
            if taken.is_none() {
                *self.naps.borrow_mut() += 1;
                *self.waiting.borrow_mut() = Some(waker.clone());
            }
            taken
        }
    }

    fn executor() -> (LocalExecutor, Rc<Pile>) {
        let pile = Rc::new(Pile::default());
        (LocalExecutor::builder().build_for(Some(pile.clone()), None), pile)
    }

    fn add<T: Send + 'static>(pile: &Pile, home: &Spawner, make: impl FnOnce() -> T + Send + 'static) -> RemoteTask<T> {
        let (unstarted, handle) = home.prepare(move || async { make() }, (), Site::caller());
        pile.tasks.borrow_mut().push_back(unstarted);
        handle
    }

    #[test]
    fn an_executor_takes_what_waits_before_it_sleeps() {
        let (executor, pile) = executor();
        let home = LocalExecutor::new();
        let handle = add(&pile, &home.spawner(), || 7);
        assert_eq!(executor.block_on(handle).unwrap(), 7);
        assert_eq!((*pile.naps.borrow(), home.task_count()), (0, 0));
    }

    #[test]
    fn a_busy_executor_takes_one_after_its_interval_and_polls_it_at_once() {
        let (executor, pile) = executor();
        let handle = add(&pile, &executor.spawner(), || ());
        let polls = executor.block_on(async {
            let busy = spawn(async {
                loop {
                    yield_now().await;
                }
            });
            let mut polls = 0;
            while !handle.is_finished() {
                polls += 1;
                yield_now().await;
            }
            drop(busy);
            polls
        });
        assert!((1..=300).contains(&polls), "{polls} turns of the root");
    }

    #[test]
    fn a_dropped_one_drops_its_closure_and_its_handle_hears() {
        let (executor, pile) = executor();
        let held = std::sync::Arc::new(());
        let inside = held.clone();
        let handle = add(&pile, &executor.spawner(), move || drop(inside));
        pile.tasks.borrow_mut().clear();
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
        assert!(executor.block_on(handle).unwrap_err().is_cancelled());
    }

    #[test]
    fn an_aborted_one_is_taken_and_never_polled() {
        let (executor, pile) = executor();
        let handle = add(&pile, &LocalExecutor::new().spawner(), || unreachable!("it was aborted"));
        handle.abort();
        assert!(executor.block_on(handle).unwrap_err().is_cancelled());
        assert_eq!(executor.task_count(), 0);
    }

    #[test]
    fn an_executor_that_sleeps_says_so_and_is_woken_by_the_next_one() {
        let (executor, pile) = executor();
        let naps = pile.clone();
        // A leaf that is pending once: the executor goes to sleep, and only the backlog's waker can end that.
        let (home, slot) = (executor.spawner(), RefCell::new(None));
        let timer = executor.spawn(crate::time::sleep(std::time::Duration::from_millis(1)));
        let output = executor.block_on(async {
            timer.await.unwrap();
            assert!(*naps.naps.borrow() > 0, "it has said that it sleeps");
            *slot.borrow_mut() = Some(add(&naps, &home, || 3));
            let handle = slot.borrow_mut().take().unwrap();
            handle.await.unwrap()
        });
        assert_eq!(output, 3);
        assert!(pile.waiting.borrow().is_none(), "what it left it has taken back");
    }

    /// A backlog that another thread may fill.
    #[derive(Default)]
    struct Shelf {
        tasks: Mutex<VecDeque<Unstarted>>,
        naps: AtomicUsize,
    }

    impl Backlog for std::sync::Arc<Shelf> {
        fn take(&self) -> Option<Unstarted> {
            self.tasks.lock().unwrap().pop_front()
        }

        fn take_or_wait(&self, _: &Waker) -> Option<Unstarted> {
            let taken = self.take();
            self.naps.fetch_add(1, Ordering::Release);
            taken
        }
    }

    #[test]
    fn what_was_left_during_a_sleep_comes_before_what_has_ended_it() {
        let shelf = std::sync::Arc::new(Shelf::default());
        let executor = LocalExecutor::builder().build_for(Some(Rc::new(shelf.clone())), None);
        let (spawner, (sender, order)) = (executor.spawner(), mpsc::channel());
        let other = std::thread::spawn(move || {
            while shelf.naps.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
            let left = sender.clone();
            let (unstarted, handle) = spawner.prepare(move || async move { left.send("left").unwrap() }, (), Site::caller());
            shelf.tasks.lock().unwrap().push_back(unstarted);
            handle.detach();
            spawner.spawn(move || async move { sender.send("woken").unwrap() }).detach();
        });
        let mut seen = Vec::new();
        while seen.len() < 2 {
            executor.turn(None).unwrap();
            seen.extend(order.try_iter());
        }
        other.join().unwrap();
        assert_eq!(seen, ["left", "woken"]);
    }
}
