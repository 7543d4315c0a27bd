//! What the workloads ask of a peer.

use compio::runtime::Runtime;
pub use compio::runtime::spawn;
pub use compio::time::sleep;
use local_sync::mpsc::bounded::{Rx, Tx, channel as bounded};

pub struct Executor(Runtime);

impl Executor {
    pub fn new() -> Self {
        Self(Runtime::new().expect("compio has its driver"))
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

pub fn detach<F: Future<Output: 'static> + 'static>(future: F) {
    spawn(future).detach();
}

/// It has none of its own.
pub fn channel() -> (Tx<u64>, Rx<u64>) {
    bounded(1)
}

macro_rules! join {
    ($handle:expr) => {
        $handle.await.expect("a task does not fail")
    };
}

macro_rules! send {
    ($sender:expr, $token:expr) => {
        $sender.send($token).await.expect("the other side receives")
    };
}

macro_rules! receive {
    ($receiver:expr) => {
        $receiver.recv().await
    };
}
