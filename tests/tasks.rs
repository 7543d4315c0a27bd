//! Tasks and their handles on one thread: output, cancel, abort, detach, names, memory, who drops
//! what when.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_core::FusedFuture;
use wakeline::executor::Builder;
use wakeline::{
    EnterError, JoinError, LocalExecutor, PanicPolicy, RemoteTask, Spawner, Task, YieldNow, block_on, spawn, task, yield_now,
};

use crate::support::{
    Counter, Dropped, Hooked, OnDrop, Site, Trace, allocations, assert_contains, blocks_left_by, panic_text, parked, poll_once,
};

// -- types
// -------------------------------------------------------------------------------------------------

/// Compiles when the type does not implement the trait: were it to, `pick` would have two
/// candidates.
macro_rules! assert_not {
    ($type:ty: $($bound:tt)+) => {{
        trait Pick<A> {
            fn pick() {}
        }
        impl<T: ?Sized> Pick<()> for T {}
        struct Implements;
        impl<T: ?Sized + $($bound)+> Pick<Implements> for T {}
        <$type as Pick<_>>::pick();
    }};
}

fn assert_send<T: Send>() {}
fn assert_sync<T: Sync>() {}

// RC7, RC19, CH6: a missing, or an unconditional, Send or Sync.
#[test]
fn public_types_are_send_and_sync_exactly_where_that_is_sound() {
    assert_not!(LocalExecutor: Send);
    assert_not!(LocalExecutor: Sync);
    assert_not!(Task<i32>: Send);
    assert_not!(Task<i32>: Sync);
    assert_send::<Spawner>();
    assert_sync::<Spawner>();
    assert_send::<RemoteTask<Cell<i32>>>();
    assert_not!(RemoteTask<Rc<i32>>: Send);
    assert_not!(RemoteTask<Rc<i32>>: Sync);
    assert_send::<task::AbortHandle>();
    assert_sync::<task::AbortHandle>();
    assert_send::<JoinError>();
    assert_sync::<JoinError>();
    assert_send::<EnterError>();
    assert_sync::<EnterError>();
    assert_send::<Builder>();
    assert_sync::<task::Builder>();
    assert_send::<PanicPolicy>();
    assert_send::<YieldNow>();
}

#[test]
fn a_handle_is_one_pointer() {
    assert_eq!(size_of::<Task<[u64; 9]>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Task<()>>>(), size_of::<usize>());
}

// -- output
// -------------------------------------------------------------------------------------------------

#[test]
fn awaiting_a_handle_gives_the_output() {
    block_on(async {
        let boxed = spawn(async { Box::new(6 * 7) });
        assert_eq!(*boxed.await.unwrap(), 42);
        assert!(spawn(async {}).await.is_ok());
        assert_eq!(spawn(async { [7_u8; 5000] }).await.unwrap()[4999], 7);
    });
}

#[test]
fn a_future_that_needs_alignment_gets_it() {
    #[repr(align(256))]
    struct Wide(u8);
    block_on(async {
        let wide = Wide(3);
        let task = spawn(async move {
            yield_now().await;
            assert_eq!((&raw const wide).addr() % 256, 0);
            wide
        });
        let wide = task.await.unwrap();
        assert_eq!(((&raw const wide).addr() % 256, wide.0), (0, 3));
    });
}

#[test]
fn the_output_waits_for_a_late_await() {
    let executor = LocalExecutor::new();
    let task = executor.spawn(async { String::from("late") });
    assert!(!task.is_finished());
    executor.run_until_stalled();
    assert!(task.is_finished());
    drop(executor);
    assert_eq!(block_on(task).unwrap(), "late");
}

#[test]
fn the_future_has_been_dropped_when_its_handle_returns() {
    block_on(async {
        let held = Rc::new(());
        let inside = held.clone();
        let task = spawn(async move {
            let _inside = inside;
            yield_now().await;
        });
        task.await.unwrap();
        assert_eq!(Rc::strong_count(&held), 1);
    });
}

#[test]
fn the_handle_of_a_task_can_be_awaited_by_another_executor_of_the_thread() {
    let (a, b) = (LocalExecutor::new(), LocalExecutor::new());
    let (future, key) = parked();
    let of_a = a.spawn(async move {
        future.await;
        5
    });
    a.run_until_stalled();
    let of_b = b.spawn(of_a);
    b.run_until_stalled();
    key.open_and_wake();
    a.run_until_stalled();
    assert_eq!(b.block_on(of_b).unwrap().unwrap(), 5);
}

#[test]
fn a_handle_that_is_polled_again_after_its_end_panics_and_names_itself() {
    /// Ends a task in one of the ways in which tasks end.
    type End = fn(&LocalExecutor, &dyn Fn());
    let ends: [(&str, bool, End); 3] = [
        ("returned", false, |executor, _| executor.run_until_stalled()),
        ("panicked", true, |executor, _| executor.run_until_stalled()),
        ("aborted", false, |executor, abort| {
            abort();
            executor.run_until_stalled();
        }),
    ];
    fn check(name: &str, mut handle: impl FusedFuture<Output = Result<i32, JoinError>> + Unpin, type_name: &str) {
        let waker = Waker::noop();
        assert!(!handle.is_terminated(), "{name}: nobody has the result yet");
        let Poll::Ready(result) = poll_once(&mut handle, waker) else { panic!("{name}") };
        match name {
            "returned" => assert_eq!(result.unwrap(), 1),
            "panicked" => assert!(result.unwrap_err().is_panic()),
            _ => assert!(result.unwrap_err().is_cancelled()),
        }
        assert!(handle.is_terminated());
        for _ in 0..2 {
            let text = panic_text(|| drop(poll_once(&mut handle, waker)));
            assert_eq!(text, format!("`{type_name}` polled after completion"), "{name}");
        }
    }
    for (name, panics, end) in ends {
        let executor = LocalExecutor::new();
        let future = move || async move {
            if panics {
                std::panic::resume_unwind(Box::new("boom"));
            }
            1
        };
        let (local, remote) = (executor.spawn(future()), executor.spawner().spawn(future));
        assert!(!local.is_terminated() && !remote.is_terminated(), "running");
        end(&executor, &|| {
            local.abort();
            remote.abort();
        });
        check(name, local, "Task");
        check(name, remote, "RemoteTask");
    }
    // Cancelled by the end of its executor.
    let executor = LocalExecutor::new();
    let (local, remote) = (executor.spawn(async { 1 }), executor.spawner().spawn(|| async { 1 }));
    drop(executor);
    check("dropped", local, "Task");
    check("dropped", remote, "RemoteTask");
}

// -- ids
// -------------------------------------------------------------------------------------------------

#[test]
fn a_thousand_tasks_one_after_another_have_a_thousand_ids() {
    let mut ids = std::collections::HashSet::new();
    for _ in 0..4 {
        let executor = LocalExecutor::new();
        for _ in 0..250 {
            let task = executor.spawn(async {});
            assert!(ids.insert(task.id()));
            assert_eq!(executor.block_on(async { task.id() }), task.id());
        }
        let spawner = executor.spawner();
        for _ in 0..250 {
            let task = spawner.spawn(|| async {});
            assert!(ids.insert(task.id()));
            executor.block_on(task).unwrap();
        }
    }
    block_on(async {
        for _ in 0..250 {
            let task = spawn(async {});
            assert!(ids.insert(task.id()));
            task.await.unwrap();
            let task = spawn(async {});
            assert!(ids.insert(task.id()));
            assert_eq!(task.cancel().await, None);
        }
    });
    assert_eq!(ids.len(), 4 * 500 + 500);
}

// In each place that says it: the handle, an abort handle, an error, `Debug`; before, while and
// after the task and its executor end.
#[test]
fn a_task_keeps_its_id_as_long_as_somebody_can_ask() {
    let executor = LocalExecutor::new();
    let others: Vec<_> = (0..10).map(|_| executor.spawn(pending::<()>())).collect();
    let explodes = || std::panic::resume_unwind(Box::new("boom"));
    let (mut local, remote) =
        (executor.spawn(async move { explodes() }), executor.spawner().spawn(move || async move { explodes() }));
    let (id, far) = (local.id(), remote.id());
    assert_ne!(id, far);
    assert_eq!((local.abort_handle().id(), remote.abort_handle().id()), (id, far));
    assert!(format!("{local:?} {remote:?}").contains(&format!("{id}")));
    executor.run_until_stalled();
    assert_eq!((local.id(), remote.id()), (id, far));
    let panic_of = |error| match error {
        JoinError::Panicked(panic) => panic.task().id(),
        error => panic!("{error}"),
    };
    assert_eq!(panic_of(executor.block_on(&mut local).unwrap_err()), id);
    assert_eq!(panic_of(executor.block_on(remote).unwrap_err()), far);
    assert_eq!(local.id(), id, "also when it has returned");
    // Some were asked before their executor went, and some are asked after.
    let bomb = executor.spawn({
        let bomb = OnDrop::new(explodes);
        async move {
            let _bomb = bomb;
            pending::<()>().await
        }
    });
    executor.run_until_stalled();
    let (asked, unasked) = others.split_at(5);
    let before: Vec<_> = asked.iter().map(Task::id).collect();
    let (bomb_id, abort) = (bomb.id(), asked[0].abort_handle());
    drop(executor);
    assert_eq!(asked.iter().map(Task::id).collect::<Vec<_>>(), before);
    let after: Vec<_> = unasked.iter().map(Task::id).collect();
    assert_eq!(unasked.iter().map(Task::id).collect::<Vec<_>>(), after);
    assert_eq!(panic_of(block_on(bomb).unwrap_err()), bomb_id);
    let all: std::collections::HashSet<_> = before.iter().chain(&after).chain([&id, &far, &bomb_id]).collect();
    assert_eq!(all.len(), 13);
    assert_eq!(thread::spawn(move || abort.id()).join().unwrap(), before[0]);
}

// -- abort handles
// -------------------------------------------------------------------------------------------------

#[test]
fn an_abort_handle_ends_its_task_from_any_thread_and_says_when_it_has() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let hold = |name| {
        let guard = Dropped::new(name, &trace);
        move || async move {
            let _guard = guard;
            pending::<()>().await
        }
    };
    let local = task::Builder::new().name("local").spawn_in(&executor, hold("local")());
    let remote = task::Builder::new().name("remote").spawn_with(&executor.spawner(), hold("remote"));
    executor.run_until_stalled();
    let handles = [local.abort_handle(), remote.abort_handle()];
    assert_eq!(handles.each_ref().map(|handle| handle.name()), [Some("local"), Some("remote")]);
    let handles = thread::spawn(move || {
        assert!(handles.iter().all(|handle| !handle.is_finished()));
        handles.iter().for_each(|handle| handle.clone().abort());
        assert!(handles.iter().all(|handle| !handle.is_finished()), "at its turn, by its own thread");
        handles
    });
    let handles = handles.join().unwrap();
    assert_eq!(trace.len(), 0);
    executor.run_until_stalled();
    let here = thread::current().id();
    assert_eq!(trace.take(), [("local", here), ("remote", here)]);
    // The handles have not been awaited, and the tasks are over all the same.
    assert!(handles.iter().all(|handle| handle.is_finished()));
    assert!(executor.block_on(local).unwrap_err().is_cancelled());
    assert!(executor.block_on(remote).unwrap_err().is_cancelled());
    drop(executor);
    thread::spawn(move || handles.iter().for_each(|handle| handle.abort())).join().unwrap();
}

#[test]
fn an_abort_handle_changes_nothing_but_by_its_abort() {
    let left = blocks_left_by(|| {
        let executor = LocalExecutor::new();
        let kept = Rc::new(RefCell::new(Vec::new()));
        let spawns: [&dyn Fn() -> task::AbortHandle; 4] = [
            &|| {
                let task = executor.spawn(yield_now());
                let handle = task.abort_handle();
                kept.borrow_mut().push(task);
                handle
            },
            &|| {
                let task = executor.spawn(yield_now());
                let handle = task.abort_handle();
                task.detach();
                handle
            },
            &|| {
                let task = executor.spawner().spawn(yield_now);
                let handle = task.abort_handle();
                task.detach();
                handle
            },
            &|| {
                let task = executor.spawn(async {});
                executor.run_until_stalled();
                let handle = task.abort_handle();
                assert!(handle.is_finished(), "made late");
                kept.borrow_mut().push(task);
                handle
            },
        ];
        for spawn in spawns {
            drop(spawn());
            let handle = spawn();
            executor.run_until_stalled();
            assert!(handle.is_finished());
            handle.abort();
            executor.run_until_stalled();
        }
        for task in kept.take() {
            assert!(executor.block_on(task).is_ok(), "finished before the abort");
        }
        assert_eq!(executor.task_count(), 0);
    });
    assert_eq!(left, 0);
}

// RC9: the handle kept the waker of its first poll. RC5: a waker that does nothing is a waker.
#[test]
fn a_handle_wakes_the_task_that_polled_it_last() {
    let executor = LocalExecutor::new();
    let (future, key) = parked();
    let mut task = executor.spawn(future);
    let ((first, first_count), (second, second_count)) = (Counter::new(), Counter::new());
    assert!(poll_once(&mut task, &first).is_pending());
    assert!(poll_once(&mut task, Waker::noop()).is_pending());
    assert!(poll_once(&mut task, &second).is_pending());
    assert_eq!(Arc::strong_count(&first_count), 2, "the old waker was dropped");
    executor.run_until_stalled();
    key.open_and_wake();
    executor.run_until_stalled();
    assert_eq!((first_count.count(), second_count.count()), (0, 1));
    assert_eq!(Arc::strong_count(&second_count), 2, "the waker was dropped after its wake");
}

// RC18: every poll took one more slot for the same waker.
#[test]
fn a_handle_that_is_polled_a_hundred_times_keeps_one_waker() {
    let executor = LocalExecutor::new();
    let mut task = executor.spawn(pending::<()>());
    let (waker, hooked) = Hooked::new(|_| {});
    for _ in 0..100 {
        assert!(poll_once(&mut task, &waker).is_pending());
    }
    assert_eq!(hooked.alive(), 2);
    drop(task);
    assert_eq!(hooked.alive(), 1, "RC12: the handle goes, and with it what it kept");
}

// RC18 for a task that is awaited by many handles' worth of tasks: the 256th local waker is kept in
// another way than the first.
#[test]
fn a_task_can_wait_for_a_thousand_handles_at_once() {
    block_on(async {
        let tasks: Vec<_> = (0..1000).map(|number| spawn(async move { number })).collect();
        let waiting = spawn(async move {
            let mut tasks = tasks;
            let mut sum = 0;
            std::future::poll_fn(move |cx| {
                tasks.retain_mut(|task| match Pin::new(task).poll(cx) {
                    Poll::Ready(number) => {
                        sum += number.unwrap();
                        false
                    }
                    Poll::Pending => true,
                });
                if tasks.is_empty() { Poll::Ready(sum) } else { Poll::Pending }
            })
            .await
        });
        assert_eq!(waiting.await.unwrap(), 499_500);
    });
}

// -- names
// -------------------------------------------------------------------------------------------------

#[test]
fn a_task_has_the_name_that_its_builder_gave_it() {
    let executor = LocalExecutor::new();
    let named = task::Builder::new().name("ticker").spawn_in(&executor, async {});
    let plain = executor.spawn(async {});
    assert_eq!((named.name(), plain.name()), (Some("ticker"), None));
    assert_ne!(named.id(), plain.id());
    assert_contains(&format!("{named:?}"), &["ticker", "tests/tasks.rs"]);
    let spawner = executor.spawner();
    let remote = task::Builder::new().name("remote").spawn_with(&spawner, || async {});
    assert_eq!(remote.name(), Some("remote"));
    executor.run_until_stalled();
    assert_eq!((named.name(), remote.name()), (Some("ticker"), Some("remote")), "also when it has ended");
}

#[test]
fn a_panic_names_the_task_and_the_line_that_spawned_it() {
    let line = line!() + 2;
    let error =
        block_on(async { task::Builder::new().name("grumpy").spawn(async { panic!("no {}", "way") }).await.unwrap_err() });
    assert!(error.is_panic() && !error.is_cancelled());
    let site = format!("tests/tasks.rs:{line}:");
    assert_contains(&error.to_string(), &["grumpy", "no way", &site]);
    let JoinError::Panicked(panic) = error else { unreachable!() };
    assert_eq!((panic.message(), panic.task().name()), (Some("no way"), Some("grumpy")));
}

// -- end
// -------------------------------------------------------------------------------------------------

#[test]
fn aborting_drops_the_future_at_its_turn_and_not_in_the_call() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let guard = Dropped::new("future", &trace);
    let task = executor.spawn(async move {
        let _guard = guard;
        pending::<()>().await
    });
    executor.run_until_stalled();
    task.abort();
    task.abort();
    assert_eq!((trace.len(), task.is_finished()), (0, false));
    executor.run_until_stalled();
    assert_eq!((trace.len(), task.is_finished()), (1, true));
    assert!(executor.block_on(task).unwrap_err().is_cancelled());
}

#[test]
fn a_task_that_is_aborted_before_its_first_poll_is_never_polled() {
    let executor = LocalExecutor::new();
    let (future, key) = parked();
    let task = executor.spawn(future);
    task.abort();
    assert!(executor.block_on(task).unwrap_err().is_cancelled());
    assert_eq!(key.polls(), 0);
}

#[test]
fn dropping_a_handle_cancels_and_detaching_it_does_not() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let (kept, cut) = (Dropped::new("detached", &trace), Dropped::new("dropped", &trace));
    let (future, key) = parked();
    let detached = executor.spawn(async move {
        let _kept = kept;
        future.await;
    });
    let dropped = executor.spawn(async move {
        let _cut = cut;
        pending::<()>().await
    });
    executor.run_until_stalled();
    detached.detach();
    drop(dropped);
    executor.run_until_stalled();
    assert_eq!(trace.take(), [("dropped", thread::current().id())]);
    key.open_and_wake();
    executor.run_until_stalled();
    assert_eq!(trace.len(), 1);
}

#[test]
fn cancelling_waits_until_the_future_has_been_dropped() {
    block_on(async {
        let held = Rc::new(());
        let inside = held.clone();
        let task = spawn(async move {
            let _inside = inside;
            pending::<i32>().await
        });
        yield_now().await;
        assert_eq!(task.cancel().await, None);
        assert_eq!(Rc::strong_count(&held), 1);
    });
}

// JC10: a cancellation was lost, or an output, when both fell into the same turn.
#[test]
fn of_an_end_and_a_cancellation_in_one_turn_the_first_one_counts() {
    let executor = LocalExecutor::new();
    for cancel_first in [false, true] {
        let (future, key) = parked();
        let mut task = executor.spawn(async move {
            future.await;
            1
        });
        executor.run_until_stalled();
        key.open();
        let waker = key.take_waker();
        if cancel_first {
            task.abort();
            waker.wake();
        } else {
            // Ready, and polled before the abort arrives.
            waker.wake();
            executor.run_until_stalled();
            task.abort();
        }
        executor.run_until_stalled();
        let result = poll_once(&mut task, Waker::noop());
        match cancel_first {
            true => assert!(matches!(result, Poll::Ready(Err(JoinError::Cancelled)))),
            false => assert!(matches!(result, Poll::Ready(Ok(1)))),
        }
    }
}

#[test]
fn cancelling_a_task_that_has_finished_gives_its_output() {
    block_on(async {
        let task = spawn(async { 9 });
        yield_now().await;
        assert!(task.is_finished());
        assert_eq!(task.cancel().await, Some(9));
    });
}

#[test]
fn dropping_the_cancellation_still_cancels() {
    block_on(async {
        let held = Rc::new(());
        let inside = held.clone();
        let task = spawn(async move {
            let _inside = inside;
            pending::<()>().await
        });
        yield_now().await;
        let mut cancellation = Box::pin(task.cancel());
        assert!(poll_once(&mut cancellation.as_mut(), Waker::noop()).is_pending());
        drop(cancellation);
        yield_now().await;
        assert_eq!(Rc::strong_count(&held), 1);
    });
}

// JC13: a task that was dropped while it was being polled.
#[test]
fn a_task_that_drops_its_own_handle_ends_after_that_poll() {
    let executor = LocalExecutor::new();
    let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
    let trace = Trace::new();
    let (inside, events) = (own.clone(), trace.clone());
    let task = executor.spawn(async move {
        let _guard = OnDrop::new({
            let events = events.clone();
            move || events.push("future dropped")
        });
        drop(inside.borrow_mut().take());
        events.push("handle dropped");
        pending::<()>().await
    });
    *own.borrow_mut() = Some(task);
    executor.run_until_stalled();
    assert_eq!(trace.take(), ["handle dropped", "future dropped"]);
    assert_eq!(executor.task_count(), 0);
}

#[test]
fn a_task_that_awaits_itself_can_be_cancelled_by_its_executors_drop() {
    let left = blocks_left_by(|| {
        let executor = LocalExecutor::new();
        let own: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let inside = own.clone();
        let task = executor.spawn(async move {
            std::future::poll_fn(|cx| {
                let mut task = inside.borrow_mut();
                Pin::new(task.as_mut().expect("put there")).poll(cx).map(drop)
            })
            .await
        });
        *own.borrow_mut() = Some(task);
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 1);
        drop(executor);
        assert!(own.borrow().as_ref().unwrap().is_finished());
        drop(own);
    });
    assert_eq!(left, 0);
}

// TS9: the queue's own code dropped the last reference to the task that it was called from.
#[test]
fn a_joiners_wake_may_drop_the_handle_and_the_last_waker() {
    thread_local! {
        static HANDLE: RefCell<Option<Task<()>>> = const { RefCell::new(None) };
        static WAKER: RefCell<Option<Waker>> = const { RefCell::new(None) };
    }
    let executor = LocalExecutor::new();
    let left = blocks_left_by(|| {
        let (future, key) = parked();
        let mut task = executor.spawn(future);
        let (waker, hooked) = Hooked::new(|site| {
            if site == Site::Wake {
                drop(HANDLE.take());
                drop(WAKER.take());
            }
        });
        assert!(poll_once(&mut task, &waker).is_pending());
        executor.run_until_stalled();
        HANDLE.set(Some(task));
        WAKER.set(Some(key.waker()));
        hooked.arm();
        key.open_and_wake();
        drop(waker);
        executor.run_until_stalled();
        assert!(HANDLE.take().is_none());
        assert_eq!((executor.task_count(), hooked.alive()), (0, 0));
    });
    assert_eq!(left, 0);
}

// CH8: foreign code ran with a lock or a borrow held.
#[test]
fn a_joiners_waker_may_call_back_into_the_handle_from_every_site() {
    thread_local! {
        static HANDLE: RefCell<Option<Task<u8>>> = const { RefCell::new(None) };
    }
    for site in [Site::Clone, Site::Wake, Site::Drop] {
        let executor = LocalExecutor::new();
        let (future, key) = parked();
        let task = executor.spawn(async move {
            future.await;
            3
        });
        HANDLE.set(Some(task));
        let hits = Trace::new();
        let events = hits.clone();
        let (waker, hooked) = Hooked::new(move |at| {
            if at != site || events.len() > 3 {
                return;
            }
            events.push(at);
            HANDLE.with_borrow(|task| {
                let task = task.as_ref().expect("put there");
                let _ = (task.is_finished(), task.id(), format!("{task:?}"));
            });
            spawn_somewhere();
        });
        let poll = |waker: &Waker| {
            let mut task = HANDLE.take().unwrap();
            HANDLE.set(None);
            // The handle is where the hook looks for it while it is polled: a second one stands in.
            HANDLE.set(Some(wakeline_task(&executor)));
            let polled = poll_once(&mut task, waker);
            HANDLE.set(Some(task));
            polled
        };
        hooked.arm();
        assert!(poll(&waker).is_pending());
        assert!(poll(Waker::noop()).is_pending());
        assert!(poll(&waker).is_pending());
        executor.run_until_stalled();
        key.open_and_wake();
        executor.run_until_stalled();
        assert!(hits.len() > 0, "{site:?}");
        assert!(matches!(poll(Waker::noop()), Poll::Ready(Ok(3))));
        hooked.disarm();
        drop(HANDLE.take());
    }

    fn spawn_somewhere() {
        let executor = LocalExecutor::new();
        executor.spawn(async {}).detach();
        executor.run_until_stalled();
    }

    fn wakeline_task(executor: &LocalExecutor) -> Task<u8> {
        executor.spawn(async { 0 })
    }
}

// JC14: the truth table of what may go first: handle, waker, task, executor.
#[test]
fn whatever_goes_first_the_memory_goes_with_the_last() {
    #[derive(Clone, Copy, Debug)]
    enum Step {
        End,
        DropHandle,
        DropWaker,
        DropExecutor,
    }
    use Step::*;
    drop(LocalExecutor::new());
    let orders = permutations(&[End, DropHandle, DropWaker, DropExecutor]);
    assert_eq!(orders.len(), 24);
    for order in orders {
        let left = blocks_left_by(|| {
            let executor = LocalExecutor::new();
            let (future, key) = parked();
            let mut task = Some(executor.spawn(async move {
                future.await;
                String::from("output")
            }));
            executor.run_until_stalled();
            let mut waker = Some(key.waker());
            let mut executor = Some(executor);
            for &step in &order {
                match step {
                    End => {
                        key.open_and_wake();
                        if let Some(executor) = &executor {
                            executor.run_until_stalled();
                        }
                    }
                    DropHandle => drop(task.take()),
                    DropWaker => drop(waker.take()),
                    DropExecutor => drop(executor.take()),
                }
            }
        });
        assert_eq!(left, 0, "{order:?}");
    }
}

fn permutations<T: Copy>(of: &[T]) -> Vec<Vec<T>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in 0..of.len() {
        let rest: Vec<T> = of.iter().enumerate().filter(|(index, _)| *index != first).map(|(_, item)| *item).collect();
        all.extend(permutations(&rest).into_iter().map(|mut order| {
            order.insert(0, of[first]);
            order
        }));
    }
    all
}

// TS12: the registry became a ring with an unreachable tail when slots were used again. JC6: its
// list is walked while it is half dropped.
#[test]
fn the_registry_lists_each_living_task_once_however_often_slots_are_used_again() {
    let executor = LocalExecutor::new();
    let mut keys = Vec::new();
    for round in 0..3 {
        for number in 0..40 {
            let (future, key) = parked();
            task::Builder::new().name(format!("task-{round}-{number}-")).spawn_in(&executor, future).detach();
            keys.push((round, number, key));
        }
        executor.run_until_stalled();
        // Two of three end, from everywhere in the list.
        keys.retain(|(round, number, key)| {
            let ends = (number + round) % 3 != 0;
            if ends {
                key.open_and_wake();
            }
            !ends
        });
        executor.run_until_stalled();
        let listed = format!("{executor:?}");
        assert_eq!((listed.matches("task-").count(), executor.task_count()), (keys.len(), keys.len()));
        for (round, number, _) in &keys {
            assert_eq!(listed.matches(&format!("task-{round}-{number}-")).count(), 1);
        }
    }
}

#[test]
fn a_registry_that_is_squeezed_keeps_every_task_and_their_order() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    let mut keys = Vec::new();
    // Long-lived tasks among many that end, over several squeezes.
    for number in 0..5000 {
        let (future, key) = parked();
        let guard = Dropped::new(number, &trace);
        executor
            .spawn(async move {
                let _guard = guard;
                future.await;
            })
            .detach();
        executor.run_until_stalled();
        if number % 7 == 0 {
            keys.push(number);
        } else {
            key.open_and_wake();
            executor.run_until_stalled();
        }
    }
    assert_eq!(executor.task_count(), keys.len());
    trace.take();
    drop(executor);
    let newest_first: Vec<_> = keys.into_iter().rev().map(|number| (number, thread::current().id())).collect();
    assert_eq!(trace.take(), newest_first);
}

// -- memory
// -------------------------------------------------------------------------------------------------

#[test]
fn a_task_is_one_allocation_and_a_local_wake_and_poll_are_none() {
    let executor = LocalExecutor::new();
    executor.block_on(async {
        let spawn_one = || {
            spawn(async {
                for _ in 0..10 {
                    yield_now().await;
                }
                7
            })
        };
        // The tables have grown, and the one block of this size that has become free is taken.
        assert_eq!(spawn_one().await.unwrap(), 7);
        let others = [spawn_one(), spawn_one()];
        let before = allocations();
        let task = spawn_one();
        assert_eq!(allocations() - before, 1);
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(allocations() - before, 1, "polls, wakes, joining");
        drop(others);
    });
}

#[test]
fn ten_thousand_tasks_and_their_handles_leave_nothing_behind() {
    let executor = LocalExecutor::new();
    executor.block_on(async { spawn(async {}).await.unwrap() });
    let left = blocks_left_by(|| {
        executor.block_on(async {
            for number in 0..10_000_u32 {
                let task = spawn(async move { vec![number] });
                match number % 4 {
                    0 => assert_eq!(task.await.unwrap(), [number]),
                    1 => task.detach(),
                    2 => drop(task),
                    _ => assert_eq!(task.cancel().await, None),
                }
            }
            yield_now().await;
        });
        assert_eq!(executor.task_count(), 0);
    });
    assert_eq!(left, 0);
}

// SD7: a cycle between the executor and what it keeps.
#[test]
fn an_executor_leaves_nothing_behind() {
    drop(LocalExecutor::new());
    let left = blocks_left_by(|| {
        let executor = LocalExecutor::new();
        let held = Rc::new(());
        let weak = Rc::downgrade(&held);
        for _ in 0..100 {
            let held = held.clone();
            executor
                .spawn(async move {
                    let _held = held;
                    pending::<()>().await
                })
                .detach();
        }
        drop(held);
        executor.run_until_stalled();
        executor.block_on(async { yield_now().await });
        drop(executor.spawner());
        drop(executor);
        assert!(weak.upgrade().is_none());
    });
    assert_eq!(left, 0);
}

// A waker of `block_on`'s future that another executor of the thread keeps, in the place where a
// joining task would be.
#[test]
fn the_root_waker_of_an_executor_that_has_gone_can_still_be_woken_by_a_handle() {
    let left = blocks_left_by(|| {
        let (gone, stays) = (LocalExecutor::new(), LocalExecutor::new());
        let (future, key) = parked();
        let mut task = stays.spawn(future);
        gone.block_on(std::future::poll_fn(|cx: &mut Context<'_>| {
            assert!(Pin::new(&mut task).poll(cx).is_pending());
            Poll::Ready(())
        }));
        drop(gone);
        stays.run_until_stalled();
        key.open_and_wake();
        stays.run_until_stalled();
        assert!(task.is_finished());
    });
    assert_eq!(left, 0);
}

#[test]
fn dropping_a_handle_while_unwinding_is_an_ordinary_drop() {
    let executor = LocalExecutor::new();
    let task = executor.spawn(pending::<()>());
    let caught = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let _task = task;
        std::panic::resume_unwind(Box::new("unwinding"));
    }));
    assert!(caught.is_err());
    executor.run_until_stalled();
    assert_eq!(executor.task_count(), 0);
}

#[test]
fn a_foreign_waker_may_be_kept_by_a_handle_whose_executor_has_gone() {
    let (waker, hooked) = Hooked::new(|_| {});
    let executor = LocalExecutor::new();
    let mut task = executor.spawn(pending::<()>());
    assert!(poll_once(&mut task, &waker).is_pending());
    drop(executor);
    assert_eq!(hooked.alive.load(Ordering::SeqCst), 1, "woken and dropped with the task");
    assert!(poll_once(&mut task, &waker).is_ready());
}
