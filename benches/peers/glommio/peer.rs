//! What the workloads ask of a peer.

use glommio::channels::local_channel::{LocalReceiver, LocalSender, new_bounded};
pub use glommio::spawn_local as spawn;
pub use glommio::timer::sleep;
use glommio::{LocalExecutor, LocalExecutorBuilder};

pub struct Executor(LocalExecutor);

impl Executor {
    pub fn new() -> Self {
        match LocalExecutorBuilder::default().make() {
            Ok(executor) => Self(executor),
            Err(error) => {
                eprintln!("no executor: {error}");
                std::process::exit(3)
            }
        }
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.run(future)
    }
}

pub fn detach<F: Future<Output: 'static> + 'static>(future: F) {
    spawn(future).detach();
}

pub fn channel() -> (LocalSender<u64>, LocalReceiver<u64>) {
    new_bounded(1)
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
        $receiver.recv().await
    };
}
