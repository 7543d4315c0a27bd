//! Executors inside executors, inside other runtimes, and nowhere: what works, and what the rest
//! says.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Duration;

use wakeline::{LocalExecutor, block_on, spawn, task, try_block_on, yield_now};

use crate::support::{assert_contains, must_end, panic_text, parked};

const REMEDIES: [&str; 3] = [".await", "spawn", "unblock"];

#[test]
fn block_on_inside_a_task_names_the_task_its_line_and_what_to_do() {
    let line = line!() + 2;
    let error = block_on(async {
        let task = task::Builder::new().name("blocker").spawn(async { block_on(async {}) });
        task.await.unwrap_err()
    });
    let text = crate::support::text_of(&*error.into_panic());
    assert_contains(&text, &["block_on", "\"blocker\"", &format!("tests/nesting.rs:{line}:")]);
    assert_contains(&text, &REMEDIES);
}

#[test]
fn block_on_inside_a_task_without_a_name_tells_its_line() {
    let line = line!() + 1;
    let task = async { spawn(async { try_block_on(async {}).unwrap_err() }).await.unwrap() };
    let error = block_on(task);
    assert!(error.is_nested() && !error.is_forked());
    assert_contains(&error.to_string(), &[&format!("spawned at tests/nesting.rs:{line}:")]);
    assert_contains(&error.to_string(), &REMEDIES);
}

#[test]
fn block_on_inside_the_future_of_block_on_says_so_and_nothing_breaks() {
    let executor = LocalExecutor::new();
    executor.block_on(async {
        let text = panic_text(|| block_on(async {}));
        assert_contains(&text, &["inside the future of `block_on`"]);
        assert_contains(&text, &REMEDIES);
        assert_contains(&panic_text(|| executor.block_on(async {})), &REMEDIES);
        let other = LocalExecutor::new();
        assert!(other.try_block_on(async {}).unwrap_err().is_nested());
        // The outer one goes on as if nothing had happened.
        assert_eq!(spawn(async { 3 }).await.unwrap(), 3);
    });
}

#[test]
fn a_refused_future_is_dropped_unpolled() {
    block_on(async {
        let (future, key) = parked();
        assert!(try_block_on(future).is_err());
        assert_eq!(key.polls(), 0);
    });
}

#[test]
fn an_executor_cannot_be_driven_from_inside_itself() {
    let executor = Rc::new(LocalExecutor::new());
    let inside = executor.clone();
    executor
        .block_on(executor.spawn(async move {
            type Run = fn(&LocalExecutor);
            let runs: [(&str, Run); 2] = [
                ("try_tick", |executor| {
                    executor.try_tick();
                }),
                ("run_until_stalled", LocalExecutor::run_until_stalled),
            ];
            for (name, run) in runs {
                assert_contains(&panic_text(|| run(&inside)), &[name, "tests/nesting.rs"]);
            }
            let error: io::Error = inside.turn(Some(Duration::ZERO)).unwrap_err();
            assert_contains(&error.to_string(), &["turn", "tests/nesting.rs"]);
        }))
        .unwrap();
}

#[test]
fn a_second_executor_may_be_ticked_but_not_waited_for_inside_a_task() {
    let (outer, inner) = (LocalExecutor::new(), LocalExecutor::new());
    outer.block_on(async {
        let task = inner.spawn(async {
            // Inside the inner one: what is spawned here is the inner one's.
            let task = spawn(async { 1 });
            yield_now().await;
            task.await.unwrap()
        });
        let before = spawn(async {});
        while inner.try_tick() {}
        inner.run_until_stalled();
        inner.turn(Some(Duration::ZERO)).unwrap();
        assert!(task.is_finished());
        assert!(!before.is_finished(), "that is the outer one's");
        assert!(inner.turn(None).is_err());
        assert!(inner.turn(Some(Duration::from_secs(1))).is_err());
        // After the visit this is the outer executor again.
        let outer_task = spawn(async { 2 });
        assert_eq!(outer_task.await.unwrap() + task.await.unwrap(), 3);
    });
}

#[test]
fn executors_that_tick_each_other_wake_each_other() {
    must_end(|| {
        let (outer, inner) = (LocalExecutor::new(), Rc::new(LocalExecutor::new()));
        let (future, key) = parked();
        let of_inner = inner.spawn(async move {
            future.await;
            7
        });
        let ticking = inner.clone();
        outer
            .spawn(async move {
                loop {
                    ticking.try_tick();
                    yield_now().await;
                }
            })
            .detach();
        let opens = key.clone();
        outer
            .spawn(async move {
                while opens.polls() == 0 {
                    yield_now().await;
                }
                opens.open_and_wake();
            })
            .detach();
        // A task of the inner executor is awaited by the outer one's future.
        assert_eq!(outer.block_on(of_inner).unwrap(), 7);
    });
}

// Nested entries may be left by a panic.
#[test]
fn a_panic_that_leaves_an_inner_executor_leaves_the_outer_one_as_it_was() {
    let outer = LocalExecutor::new();
    let inner = LocalExecutor::builder().panic_policy(wakeline::PanicPolicy::Propagate).build();
    inner.spawn(async { std::panic::resume_unwind(Box::new("inner")) }).detach();
    outer.block_on(async {
        assert_eq!(panic_text(|| inner.run_until_stalled()), "inner");
        let error = spawn(async { try_block_on(async {}).unwrap_err() }).await.unwrap();
        assert!(error.is_nested());
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    assert!(try_block_on(async {}).is_ok());
}

/// Somebody else's runtime: one future, one thread, parked in between.
fn foreign_block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn block_on_works_inside_another_runtimes_task() {
    must_end(|| {
        let sum = foreign_block_on(async {
            let one = block_on(async { spawn(async { 1 }).await.unwrap() });
            one + LocalExecutor::new().block_on(async { spawn(async { 2 }).await.unwrap() })
        });
        assert_eq!(sum, 3);
    });
}

#[test]
fn another_runtime_may_await_handles_and_be_awaited() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let task = executor.spawn(async { 5 });
        let mut task = Some(task);
        // Driven by hand inside the other runtime's poll.
        let output = foreign_block_on(poll_fn(|cx| {
            executor.run_until_stalled();
            let mut handle = task.take().unwrap();
            let polled = std::pin::Pin::new(&mut handle).poll(cx);
            task = Some(handle);
            polled
        }));
        assert_eq!(output.unwrap(), 5);
        let spawner = executor.spawner();
        let other = thread::spawn(move || foreign_block_on(spawner.spawn(|| async { 6 })).unwrap());
        executor.block_on(async {
            while !other.is_finished() {
                yield_now().await;
            }
        });
        assert_eq!(other.join().unwrap(), 6);
        // And the other way: its block_on inside a task of ours.
        assert_eq!(block_on(async { foreign_block_on(async { 7 }) }), 7);
    });
}

#[test]
fn spawning_where_no_executor_is_entered_says_what_to_do() {
    thread::spawn(|| {
        for text in [
            panic_text(|| spawn(pending::<()>()).detach()),
            panic_text(|| task::Builder::new().name("lost").spawn(pending::<()>()).detach()),
        ] {
            assert_contains(&text, &["spawn", "wakeline::block_on", "LocalExecutor::block_on"]);
        }
        // Also after an executor has been there, and where one exists that is not entered.
        block_on(async {});
        let executor = LocalExecutor::new();
        assert_contains(&panic_text(|| spawn(async {}).detach()), &["not running a wakeline executor"]);
        executor.spawn(async {}).detach();
    })
    .join()
    .unwrap();
}

#[test]
fn a_plain_thread_that_is_started_by_a_task_is_outside() {
    block_on(async {
        let text = thread::spawn(|| panic_text(|| spawn(async {}).detach())).join().unwrap();
        assert_contains(&text, &["not running a wakeline executor"]);
        assert_eq!(thread::spawn(|| block_on(async { 4 })).join().unwrap(), 4);
    });
}

// -- guards
// -------------------------------------------------------------------------------------------------

#[test]
fn under_a_guard_tasks_are_spawned_and_the_executor_runs_them() {
    let executor = LocalExecutor::new();
    let guard = executor.enter();
    let task = spawn(async { 1 });
    let named = task::Builder::new().name("named").spawn(async { 2 });
    assert_eq!(executor.task_count(), 2);
    // The executor runs under its own guard, in each way, and another one beside it.
    assert!(executor.try_tick());
    executor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(executor.block_on(async { task.await.unwrap() + named.await.unwrap() }), 3);
    let other = LocalExecutor::new();
    let theirs = other.block_on(async { Some(spawn(async {})) });
    assert_eq!((executor.task_count(), other.task_count()), (0, 1), "inside the one that runs it is the one that is found");
    assert_eq!(block_on(async { spawn(async { 4 }).await.unwrap() }), 4);
    assert_eq!(executor.task_count(), 0);
    drop(theirs);
    drop(guard);
    assert_contains(&panic_text(|| spawn(async {}).detach()), &["not running a wakeline executor"]);
}

#[test]
fn guards_may_be_dropped_in_any_order_and_the_last_one_made_counts() {
    let (first, second) = (LocalExecutor::new(), LocalExecutor::new());
    let count = || {
        spawn(pending::<()>()).detach();
        let counts = (first.task_count(), second.task_count());
        first.run_until_stalled();
        second.run_until_stalled();
        counts
    };
    let guards = [first.enter(), second.enter(), first.enter()];
    assert_eq!(count(), (1, 0));
    let [outer, middle, inner] = guards;
    drop(inner);
    assert_eq!(count(), (1, 1));
    drop(outer);
    assert_eq!(count(), (1, 2), "one that was dropped out of order changes nothing for the others");
    let again = first.enter();
    drop(middle);
    assert_eq!(count(), (2, 2));
    drop(again);
    assert_contains(&panic_text(|| spawn(async {}).detach()), &["not running a wakeline executor"]);
}

#[test]
fn a_guard_is_refused_where_an_executor_runs() {
    let executor = LocalExecutor::new();
    let other = LocalExecutor::new();
    executor.block_on(async {
        for inner in [&executor, &other] {
            assert_contains(&panic_text(|| drop(inner.enter())), &["enter", "future of `block_on`", "LocalExecutor::spawn"]);
        }
    });
    let line = line!() + 1;
    let task = executor.spawn(async { panic_text(|| drop(LocalExecutor::new().enter())) });
    assert_contains(&executor.block_on(task).unwrap(), &["enter", &format!("tests/nesting.rs:{line}:")]);
    // And it has changed nothing.
    assert_contains(&panic_text(|| spawn(async {}).detach()), &["not running a wakeline executor"]);
}

#[test]
fn a_guard_that_was_forgotten_ends_with_its_executor() {
    let (first, second) = (LocalExecutor::new(), LocalExecutor::new());
    std::mem::forget(first.enter());
    let guard = second.enter();
    drop(first);
    spawn(pending::<()>()).detach();
    assert_eq!(second.task_count(), 1);
    drop(guard);
    assert_contains(&panic_text(|| spawn(async {}).detach()), &["not running a wakeline executor"]);
}

#[test]
fn a_guard_may_outlive_the_call_in_which_another_executor_ran() {
    let executor = LocalExecutor::new();
    let mut guard = Some(executor.enter());
    block_on(async {
        drop(guard.take());
        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
    });
    assert_contains(&panic_text(|| spawn(async {}).detach()), &["not running a wakeline executor"]);
}

// Made under a guard, awaited in the executor; and what would wait with nobody to wake it says so.
#[test]
fn under_a_guard_timers_and_sockets_can_be_made_and_not_waited_for() {
    let executor = LocalExecutor::new();
    let guard = executor.enter();
    let mut slept = wakeline::time::sleep(Duration::from_millis(1));
    let text = panic_text(|| {
        let _ = std::pin::Pin::new(&mut slept).poll(&mut Context::from_waker(std::task::Waker::noop()));
    });
    assert_contains(&text, &["tests/nesting.rs", "block_on"]);
    #[cfg(unix)]
    let object = wakeline::io::Async::new(std::os::unix::net::UnixStream::pair().unwrap().0).unwrap();
    drop(guard);
    executor.block_on(async {
        wakeline::time::sleep(Duration::from_millis(1)).await;
        #[cfg(unix)]
        object.readable().await.unwrap();
    });
}

#[test]
fn the_current_spawner_is_that_of_the_running_executor_or_of_the_guard() {
    use wakeline::Spawner;

    assert!(Spawner::current().is_none());
    let (executor, other) = (LocalExecutor::new(), LocalExecutor::new());
    let guard = executor.enter();
    let remote = Spawner::current().unwrap();
    drop(guard);
    assert!(Spawner::current().is_none());
    let task = thread::spawn(move || remote.spawn(|| async { 7 })).join().unwrap();
    assert_eq!(executor.block_on(task).unwrap(), 7);
    let _guard = other.enter();
    let spawner = executor.block_on(async { Spawner::current().unwrap() });
    let task = spawner.spawn(|| async { 8 });
    assert_eq!(executor.block_on(task).unwrap(), 8, "the running one goes before the guard's");
    // It keeps the memory, and no more than that.
    drop(executor);
    assert!(block_on(spawner.spawn(|| async {})).unwrap_err().is_cancelled());
}
