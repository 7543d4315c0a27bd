//! What the workloads ask of a peer.

use std::cell::RefCell;

use local_sync::mpsc::bounded::{Rx, Tx, channel as bounded};
pub use monoio::spawn;
use monoio::time::TimeDriver;
pub use monoio::time::sleep;
use monoio::{FusionDriver, FusionRuntime, IoUringDriver, LegacyDriver, RuntimeBuilder};

pub struct Executor(RefCell<FusionRuntime<TimeDriver<IoUringDriver>, TimeDriver<LegacyDriver>>>);

impl Executor {
    pub fn new() -> Self {
        let runtime = RuntimeBuilder::<FusionDriver>::new().enable_timer().build();
        Self(RefCell::new(runtime.expect("monoio has its driver")))
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.borrow_mut().block_on(future)
    }
}

pub fn detach<F: Future<Output: 'static> + 'static>(future: F) {
    drop(spawn(future));
}

pub fn channel() -> (Tx<u64>, Rx<u64>) {
    bounded(1)
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
