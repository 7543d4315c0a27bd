//! A waker is the one thing that may leave the thread: another thread computes, and wakes the task
//! that waits for the result. The `Spawner` goes the other way: a closure travels to the executor,
//! and the future that it makes stays there to its end.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use wakeline::LocalExecutor;

/// What the two threads share: the result once it is there, until then who is waiting for it.
struct Shared<T> {
    result: Option<T>,
    waiting: Option<Waker>,
}

/// Runs `work` on a thread of its own; the future resolves to what it returned.
fn on_another_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> {
    let shared = Arc::new(Mutex::new(Shared { result: None, waiting: None }));
    let theirs = Arc::clone(&shared);
    thread::spawn(move || {
        let result = work();
        let waiting = {
            let mut shared = theirs.lock().expect("nobody panics with the lock held");
            shared.result = Some(result);
            shared.waiting.take()
        };
        // The lock is free again: a waker may run code of its own.
        if let Some(waker) = waiting {
            waker.wake();
        }
    });
    poll_fn(move |cx| {
        let mut shared = shared.lock().expect("nobody panics with the lock held");
        match shared.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                shared.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    })
}

fn main() {
    let executor = LocalExecutor::new();
    let spawner = executor.spawner();
    executor.block_on(async {
        let factorial = on_another_thread(|| {
            thread::sleep(Duration::from_millis(20)); // Stands for work.
            (1..=20).product::<u64>()
        });
        println!("20! is {}, says another thread", factorial.await);

        println!("the executor runs on {:?}", thread::current().id());
        let there_and_back = on_another_thread(move || {
            // This thread has an executor of its own while it waits for the task that it sends to
            // the other one.
            let task = spawner.spawn(|| async { format!("made on {:?}", thread::current().id()) });
            let made = wakeline::block_on(task).expect("the task neither panics nor is cancelled");
            format!("sent from {:?}, {made}", thread::current().id())
        });
        println!("{}", there_and_back.await);
    });
}
