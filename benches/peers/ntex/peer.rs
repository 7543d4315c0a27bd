//! What the workloads ask of a peer.

use std::io;
use std::thread::{self, Thread};

use local_sync::mpsc::bounded::{Rx, Tx, channel as bounded};
use ntex_rt::{Driver, Notify, PollResult, Runtime};
pub use ntex_rt::{spawn, spawn_detached as detach};

/// Parks the thread. What ntex brings along is in another crate and adds a reactor.
struct Parks(Thread);

#[derive(Debug)]
struct Unparks(Thread);

impl Driver for Parks {
    fn handle(&self) -> Box<dyn Notify> {
        Box::new(Unparks(self.0.clone()))
    }

    fn run(&self, runtime: &Runtime) -> io::Result<()> {
        loop {
            match runtime.poll() {
                PollResult::Ready => return Ok(()),
                PollResult::PollAgain => {}
                PollResult::Pending => {
                    thread::park();
                    runtime.awake();
                }
            }
        }
    }
}

impl Notify for Unparks {
    fn notify(&self) -> io::Result<()> {
        self.0.unpark();
        Ok(())
    }
}

pub struct Executor(Runtime, Parks);

impl Executor {
    pub fn new() -> Self {
        let driver = Parks(thread::current());
        Self(Runtime::new(driver.handle()), driver)
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future, &self.1)
    }
}

/// Its own is in another crate, and its send does not wait.
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
