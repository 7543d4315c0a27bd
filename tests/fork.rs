//! Executors and forked processes: the parent's executor says so in the child, a new one works
//! there, the parent's goes on.
//!
//! Each test runs in a process of its own with one thread. A fork of the whole test binary would
//! copy locks that other tests' threads hold.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use wakeline::io::Async;
use wakeline::runtime::SpawnError;
use wakeline::{Cores, LocalExecutor, Runtime, block_on, spawn, time, try_block_on, unblock, yield_now};

use crate::support::{assert_contains, assert_passed, is_child, panic_text, parked, run_in_child};

unsafe extern "C" {
    safe fn fork() -> c_int;
    safe fn _exit(status: c_int) -> !;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
}

/// Runs `child` in a forked process, which must come to its end there; then the parent goes on.
#[track_caller]
pub fn in_a_fork(child: impl FnOnce()) {
    let process = fork();
    if process == 0 {
        let outcome = catch_unwind(AssertUnwindSafe(child));
        _exit(if outcome.is_ok() { 0 } else { 1 });
    }
    assert!(process > 0, "fork failed");
    let mut status = -1;
    // SAFETY: `status` is a place for the child's status, which is what the call writes.
    assert_eq!(unsafe { waitpid(process, &mut status, 0) }, process);
    assert_eq!(status, 0, "the child failed");
}

/// Runs the test in a process of its own; true there.
fn alone(test: &str) -> bool {
    if is_child() {
        return true;
    }
    assert_passed(&run_in_child(&format!("fork::{test}")));
    false
}

/// An executor with a task that waits for a byte, and one that waits for a wake; both have been
/// polled.
fn busy_executor() -> (LocalExecutor, UnixStream, crate::support::Key, wakeline::Task<u8>) {
    let executor = LocalExecutor::new();
    let (near, far) = UnixStream::pair().unwrap();
    let read = executor.spawn(async move {
        let near = Async::new(near).unwrap();
        let mut byte = [0];
        near.read_with(|stream| Read::read(&mut &*stream, &mut byte)).await.unwrap();
        byte[0]
    });
    let (future, key) = parked();
    executor.spawn(future).detach();
    executor.run_until_stalled();
    (executor, far, key, read)
}

const WORDS: [&str; 2] = ["fork", "in the child"];

#[test]
fn a_parents_executor_says_in_the_child_that_it_is_the_parents() {
    if !alone("a_parents_executor_says_in_the_child_that_it_is_the_parents") {
        return;
    }
    let (executor, mut far, key, read) = busy_executor();
    in_a_fork(|| {
        let error = executor.try_block_on(async {}).unwrap_err();
        assert!(error.is_forked() && !error.is_nested());
        assert_contains(&error.to_string(), &WORDS);
        assert_contains(&panic_text(|| executor.block_on(async {})), &WORDS);
        assert_contains(
            &panic_text(|| {
                executor.try_tick();
            }),
            &WORDS,
        );
        assert_contains(&panic_text(|| executor.run_until_stalled()), &WORDS);
        assert_contains(&executor.turn(None).unwrap_err().to_string(), &WORDS);
        // What does not run it is allowed and leads nowhere.
        key.waker().wake();
        executor.spawn(async {}).detach();
        executor.spawner().spawn(|| async {}).detach();
    });
    // The parent's goes on: descriptors, wakes and all.
    far.write_all(b"p").unwrap();
    assert_eq!(executor.block_on(read).unwrap(), b'p');
    let polls = key.polls();
    let waker = key.waker();
    thread::spawn(move || waker.wake()).join().unwrap();
    executor.run_until_stalled();
    assert_eq!(key.polls(), polls + 1);
}

// SF1: parent and child stole each other's wakes.
#[test]
fn a_new_executor_in_the_child_works_and_parent_and_child_take_nothing_from_each_other() {
    if !alone("a_new_executor_in_the_child_works_and_parent_and_child_take_nothing_from_each_other") {
        return;
    }
    let (executor, mut far, key, read) = busy_executor();
    #[cfg(not(polling_test_poll_backend))]
    let _host = executor.host().unwrap();
    in_a_fork(|| {
        for use_free_function in [false, true] {
            let (future, key) = parked();
            let waking = thread::spawn(move || {
                crate::support::wait_until(|| key.polls() > 0);
                key.open_and_wake();
            });
            let (near, mut far) = UnixStream::pair().unwrap();
            let all = async move {
                let near = Async::new(near).unwrap();
                let write = spawn(async move {
                    time::sleep(Duration::from_millis(1)).await;
                    far.write_all(b"c").unwrap();
                });
                near.readable().await.unwrap();
                write.await.unwrap();
                future.await;
            };
            if use_free_function {
                block_on(all)
            } else {
                LocalExecutor::new().block_on(all)
            }
            waking.join().unwrap();
        }
        // Wakes of the parent's tasks do not reach the parent.
        for _ in 0..10 {
            key.waker().wake();
        }
    });
    let notifications = executor.metrics().notifications;
    let polls = key.polls();
    executor.run_until_stalled();
    assert_eq!((executor.metrics().notifications, key.polls()), (notifications, polls));
    far.write_all(b"p").unwrap();
    assert_eq!(executor.block_on(read).unwrap(), b'p');
}

#[test]
fn the_threads_own_executor_is_made_anew_in_the_child() {
    if !alone("the_threads_own_executor_is_made_anew_in_the_child") {
        return;
    }
    let (future, key) = parked();
    block_on(async {
        spawn(future).detach();
        yield_now().await;
        time::sleep(Duration::from_millis(1)).await;
    });
    in_a_fork(|| {
        assert_eq!(block_on(async { spawn(async { 5 }).await.unwrap() }), 5);
        block_on(time::sleep(Duration::from_millis(1)));
        // A child's child, too.
        in_a_fork(|| assert_eq!(block_on(async { 6 }), 6));
        assert_eq!(block_on(async { 7 }), 7);
        assert_eq!(key.polls(), 1);
    });
    key.open_and_wake();
    block_on(async { yield_now().await });
    assert_eq!(key.polls(), 2);
}

#[test]
fn a_fork_inside_a_task_leaves_a_child_that_is_told_and_a_parent_that_goes_on() {
    if !alone("a_fork_inside_a_task_leaves_a_child_that_is_told_and_a_parent_that_goes_on") {
        return;
    }
    let executor = LocalExecutor::new();
    let output = executor.block_on(async {
        time::sleep(Duration::from_millis(1)).await;
        spawn(async {
            in_a_fork(|| {
                // Inside the parent's task there is no entering anything; but it is said, and
                // another thread can.
                assert!(try_block_on(async {}).is_err());
                assert_contains(&panic_text(|| block_on(async {})), &["block_on"]);
                assert_eq!(thread::spawn(|| block_on(async { spawn(async { 1 }).await.unwrap() })).join().unwrap(), 1);
            });
            time::sleep(Duration::from_millis(1)).await;
            2
        })
        .await
        .unwrap()
    });
    assert_eq!(output, 2);
}

#[test]
fn a_child_that_returns_into_its_parents_loop_is_stopped_there() {
    if !alone("a_child_that_returns_into_its_parents_loop_is_stopped_there") {
        return;
    }
    // The whole of block_on is run twice: the child comes back from the fork inside of it and must
    // not sleep there for ever.
    let executor = LocalExecutor::new();
    let mut process = -1;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        executor.block_on(async {
            time::sleep(Duration::from_millis(1)).await;
            process = fork();
            time::sleep(Duration::from_millis(1)).await;
        });
    }));
    if process == 0 {
        let told = outcome.is_err_and(|payload| crate::support::text_of(&*payload).contains("fork"));
        _exit(if told { 0 } else { 1 });
    }
    outcome.unwrap();
    let mut status = -1;
    // SAFETY: as in `in_a_fork`.
    assert_eq!(unsafe { waitpid(process, &mut status, 0) }, process);
    assert_eq!(status, 0, "the child was not told");
}

#[test]
fn a_child_may_drop_its_copy_of_the_parents_executor() {
    if !alone("a_child_may_drop_its_copy_of_the_parents_executor") {
        return;
    }
    let (executor, mut far, key, read) = busy_executor();
    let mut both = Some((executor, read));
    in_a_fork(|| {
        drop(both.take());
        assert_eq!(block_on(async { spawn(async { 1 }).await.unwrap() }), 1);
    });
    let (executor, read) = both.unwrap();
    far.write_all(b"p").unwrap();
    assert_eq!(executor.block_on(read).unwrap(), b'p');
    assert!(key.polls() >= 1);
}

// A child has none of its parent's threads, and perhaps one of its locks for ever.
#[test]
fn a_child_has_a_pool_of_its_own_and_its_parents_handles_say_that_they_are_cancelled() {
    if !alone("a_child_has_a_pool_of_its_own_and_its_parents_handles_say_that_they_are_cancelled") {
        return;
    }
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let mut job = unblock(move || wait.recv().is_ok());
    in_a_fork(|| {
        assert!(job.is_finished());
        assert!(block_on(&mut job).unwrap_err().is_cancelled());
        assert_eq!(block_on(unblock(|| 1)).unwrap(), 1);
        // A child's child, too.
        in_a_fork(|| assert_eq!(block_on(unblock(|| 2)).unwrap(), 2));
        assert_eq!(block_on(unblock(|| 3)).unwrap(), 3);
    });
    // A child that is made by a job is made on one of the pool's threads.
    block_on(unblock(|| in_a_fork(|| assert_eq!(block_on(unblock(|| 4)).unwrap(), 4)))).unwrap();
    release.send(()).unwrap();
    assert!(block_on(job).unwrap());
}

#[test]
fn a_parents_runtime_says_in_the_child_that_it_is_the_parents_and_hangs_nobody() {
    if !alone("a_parents_runtime_says_in_the_child_that_it_is_the_parents_and_hangs_nobody") {
        return;
    }
    let build = || Runtime::builder().cores(Cores::exactly(2)).build().unwrap();
    let runtime = build();
    let handle = runtime.handle();
    let (future, key) = parked();
    let waiting = runtime.spawn_on(0, || future);
    crate::support::wait_until(|| key.polls() > 0);
    let core = runtime.run(|core| async move { core }).pop().unwrap();
    let mut runtime = Some(runtime);
    in_a_fork(|| {
        let parents = runtime.take().unwrap();
        assert_contains(&panic_text(|| parents.spawn_on(0, || async {}).detach()), &WORDS);
        assert_contains(&panic_text(|| handle.spawn_balanced(|| async {}).detach()), &WORDS);
        assert_contains(&panic_text(|| drop(parents.run(|_| async {}))), &WORDS);
        assert_contains(&panic_text(|| parents.block_on(async {})), &WORDS);
        assert_eq!(handle.try_spawn_on(0, || async {}).unwrap_err(), SpawnError::Forked);
        assert_eq!(handle.try_spawn_balanced(|| async {}).unwrap_err(), SpawnError::Forked);
        assert_contains(&handle.try_spawn_on(0, || async {}).unwrap_err().to_string(), &WORDS);
        // What asks nobody is allowed, and what would end the parent's does nothing.
        assert_eq!(parents.metrics().cores.len(), 2);
        handle.stop();
        assert!(!handle.is_stopping());
        drop((core.clone(), handle.clone()));
        assert_contains(&panic_text(|| drop(parents.shutdown(Duration::MAX))), &WORDS);
        // The child has its own, from start to end.
        let own = build();
        assert_eq!(own.run(|core| async move { core.index() }), [0, 1]);
        assert_eq!(block_on(own.spawn_balanced(|| async { 5 })).unwrap(), 5);
        assert!(own.shutdown(Duration::from_secs(10)).is_clean());
    });
    in_a_fork(|| drop(runtime.take()));
    // The parent's goes on.
    let runtime = runtime.take().unwrap();
    key.open_and_wake();
    block_on(waiting).unwrap();
    assert_eq!(block_on(handle.spawn_balanced(|| async { 5 })).unwrap(), 5);
    assert!(runtime.shutdown(Duration::from_secs(10)).is_clean());
}

// -- a runtime in the child, whatever the parent's is doing
// -------------------------------------------------------------------------------------------------

/// Uses a new runtime of several cores in every way, and shuts it down.
fn a_runtime_lives_and_ends() {
    let runtime = Runtime::builder().cores(Cores::exactly(3)).build().unwrap();
    let sums = runtime.run(|core| async move {
        let (handle, next) = (core.handle().clone(), (core.index() + 1) % 3);
        time::sleep(Duration::from_millis(1)).await;
        handle.spawn_on(next, || async { unblock(|| 1).await.unwrap() }).await.unwrap() + spawn(async { 2 }).await.unwrap()
    });
    assert_eq!(sums, [3; 3]);
    assert_eq!(runtime.block_on(runtime.spawn_balanced(|| async { 5 })).unwrap(), 5);
    let report = runtime.shutdown(Duration::from_secs(20));
    assert!(report.is_clean(), "{report}");
    // 3 mains, 3 tasks of neighbours, 3 of their own, and one that was balanced.
    assert_eq!(report.finished, 10);
}

#[test]
fn a_child_builds_and_ends_a_runtime_while_its_parents_lives_or_sleeps() {
    if !alone("a_child_builds_and_ends_a_runtime_while_its_parents_lives_or_sleeps") {
        return;
    }
    a_runtime_lives_and_ends();
    let runtime = Runtime::builder().cores(Cores::exactly(3)).build().unwrap();
    // Built a moment ago, and asleep for good.
    in_a_fork(a_runtime_lives_and_ends);
    crate::support::wait_until(|| runtime.metrics().cores.iter().all(|core| core.sleeps > 0));
    in_a_fork(|| {
        a_runtime_lives_and_ends();
        in_a_fork(a_runtime_lives_and_ends);
    });
    // Forked by a task of a core, and by a job.
    let by_core = runtime.spawn_on(1, || async {
        let child = || thread::spawn(a_runtime_lives_and_ends).join().unwrap();
        in_a_fork(child);
        unblock(|| in_a_fork(a_runtime_lives_and_ends)).await.unwrap();
        5
    });
    assert_eq!(runtime.block_on(by_core).unwrap(), 5);
    assert!(runtime.shutdown(Duration::from_secs(20)).is_clean());
    a_runtime_lives_and_ends();
}

#[test]
fn a_child_builds_and_ends_a_runtime_while_its_parents_cores_spawn_on_each_other() {
    if !alone("a_child_builds_and_ends_a_runtime_while_its_parents_cores_spawn_on_each_other") {
        return;
    }
    fn bounce(handle: wakeline::runtime::Handle, core: usize) {
        let next = handle.clone();
        let task = move || async move {
            unblock(|| ()).detach();
            let balanced = next.clone();
            next.spawn_balanced(move || async move { bounce(balanced, 1 - core) }).detach();
        };
        handle.spawn_on(core, task).detach();
    }
    let runtime = Runtime::builder().cores(Cores::exactly(2)).build().unwrap();
    (0..8).for_each(|number| bounce(runtime.handle(), number % 2));
    let polls = || runtime.metrics().cores.iter().map(|core| core.polls).sum::<u64>();
    for _ in 0..crate::support::rounds(20) {
        let before = polls();
        in_a_fork(a_runtime_lives_and_ends);
        crate::support::wait_until(|| polls() > before + 100);
    }
    let report = runtime.shutdown(Duration::ZERO);
    assert!(report.abandoned.iter().all(|left| matches!(left, wakeline::runtime::Abandoned::Job(_))), "{report}");
}
