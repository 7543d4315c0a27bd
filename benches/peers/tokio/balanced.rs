//! Tasks for whichever worker is free, awaited by the thread that spawns them.

use std::hint::black_box;

use play::{Arguments, Workload};

pub const ALL: &[Workload] = &[("spawn_balanced", spawn_balanced)];

/// In batches of 64, on as many workers as there are cores.
fn spawn_balanced(arguments: &Arguments) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("tokio has its descriptors");
    runtime.block_on(async {
        let mut meter = arguments.meter(6400);
        while let Some(operations) = meter.next_chunk() {
            for _ in 0..operations / 64 {
                let tasks: Vec<_> = (0..64_u64).map(|number| runtime.spawn(async move { number })).collect();
                for task in tasks {
                    black_box(task.await.expect("a task does not fail"));
                }
            }
        }
        meter.print();
    });
}
