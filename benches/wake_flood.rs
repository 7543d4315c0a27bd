//! A flood of wakes: one foreign thread wakes 1000 tasks of one executor, one after the other and
//! round again, as fast as it can.
//!
//! Run it with `cargo bench -p wakeline-benches --bench wake_flood`. Figures are millions of polls
//! that the executor's thread gets done in a second of wall time while the other thread wakes; the
//! tasks do nothing. It wants two processors: on one the kernel's turns decide.
//!
//! The foreign thread is faster than any executor. What counts is how little a task costs that is
//! woken again and again before it has its turn, on either side. A task that waits in the run queue
//! stays linked until its turn, so it is pushed once for each of its polls.
//!
//! Goal: twice the best peer.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use wakeline_benches::{rounds, table};

const TASKS: usize = 1000;
const ROUNDS: usize = 11;
const LENGTH: Duration = Duration::from_millis(100);

/// What tasks and foreign thread share.
#[derive(Default)]
struct Flood {
    wakers: Mutex<Vec<Waker>>,
    polls: AtomicU64,
    over: AtomicBool,
}

impl Flood {
    /// Leaves its waker once, counts its polls, and ends when the flood is over.
    fn task(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let (flood, mut left) = (self.clone(), false);
        poll_fn(move |cx| {
            if flood.over.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            if !left {
                left = true;
                flood.wakers.lock().unwrap().push(cx.waker().clone());
            }
            // One thread polls.
            flood.polls.store(flood.polls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            Poll::Pending
        })
    }

    /// The foreign thread. Millions of polls a second.
    fn pour(&self) -> f64 {
        let wakers = loop {
            let wakers = self.wakers.lock().unwrap().clone();
            if wakers.len() == TASKS {
                break wakers;
            }
            thread::yield_now();
        };
        let (before, start) = (self.polls.load(Ordering::Relaxed), Instant::now());
        while start.elapsed() < LENGTH {
            wakers.iter().for_each(Waker::wake_by_ref);
        }
        let (polls, time) = (self.polls.load(Ordering::Relaxed) - before, start.elapsed());
        self.over.store(true, Ordering::Relaxed);
        wakers.iter().for_each(Waker::wake_by_ref);
        polls as f64 / time.as_secs_f64() / 1e6
    }
}

/// One round: `run` spawns so many tasks and runs its executor until all have ended.
fn round(run: impl FnOnce(&Arc<Flood>)) -> f64 {
    let flood = Arc::new(Flood::default());
    let foreign = thread::spawn({
        let flood = flood.clone();
        move || flood.pour()
    });
    run(&flood);
    foreign.join().expect("the foreign thread wakes, and no more")
}

fn on_wakeline(flood: &Arc<Flood>) {
    wakeline::block_on(async {
        let tasks: Vec<_> = (0..TASKS).map(|_| wakeline::spawn(flood.task())).collect();
        for task in tasks {
            task.await.expect("a task that counts does not fail");
        }
    });
}

fn on_smol(flood: &Arc<Flood>) {
    let executor = async_executor::LocalExecutor::new();
    async_io::block_on(executor.run(async {
        let tasks: Vec<_> = (0..TASKS).map(|_| executor.spawn(flood.task())).collect();
        for task in tasks {
            task.await;
        }
    }));
}

fn on_tokio(flood: &Arc<Flood>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio has its descriptors");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(flood.task())).collect();
        for task in tasks {
            task.await.expect("a task that counts does not fail");
        }
    });
}

fn main() {
    let subjects: Vec<rounds::Subject<'_>> = vec![
        ("wakeline", Box::new(|| round(on_wakeline))),
        ("async-executor (smol)", Box::new(|| round(on_smol))),
        ("tokio current_thread", Box::new(|| round(on_tokio))),
    ];
    let figures = rounds::interleave(ROUNDS, subjects);
    rounds::report("M polls/s", &figures);
    let best = figures[1..].iter().max_by(|a, b| a.median().total_cmp(&b.median())).expect("there are peers");
    table::at_least("polls while a thread floods, times the best peer", figures[0].ratio_to(best), 2.0);
}
