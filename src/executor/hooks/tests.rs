//! The order in which the loop calls its hooks.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::*;
use crate::executor::{ExecutorCore, Spawner};
use crate::{LocalExecutor, RemoteTask, task};

std::thread_local! {
    /// What the hooks were called with, and what the tasks did in between.
    static TRACE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn push(event: impl Into<String>) {
    TRACE.with_borrow_mut(|trace| trace.push(event.into()));
}

/// Writes down what is called. When the loop is about to park, it lets another thread wake it.
struct TraceHooks {
    parking: mpsc::Sender<()>,
}

impl Hooks for TraceHooks {
    fn spawned(&self, executor: &Owned) {
        push(format!("spawned, {} there", executor.registry.borrow().len()));
    }

    fn woken(&self, tasks: usize) {
        push(format!("woken {tasks}"));
    }

    fn begins(&self, task: &TaskView) {
        push(format!("begins {}", task.name().unwrap_or("?")));
    }

    fn ends(&self, polls: usize, _: &Owned) {
        push(format!("ends {polls}"));
    }

    fn parks(&self) {
        push("parks");
        // Without a listener this is a park that no test waits for.
        let _ = self.parking.send(());
    }

    fn unparks(&self) {
        push("unparks");
    }
}

/// Never ready.
struct LeftTask;

impl Future for LeftTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for LeftTask {
    fn drop(&mut self) {
        push("- left is dropped");
    }
}

fn traced() -> (ExecutorCore<TraceHooks>, mpsc::Receiver<()>) {
    let (parking, parked) = mpsc::channel();
    (LocalExecutor::builder().build_core(None, TraceHooks { parking }), parked)
}

/// Pending once; its waker goes to the other thread.
async fn wait_for_wake(wakers: mpsc::Sender<Waker>) {
    let mut wakers = Some(wakers);
    poll_fn(|cx| match wakers.take() {
        Some(wakers) => {
            push("- remote waits");
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
            push("- remote goes on");
            task::Builder::new().name("child").spawn(async { push("- child") }).await.unwrap();
            push("- remote ends");
        })
    });
    spawning.join().unwrap()
}

#[test]
fn hooks_are_called_in_the_order_of_the_loop() {
    let (executor, parked) = traced();
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
        task::Builder::new().name("left").spawn(LeftTask).detach();
        remote.await.unwrap();
        push("root ends");
    });
    waking.join().unwrap();
    drop(executor);
    let expected = [
        // The inbox brings the remote task. The root has spawned the other one.
        "woken 0",
        "spawned, 2 there",
        "begins left",
        "begins remote",
        "- remote waits",
        "ends 2",
        "parks",
        "unparks",
        "woken 1",
        "spawned, 2 there",
        // It spawns its child, is woken by the child's end, and wakes the root.
        "begins remote",
        "- remote goes on",
        "begins child",
        "- child",
        "begins remote",
        "- remote ends",
        "ends 3",
        "root ends",
        // The executor is dropped.
        "begins left",
        "- left is dropped",
        "ends 0",
    ];
    assert_eq!(TRACE.take(), expected);
}
