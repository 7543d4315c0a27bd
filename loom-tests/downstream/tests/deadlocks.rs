//! A deadlock is reported as what it is, whatever the thread that finds it holds, and wherever it
//! finds it.
//!
//! What the unwinding itself drops is held by std's `Arc` in these models: loom's own does not bear
//! being dropped after a deadlock.

#![cfg(wakeline_loom)]

use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use wakeline::{Cores, LocalExecutor, PanicPolicy, RemoteTask, Runtime, block_on, channel, local, spawn, unblock};

/// A gate that nobody opens.
struct Shut(Mutex<()>, Condvar);

impl Shut {
    fn new() -> Self {
        Self(Mutex::new(()), Condvar::new())
    }

    fn wait(&self) {
        drop(self.1.wait(self.0.lock().unwrap()).unwrap());
    }
}

/// Does with its own things what a drop may do with them, while the model unwinds.
struct Guard {
    waker: Waker,
    sender: channel::Sender<usize>,
    executor: Rc<LocalExecutor>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.waker.wake_by_ref();
        drop(self.waker.clone());
        let _ = self.sender.try_send(7);
        drop(self.executor.spawner());
        let _ = self.executor.task_count();
    }
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_sleep_that_nothing_ends() {
    loom::model(|| block_on(pending::<()>()));
}

#[test]
#[should_panic(expected = "deadlock")]
fn with_one_of_everything() {
    loom::model(|| {
        let executor = Rc::new(LocalExecutor::new());
        let shared = Arc::new(());
        let (sender, receiver) = channel::bounded::<Arc<()>>(1);
        let (one, other) = channel::oneshot::<Arc<()>>();
        let (near, far) = local::unbounded::<usize>();
        let (event, semaphore) = (Rc::new(local::Event::new()), Rc::new(local::Semaphore::new(1)));
        sender.try_send(shared.clone()).unwrap();
        let spawner = executor.spawner();
        let job = unblock({
            let shared = shared.clone();
            move || drop(shared)
        });
        let their_spawner = spawner.clone();
        let thread = thread::spawn(move || their_spawner.spawn(|| async { pending::<()>().await }));
        let remote = thread.join().unwrap();
        let task = executor.spawn({
            let (shared, event, semaphore) = (shared.clone(), event.clone(), semaphore.clone());
            async move {
                let _permit = semaphore.acquire(1).await;
                event.wait().await;
                drop(shared);
            }
        });
        executor.spawn(pending::<()>()).detach();
        let sending = sender.send(shared.clone());
        let (tail, waits) = channel::bounded::<usize>(1);
        let guard_of = executor.clone();
        executor.block_on(async move {
            let guard = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(Guard { waker: cx.waker().clone(), sender: tail.clone(), executor: guard_of.clone() })
            });
            let _guard = guard.await;
            job.await.unwrap();
            let _shared = shared;
            waits.recv().await.unwrap();
            sending.await.unwrap();
            waits.recv().await.unwrap();
        });
        drop((one, other, near, far, event, semaphore, task, remote, spawner, receiver, executor));
    });
}

/// Found by what the model itself waits for, with an executor and its handles around.
#[test]
#[should_panic(expected = "deadlock")]
fn in_the_join_of_a_thread() {
    loom::model(|| {
        let executor = LocalExecutor::new();
        let task = executor.spawn(pending::<()>());
        let (sender, receiver) = channel::unbounded::<usize>();
        let thread = thread::spawn(move || block_on(receiver.recv()));
        thread.join().unwrap().unwrap_err();
        drop((task, sender));
    });
}

/// The panic is caught around a task's poll: it is not the task's.
#[test]
#[should_panic(expected = "deadlock")]
fn inside_of_a_task() {
    loom::model(|| {
        let executor = LocalExecutor::builder().panic_policy(PanicPolicy::Isolate).build();
        let shut = Shut::new();
        executor.spawn(async move { shut.wait() }).detach();
        executor.spawn(pending::<()>()).detach();
        executor.run_until_stalled();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn inside_of_a_task_of_another_thread() {
    loom::model(|| {
        let executor = LocalExecutor::new();
        let (spawner, shut) = (executor.spawner(), std::sync::Arc::new(Shut::new()));
        let thread = thread::spawn(move || spawner.spawn(move || async move { shut.wait() }).detach());
        executor.block_on(async {
            thread.join().unwrap();
            pending::<()>().await
        });
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn inside_of_a_closure_of_the_pool() {
    loom::model(|| {
        let shut = std::sync::Arc::new(Shut::new());
        block_on(async move { unblock(move || shut.wait()).await }).unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn on_another_thread() {
    loom::model(|| {
        let thread = thread::spawn(|| {
            block_on(async {
                let task = spawn(pending::<()>());
                task.await.unwrap();
            });
        });
        thread.join().unwrap();
    });
}

/// What belongs to loom, or asks it something, in every place where wakeline keeps something of a
/// user's.
struct Foreign {
    lock: Mutex<()>,
    _owned: Arc<()>,
}

/// Dropped where loom is not to be asked, the first panics and the second ends the process.
type Pair = (Arc<()>, Arc<()>);

fn pair() -> Pair {
    (Arc::new(()), Arc::new(()))
}

impl Wake for Foreign {
    fn wake(self: std::sync::Arc<Self>) {
        drop(self.lock.lock().unwrap());
    }
}

#[test]
#[should_panic(expected = "deadlock")]
fn with_things_of_loom_in_everything() {
    loom::model(|| {
        let shared = pair();
        let waker = Waker::from(std::sync::Arc::new(Foreign { lock: Mutex::new(()), _owned: shared.0.clone() }));
        let cx = &mut Context::from_waker(&waker);
        let executor = LocalExecutor::new();
        let owner = shared.clone();
        let pending_task = executor.spawn(async move {
            pending::<()>().await;
            drop(owner);
        });
        let output = shared.clone();
        let ended_task = executor.spawn(async move { output });
        let result = shared.clone();
        let ended_remote = executor.spawner().spawn(move || async move { result });
        executor.run_until_stalled();
        let mut remote = executor.spawner().spawn(|| pending::<Pair>());
        let (_sender_of_message, mut message) = channel::oneshot::<Pair>();
        assert!(Pin::new(&mut message).poll(cx).is_pending());
        let (sender, arrived) = channel::oneshot::<Pair>();
        sender.send(shared.clone()).unwrap();
        let (full, never_received) = channel::bounded::<Pair>(1);
        full.try_send(shared.clone()).unwrap();
        let mut sending = Box::pin(full.send(shared.clone()));
        assert!(sending.as_mut().poll(cx).is_pending());
        let mut reserving = Box::pin(full.reserve());
        assert!(reserving.as_mut().poll(cx).is_pending());
        // Room that somebody has and somebody else waits for.
        let (roomy, _never_asked) = channel::bounded::<Pair>(1);
        let mut waiting = Box::pin(roomy.send(shared.clone()));
        let room = roomy.try_reserve().unwrap();
        assert!(waiting.as_mut().poll(cx).is_pending());
        let (last_sender, empty) = channel::unbounded::<Pair>();
        let mut receiving = Box::pin(empty.recv());
        let mut receiving_too = Box::pin(empty.recv());
        assert!(receiving_too.as_mut().poll(cx).is_pending());
        assert!(receiving.as_mut().poll(cx).is_pending());
        // The one that is dropped first is called, and would pass that on.
        last_sender.try_send(shared.clone()).unwrap();
        assert!(Pin::new(&mut remote).poll(cx).is_pending());
        // loom's own things on this thread's stack are the model's to keep from being dropped.
        std::mem::forget((shared, waker));
        executor.block_on(async {
            let _all = (&pending_task, &ended_task, &ended_remote, &arrived, &never_received);
            pending::<()>().await
        });
        drop((sending, reserving, waiting, room, receiving_too, receiving));
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn with_the_result_of_a_closure_that_nobody_has_taken() {
    loom::model(|| {
        let job = unblock(pair);
        while !job.is_finished() {
            thread::yield_now();
        }
        // The pool's thread goes to sleep first, so that this one finds the deadlock.
        thread::yield_now();
        thread::yield_now();
        block_on(pending::<()>());
        drop(job);
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn with_a_runtime_whose_core_sleeps() {
    loom::model(|| {
        let runtime = Runtime::builder().cores(Cores::exactly(1)).drop_deadline(Duration::MAX).build().unwrap();
        runtime.block_on(async {
            runtime.spawn_on(0, || async {}).await.unwrap();
            pending::<()>().await;
        });
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn on_a_core_of_a_runtime() {
    loom::model(|| {
        let runtime = Runtime::builder().cores(Cores::exactly(1)).drop_deadline(Duration::MAX).build().unwrap();
        let shared = std::sync::Arc::new(());
        runtime.block_on(async {
            let _shared = shared;
            runtime.spawn_on(0, || async { pending::<()>().await }).await.unwrap();
        });
    });
}

/// The task's executor never runs.
#[test]
#[should_panic(expected = "deadlock")]
fn for_a_task_whose_executor_does_not_run() {
    loom::model(|| {
        let executor = LocalExecutor::new();
        let task: RemoteTask<()> = executor.spawner().spawn(|| async {});
        thread::spawn(move || block_on(task)).join().unwrap().unwrap();
    });
}

/// A task that drops its executor's things while it panics is no end of the model.
#[test]
fn a_task_may_panic_with_everything_in_it() {
    loom::model(|| {
        let executor = LocalExecutor::new();
        let (sender, receiver) = channel::bounded::<Arc<()>>(1);
        let (near, far) = channel::oneshot::<usize>();
        sender.try_send(Arc::new(())).unwrap();
        let other = executor.spawn(pending::<()>());
        let task = executor.spawn(async move {
            let _kept = (sender, near, other);
            assert_eq!(1, 2, "the task's own panic");
        });
        executor.block_on(async move {
            assert!(task.await.unwrap_err().to_string().contains("panic"));
            far.await.unwrap_err();
            receiver.recv().await.unwrap();
            receiver.recv().await.unwrap_err();
        });
    });
}

/// The model fails by an assertion: with its message, and with what there is to drop dropped.
#[test]
#[should_panic(expected = "what the model asserts")]
fn an_assertion_that_fails() {
    loom::model(|| {
        let executor = LocalExecutor::new();
        let (sender, receiver) = channel::bounded::<Arc<()>>(1);
        let shared = Arc::new(());
        let theirs = shared.clone();
        let task = executor.spawn(async move { receiver.recv().await });
        let other = thread::spawn(move || sender.try_send(theirs));
        executor.run_until_stalled();
        other.join().unwrap().unwrap();
        assert!(!task.is_finished(), "what the model asserts");
        drop(shared);
    });
}

/// A model that is too big says so.
#[test]
#[should_panic(expected = "Model exceeded maximum number of branches")]
fn more_steps_than_a_model_may_have() {
    let mut model = loom::model::Builder::new();
    model.max_branches = 60;
    model.check(|| {
        let executor = LocalExecutor::new();
        executor.block_on(async {
            let (sender, receiver) = channel::unbounded::<Arc<()>>();
            let kept = spawn(pending::<()>());
            loop {
                sender.try_send(Arc::new(())).unwrap();
                receiver.recv().await.unwrap();
                let _ = kept.is_finished();
            }
        });
    });
}
