//! A runtime: the same main on every core, where tasks are placed, how it ends, and what misuse
//! gets.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use wakeline::runtime::{Builder, Handle};
use wakeline::{Cores, RemoteTask, Runtime};

mod ending;

mod jobs;

mod misuse;

mod placing;

mod running;

mod unbegun;

fn with_cores(cores: usize) -> Builder {
    Runtime::builder().cores(Cores::exactly(cores)).name("t")
}

fn runtime(cores: usize) -> Runtime {
    with_cores(cores).build().unwrap()
}

/// A task that blocks its core's thread until this is dropped.
struct Blocked {
    _release: Sender<()>,
    task: Option<RemoteTask<()>>,
}

impl Blocked {
    fn new(place: impl FnOnce(Box<dyn FnOnce() + Send>) -> RemoteTask<()>) -> Self {
        let (release, wait) = channel();
        let (entered, inside) = channel();
        let task = place(Box::new(move || {
            entered.send(()).unwrap();
            block_until_released(&wait);
        }));
        inside.recv().unwrap();
        Self { _release: release, task: Some(task) }
    }

    /// Blocks a core of `handle`.
    #[track_caller]
    fn on(handle: &Handle, core: usize) -> Self {
        Self::new(|block| wakeline::task::Builder::new().name("blocked").spawn_on(handle, core, || async { block() }))
    }

    /// The core goes on; waits for the task's end.
    fn release(mut self) {
        let task = self.task.take().unwrap();
        drop(self);
        let _ = wakeline::block_on(task);
    }

    /// The task itself, which ends when this is dropped.
    fn detach(mut self) -> Self {
        self.task.take().unwrap().detach();
        self
    }
}

fn block_until_released(wait: &Receiver<()>) {
    assert!(wait.recv().is_err(), "released by the drop of the other end");
}

fn thread_name() -> String {
    thread::current().name().unwrap().to_string()
}
