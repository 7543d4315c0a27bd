//! Panics of a user's code: at every site where it is called, under every policy, and who gets
//! them.

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::thread;

use wakeline::{JoinError, LocalExecutor, PanicPolicy, Task, block_on, spawn, yield_now};

use crate::support::{
    Dropped, Hooked, OnDrop, Site, Trace, assert_contains, blocks_left_by, is_child, must_end, panic_text, parked, poll_once,
    text_of,
};

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new(self.0));
    }
}

/// Panics without the hook, so that the tests print nothing.
fn explode<T>(text: &'static str) -> T {
    resume_unwind(Box::new(text))
}

/// Where a user's code panics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Poll,
    /// The drop of a future that has returned.
    DropAfterPoll,
    /// The drop of a future that is cancelled.
    DropWhenCancelled,
    /// The drop of a future whose poll has panicked: the second panic.
    DropAfterPanic,
    Output,
    /// The drop of the future, then that of its output.
    DropAndOutput,
    Joiner,
}

const PLACES: [Place; 7] = [
    Place::Poll,
    Place::DropAfterPoll,
    Place::DropWhenCancelled,
    Place::DropAfterPanic,
    Place::Output,
    Place::DropAndOutput,
    Place::Joiner,
];

/// Spawns a task that panics in that place, with nobody to tell; the panic's text is "boom".
fn spawn_orphan(executor: &LocalExecutor, place: Place) {
    match place {
        Place::Poll => executor.spawn(async { explode::<()>("boom") }).detach(),
        Place::DropAfterPoll => {
            let bomb = Bomb("boom");
            executor.spawn(Returns(Some(()), bomb)).detach();
        }
        Place::DropWhenCancelled => {
            let bomb = Bomb("boom");
            let task = executor.spawn(async move {
                let _bomb = bomb;
                pending::<()>().await
            });
            drop(task);
        }
        Place::DropAfterPanic => {
            executor.spawn(Explodes(Bomb("boom"))).detach();
        }
        Place::Output => executor.spawn(async { Bomb("boom") }).detach(),
        Place::DropAndOutput => executor.spawn(Returns(Some(Bomb("boom")), Bomb("boom"))).detach(),
        Place::Joiner => {
            let mut task = executor.spawn(yield_now());
            let (waker, hooked) = Hooked::new(|site| {
                if site == Site::Wake {
                    explode::<()>("boom");
                }
            });
            assert!(poll_once(&mut task, &waker).is_pending());
            hooked.arm();
            task_forever(task);
        }
    }
}

/// Keeps the handle, so that its joiner stays.
fn task_forever(task: Task<()>) {
    thread_local! {
        static KEPT: RefCell<Vec<Task<()>>> = const { RefCell::new(Vec::new()) };
    }
    KEPT.with_borrow_mut(|kept| kept.push(task));
}

/// Returns its output at the first poll and panics in its drop when it carries a bomb.
struct Returns<T, B>(Option<T>, #[allow(dead_code)] B);

impl<T: Unpin, B: Unpin> Future for Returns<T, B> {
    type Output = T;

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        Poll::Ready(self.0.take().expect("polled once"))
    }
}

/// Panics in its poll and again in its drop.
struct Explodes(#[allow(dead_code)] Bomb);

impl Future for Explodes {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        explode("boom")
    }
}

// -- the policies
// -------------------------------------------------------------------------------------------------

#[test]
fn under_isolate_the_executor_goes_on_after_a_panic_in_any_place() {
    for place in PLACES {
        let executor = LocalExecutor::new();
        spawn_orphan(&executor, place);
        let other = executor.spawn(async {
            yield_now().await;
            "alive"
        });
        assert_eq!(executor.block_on(other).unwrap(), "alive", "{place:?}");
    }
}

#[test]
fn under_propagate_a_panic_of_any_place_comes_out_of_whatever_runs_the_executor() {
    type Run = fn(&LocalExecutor);
    let runs: [(&str, Run); 4] = [
        ("block_on", |executor| executor.block_on(pending())),
        ("run_until_stalled", LocalExecutor::run_until_stalled),
        ("try_tick", |executor| while executor.try_tick() {}),
        ("turn", |executor| (0..5).for_each(|_| executor.turn(Some(std::time::Duration::ZERO)).unwrap())),
    ];
    for place in PLACES {
        for (name, run) in runs {
            let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
            spawn_orphan(&executor, place);
            assert_eq!(panic_text(|| run(&executor)), "boom", "{place:?} in {name}");
            // Once: the executor can be used as if nothing had happened.
            executor.run_until_stalled();
            assert_eq!(executor.block_on(executor.spawn(async { 1 })).unwrap(), 1);
        }
    }
}

// A test whose task has failed is not green.
#[test]
fn the_free_block_on_hands_on_the_panic_of_a_detached_task() {
    for place in [Place::Poll, Place::DropAfterPoll, Place::Output] {
        must_end(move || {
            let spawn_it = move || match place {
                Place::Poll => spawn(async { explode::<()>("boom") }).detach(),
                Place::DropAfterPoll => spawn(Returns(Some(()), Bomb("boom"))).detach(),
                _ => spawn(async { Bomb("boom") }).detach(),
            };
            let text = panic_text(|| {
                block_on(async move {
                    spawn_it();
                    pending::<()>().await;
                });
            });
            assert_eq!(text, "boom", "{place:?}, and the root never ends");
            let text = panic_text(|| {
                block_on(async move {
                    spawn_it();
                    yield_now().await;
                });
            });
            assert_eq!(text, "boom", "{place:?}, and the root ends in the same turn");
            let text = panic_text(|| {
                drop(wakeline::try_block_on(async move {
                    spawn_it();
                    pending::<()>().await;
                }))
            });
            assert_eq!(text, "boom", "{place:?} in try_block_on");
            assert_eq!(block_on(async { spawn(async { 3 }).await.unwrap() }), 3, "once");
            // A task of an earlier call.
            block_on(async move { spawn_it() });
            assert_eq!(panic_text(|| block_on(yield_now())), "boom", "{place:?}, left over");
        });
    }
}

#[test]
fn a_panic_that_the_roots_last_poll_has_caused_comes_out_of_the_same_call() {
    let trace = Trace::new();
    let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
    for bomb in [false, true] {
        let events = trace.clone();
        let text = panic_text(|| {
            // The output of the call is dropped, whatever its drop does.
            let _ = executor.block_on(async {
                let task = executor.spawn(async { Bomb("output of the task") });
                while !task.is_finished() {
                    yield_now().await;
                }
                drop(task);
                let output = Dropped::new((), &events);
                OnDrop::new(move || {
                    drop(output);
                    if bomb {
                        explode::<()>("output of the call");
                    }
                })
            });
        });
        assert_eq!((&*text, trace.take().len()), ("output of the task", 1));
        executor.run_until_stalled();
    }
}

#[test]
fn the_roots_own_panic_goes_before_that_of_a_task_and_none_is_left_for_later() {
    let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
    let task = executor.spawn(async { Bomb("task") });
    executor.run_until_stalled();
    let text = panic_text(|| {
        executor.block_on(async move {
            drop(task);
            explode::<()>("root");
        });
    });
    assert_eq!(text, "root");
    assert_eq!(executor.block_on(async { 1 }), 1);
    executor.run_until_stalled();
}

// In a drop that runs because something has panicked already: a second panic would end the process.
#[test]
fn under_propagate_an_executor_may_be_run_while_a_panic_unwinds() {
    type Run = fn(&LocalExecutor);
    let runs: [Run; 4] = [
        |executor| executor.block_on(yield_now()),
        LocalExecutor::run_until_stalled,
        |executor| while executor.try_tick() {},
        |executor| (0..3).for_each(|_| executor.turn(Some(std::time::Duration::ZERO)).unwrap()),
    ];
    for run in runs {
        let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
        spawn_orphan(&executor, Place::Poll);
        let text = panic_text(|| {
            let _runs = OnDrop::new(|| run(&executor));
            explode::<()>("first");
        });
        assert_eq!((&*text, executor.task_count()), ("first", 0));
        run(&executor);
    }
}

#[test]
fn under_propagate_the_first_of_several_panics_comes_out_and_the_other_tasks_run() {
    let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
    let trace = Trace::new();
    for number in 0..4 {
        let trace = trace.clone();
        executor
            .spawn(async move {
                trace.push(number);
                match number {
                    1 => explode("first"),
                    2 => explode("second"),
                    _ => (),
                }
            })
            .detach();
    }
    assert_eq!(panic_text(|| executor.run_until_stalled()), "first");
    assert_eq!(trace.take(), [0, 1, 2, 3]);
    executor.run_until_stalled();
}

#[test]
fn under_abort_a_panic_of_any_place_ends_the_process() {
    for (number, place) in PLACES.into_iter().enumerate() {
        if is_child() {
            if std::env::var("WAKELINE_TEST_PLACE").unwrap() == number.to_string() {
                let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Abort).build();
                spawn_orphan(&executor, place);
                executor.run_until_stalled();
                println!("survived");
            }
            continue;
        }
        let output = crate::support::run_in_child_with(
            "panics::under_abort_a_panic_of_any_place_ends_the_process",
            &[("WAKELINE_TEST_PLACE", &number.to_string())],
        );
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && !text.contains("survived"), "{place:?}: {output:?}");
        #[cfg(unix)]
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&output.status), Some(6), "{place:?}: {output:?}");
    }
}

#[test]
fn under_abort_a_panic_that_the_handle_receives_ends_nothing() {
    let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Abort).build();
    let task = executor.spawn(async { explode::<()>("boom") });
    let error = executor.block_on(task).unwrap_err();
    assert_eq!(text_of(&*error.into_panic()), "boom");
}

// -- the handle
// -------------------------------------------------------------------------------------------------

#[test]
fn a_panic_reaches_the_handle_and_not_the_policy() {
    let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
    let in_poll = executor.spawn(async { explode::<()>("poll") });
    let in_drop = executor.spawn(Returns(Some(()), Bomb("drop")));
    executor.run_until_stalled();
    for (task, text) in [(in_poll, "poll"), (in_drop, "drop")] {
        let error = executor.block_on(task).unwrap_err();
        assert_eq!(panic_text(|| error.resume_unwind()), text);
    }
}

/// A future that waits for ever and panics when it is dropped.
fn waits_with_bomb(text: &'static str) -> impl Future<Output = ()> {
    let bomb = Bomb(text);
    async move {
        let _bomb = bomb;
        pending::<()>().await
    }
}

/// The text of the panic that the awaited handle got.
#[track_caller]
fn panic_of<T: std::fmt::Debug>(result: Result<T, JoinError>) -> String {
    text_of(&*result.unwrap_err().into_panic())
}

// Under Abort the policy would end the process: so nothing goes there that a handle gets.
#[test]
fn the_panic_of_an_aborted_tasks_destructor_reaches_its_handle_and_not_the_policy() {
    for policy in [PanicPolicy::Isolate, PanicPolicy::Propagate, PanicPolicy::Abort] {
        let executor = LocalExecutor::builder().panic_policy(policy).build();
        for polled_before in [false, true] {
            let local = executor.spawn(waits_with_bomb("local"));
            let remote = executor.spawner().spawn(|| waits_with_bomb("remote"));
            if polled_before {
                executor.run_until_stalled();
            }
            local.abort();
            remote.abort();
            executor.run_until_stalled();
            assert!(local.is_finished() && remote.is_finished());
            assert_eq!(panic_of(executor.block_on(local)), "local", "{policy:?}");
            match executor.block_on(remote).unwrap_err() {
                JoinError::Panicked(panic) if polled_before => {
                    assert_eq!(panic.message(), Some("remote"), "{policy:?}");
                    assert!(panic.task().location().unwrap().file().ends_with("panics.rs"));
                }
                // The closure was never called, so there was no future.
                JoinError::Cancelled if !polled_before => {}
                error => panic!("{policy:?}: {error}"),
            }
        }
        assert_eq!(executor.task_count(), 0);
    }
}

#[test]
fn the_panic_of_a_closure_that_is_aborted_unbegun_reaches_its_handle() {
    let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Abort).build();
    let bomb = Bomb("closure");
    let remote = executor.spawner().spawn(move || async move { drop(bomb) });
    remote.abort();
    executor.run_until_stalled();
    assert_eq!(panic_of(executor.block_on(remote)), "closure");
    // Refused: the closure is dropped where it was spawned.
    let (spawner, bomb) = (executor.spawner(), Bomb("refused"));
    drop(executor);
    let remote = spawner.spawn(move || async move { drop(bomb) });
    assert!(remote.is_finished());
    assert_eq!(panic_of(block_on(remote)), "refused");
}

#[test]
fn the_panics_of_tasks_that_the_executors_drop_ends_reach_their_handles() {
    for policy in [PanicPolicy::Isolate, PanicPolicy::Propagate, PanicPolicy::Abort] {
        let executor = LocalExecutor::builder().panic_policy(policy).build();
        let polled = [executor.spawn(waits_with_bomb("local")), executor.spawn(waits_with_bomb("local"))];
        let remote = executor.spawner().spawn(|| waits_with_bomb("remote"));
        executor.run_until_stalled();
        let queued = executor.spawn(waits_with_bomb("local"));
        let unseen = executor.spawner().spawn(|| waits_with_bomb("never made"));
        drop(executor);
        for task in polled.into_iter().chain([queued]) {
            assert_eq!(panic_of(block_on(task)), "local", "{policy:?}");
        }
        assert_eq!(panic_of(block_on(remote)), "remote", "{policy:?}");
        assert!(block_on(unseen).unwrap_err().is_cancelled());
    }
}

#[test]
fn a_task_that_is_cancelled_hands_the_panic_of_its_destructor_to_the_policy() {
    let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
    let task = executor.spawn(waits_with_bomb("cancelled"));
    let text = panic_text(|| {
        executor.block_on(async move {
            assert_eq!(task.cancel().await, None);
            pending::<()>().await;
        });
    });
    assert_eq!(text, "cancelled");
    executor.run_until_stalled();
}

// With no handle the first one is what the policy gets, under which only one can be handed on.
#[test]
fn a_task_that_panics_twice_is_known_by_its_first_panic() {
    struct Twice(#[allow(dead_code)] Bomb);
    impl Future for Twice {
        type Output = ();

        fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            explode("first")
        }
    }
    let twice = || Twice(Bomb("second"));
    let returns = || Returns(Some(Bomb("second")), Bomb("first"));
    for policy in [PanicPolicy::Isolate, PanicPolicy::Propagate, PanicPolicy::Abort] {
        let executor = LocalExecutor::builder().panic_policy(policy).build();
        let spawner = executor.spawner();
        let local = executor.spawn(twice());
        let output = executor.spawn(returns());
        let remote = spawner.spawn(twice);
        let output_elsewhere = spawner.spawn(returns);
        executor.run_until_stalled();
        assert_eq!(panic_of(executor.block_on(local)), "first", "{policy:?}");
        assert_eq!(panic_of(executor.block_on(remote)), "first", "{policy:?}");
        assert_eq!(panic_of(executor.block_on(output).map(drop)), "first", "{policy:?}");
        assert_eq!(panic_of(executor.block_on(output_elsewhere).map(drop)), "first", "{policy:?}");
    }
    let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
    let spawner = executor.spawner();
    let spawns: [&dyn Fn(); 4] = [
        &|| executor.spawn(twice()).detach(),
        &|| executor.spawn(returns()).detach(),
        &|| spawner.spawn(twice).detach(),
        &|| spawner.spawn(returns).detach(),
    ];
    for spawn in spawns {
        spawn();
        assert_eq!(panic_text(|| executor.run_until_stalled()), "first");
        executor.run_until_stalled();
    }
}

// What `unwrap` and `?` make of it.
#[test]
fn a_join_error_is_an_error_like_others() {
    let executor = LocalExecutor::new();
    let panicked = || {
        let task = wakeline::task::Builder::new().name("ticker").spawn_in(&executor, async { explode::<()>("out of cheese") });
        executor.block_on(task).unwrap_err()
    };
    let parts = ["ticker", "panics.rs", "panicked", "out of cheese"];
    let error = panicked();
    assert_contains(&error.to_string(), &parts);
    assert_contains(&format!("{error:?}"), &parts);
    assert!(!format!("{error:?}").contains("Any"), "{error:?}");
    let source = std::error::Error::source(&error).expect("the panic");
    let panic = source.downcast_ref::<wakeline::task::Panic>().unwrap();
    assert_eq!(panic.message(), Some("out of cheese"));
    assert_contains(&format!("{panic} {panic:?}"), &parts);
    // Into an io::Error and back, and out of it by `?`.
    let error = std::io::Error::from(error);
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
    assert_contains(&error.to_string(), &parts);
    let inner = error.into_inner().unwrap().downcast::<JoinError>().unwrap();
    assert_eq!(text_of(&*inner.into_panic()), "out of cheese");
    fn question_mark(error: JoinError) -> std::io::Result<()> {
        Err(error)?
    }
    assert!(question_mark(panicked()).is_err());
    let task = executor.spawn(pending::<()>());
    task.abort();
    let cancelled = executor.block_on(task).unwrap_err();
    assert_contains(&format!("{cancelled} {cancelled:?}"), &["Cancelled", "the task was cancelled"]);
    assert!(std::error::Error::source(&cancelled).is_none());
}

// A payload that is no text is said to be none, in words.
#[test]
fn the_message_of_a_panic_without_text_says_so() {
    let error = block_on(async { spawn(async { resume_unwind(Box::new(5_u8)) }).await }).unwrap_err();
    assert_contains(&format!("{error} {error:?}"), &["panicked with a payload that is no text"]);
}

#[test]
fn the_panic_hook_names_the_task_when_a_program_asks_for_it() {
    const TEST: &str = "panics::the_panic_hook_names_the_task_when_a_program_asks_for_it";
    if is_child() {
        let panic_in_task = |text: &'static str| {
            block_on(async {
                let task = wakeline::task::Builder::new().name("ticker");
                assert!(task.spawn(async move { panic!("{text}") }).await.is_err());
            });
        };
        panic_in_task("unnamed");
        wakeline::task::name_tasks_in_panics();
        wakeline::task::name_tasks_in_panics();
        panic_in_task("named");
        assert!(catch_unwind(|| panic!("outside")).is_err());
        assert!(catch_unwind(|| block_on(async { panic!("root") })).is_err());
        return;
    }
    let output = crate::support::run_in_child(TEST);
    crate::support::assert_passed(&output);
    // The test harness may have a hand in where the standard hook prints; our line goes to standard
    // error.
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text.matches("in task \"ticker\" (spawned at ").count(), 1, "{text}");
    assert_eq!(text.matches("in task").count(), 1, "{text}");
    let (before, after) = text.split_once("in task").unwrap();
    assert!(before.contains("unnamed") && after.contains("named") && after.contains("panics.rs"), "{text}");
}

#[test]
fn the_error_of_a_cancelled_task_says_that_it_has_no_payload() {
    let error = || {
        let executor = LocalExecutor::new();
        let task = executor.spawn(async {});
        drop(executor);
        block_on(task).unwrap_err()
    };
    assert_contains(&error().to_string(), &["cancelled", "aborted", "executor was dropped"]);
    assert_contains(&panic_text(|| drop(error().into_panic())), &["cancelled", "is_panic"]);
    assert_contains(&panic_text(|| error().resume_unwind()), &["cancelled"]);
}

#[test]
fn a_payload_of_any_type_reaches_the_handle_whole() {
    let error = block_on(async { spawn(async { resume_unwind(Box::new([1_u64, 2, 3])) }).await }).unwrap_err();
    let JoinError::Panicked(panic) = error else { panic!("not a panic") };
    assert_eq!(panic.message(), None);
    assert_eq!(panic.downcast_ref::<[u64; 3]>(), Some(&[1, 2, 3]));
    assert_eq!(*panic.into_payload().downcast::<[u64; 3]>().unwrap(), [1, 2, 3]);
}

#[test]
fn the_future_of_a_panicked_task_has_been_dropped_when_its_handle_returns() {
    block_on(async {
        let trace = Trace::new();
        let guard = Dropped::new((), &trace);
        let task = spawn(async move {
            let _guard = guard;
            explode::<()>("boom")
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(trace.len(), 1);
    });
}

#[test]
fn the_panic_of_block_ons_own_future_comes_out_and_the_executor_can_be_used_again() {
    let executor = LocalExecutor::new();
    let waiting = executor.spawn(async {
        yield_now().await;
        2
    });
    assert_eq!(panic_text(|| executor.block_on(async { explode("root") })), "root");
    assert_eq!(executor.block_on(waiting).unwrap(), 2);
    assert_eq!(panic_text(|| block_on(async { explode("root") })), "root");
    assert_eq!(block_on(async { spawn(async { 3 }).await.unwrap() }), 3);
}

// JC3: the output's drop panicked when the handle was dropped during another panic, which ended the
// process.
#[test]
fn a_handle_that_is_dropped_while_unwinding_may_hold_an_output_that_panics() {
    for policy in [PanicPolicy::Isolate, PanicPolicy::Propagate] {
        let executor = LocalExecutor::builder().panic_policy(policy).build();
        let task = executor.spawn(async { Bomb("output") });
        let remote = executor.spawner().spawn(|| async { Bomb("output") });
        executor.run_until_stalled();
        assert!(task.is_finished() && remote.is_finished());
        let text = panic_text(move || {
            let _handles = (task, remote);
            explode::<()>("first");
        });
        assert_eq!(text, "first");
        if policy == PanicPolicy::Propagate {
            assert_eq!(panic_text(|| executor.run_until_stalled()), "output");
        }
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 0);
    }
}

// JC5: a future that panicked in its drop stayed linked after its memory had gone.
#[test]
fn a_future_may_panic_in_its_drop_while_it_is_queued_running_or_its_executor_goes() {
    let spawn_bomb = |executor: &LocalExecutor| {
        let bomb = Bomb("drop");
        executor.spawn(async move {
            let _bomb = bomb;
            pending::<()>().await
        })
    };
    let left = blocks_left_by(|| {
        let executor = LocalExecutor::new();
        // Queued: cancelled before its first poll.
        drop(spawn_bomb(&executor));
        // Idle, then cancelled.
        let idle = spawn_bomb(&executor);
        executor.run_until_stalled();
        idle.abort();
        // Running: it drops its own handle and returns.
        let own = std::rc::Rc::new(RefCell::new(None));
        let inside = own.clone();
        let bomb = Bomb("drop");
        *own.borrow_mut() = Some(executor.spawn(async move {
            let _bomb = bomb;
            drop(RefCell::take(&inside));
        }));
        executor.run_until_stalled();
        assert_eq!(executor.task_count(), 1, "the handle of the aborted one");
        assert!(idle.is_finished());
        drop(idle);
        // At the executor's drop: idle and queued.
        spawn_bomb(&executor).detach();
        executor.run_until_stalled();
        spawn_bomb(&executor).detach();
        let remote = executor.spawner().spawn(|| async { pending::<()>().await });
        drop(executor);
        drop(remote);
    });
    assert_eq!(left, 0);
}

#[test]
fn an_executor_that_is_dropped_while_unwinding_drops_tasks_that_panic() {
    let trace = Trace::new();
    let events = trace.clone();
    let text = panic_text(move || {
        let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
        for number in 0..3 {
            let events = events.clone();
            let guard = OnDrop::new(move || {
                events.push(number);
                explode::<()>("in a drop");
            });
            executor
                .spawn(async move {
                    let _guard = guard;
                    pending::<()>().await
                })
                .detach();
        }
        executor.run_until_stalled();
        explode::<()>("first");
    });
    assert_eq!(text, "first");
    assert_eq!(trace.take(), [2, 1, 0]);
}

// JC8: a waker whose clone, wake or drop panics, at every place where the crate calls it.
#[test]
fn a_foreign_waker_may_panic_at_every_site() {
    for policy in [PanicPolicy::Isolate, PanicPolicy::Propagate] {
        for site in [Site::Clone, Site::Wake, Site::Drop] {
            let executor = LocalExecutor::builder().panic_policy(policy).build();
            let (future, key) = parked();
            let mut task = executor.spawn(async move {
                future.await;
                5
            });
            let (bad, hooked) = Hooked::new(move |at| {
                if at == site {
                    explode::<()>("waker");
                }
            });
            executor.run_until_stalled();
            hooked.arm();
            // Kept by a handle: cloned by one poll, replaced by the next.
            let polled = catch_unwind(AssertUnwindSafe(|| poll_once(&mut task, &bad).is_pending()));
            assert_eq!(polled.is_err(), site == Site::Clone, "{site:?}");
            let polled = catch_unwind(AssertUnwindSafe(|| poll_once(&mut task, Waker::noop()).is_pending()));
            assert_eq!(polled.is_err(), site == Site::Drop, "{site:?}");
            let _ = catch_unwind(AssertUnwindSafe(|| poll_once(&mut task, &bad).is_pending()));
            // Kept when the task ends.
            key.open_and_wake();
            let run = catch_unwind(AssertUnwindSafe(|| executor.run_until_stalled()));
            assert_eq!(run.is_err(), policy == PanicPolicy::Propagate && site == Site::Wake, "{site:?}");
            hooked.disarm();
            assert!(matches!(poll_once(&mut task, Waker::noop()), Poll::Ready(Ok(5))), "{site:?}");
            drop(task);
            assert_eq!((executor.task_count(), hooked.alive()), (0, 1), "{site:?}");
        }
    }
}

// JC8: the same for the handle of another thread's task.
#[test]
fn a_foreign_waker_may_panic_at_every_site_of_a_remote_handle() {
    for site in [Site::Clone, Site::Wake, Site::Drop] {
        let executor = LocalExecutor::new();
        let (future, key) = parked();
        let mut task = executor.spawner().spawn(move || async move {
            future.await;
            5
        });
        let (bad, hooked) = Hooked::new(move |at| {
            if at == site {
                explode::<()>("waker");
            }
        });
        executor.run_until_stalled();
        hooked.arm();
        let _ = catch_unwind(AssertUnwindSafe(|| poll_once(&mut task, &bad).is_pending()));
        let _ = catch_unwind(AssertUnwindSafe(|| poll_once(&mut task, Waker::noop()).is_pending()));
        let _ = catch_unwind(AssertUnwindSafe(|| poll_once(&mut task, &bad).is_pending()));
        key.open_and_wake();
        executor.run_until_stalled();
        hooked.disarm();
        assert!(matches!(poll_once(&mut task, Waker::noop()), Poll::Ready(Ok(5))), "{site:?}");
        drop(task);
        executor.run_until_stalled();
        assert_eq!((executor.task_count(), hooked.alive()), (0, 1), "{site:?}");
    }
}

// JC3, JC8: the handle is dropped with a waker in it whose drop panics, while another panic
// unwinds.
#[test]
fn a_handle_that_is_dropped_while_unwinding_may_keep_a_waker_that_panics() {
    let executor = LocalExecutor::new();
    let (bad, hooked) = Hooked::new(|site| {
        if site == Site::Drop {
            explode::<()>("waker");
        }
    });
    let mut task = executor.spawn(pending::<()>());
    let mut remote = executor.spawner().spawn(pending::<()>);
    assert!(poll_once(&mut task, &bad).is_pending());
    assert!(poll_once(&mut remote, &bad).is_pending());
    executor.run_until_stalled();
    hooked.arm();
    let text = panic_text(move || {
        let _handles = (task, remote);
        explode::<()>("first");
    });
    assert_eq!(text, "first");
    hooked.disarm();
    executor.run_until_stalled();
    assert_eq!((executor.task_count(), hooked.alive()), (0, 1));
}

// JC3, JC8: two foreign wakers meet in one poll: the new one's clone panics, and the old one is
// dropped by that panic, which is its second.
#[test]
fn a_waker_that_is_replaced_by_one_that_panics_may_panic_as_well() {
    let executor = LocalExecutor::new();
    let hooked = |at: Site| {
        Hooked::new(move |site| {
            if site == at {
                explode::<()>(if at == Site::Clone { "clone" } else { "drop" });
            }
        })
    };
    let ((old, old_hook), (new, new_hook)) = (hooked(Site::Drop), hooked(Site::Clone));
    let mut task = executor.spawn(pending::<()>());
    let mut remote = executor.spawner().spawn(pending::<()>);
    let mut timer = std::pin::pin!(wakeline::time::sleep(std::time::Duration::from_secs(3600)));
    executor.block_on(std::future::poll_fn(|_| {
        assert!(timer.as_mut().poll(&mut Context::from_waker(&old)).is_pending());
        Poll::Ready(())
    }));
    assert!(poll_once(&mut task, &old).is_pending() && poll_once(&mut remote, &old).is_pending());
    old_hook.arm();
    new_hook.arm();
    assert_eq!(panic_text(|| drop(poll_once(&mut task, &new))), "clone");
    assert_eq!(panic_text(|| drop(poll_once(&mut remote, &new))), "clone");
    let text = panic_text(|| executor.block_on(std::future::poll_fn(|_| timer.as_mut().poll(&mut Context::from_waker(&new)))));
    assert_eq!(text, "clone");
    old_hook.disarm();
    new_hook.disarm();
}

// JC3, JC8: a timer is dropped with a waker in it whose drop panics, while another panic unwinds.
#[test]
fn a_timer_that_is_dropped_while_unwinding_may_keep_a_waker_that_panics() {
    let executor = LocalExecutor::new();
    let (bad, hooked) = Hooked::new(|site| {
        if site == Site::Drop {
            explode::<()>("waker");
        }
    });
    let text = panic_text(|| {
        executor.block_on(async {
            let mut timer = std::pin::pin!(wakeline::time::sleep(std::time::Duration::from_secs(3600)));
            assert!(timer.as_mut().poll(&mut Context::from_waker(&bad)).is_pending());
            hooked.arm();
            explode::<()>("first");
        });
    });
    assert_eq!(text, "first");
    hooked.disarm();
    assert_eq!(hooked.alive(), 1);
}

// An executor that is dropped by a panic ends its tasks, and that wakes foreign wakers that panic.
#[test]
fn an_executor_that_is_dropped_while_unwinding_may_wake_wakers_that_panic() {
    let (bad, hooked) = Hooked::new(|site| {
        if site == Site::Wake {
            explode::<()>("waker");
        }
    });
    let executor = LocalExecutor::new();
    let mut handles = [executor.spawn(pending::<()>()), executor.spawn(waits_with_bomb("drop"))];
    let mut remotes = [executor.spawner().spawn(pending::<()>), executor.spawner().spawn(|| waits_with_bomb("drop"))];
    executor.run_until_stalled();
    for handle in &mut handles {
        assert!(poll_once(handle, &bad).is_pending());
    }
    for remote in &mut remotes {
        assert!(poll_once(remote, &bad).is_pending());
    }
    hooked.arm();
    let text = panic_text(move || {
        let _executor = executor;
        explode::<()>("first");
    });
    assert_eq!(text, "first");
    hooked.disarm();
    assert_eq!(hooked.alive(), 1);
    assert_eq!(handles.map(|task| block_on(task).unwrap_err().is_panic()), [false, true]);
    assert_eq!(remotes.map(|task| block_on(task).unwrap_err().is_panic()), [false, true]);
}

// The poll that returns the output calls nothing of the waker that it is given.
#[test]
fn the_poll_that_returns_a_remote_output_calls_no_waker() {
    let executor = LocalExecutor::new();
    let (bad, hooked) = Hooked::new(|site| explode(if site == Site::Clone { "clone" } else { "waker" }));
    let mut remote = executor.spawner().spawn(|| async { 5 });
    executor.run_until_stalled();
    hooked.arm();
    assert!(matches!(poll_once(&mut remote, &bad), Poll::Ready(Ok(5))));
    hooked.disarm();
}

// -- a payload that panics when it is dropped
// -------------------------------------------------------------------------------------------------

/// A panic whose payload panics when it is dropped, twice over.
fn explode_with_bomb() {
    struct Outer;
    impl Drop for Outer {
        fn drop(&mut self) {
            resume_unwind(Box::new(Bomb("inner")));
        }
    }
    resume_unwind(Box::new(Outer));
}

#[test]
fn a_payload_that_panics_when_it_is_dropped_ends_nothing_but_its_task() {
    let left = blocks_left_by(|| {
        let executor = LocalExecutor::new();
        let trace = Trace::new();
        executor.spawn(async { explode_with_bomb() }).detach();
        let guard = Dropped::new("future", &trace);
        let explodes = OnDrop::new(explode_with_bomb);
        drop(executor.spawn(async move {
            let _guards = (guard, explodes);
            pending::<()>().await
        }));
        let explodes = OnDrop::new(explode_with_bomb);
        executor.spawn(async move { explodes }).detach();
        let (first, second) = (OnDrop::new(explode_with_bomb), OnDrop::new(explode_with_bomb));
        executor.spawn(Returns(Some(first), second)).detach();
        let handle = executor.spawn(async { explode_with_bomb() });
        executor.run_until_stalled();
        assert_eq!(trace.len(), 1, "dropped once");
        drop(handle);
        assert_eq!(executor.task_count(), 0);
    });
    // The innermost payloads are leaked, as each drop of one would be one panic more.
    assert!(left >= 0, "{left}");
}

// A panic that comes too late to be handed on belongs to the owner's thread all the same.
#[test]
fn a_payload_is_never_dropped_by_the_thread_that_drops_the_last_waker() {
    let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build();
    let trace = Trace::new();
    let payload = Arc::new(Mutex::new(Some(Dropped::new("payload", &trace))));
    let (future, key) = parked();
    let explodes = OnDrop::new(move || resume_unwind(Box::new(payload.lock().unwrap().take().unwrap())));
    executor
        .spawn(async move {
            let _explodes = explodes;
            future.await;
        })
        .detach();
    executor.run_until_stalled();
    let (waker, spawner) = (key.take_waker(), executor.spawner());
    drop(executor);
    thread::spawn(move || drop((waker, spawner))).join().unwrap();
    assert_eq!(trace.take(), [("payload", thread::current().id())]);
}
