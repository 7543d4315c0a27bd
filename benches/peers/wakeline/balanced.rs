//! Tasks for whichever core is free, awaited by the thread that spawns them.

use std::hint::black_box;
use std::thread;

use play::{Arguments, Workload};
use wakeline::{Cores, Runtime};

pub const ALL: &[Workload] = &[("spawn_balanced", spawn_balanced)];

/// In batches of 64, on as many cores as there are.
fn spawn_balanced(arguments: &Arguments) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let runtime = Runtime::builder().cores(Cores::exactly(cores)).build().expect("the cores start");
    let handle = runtime.handle();
    wakeline::block_on(async {
        let mut meter = arguments.meter(6400);
        while let Some(operations) = meter.next_chunk() {
            for _ in 0..operations / 64 {
                let tasks: Vec<_> = (0..64_u64).map(|number| handle.spawn_balanced(move || async move { number })).collect();
                for task in tasks {
                    black_box(task.await.expect("a task does not fail"));
                }
            }
        }
        meter.print();
    });
}
