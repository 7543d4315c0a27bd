//! The flag: a right one, and one that loses a wake.

#![cfg(wakeline_loom)]

use std::future::poll_fn;
use std::sync::Arc;

use loom::thread;
use wakeline_downstream::Flag;

#[test]
fn a_task_hears_of_the_flag() {
    loom::model(|| {
        let flag = Arc::new(Flag::new());
        let theirs = flag.clone();
        let other = thread::spawn(move || theirs.set());
        wakeline::block_on(async {
            let task = wakeline::spawn(async move { poll_fn(|cx| flag.poll_set(cx)).await });
            task.await.unwrap();
        });
        other.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn loom_finds_the_wake_that_is_lost() {
    loom::model(|| {
        let flag = Arc::new(Flag::new());
        let theirs = flag.clone();
        let other = thread::spawn(move || theirs.set());
        wakeline::block_on(async {
            let task = wakeline::spawn(async move { poll_fn(|cx| flag.poll_set_carelessly(cx)).await });
            task.await.unwrap();
        });
        other.join().unwrap();
    });
}
