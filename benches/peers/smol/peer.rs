//! What the workloads ask of a peer.

use std::cell::Cell;
use std::time::Duration;

use async_executor::{LocalExecutor, Task};
use async_io::Timer;

thread_local! {
    static CURRENT: Cell<Option<&'static LocalExecutor<'static>>> = const { Cell::new(None) };
}

fn current() -> &'static LocalExecutor<'static> {
    CURRENT.get().expect("an executor was made on this thread")
}

pub struct Executor;

impl Executor {
    /// For ever: a task that is spawned has to find it.
    pub fn new() -> Self {
        CURRENT.set(Some(Box::leak(Box::new(LocalExecutor::new()))));
        Self
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        async_io::block_on(current().run(future))
    }
}

pub fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> Task<F::Output> {
    current().spawn(future)
}

pub fn detach<F: Future<Output: 'static> + 'static>(future: F) {
    spawn(future).detach();
}

pub fn sleep(length: Duration) -> Timer {
    Timer::after(length)
}

pub fn channel() -> (async_channel::Sender<u64>, async_channel::Receiver<u64>) {
    async_channel::bounded(1)
}

macro_rules! join {
    ($handle:expr) => {
        $handle.await
    };
}

macro_rules! send {
    ($sender:expr, $token:expr) => {
        $sender.send($token).await.expect("the other side receives")
    };
}

macro_rules! receive {
    ($receiver:expr) => {
        $receiver.recv().await.ok()
    };
}
