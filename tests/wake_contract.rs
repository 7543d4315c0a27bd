//! The wake contract, sentence by sentence, and what other executors' wakers got wrong.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;

use wakeline::{LocalExecutor, block_on, spawn, yield_now};

use crate::support::{Dropped, Key, Trace, allocations, blocks, blocks_left_by, must_end, parked, rounds, wait_until};

/// A task that waits, polled once, detached; and its outside.
fn parked_task(executor: &LocalExecutor) -> Key {
    let (future, key) = parked();
    executor.spawn(future).detach();
    executor.run_until_stalled();
    assert_eq!(key.polls(), 1);
    key
}

// -- 1: on any thread, at any time, also after the task or its executor has gone
// ----------------------------------------------------------

/// The four things that can be done with a waker.
fn use_everyway(waker: Waker) {
    waker.wake_by_ref();
    let copy = waker.clone();
    copy.wake();
    drop(waker.clone());
    waker.wake();
}

// RC11: a waker that is used on a thread without a runtime looked for one.
#[test]
fn every_operation_of_a_waker_works_on_a_thread_without_an_executor() {
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    let waker = key.take_waker();
    thread::spawn(move || use_everyway(waker)).join().unwrap();
    executor.run_until_stalled();
    assert_eq!(key.polls(), 2, "four wakes before one poll are one poll");
}

#[test]
fn every_operation_of_a_waker_works_outside_and_inside_its_executor() {
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    use_everyway(key.take_waker());
    executor.run_until_stalled();
    assert_eq!(key.polls(), 2);
    let inside = key.clone();
    executor.block_on(async move { use_everyway(inside.take_waker()) });
    executor.run_until_stalled();
    assert_eq!(key.polls(), 3);
}

#[test]
fn every_operation_of_a_waker_works_inside_another_executor_of_the_thread() {
    let (ours, other) = (LocalExecutor::new(), LocalExecutor::new());
    let key = parked_task(&ours);
    let inside = key.clone();
    other.block_on(async move { use_everyway(inside.take_waker()) });
    ours.run_until_stalled();
    assert_eq!(key.polls(), 2);
}

// TS11: a wake of a task that had ended left its storage marked as queued, or had it polled again.
#[test]
fn a_wake_after_the_task_has_ended_polls_nothing_and_frees_its_memory_with_the_waker() {
    let executor = warm_executor();
    let left = blocks_left_by(|| {
        for _ in 0..3 {
            let key = parked_task(&executor);
            let waker = key.waker();
            key.open_and_wake();
            executor.run_until_stalled();
            // Outside its executor a wake takes the way of every other thread's.
            waker.wake_by_ref();
            executor.block_on(async { waker.wake_by_ref() });
            executor.run_until_stalled();
            assert_eq!((key.polls(), executor.task_count()), (2, 0));
            drop(waker);
        }
    });
    assert_eq!(left, 0);
}

// JC2: a wake or an abort off its runtime panicked.
#[test]
fn every_operation_of_a_waker_works_after_its_executor_has_gone() {
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    let waker = key.take_waker();
    drop(executor);
    waker.wake_by_ref();
    let waker = thread::spawn(move || {
        waker.wake_by_ref();
        waker.clone()
    });
    use_everyway(waker.join().unwrap());
    assert_eq!(key.polls(), 1);
}

#[test]
fn the_waker_of_block_on_can_be_used_after_the_call_and_after_the_executor() {
    let executor = LocalExecutor::new();
    let waker = executor.block_on(std::future::poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    waker.wake_by_ref();
    thread::scope(|scope| {
        scope.spawn(|| waker.wake_by_ref());
    });
    let polls = Cell::new(0);
    let mut twice = pin!(async {
        polls.set(polls.get() + 1);
        yield_now().await;
    });
    executor.block_on(twice.as_mut());
    assert_eq!(polls.get(), 1);
    drop(executor);
    use_everyway(waker);
}

// SD3: a wake after the thread's locals had been destroyed panicked.
#[test]
fn a_waker_works_in_the_destructor_of_a_thread_local() {
    thread_local! {
        static LATE: RefCell<Option<UseWhenDropped>> = const { RefCell::new(None) };
    }
    struct UseWhenDropped(Vec<Waker>, Arc<AtomicUsize>);
    impl Drop for UseWhenDropped {
        fn drop(&mut self) {
            for waker in self.0.drain(..) {
                use_everyway(waker);
                self.1.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    let elsewhere = key.take_waker();
    let used = Arc::new(AtomicUsize::new(0));
    let count = used.clone();
    thread::spawn(move || {
        // The one is set before the thread's executor is made, the other after: one of them is
        // destroyed later than the executor.
        LATE.with(|late| late.replace(Some(UseWhenDropped(vec![elsewhere], count))));
        let (future, key) = parked();
        block_on(async {
            spawn(future).detach();
            yield_now().await;
        });
        LATE.with(|late| late.borrow_mut().as_mut().unwrap().0.push(key.take_waker()));
    })
    .join()
    .unwrap();
    assert_eq!(used.load(Ordering::SeqCst), 2);
    executor.run_until_stalled();
    assert_eq!(key.polls(), 2);
}

// RC3: a count of sixteen bits panicked at the 32 768th clone.
#[test]
fn a_million_clones_of_one_waker_are_fine() {
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    let waker = key.take_waker();
    let clones: Vec<Waker> = (0..1_000_000).map(|_| waker.clone()).collect();
    drop(waker);
    clones[777_777].wake_by_ref();
    executor.run_until_stalled();
    assert_eq!(key.polls(), 2);
    let (some, rest) = clones.split_at(500_000);
    let (some, rest) = (some.to_vec(), rest.to_vec());
    drop(clones);
    thread::spawn(move || drop(some)).join().unwrap();
    drop(rest);
    key.open_and_wake();
    executor.run_until_stalled();
    assert_eq!(executor.task_count(), 0);
}

// RC3: forgotten clones only cost the task's memory.
#[test]
fn a_million_forgotten_wakers_stop_nothing() {
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    let waker = key.waker();
    for _ in 0..1_000_000 {
        std::mem::forget(waker.clone());
    }
    waker.wake();
    executor.run_until_stalled();
    assert_eq!(key.polls(), 2);
    key.open_and_wake();
    executor.run_until_stalled();
    assert_eq!((key.polls(), executor.task_count()), (3, 0));
}

#[test]
fn a_waker_that_is_stored_for_ever_keeps_nothing_but_the_tasks_memory() {
    static FOR_EVER: std::sync::Mutex<Vec<Waker>> = std::sync::Mutex::new(Vec::new());
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let guard = Dropped::new((), &trace);
    let (future, key) = parked();
    executor
        .spawn(async move {
            let _guard = guard;
            future.await;
        })
        .detach();
    executor.run_until_stalled();
    FOR_EVER.lock().unwrap().push(key.waker());
    key.open_and_wake();
    executor.run_until_stalled();
    assert_eq!((trace.len(), executor.task_count()), (1, 0), "the future is gone, although wakers are kept");
    drop(executor);
    FOR_EVER.lock().unwrap()[0].wake_by_ref();
}

// TS10, TS9: the last waker's drop destroyed the future, on whatever thread.
#[test]
fn dropping_the_last_waker_elsewhere_leaves_the_future_to_its_owner() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let guard = Dropped::new("future", &trace);
    let (future, key) = parked();
    let task = executor.spawn(async move {
        let _guard = guard;
        future.await;
    });
    task.detach();
    executor.run_until_stalled();
    let waker = key.take_waker();
    thread::spawn(move || drop(waker)).join().unwrap();
    assert_eq!(trace.len(), 0);
    assert_eq!(executor.task_count(), 1, "nobody can wake it any more, and still it lives");
    drop(executor);
    assert_eq!(trace.take(), [("future", thread::current().id())]);
}

// -- 2: never blocks, never allocates, never panics, never runs user code
// -------------------------------------------------------------------------------------------------

#[test]
fn wakes_clones_and_drops_allocate_nothing() {
    let executor = LocalExecutor::new();
    let (near, far) = (parked_task(&executor), parked_task(&executor));
    let (near_waker, far_waker) = (near.take_waker(), far.take_waker());
    let inside = near_waker.clone();
    executor.block_on(async move {
        let before = (allocations(), blocks());
        use_everyway(inside);
        assert_eq!((allocations(), blocks()), before, "a local wake");
    });
    let remote = thread::spawn(move || {
        let before = (allocations(), blocks());
        use_everyway(far_waker);
        use_everyway(near_waker);
        ((allocations(), blocks()), before)
    });
    let (after, before) = remote.join().unwrap();
    assert_eq!(after, before, "a remote wake");
    executor.run_until_stalled();
    assert_eq!((near.polls(), far.polls()), (2, 2));
}

#[test]
fn a_wake_does_not_wait_for_an_owner_who_is_stuck_in_a_poll() {
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    let waker = key.take_waker();
    let (entered, released) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let waking = {
        let (entered, released) = (entered.clone(), released.clone());
        thread::spawn(move || {
            wait_until(|| entered.load(Ordering::SeqCst));
            use_everyway(waker);
            released.store(true, Ordering::SeqCst);
        })
    };
    executor.block_on(async move {
        entered.store(true, Ordering::SeqCst);
        // This poll ends only after the wakes have returned.
        wait_until(|| released.load(Ordering::SeqCst));
    });
    waking.join().unwrap();
    executor.run_until_stalled();
    assert_eq!(key.polls(), 2);
}

#[test]
fn a_wake_runs_nobodys_code_within_the_call() {
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    let waker = key.take_waker();
    key.open();
    let polls = key.clone();
    executor.block_on(async move {
        waker.wake_by_ref();
        assert_eq!(polls.polls(), 1, "a wake only queues");
        yield_now().await;
        assert_eq!(polls.polls(), 2);
    });
}

// -- 3: a wake before the next poll begins is never lost, and what was written before it is seen
// ------------------------------------------

#[test]
fn waking_during_the_poll_schedules_exactly_once() {
    let executor = LocalExecutor::new();
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    executor
        .spawn(std::future::poll_fn(move |cx| {
            count.set(count.get() + 1);
            if count.get() < 3 {
                cx.waker().wake_by_ref();
                cx.waker().wake_by_ref();
                let waker = cx.waker().clone();
                thread::spawn(move || waker.wake()).join().unwrap();
            }
            Poll::<()>::Pending
        }))
        .detach();
    executor.run_until_stalled();
    executor.run_until_stalled();
    // The local wakes are one poll; the remote one, unlinked after that poll had begun, may be one
    // more.
    assert!((3..=4).contains(&polls.get()), "{} polls", polls.get());
}

// TS1: the second of two remote wakes met the first one's stale mark and was dropped.
#[test]
fn a_remote_wake_after_each_poll_is_a_poll_each_time() {
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    for polls in 1..=5 {
        assert_eq!(key.polls(), polls);
        let waker = key.waker();
        thread::spawn(move || waker.wake()).join().unwrap();
        executor.run_until_stalled();
    }
}

// TS1, TS2: every wake is followed by a poll that begins after it, and sees what the waker wrote
// with no ordering of its own.
#[test]
fn no_remote_wake_is_lost_and_its_writes_are_seen() {
    must_end(|| {
        let written: Arc<[AtomicUsize; 2]> = Arc::default();
        for round in 1..=rounds(3000) {
            let (slot, seen) = (Arc::new(std::sync::Mutex::new(None::<Waker>)), written.clone());
            let wakers: Vec<_> = (0..2)
                .map(|mine| {
                    let (slot, written) = (slot.clone(), written.clone());
                    move || {
                        let waker = slot.lock().unwrap().clone().expect("published before the threads start");
                        written[mine].store(round, Ordering::Relaxed);
                        waker.wake_by_ref();
                    }
                })
                .collect();
            let mut threads = Vec::new();
            let mut wakers = Some(wakers);
            block_on(std::future::poll_fn(|cx| {
                if let Some(wakers) = wakers.take() {
                    *slot.lock().unwrap() = Some(cx.waker().clone());
                    threads.extend(wakers.into_iter().map(thread::spawn));
                }
                // Each thread wakes once: were one of the two polls missing, or blind, this would
                // wait for ever.
                let done = seen.iter().all(|written| written.load(Ordering::Relaxed) == round);
                if done { Poll::Ready(()) } else { Poll::Pending }
            }));
            for thread in threads {
                thread.join().unwrap();
            }
        }
    });
}

// SN1, SN5, SN6: the wake falls between the last look at the queue and the sleep. Both sides go at
// full speed, so it falls everywhere.
#[test]
fn a_ping_pong_between_two_executors_never_stops() {
    must_end(|| {
        let turns = rounds(20_000);
        let ball = Arc::new(AtomicUsize::new(0));
        let seats: Arc<[std::sync::Mutex<Option<Waker>>; 2]> = Arc::default();
        let player = |me: usize| {
            let (ball, seats) = (ball.clone(), seats.clone());
            move || {
                block_on(std::future::poll_fn(|cx| {
                    let old = seats[me].lock().unwrap().replace(cx.waker().clone());
                    drop(old);
                    let turn = ball.load(Ordering::SeqCst);
                    if turn >= turns || turn % 2 == me {
                        ball.store(turn + 1, Ordering::SeqCst);
                        let other = seats[1 - me].lock().unwrap().take();
                        if let Some(other) = other {
                            other.wake();
                        }
                    }
                    if turn >= turns { Poll::Ready(()) } else { Poll::Pending }
                }));
            }
        };
        let other = thread::spawn(player(1));
        player(0)();
        other.join().unwrap();
        assert!(ball.load(Ordering::SeqCst) > turns);
    });
}

// SN9: the owner dropped its copy of the waker while a remote wake was queued, and the drain
// skipped it.
#[test]
fn a_remote_wake_survives_that_the_owner_drops_all_it_has_before_the_drain() {
    let executor = LocalExecutor::new();
    let (future, key) = parked();
    let task = executor.spawn(future);
    executor.run_until_stalled();
    let waker = key.waker();
    thread::spawn(move || waker.wake()).join().unwrap();
    drop(key.take_waker());
    task.detach();
    key.open();
    executor.run_until_stalled();
    assert_eq!((key.polls(), executor.task_count()), (2, 0));
}

// SN3: the table of all sources of work, each arriving in the last poll before the sleep.
#[test]
fn no_source_of_work_is_overlooked_by_the_sleep() {
    type Source = fn(&Rc<LocalExecutor>, &Waker, &Key);
    let sources: [(&str, Source); 8] = [
        ("the root's own waker", |_, root, _| root.wake_by_ref()),
        ("the root's waker elsewhere", |_, root, _| {
            let root = root.clone();
            thread::spawn(move || root.wake()).join().unwrap();
        }),
        ("a local wake", |_, _, key| key.open_and_wake()),
        ("a remote wake", |_, _, key| {
            let key = key.clone();
            thread::spawn(move || key.open_and_wake()).join().unwrap();
        }),
        ("a local spawn", |_, root, _| {
            let root = root.clone();
            spawn(async move { root.wake() }).detach();
        }),
        ("a remote spawn", |executor, root, _| {
            let (spawner, root) = (executor.spawner(), root.clone());
            thread::spawn(move || spawner.spawn(|| async move { root.wake() }).detach()).join().unwrap();
        }),
        ("a local abort", |_, root, _| {
            let root = root.clone();
            let guard = crate::support::OnDrop::new(move || root.wake());
            let task = spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await
            });
            task.abort();
            task.detach();
        }),
        ("a remote abort", |executor, root, _| {
            let (spawner, root) = (executor.spawner(), root.clone());
            thread::spawn(move || {
                let guard = crate::support::OnDrop::new(move || root.wake());
                let task = spawner.spawn(move || async move {
                    let _guard = guard;
                    std::future::pending::<()>().await
                });
                task.abort();
                task.detach();
            })
            .join()
            .unwrap();
        }),
    ];
    for (name, source) in sources {
        must_end(move || {
            println!("{name}");
            let executor = Rc::new(LocalExecutor::new());
            let (future, key) = parked();
            let root: Rc<RefCell<Option<Waker>>> = Rc::default();
            let wakes_root = root.clone();
            executor
                .spawn(async move {
                    future.await;
                    let root = wakes_root.borrow().clone();
                    root.expect("polled").wake();
                })
                .detach();
            executor.run_until_stalled();
            let mut polls = 0;
            executor.block_on(std::future::poll_fn(|cx| {
                *root.borrow_mut() = Some(cx.waker().clone());
                polls += 1;
                if polls == 1 {
                    source(&executor, cx.waker(), &key);
                    return Poll::Pending;
                }
                Poll::Ready(())
            }));
            assert_eq!(polls, 2, "{name}");
        });
    }
}

// SN14: a look that did not wait consumed the signal that a later wait needed.
#[test]
fn looks_that_do_not_wait_eat_no_wake() {
    must_end(|| {
        let executor = LocalExecutor::new();
        for _ in 0..rounds(200) {
            let (future, key) = parked();
            let task = executor.spawn(future);
            executor.run_until_stalled();
            let waking = thread::spawn(move || key.open_and_wake());
            // However the wake falls between these, the wait below must see it.
            executor.try_tick();
            executor.run_until_stalled();
            executor.turn(Some(std::time::Duration::ZERO)).unwrap();
            executor.block_on(task).unwrap();
            waking.join().unwrap();
        }
    });
}

// -- the number of wakers
// -------------------------------------------------------------------------------------------------

/// An executor whose tables have grown to what these tests need.
fn warm_executor() -> LocalExecutor {
    let executor = LocalExecutor::new();
    let key = parked_task(&executor);
    key.open_and_wake();
    executor.run_until_stalled();
    assert_eq!(executor.task_count(), 0);
    executor
}

// RC1: `wake_by_ref` queued without a reference of its own and the count went below zero.
#[test]
fn wakes_by_reference_leave_the_count_as_it_was() {
    let executor = warm_executor();
    for entered in [false, true] {
        let left = blocks_left_by(|| {
            let key = parked_task(&executor);
            let waker = key.take_waker();
            let wake = |waker: &Waker| {
                waker.wake_by_ref();
                waker.wake_by_ref();
            };
            if entered {
                executor.block_on(async { wake(&waker) })
            } else {
                wake(&waker)
            }
            drop(waker);
            key.open();
            executor.run_until_stalled();
            assert_eq!((key.polls(), executor.task_count()), (2, 0));
        });
        assert_eq!(left, 0, "entered: {entered}");
    }
}

// RC10: each of the vtable's four functions, alone and mixed, and nothing is left.
#[test]
fn each_operation_of_a_waker_gives_back_what_it_took() {
    let executor = warm_executor();
    let operations: [fn(Waker); 5] = [
        drop,
        |waker| drop(waker.clone()),
        |waker| waker.wake_by_ref(),
        Waker::wake,
        |waker| {
            let copy = waker.clone();
            waker.wake();
            copy.wake_by_ref();
            drop(copy);
        },
    ];
    for (number, operation) in operations.into_iter().enumerate() {
        for entered in [false, true] {
            let left = blocks_left_by(|| {
                let key = parked_task(&executor);
                let waker = key.waker();
                if entered {
                    executor.block_on(async { operation(waker) })
                } else {
                    operation(waker)
                }
                executor.run_until_stalled();
                key.open_and_wake();
                executor.run_until_stalled();
                assert_eq!(executor.task_count(), 0);
            });
            assert_eq!(left, 0, "operation {number}, entered: {entered}");
        }
    }
}

// RC2: a waker that outlived its task leaked it.
#[test]
fn ten_thousand_tasks_leave_nothing_behind_also_when_their_wakers_outlive_them() {
    let executor = warm_executor();
    let run = |wakers: &mut Vec<Waker>| {
        for _ in 0..10_000 {
            let key = parked_task(&executor);
            wakers.push(key.waker());
            key.open_and_wake();
            executor.run_until_stalled();
        }
        assert_eq!(executor.task_count(), 0);
    };
    let mut wakers = Vec::with_capacity(10_000);
    let here = blocks_left_by(|| {
        run(&mut wakers);
        wakers.clear();
    });
    assert_eq!(here, 0, "dropped by the owner");
    let mut freed_there = 0;
    let before = blocks();
    run(&mut wakers);
    let here = blocks() - before;
    thread::scope(|scope| {
        let freed = &mut freed_there;
        let wakers = std::mem::take(&mut wakers);
        scope.spawn(move || {
            let before = blocks();
            drop(wakers);
            *freed = before - blocks();
        });
    });
    assert_eq!(here, 10_000, "a waker keeps its task's block, and nothing else");
    assert_eq!(freed_there, here + 1, "dropped elsewhere, with the vector");
}

/// Its wake registers a source, and takes it out again.
#[cfg(unix)]
struct Registering(AtomicUsize);

#[cfg(unix)]
impl std::task::Wake for Registering {
    fn wake(self: Arc<Self>) {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        wakeline::io::Async::new(ours).unwrap().register().unwrap();
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

// CH8: foreign wakers run foreign code, and it comes back to the table of sources.
#[cfg(unix)]
#[test]
fn a_waker_may_register_sources_when_the_reactor_wakes_it() {
    let registering = Arc::new(Registering(AtomicUsize::new(0)));
    block_on(async {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let source = wakeline::io::Async::new(ours).unwrap();
        let mut readable = pin!(source.readable());
        let mut cx = std::task::Context::from_waker(Waker::noop());
        let waker = Waker::from(registering.clone());
        assert!(readable.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        std::io::Write::write_all(&mut theirs, b"x").unwrap();
        while registering.0.load(Ordering::Relaxed) == 0 {
            yield_now().await;
        }
        assert!(readable.as_mut().poll(&mut cx).is_ready());
    });
    assert_eq!(registering.0.load(Ordering::Relaxed), 1);
}
