//! Tasks that another thread spawns.

#![cfg(wakeline_loom)]

use std::rc::Rc;
use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use wakeline::{LocalExecutor, block_on, channel};

#[test]
fn a_task_that_another_thread_spawns_runs_here_and_answers_there() {
    loom::model(|| {
        let executor = LocalExecutor::new();
        let spawner = executor.spawner();
        let (done, end) = channel::oneshot();
        let other = thread::spawn(move || {
            let task = spawner.spawn(|| async { *Rc::new(41) + 1 });
            let answer = block_on(task).unwrap();
            done.send(answer).unwrap();
        });
        assert_eq!(executor.block_on(end).unwrap(), 42);
        other.join().unwrap();
    });
}

/// The planted bug: the executor is asked whether there is more to do before it says that it goes.
#[test]
#[should_panic(expected = "deadlock")]
fn loom_finds_the_task_that_nobody_runs() {
    loom::model(|| {
        let executor = LocalExecutor::new();
        let (spawner, spawned) = (executor.spawner(), Arc::new(AtomicBool::new(false)));
        let theirs = spawned.clone();
        let other = thread::spawn(move || {
            let task = spawner.spawn(|| async {});
            theirs.store(true, Ordering::Release);
            block_on(task)
        });
        if spawned.load(Ordering::Acquire) {
            executor.run_until_stalled();
        }
        // It is not dropped before the thread has ended, so the thread's task is neither run nor
        // cancelled.
        other.join().unwrap().unwrap();
    });
}
