//! A task spawned on another thread's executor, and its result awaited: allocations, notifications,
//! and CPU time against tokio and smol.
//!
//! Run it with `cargo bench -p wakeline-benches --bench remote_spawn`; `-- --rounds N` changes the
//! play. One thread spawns in batches of 1 or 64 and awaits all results of a batch; the other one
//! runs the tasks, which return at once. Both threads are on one processor, where the figures are
//! steady: CPU time of the whole process for one task. Allocations are counted on both threads, by
//! an allocator that counts for each thread. Goals: one allocation for the task and one for the
//! handle, at most one notification for a sleep.
//!
//! Then the same with a choice: two threads, and whichever is free runs the task. That is
//! `spawn_balanced` of a runtime against the spawns of tokio's multi-thread runtime and of one
//! async-executor that two threads run.
//!
//! Two kinds of peers. tokio's runtime handle and async-executor send a future, which has to be
//! `Send`. Like wakeline's spawner, tokio-util's `LocalPoolHandle` sends a closure that makes a
//! future on the other thread.

use std::future::pending;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use async_executor::Executor;
use tokio::runtime::{Handle, Runtime};
use tokio_util::task::LocalPoolHandle;
use wakeline::{Cores, LocalExecutor, Spawner};
use wakeline_benches::counting::{Count, Counting};
use wakeline_benches::{rounds, system, table};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TASKS: u64 = 12_800;
const BATCHES: [usize; 2] = [1, 64];

/// Where both threads run.
const PROCESSOR: usize = 0;

/// Spawns so many at a time and awaits all their results.
async fn play<T: Future>(batch: usize, spawn: impl Fn(u64) -> T, result: impl Fn(T::Output) -> u64) -> u64 {
    let mut tasks = Vec::with_capacity(batch);
    let mut sum = 0;
    for _ in 0..TASKS / batch as u64 {
        tasks.extend((0..batch as u64).map(&spawn));
        for task in tasks.drain(..) {
            sum += result(task.await);
        }
    }
    sum
}

/// Starts a thread that runs `serve` with a way to tell this one what it needs.
fn start<T: Send + 'static>(serve: impl FnOnce(Box<dyn FnOnce(T)>) + Send + 'static) -> T {
    let (tell, told) = sync_channel(1);
    thread::spawn(move || {
        system::pin_to(PROCESSOR);
        serve(Box::new(move |value| tell.send(value).expect("the starter waits")));
    });
    told.recv().expect("the thread starts")
}

fn on_wakeline(spawner: &Spawner, batch: usize) -> u64 {
    let spawn = |number| spawner.spawn(move || async move { number });
    wakeline::block_on(play(batch, spawn, |result| result.expect("a small task does not fail")))
}

fn on_tokio(from: &Runtime, to: &Handle, batch: usize) -> u64 {
    let spawn = |number| to.spawn(async move { number });
    from.block_on(play(batch, spawn, |result| result.expect("a small task does not fail")))
}

fn on_tokio_pool(from: &Runtime, pool: &LocalPoolHandle, batch: usize) -> u64 {
    let spawn = |number| pool.spawn_pinned(move || async move { number });
    from.block_on(play(batch, spawn, |result| result.expect("a small task does not fail")))
}

fn on_smol(to: &Executor<'static>, batch: usize) -> u64 {
    async_io::block_on(play(batch, |number| to.spawn(async move { number }), |number| number))
}

fn on_balanced(to: &wakeline::Runtime, batch: usize) -> u64 {
    let spawn = |number| to.spawn_balanced(move || async move { number });
    wakeline::block_on(play(batch, spawn, |result| result.expect("a small task does not fail")))
}

/// Whichever of two threads is free runs the task.
fn play_balanced(rounds: usize, from: &Runtime) {
    let ours = wakeline::Runtime::builder().cores(Cores::exactly(2)).build().expect("the cores start");
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let tokio = tokio.expect("tokio has its descriptors");
    let smol = Arc::new(Executor::new());
    for _ in 0..2 {
        let executor = smol.clone();
        thread::spawn(move || async_io::block_on(executor.run(pending::<()>())));
    }
    for batch in BATCHES {
        let subjects: Vec<rounds::Subject<'_>> = vec![
            ("tokio, multi-thread", Box::new(|| cost(&|| on_tokio(from, tokio.handle(), batch)))),
            ("async-executor (smol)", Box::new(|| cost(&|| on_smol(&smol, batch)))),
            ("wakeline, spawn_balanced", Box::new(|| cost(&|| on_balanced(&ours, batch)))),
        ];
        println!("whichever of two threads is free, batches of {batch}");
        let figures = rounds::interleave(rounds, subjects);
        rounds::report("ns/task", &figures);
        let best = figures[2].ratio_to(&figures[0]).max(figures[2].ratio_to(&figures[1]));
        table::at_most("CPU time of spawn_balanced and its join, of the best peer's", best, 0.9);
        println!();
    }
}

/// CPU time of the process for each task of a play.
fn cost(work: &dyn Fn() -> u64) -> f64 {
    let start = rounds::process_cpu_ns();
    std::hint::black_box(work());
    (rounds::process_cpu_ns() - start) as f64 / TASKS as f64
}

fn current_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio has its descriptors")
}

/// An executor on another thread.
fn start_wakeline() -> Spawner {
    start(|tell| {
        let executor = LocalExecutor::new();
        tell(executor.spawner());
        executor.block_on(pending())
    })
}

fn start_tokio() -> Handle {
    start(|tell| {
        let runtime = current_thread();
        tell(runtime.handle().clone());
        runtime.block_on(pending())
    })
}

/// What a thread has done: allocations, sleeps and notifications.
#[derive(Clone, Copy)]
struct Done {
    allocations: u64,
    turns: u64,
    notifications: u64,
}

impl Done {
    fn by_this_thread() -> Self {
        let allocations = Count::now().calls;
        // The counters are the thread's, so any executor of the thread can be asked; what that one
        // allocates comes later.
        let metrics = LocalExecutor::new().metrics();
        Self { allocations, turns: metrics.turns, notifications: metrics.notifications }
    }

    fn by(spawner: &Spawner) -> Self {
        wakeline::block_on(spawner.spawn(|| async { Self::by_this_thread() })).expect("a look does not fail")
    }

    fn since(self, before: Self) -> Self {
        Self {
            allocations: self.allocations - before.allocations,
            turns: self.turns - before.turns,
            notifications: self.notifications - before.notifications,
        }
    }
}

/// Plays wakeline once, and says what the spawning thread and the other one have done for it, less
/// what looking costs.
fn watch(spawner: &Spawner, batch: usize) -> [Done; 2] {
    let look = || [Done::by_this_thread(), Done::by(spawner)];
    on_wakeline(spawner, batch);
    let first = look();
    let second = look();
    on_wakeline(spawner, batch);
    let third = look();
    [0, 1].map(|thread| third[thread].since(second[thread]).since(second[thread].since(first[thread])))
}

fn main() {
    let rounds = std::env::args().skip_while(|argument| argument != "--rounds").nth(1);
    let rounds = rounds.map_or(15, |rounds| rounds.parse().expect("a number"));
    system::pin_to(PROCESSOR);
    let spawner = start_wakeline();
    let there = start_tokio();
    let here = current_thread();
    let pool = LocalPoolHandle::new(1);
    let smol: Arc<Executor<'static>> = start(|tell| {
        let executor = Arc::new(Executor::new());
        tell(executor.clone());
        async_io::block_on(executor.run(pending()))
    });
    for batch in BATCHES {
        let [spawning, running] = watch(&spawner, batch);
        let subjects: Vec<rounds::Subject<'_>> = vec![
            ("tokio, to a current_thread runtime", Box::new(|| cost(&|| on_tokio(&here, &there, batch)))),
            ("tokio, to a LocalPoolHandle", Box::new(|| cost(&|| on_tokio_pool(&here, &pool, batch)))),
            ("async-executor (smol)", Box::new(|| cost(&|| on_smol(&smol, batch)))),
            ("wakeline", Box::new(|| cost(&|| on_wakeline(&spawner, batch)))),
        ];
        println!("batches of {batch}");
        let figures = rounds::interleave(rounds, subjects);
        rounds::report("ns/task", &figures);
        println!("CPU time, x LocalPoolHandle: {:.3}", figures[3].ratio_to(&figures[1]));
        let each = |count: u64| count as f64 / TASKS as f64;
        // One for the task, one for the slot that it shares with its handle; the vector of handles
        // is one more in the whole play.
        table::at_most("allocations of the spawning thread for each task", each(spawning.allocations - 1), 2.0);
        table::at_most("allocations of the other thread for each task", each(running.allocations), 0.0);
        for (name, done) in [("spawning", spawning), ("other", running)] {
            let name = format!("notifications of the {name} thread for each of its sleeps");
            table::at_most(&name, done.notifications as f64 / done.turns as f64, 1.0);
        }
        println!();
    }
    play_balanced(rounds, &here);
}
