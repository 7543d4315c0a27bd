//! The order in which the loop calls its hooks.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use super::*;
use crate::executor::{ExecutorCore, Spawner};
use crate::{LocalExecutor, RemoteTask, task};

/// Writes down what is called. When the loop is about to park, it lets another thread wake it.
#[derive(Clone)]
struct TraceHooks {
    trace: Rc<RefCell<Vec<String>>>,
    parking: mpsc::Sender<()>,
}

impl TraceHooks {
    fn push(&self, event: impl Into<String>) {
        self.trace.borrow_mut().push(event.into());
    }
}

impl Hooks for TraceHooks {
    fn spawned(&self, executor: &Shared) {
        self.push(format!("spawned, {} there", executor.registry.borrow().len()));
    }

    fn woken(&self, tasks: usize) {
        self.push(format!("woken {tasks}"));
    }

    fn begins(&self, task: TaskRef) {
        self.push(format!("begins {}", task.name().unwrap_or("?")));
    }

    fn ends(&self, polls: usize, _: &Shared) {
        self.push(format!("ends {polls}"));
    }

    fn parks(&self) {
        self.push("parks");
        // Without a listener this is a park that no test waits for.
        let _ = self.parking.send(());
    }

    fn unparks(&self) {
        self.push("unparks");
    }
}

fn traced() -> (ExecutorCore<TraceHooks>, TraceHooks, mpsc::Receiver<()>) {
    let (parking, parked) = mpsc::channel();
    let hooks = TraceHooks { trace: Rc::default(), parking };
    (LocalExecutor::builder().build_core(None, hooks.clone()), hooks, parked)
}

/// Pending once; its waker goes to the other thread.
async fn wait_for_wake(wakers: mpsc::Sender<Waker>) {
    let mut wakers = Some(wakers);
    poll_fn(|cx| match wakers.take() {
        Some(wakers) => {
            wakers.send(cx.waker().clone()).unwrap();
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
    .await;
}

/// A task that waits for a wake of another thread, then spawns another and awaits it.
fn spawn_from_another_thread(spawner: Spawner, wakers: mpsc::Sender<Waker>) -> RemoteTask<()> {
    let spawning = thread::spawn(move || {
        task::Builder::new().name("remote").spawn_with(&spawner, || async {
            wait_for_wake(wakers).await;
            task::Builder::new().name("child").spawn(async {}).await.unwrap();
        })
    });
    spawning.join().unwrap()
}

#[test]
fn hooks_are_called_in_the_order_of_the_loop() {
    let (executor, hooks, parked) = traced();
    let (wakers, woken) = mpsc::channel();
    let remote = spawn_from_another_thread(executor.spawner(), wakers);
    // Wakes the task when the loop is about to park, and not before: whether the inbox is armed by
    // then or not, the park ends, and the trace is the same.
    let waking = thread::spawn(move || {
        let waker: Waker = woken.recv().unwrap();
        parked.recv().unwrap();
        waker.wake();
    });
    executor.block_on(async {
        task::Builder::new().name("left").spawn(std::future::pending::<()>()).detach();
        remote.await.unwrap();
    });
    waking.join().unwrap();
    drop(executor);
    let expected = [
        // The inbox brings the remote task. The root has spawned the other one.
        "woken 0",
        "spawned, 2 there",
        "begins left",
        "begins remote",
        "ends 2",
        "parks",
        "unparks",
        "woken 1",
        "spawned, 2 there",
        // It spawns its child, is woken by the child's end, and wakes the root.
        "begins remote",
        "begins child",
        "begins remote",
        "ends 3",
        // The executor is dropped.
        "begins left",
        "ends 0",
    ];
    assert_eq!(*hooks.trace.borrow(), expected);
}
