//! Tasks that are spawned, run and end on one thread.

use std::cell::Cell;
use std::future::poll_fn;
use std::hint::black_box;
use std::task::{Poll, Waker};

use play::{Arguments, Parked, Workload, figure, system, yields};

use crate::peer::{Executor, detach, spawn};

pub const ALL: &[Workload] = &[
    ("spawn_join", spawn_join),
    ("spawn_detach", spawn_detach),
    ("yield_one", yield_one),
    ("yield_many", yield_many),
    ("yield_among", yield_among),
    ("block_on_ready", block_on_ready),
    ("task_memory", task_memory),
];

/// Tasks of a batch, and tasks that yield in turns.
const TASKS: u64 = 1000;

thread_local! {
    /// Detached tasks that have run.
    static RUN: Cell<u64> = const { Cell::new(0) };
    /// The root, which waits for the last of them.
    static ROOT: Cell<Option<Waker>> = const { Cell::new(None) };
}

/// Some of the detached tasks have run; the last of all wakes the root.
fn has_run(some: u64, all: u64) {
    RUN.set(RUN.get() + some);
    if RUN.get() == all {
        ROOT.take().into_iter().for_each(Waker::wake);
    }
}

/// Until all detached tasks have run. It does not yield meanwhile: some executors poll a root that
/// does before they poll any task.
async fn run(all: u64) {
    poll_fn(|cx| {
        if RUN.get() == all {
            return Poll::Ready(());
        }
        ROOT.set(Some(cx.waker().clone()));
        Poll::Pending
    })
    .await
}

/// Batches of 1000 trivial tasks, each handle awaited.
fn spawn_join(arguments: &Arguments) {
    Executor::new().block_on(async {
        let mut meter = arguments.meter(10 * TASKS);
        while let Some(operations) = meter.next_chunk() {
            for _ in 0..operations / TASKS {
                let handles: Vec<_> = (0..TASKS).map(|number| spawn(async move { number })).collect();
                for handle in handles {
                    black_box(join!(handle));
                }
            }
        }
        meter.print();
    });
}

/// Trivial tasks, all at once, none of them awaited.
fn spawn_detach(arguments: &Arguments) {
    Executor::new().block_on(async {
        let mut meter = arguments.meter(500_000);
        while let Some(operations) = meter.next_chunk() {
            RUN.set(0);
            for _ in 0..operations {
                // A future without a byte would cost no memory.
                let one = black_box(1);
                detach(async move { has_run(one, operations) });
            }
            run(operations).await;
        }
        meter.print();
    });
}

/// One task that yields.
fn yield_one(arguments: &Arguments) {
    Executor::new().block_on(async {
        let mut meter = arguments.meter(100_000);
        while let Some(operations) = meter.next_chunk() {
            join!(spawn(yields(operations)));
        }
        meter.print();
    });
}

/// 1000 tasks that yield in turns.
fn yield_many(arguments: &Arguments) {
    Executor::new().block_on(async {
        let mut meter = arguments.meter(200 * TASKS);
        while let Some(operations) = meter.next_chunk() {
            let handles: Vec<_> = (0..TASKS).map(|_| spawn(yields(operations / TASKS))).collect();
            for handle in handles {
                join!(handle);
            }
        }
        meter.print();
    });
}

/// Yields of a task among so many; what the tasks cost besides is small as each yields ten times at
/// least.
fn yield_among(arguments: &Arguments) {
    let tasks = arguments.size;
    let each = (1_000_000 / tasks).max(10);
    Executor::new().block_on(async {
        let mut meter = arguments.meter(each * tasks);
        while let Some(operations) = meter.next_chunk() {
            RUN.set(0);
            for _ in 0..tasks {
                detach(async move {
                    yields(operations / tasks).await;
                    has_run(1, tasks);
                });
            }
            run(tasks).await;
        }
        meter.print();
    });
}

/// `block_on` of what is ready at its first poll.
fn block_on_ready(arguments: &Arguments) {
    let executor = Executor::new();
    let mut meter = arguments.meter(5000);
    while let Some(operations) = meter.next_chunk() {
        for number in 0..operations {
            black_box(executor.block_on(async move { number }));
        }
    }
    meter.print();
}

/// Resident bytes of a parked task with 16 bytes of state, among a million.
fn task_memory(_: &Arguments) {
    const PARKED: u64 = 1_000_000;
    Executor::new().block_on(async {
        join!(spawn(async {}));
        let before = system::resident_bytes();
        for number in 0..PARKED {
            detach(Parked::default());
            // Each has its first poll before the next thousand is made, as in a program that
            // accepts connections: the queues are in order, and this one is the last.
            if number % TASKS == TASKS - 1 {
                join!(spawn(async {}));
            }
        }
        figure("bytes", (system::resident_bytes() - before) as f64 / PARKED as f64);
        // A million tasks are not ended one by one.
        std::process::exit(0);
    });
}
