//! Timers that are cancelled, and timers that fire.

use std::cell::RefCell;
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use play::{Arguments, Workload, figure, rounds};

use crate::peer::{Executor, detach, sleep, spawn};

pub const ALL: &[Workload] = &[("timer_churn", churn), ("timer_fire", fire)];

/// Timers that are alive beside the one that comes and goes.
const OTHERS: u64 = 10_000;

/// Create, first poll and drop of a timer of 30 s.
fn churn(arguments: &Arguments) {
    Executor::new().block_on(async {
        for number in 0..OTHERS {
            detach(async move {
                let due = Duration::from_secs(3600) + Duration::from_micros(977 * number);
                sleep(due).await;
            });
        }
        // The last in the queue: the others have been polled before it.
        join!(spawn(async {}));
        let mut meter = arguments.meter(20_000);
        poll_fn(|cx| {
            while let Some(operations) = meter.next_chunk() {
                for _ in 0..operations {
                    let sleep = pin!(sleep(black_box(Duration::from_secs(30))));
                    assert!(sleep.poll(cx).is_pending());
                }
            }
            Poll::Ready(())
        })
        .await;
        meter.print();
        // Ten thousand sleepers are not waited for.
        std::process::exit(0);
    });
}

const SLEEPS: u64 = 100_000;

thread_local! {
    static LATE: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) };
}

/// 100 000 tasks that sleep between 10 ms and 1 s: how late they are, and what it costs.
fn fire(_: &Arguments) {
    fire_on(&Executor::new());
}

/// The same on an executor that has been made otherwise.
pub fn fire_on(executor: &Executor) {
    let cpu = rounds::process_cpu_ns();
    executor.block_on(async {
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut handles = Vec::with_capacity(SLEEPS as usize);
        LATE.with_borrow_mut(|late| late.reserve(SLEEPS as usize));
        for _ in 0..SLEEPS {
            // xorshift: equal in every process.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let length = Duration::from_micros(10_000 + seed % 990_000);
            handles.push(spawn(async move {
                let due = Instant::now() + length;
                sleep(length).await;
                LATE.with_borrow_mut(|late| late.push(due.elapsed()));
            }));
        }
        for handle in handles {
            join!(handle);
        }
    });
    figure("cpu_ms", (rounds::process_cpu_ns() - cpu) as f64 / 1e6);
    LATE.with_borrow_mut(|late| {
        late.sort_unstable();
        for (name, part) in [("p50_us", 50), ("p99_us", 99)] {
            figure(name, late[late.len() * part / 100].as_secs_f64() * 1e6);
        }
    });
}
