//! Many things at once, for seconds at most; WAKELINE_STRESS=N multiplies. What happens is random,
//! what must hold is exact.

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use wakeline::{LocalExecutor, RemoteTask, Task, block_on, spawn, yield_now};

use crate::support::{Dropped, Hooked, OnDrop, Random, Trace, blocks_left_by, must_end, parked, poll_once, rounds, wait_until};

mod threads;

/// One wakeable task of the storm.
#[derive(Default)]
struct Target {
    waker: Mutex<Option<Waker>>,
    /// Raised before each wake.
    asked: AtomicUsize,
    /// What the last poll saw in `asked`.
    seen: AtomicUsize,
    polls: AtomicUsize,
}

// TS1, TS2, SN2: no wake of many threads is lost, none sees less than was written before it, and
// none is a poll of its own twice.
#[test]
fn many_threads_wake_many_tasks_and_every_wake_is_answered() {
    must_end(|| {
        let targets: Arc<Vec<Target>> = Arc::new((0..64).map(|_| Target::default()).collect());
        let over = Arc::new(AtomicBool::new(false));
        let executor = LocalExecutor::new();
        for index in 0..targets.len() {
            let targets = targets.clone();
            executor
                .spawn(poll_fn(move |cx| {
                    let target = &targets[index];
                    let old = target.waker.lock().unwrap().replace(cx.waker().clone());
                    drop(old);
                    target.polls.fetch_add(1, Ordering::Relaxed);
                    target.seen.store(target.asked.load(Ordering::Relaxed), Ordering::Relaxed);
                    Poll::<()>::Pending
                }))
                .detach();
        }
        executor.run_until_stalled();
        let threads: Vec<_> = (0..8)
            .map(|seed| {
                let targets = targets.clone();
                thread::spawn(move || {
                    let mut random = Random::new(seed);
                    for _ in 0..rounds(5000) {
                        let target = &targets[random.below(targets.len())];
                        let waker = target.waker.lock().unwrap().clone().expect("each was polled");
                        target.asked.fetch_add(1, Ordering::Relaxed);
                        if random.below(2) == 0 { waker.wake() } else { waker.wake_by_ref() }
                    }
                })
            })
            .collect();
        let waits = over.clone();
        let watch = thread::spawn(move || {
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            waits.store(true, Ordering::SeqCst);
        });
        executor.block_on(async {
            // After the last wake each task has still to be polled once; nobody but the wakes makes
            // it so.
            while !over.load(Ordering::SeqCst) {
                yield_now().await;
            }
        });
        watch.join().unwrap();
        executor.run_until_stalled();
        for target in targets.iter() {
            let (asked, seen) = (target.asked.load(Ordering::SeqCst), target.seen.load(Ordering::SeqCst));
            assert_eq!(asked, seen, "the poll after the last wake saw what was written before it");
            assert!(target.polls.load(Ordering::SeqCst) <= asked + 1, "no poll without a wake");
        }
        targets.iter().for_each(|target| drop(target.waker.lock().unwrap().take()));
    });
}

// RC1, RC2, TS11: wakers in a place that all threads reach, cloned, woken and dropped while their
// tasks end.
#[test]
fn wakers_in_a_common_place_are_cloned_woken_and_dropped_by_all_while_their_tasks_end() {
    must_end(|| {
        let common: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let over = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..3)
            .map(|seed| {
                let (common, over) = (common.clone(), over.clone());
                thread::spawn(move || {
                    let mut random = Random::new(seed);
                    while !over.load(Ordering::SeqCst) {
                        let mut wakers = common.lock().unwrap();
                        if wakers.is_empty() {
                            drop(wakers);
                            thread::yield_now();
                            continue;
                        }
                        let index = random.below(wakers.len());
                        let waker = if random.below(2) == 0 { wakers.swap_remove(index) } else { wakers[index].clone() };
                        drop(wakers);
                        match random.below(4) {
                            0 => waker.wake(),
                            1 => waker.wake_by_ref(),
                            2 => drop(waker.clone()),
                            _ => common.lock().unwrap().push(waker),
                        }
                    }
                })
            })
            .collect();
        let executor = LocalExecutor::new();
        let mut random = Random::new(99);
        for _ in 0..rounds(20_000) {
            let (seats, lives) = (common.clone(), random.below(3));
            let mut polls = 0;
            executor
                .spawn(poll_fn(move |cx| {
                    seats.lock().unwrap().push(cx.waker().clone());
                    polls += 1;
                    if polls > lives {
                        return Poll::Ready(());
                    }
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }))
                .detach();
            executor.try_tick();
            let mut wakers = common.lock().unwrap();
            let surplus = wakers.len().saturating_sub(1000);
            let dropped: Vec<_> = wakers.drain(..surplus).collect();
            drop(wakers);
            drop(dropped);
        }
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
        over.store(true, Ordering::SeqCst);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop(executor);
        common.lock().unwrap().drain(..).for_each(Waker::wake);
    });
}

// JC1, TS3, TS4, JC10: ends from all sides at once; each future is dropped once, by its owner.
#[test]
fn a_storm_of_aborts_drops_every_future_once_on_its_own_thread() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let trace = Trace::new();
        let (send, receive) = std::sync::mpsc::channel::<RemoteTask<()>>();
        let receive = Arc::new(Mutex::new(receive));
        let threads: Vec<_> = (0..3)
            .map(|seed| {
                let receive = receive.clone();
                thread::spawn(move || {
                    let mut random = Random::new(seed);
                    loop {
                        let Ok(task) = receive.lock().unwrap().recv() else { return };
                        match random.below(4) {
                            0 => drop(task),
                            1 => task.abort(),
                            2 => task.detach(),
                            _ => {
                                task.abort();
                                let _ = block_on(task);
                            }
                        }
                    }
                })
            })
            .collect();
        let (spawner, mut random) = (executor.spawner(), Random::new(7));
        let count = rounds(3000);
        let begun = Arc::new(Mutex::new(HashSet::new()));
        let mut local: VecDeque<Task<()>> = VecDeque::new();
        for number in 0..count {
            let guard = Dropped::new(number, &trace);
            let turns = random.below(4);
            let begun = begun.clone();
            let body = move || {
                begun.lock().unwrap().insert(number);
                async move {
                    let _guard = guard;
                    for _ in 0..turns {
                        yield_now().await;
                    }
                }
            };
            if random.below(2) == 0 {
                send.send(spawner.spawn(body)).unwrap();
            } else {
                local.push_back(executor.spawn(body()));
            }
            for _ in 0..random.below(3) {
                executor.try_tick();
            }
            if local.len() > 20 {
                let task = local.pop_front().unwrap();
                match random.below(3) {
                    0 => drop(task),
                    1 => task.abort(),
                    _ => task.detach(),
                }
            }
        }
        drop(send);
        local.clear();
        wait_until(|| {
            executor.run_until_stalled();
            trace.len() == count
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
        let mut dropped = trace.take();
        // A closure that nobody has called is no future yet: it may go where its end was asked for.
        let (begun, here) = (begun.lock().unwrap(), thread::current().id());
        assert!(dropped.iter().all(|(number, thread)| *thread == here || !begun.contains(number)));
        dropped.sort_by_key(|(number, _)| *number);
        assert!(dropped.iter().map(|(number, _)| *number).eq(0..count), "each once");
    });
}

// SD2, SD3, SN12: threads come and go with executors in their thread-locals, while their tasks are
// woken from outside.
#[test]
fn threads_that_end_with_an_executor_in_a_thread_local_meet_late_wakers() {
    must_end(|| {
        let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let over = Arc::new(AtomicBool::new(false));
        let (common, stop) = (wakers.clone(), over.clone());
        let waking = thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let taken: Vec<_> = common.lock().unwrap().clone();
                taken.iter().for_each(Waker::wake_by_ref);
                thread::yield_now();
            }
        });
        let gone = Arc::new(AtomicUsize::new(0));
        let count = rounds(200);
        for _ in 0..count {
            let (seats, gone) = (wakers.clone(), gone.clone());
            thread::spawn(move || {
                let guard = OnDrop::new(move || {
                    gone.fetch_add(1, Ordering::SeqCst);
                });
                block_on(async {
                    let (future, key) = parked();
                    spawn(async move {
                        let _guard = guard;
                        future.await;
                    })
                    .detach();
                    yield_now().await;
                    seats.lock().unwrap().push(key.take_waker());
                });
            })
            .join()
            .unwrap();
            let mut wakers = wakers.lock().unwrap();
            if wakers.len() > 30 {
                wakers.clear();
            }
        }
        over.store(true, Ordering::SeqCst);
        waking.join().unwrap();
        assert_eq!(gone.load(Ordering::SeqCst), count);
    });
}

/// A future that panics where it is told to: polled, dropped, or in its output.
struct Trouble {
    polls: usize,
    in_poll: bool,
    in_drop: bool,
    in_output: bool,
}

impl Future for Trouble {
    type Output = OnDrop<fn()>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        if self.polls > 0 {
            self.polls -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.in_poll {
            resume_unwind(Box::new("poll"));
        }
        Poll::Ready(OnDrop::new(if self.in_output { || resume_unwind(Box::new("output")) } else { || () }))
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        if self.in_drop {
            resume_unwind(Box::new("drop"));
        }
    }
}

// JC3, JC5, JC8: panics at random sites; the executor goes on, and nothing is left.
#[test]
fn panics_at_random_sites_leave_a_usable_executor_and_no_memory() {
    must_end(|| {
        let left = blocks_left_by(|| {
            let mut random = Random::new(5);
            let executor = LocalExecutor::new();
            for _ in 0..rounds(3000) {
                let mut coin = || random.below(3) == 0;
                let trouble = Trouble { polls: usize::from(coin()), in_poll: coin(), in_drop: coin(), in_output: coin() };
                let mut task = executor.spawn(trouble);
                let sites = [coin(), coin(), coin()];
                let (waker, hooked) = Hooked::new(move |site| {
                    if sites[site as usize] {
                        resume_unwind(Box::new("waker"));
                    }
                });
                hooked.arm();
                if coin() {
                    let _ = catch_unwind(AssertUnwindSafe(|| poll_once(&mut task, &waker).is_ready()));
                }
                if coin() {
                    executor.try_tick();
                }
                let fate = random.below(4);
                let _ = catch_unwind(AssertUnwindSafe(|| match fate {
                    0 => drop(task),
                    1 => task.abort(),
                    2 => task.detach(),
                    _ => drop(executor.block_on(task)),
                }));
                executor.run_until_stalled();
                hooked.disarm();
                assert_eq!(executor.task_count(), 0);
                assert_eq!(executor.block_on(executor.spawn(async { 1 })).unwrap(), 1);
            }
        });
        assert_eq!(left, 0);
    });
}

// RQ3: executors inside each other's tasks, waking across.
#[test]
fn executors_that_tick_inside_each_other_lose_no_wake() {
    must_end(|| {
        let inner: Rc<Vec<LocalExecutor>> = Rc::new((0..4).map(|_| LocalExecutor::new()).collect());
        let outer = LocalExecutor::new();
        let mut random = Random::new(11);
        let count = rounds(2000);
        let done = Rc::new(Cell::new(0));
        let mut waiting: Vec<crate::support::Key> = Vec::new();
        outer.block_on(async {
            for number in 0..count {
                let (future, key) = parked();
                let counts = done.clone();
                let body = async move {
                    future.await;
                    yield_now().await;
                    counts.set(counts.get() + 1);
                };
                match random.below(5) {
                    4 => spawn(body).detach(),
                    which => inner[which].spawn(body).detach(),
                }
                waiting.push(key);
                // Some executor ticks, perhaps within a task of the outer one, and somebody is
                // woken before, within or after.
                let (which, wakes) = (random.below(4), random.below(waiting.len()));
                let key = waiting.swap_remove(wakes);
                if number % 3 == 0 {
                    let ticks = inner.clone();
                    spawn(async move {
                        ticks[which].try_tick();
                        key.open_and_wake();
                        ticks[which].run_until_stalled();
                    })
                    .await
                    .unwrap();
                } else {
                    inner[which].run_until_stalled();
                    key.open_and_wake();
                }
            }
            waiting.drain(..).for_each(|key| key.open_and_wake());
            while done.get() < count {
                inner.iter().for_each(LocalExecutor::run_until_stalled);
                yield_now().await;
            }
        });
    });
}

// TS13: a random graph of wakes against a model that is a queue of numbers.
#[test]
fn a_random_graph_of_wakes_is_polled_exactly_as_a_queue_of_numbers_says() {
    let tasks = 500;
    let executor = LocalExecutor::builder().batch(10_000_000).build();
    let wakers: Rc<RefCell<Vec<Option<Waker>>>> = Rc::new(RefCell::new(vec![None; tasks]));
    let order: Rc<RefCell<Vec<usize>>> = Rc::default();
    // Which task a poll wakes is decided by its task and its count, so that the model can decide
    // the same.
    let woken_by = move |task: usize, poll: usize| -> Vec<usize> {
        let mut random = Random::new((task * 7919 + poll) as u64);
        (0..random.below(3)).map(|_| random.below(tasks)).collect()
    };
    for task in 0..tasks {
        let (wakers, order, mut poll) = (wakers.clone(), order.clone(), 0);
        executor
            .spawn(poll_fn(move |cx| {
                wakers.borrow_mut()[task].get_or_insert_with(|| cx.waker().clone());
                order.borrow_mut().push(task);
                for other in woken_by(task, poll) {
                    let waker = wakers.borrow()[other].clone();
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
                poll += 1;
                Poll::<()>::Pending
            }))
            .detach();
    }
    let steps = rounds(100_000);
    let (mut queue, mut queued): (VecDeque<usize>, _) = ((0..tasks).collect(), vec![true; tasks]);
    let (mut polls, mut known) = (vec![0; tasks], vec![false; tasks]);
    let mut random = Random::new(3);
    for step in 0..steps {
        let Some(task) = queue.pop_front() else {
            // The graph has died out: somebody is woken from outside.
            assert!(!executor.try_tick(), "step {step}: nothing is ready");
            let task = random.below(tasks);
            let waker = wakers.borrow()[task].clone();
            waker.expect("each was polled").wake();
            (queued[task], queue) = (true, [task].into());
            continue;
        };
        assert!(executor.try_tick(), "step {step}");
        assert_eq!(order.borrow_mut().pop(), Some(task), "step {step}");
        assert!(order.borrow().is_empty(), "one poll a tick");
        (queued[task], known[task]) = (false, true);
        // A task that wakes itself goes behind all that it wakes: it is queued when its poll ends.
        let (mut itself, mut others) = (false, Vec::new());
        for other in woken_by(task, polls[task]) {
            if known[other] && other == task {
                itself = true;
            } else if known[other] {
                others.push(other);
            }
        }
        for other in others {
            if !std::mem::replace(&mut queued[other], true) {
                queue.push_back(other);
            }
        }
        if itself {
            queued[task] = true;
            queue.push_back(task);
        }
        polls[task] += 1;
    }
    let _never = executor.spawn(pending::<()>());
}
