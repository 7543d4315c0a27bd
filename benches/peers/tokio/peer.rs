//! What the workloads ask of a peer.

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
pub use tokio::task::spawn;
pub use tokio::time::sleep;

pub struct Executor(Runtime);

impl Executor {
    pub fn new() -> Self {
        Self(Builder::new_current_thread().enable_all().build().expect("tokio has its descriptors"))
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

pub fn detach<F: Future<Output: Send + 'static> + Send + 'static>(future: F) {
    drop(spawn(future));
}

pub fn channel() -> (mpsc::Sender<u64>, mpsc::Receiver<u64>) {
    mpsc::channel(1)
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
