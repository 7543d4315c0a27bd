//! What the workloads ask of a peer.

use std::cell::RefCell;

use futures::channel::mpsc;
use futures::executor::{LocalPool, LocalSpawner};
use futures::future::RemoteHandle;
use futures::task::LocalSpawnExt;
pub use futures::{SinkExt, StreamExt};

thread_local! {
    static CURRENT: RefCell<Option<LocalSpawner>> = const { RefCell::new(None) };
}

pub struct Executor(RefCell<LocalPool>);

impl Executor {
    pub fn new() -> Self {
        let pool = LocalPool::new();
        CURRENT.set(Some(pool.spawner()));
        Self(RefCell::new(pool))
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.borrow_mut().run_until(future)
    }
}

fn with_current<T>(ask: impl FnOnce(&LocalSpawner) -> T) -> T {
    CURRENT.with_borrow(|current| ask(current.as_ref().expect("a pool was made on this thread")))
}

pub fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> RemoteHandle<F::Output> {
    with_current(|current| current.spawn_local_with_handle(future).expect("the pool is there"))
}

pub fn detach<F: Future<Output = ()> + 'static>(future: F) {
    with_current(|current| current.spawn_local(future).expect("the pool is there"));
}

/// Its capacity is the number plus one for each sender.
pub fn channel() -> (mpsc::Sender<u64>, mpsc::Receiver<u64>) {
    mpsc::channel(0)
}

macro_rules! join {
    ($handle:expr) => {
        $handle.await
    };
}

macro_rules! send {
    ($sender:expr, $token:expr) => {
        crate::peer::SinkExt::send(&mut $sender, $token).await.expect("the other side receives")
    };
}

macro_rules! receive {
    ($receiver:expr) => {
        crate::peer::StreamExt::next(&mut $receiver).await
    };
}
