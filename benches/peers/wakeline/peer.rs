//! What the workloads ask of a peer.

use std::time::Duration;

pub use wakeline::spawn;
pub use wakeline::time::sleep;

pub struct Executor(wakeline::LocalExecutor);

impl Executor {
    pub fn new() -> Self {
        Self(wakeline::LocalExecutor::new())
    }

    /// Timers may wait for each other, so long.
    pub fn with_slack(slack: Duration) -> Self {
        Self(wakeline::LocalExecutor::builder().timer_slack(slack).build())
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

pub fn detach<F: Future<Output: 'static> + 'static>(future: F) {
    spawn(future).detach();
}

pub fn channel() -> (wakeline::local::Sender<u64>, wakeline::local::Receiver<u64>) {
    wakeline::local::bounded(1)
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
        $receiver.recv().await.ok()
    };
}
