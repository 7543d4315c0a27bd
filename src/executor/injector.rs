//! Closures that any core may begin, and when an executor asks for one. No borrow is held while it
//! asks.
//!
//! A runtime's executors share an [`Injector`]. An executor takes from it at two places. Before it
//! parks it takes one, or says that it is about to park; when something has ended the sleep it
//! takes one before it polls anything else. And while it is busy it takes one at each look outside,
//! so after at most 256 polls or 200 µs. What it has taken it polls at once, ahead of its run
//! queue: a task that was only moved from one queue into another could wait behind one that never
//! returns.

use std::task::Waker;

use super::unstarted::Unstarted;

/// Work that waits for whichever executor is free first.
pub(crate) trait Injector {
    /// The executor is busy, or was just woken: a task, if there is one. Takes back an earlier
    /// [`Injector::take_or_wait`].
    fn take(&self) -> Option<Unstarted>;

    /// The executor is about to park: a task, or from now on the next one that is added wakes
    /// `waker`.
    fn take_or_wait(&self, waker: &Waker) -> Option<Unstarted>;
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, mpsc};

    use super::*;
    use crate::task::{RemoteTask, Site};
    use crate::{LocalExecutor, Spawner, spawn, yield_now};

    /// An injector of one thread, which writes down how it was asked.
    #[derive(Default)]
    struct Pile {
        tasks: RefCell<VecDeque<Unstarted>>,
        waiting: RefCell<Option<Waker>>,
        naps: RefCell<usize>,
    }

    impl Injector for Pile {
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
        (LocalExecutor::builder().build_with(pile.clone()), pile)
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
        // A leaf that is pending once: the executor goes to sleep, and only the injector's waker
        // can end that.
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

    /// An injector that another thread may fill.
    #[derive(Default)]
    struct Shelf {
        tasks: Mutex<VecDeque<Unstarted>>,
        naps: AtomicUsize,
    }

    impl Injector for std::sync::Arc<Shelf> {
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
        let executor = LocalExecutor::builder().build_with(Rc::new(shelf.clone()));
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
