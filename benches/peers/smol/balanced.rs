//! Tasks for whichever thread is free, awaited by the thread that spawns them.

use std::future::pending;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;

use async_executor::Executor;
use play::{Arguments, Workload};

pub const ALL: &[Workload] = &[("spawn_balanced", spawn_balanced)];

/// In batches of 64, on as many threads as there are cores.
fn spawn_balanced(arguments: &Arguments) {
    let executor = Arc::new(Executor::new());
    for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
        let executor = Arc::clone(&executor);
        thread::spawn(move || async_io::block_on(executor.run(pending::<()>())));
    }
    async_io::block_on(async {
        let mut meter = arguments.meter(6400);
        while let Some(operations) = meter.next_chunk() {
            for _ in 0..operations / 64 {
                let tasks: Vec<_> = (0..64_u64).map(|number| executor.spawn(async move { number })).collect();
                for task in tasks {
                    black_box(task.await);
                }
            }
        }
        meter.print();
    });
}
