//! Create, first poll and cancel of a timer while 10 000 others are alive, against one reading of
//! the clock.
//!
//! Run it with `cargo bench -p wakeline-benches --bench timer_churn`. A relative timer has to read
//! the clock once, and that reading is most of its price, so the goal is stated on top of it: at
//! most `Instant::now` + 25 ns, and no allocation. The 10 000 others are tasks of their own and are
//! due at 10 000 different times around an hour from now.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wakeline::time::{sleep, sleep_until};
use wakeline_benches::counting::{Count, Counting};
use wakeline_benches::{rounds, table};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const OTHERS: u64 = 10_000;
const OPERATIONS: u64 = 200_000;
const ROUNDS: usize = 21;

fn clock() {
    for _ in 0..OPERATIONS {
        black_box(Instant::now());
    }
}

fn churn(cx: &mut Context<'_>) {
    for _ in 0..OPERATIONS {
        let sleep = pin!(sleep(black_box(Duration::from_secs(30))));
        assert!(sleep.poll(cx).is_pending());
    }
}

fn churn_until(cx: &mut Context<'_>, deadline: Instant) {
    for _ in 0..OPERATIONS {
        let sleep = pin!(sleep_until(black_box(deadline)));
        assert!(sleep.poll(cx).is_pending());
    }
}

fn main() {
    let (figures, allocations) = wakeline::block_on(async {
        let others = (0..OTHERS).map(|number| sleep(Duration::from_secs(3600) + Duration::from_micros(977 * number)));
        let others: Vec<_> = others.map(wakeline::spawn).collect();
        wakeline::yield_now().await;
        assert!(others.iter().all(|other| !other.is_finished()));
        poll_fn(|cx| {
            // The contestants share the context; they are played one after the other, never at
            // once.
            let cx = std::cell::RefCell::new(cx);
            let deadline = Instant::now() + Duration::from_secs(30);
            churn(&mut cx.borrow_mut());
            let before = Count::now();
            churn(&mut cx.borrow_mut());
            let allocations = Count::now().since(before).calls;
            let subjects: Vec<rounds::Subject<'_>> = vec![
                ("floor: Instant::now", Box::new(|| rounds::cpu_ns_per(OPERATIONS, clock))),
                ("wakeline sleep", Box::new(|| rounds::cpu_ns_per(OPERATIONS, || churn(&mut cx.borrow_mut())))),
                (
                    "wakeline sleep_until",
                    Box::new(|| rounds::cpu_ns_per(OPERATIONS, || churn_until(&mut cx.borrow_mut(), deadline))),
                ),
            ];
            Poll::Ready((rounds::interleave(ROUNDS, subjects), allocations))
        })
        .await
    });
    rounds::report("ns/timer", &figures);
    let above = figures[1].rounds.iter().zip(&figures[0].rounds).map(|(timer, clock)| timer - clock).collect();
    table::at_most("create, first poll and cancel, ns above Instant::now", rounds::median(above), 25.0);
    table::at_most(&format!("allocations in {OPERATIONS} of them"), allocations as f64, 0.0);
}
