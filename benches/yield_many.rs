//! Yield of one of many tasks: 1000 tasks that each give way 2000 times, against the same boxed futures in a `VecDeque`.
//!
//! Run it with `cargo bench -p wakeline-benches --bench yield_many`. Figures are CPU time of the thread for one yield. The floor polls
//! the very same futures, boxed, in a plain loop with a waker that does nothing: what is left above it is the price of being able
//! to wake. Goal: at most 2.0 times the floor.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wakeline_benches::{rounds, table};

const TASKS: u64 = 1000;
const YIELDS: u32 = 2000;
const ROUNDS: usize = 21;

/// Wakes itself and says that it is not done, so many times: the smallest future that yields.
struct Yields {
    left: u32,
}

impl Future for Yields {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.left == 0 {
            return Poll::Ready(());
        }
        self.left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The same through the public function and an `async` block, as users write it.
async fn yields_now() {
    for _ in 0..YIELDS {
        wakeline::yield_now().await;
    }
}

fn floor<F: Future<Output = ()> + 'static>(make: impl Fn() -> F) {
    let mut queue: VecDeque<Pin<Box<dyn Future<Output = ()>>>> = VecDeque::with_capacity(TASKS as usize);
    queue.extend((0..TASKS).map(|_| Box::pin(make()) as Pin<Box<dyn Future<Output = ()>>>));
    let mut cx = Context::from_waker(Waker::noop());
    while let Some(mut future) = queue.pop_front() {
        if future.as_mut().poll(&mut cx).is_pending() {
            queue.push_back(future);
        }
    }
}

fn on_wakeline<F: Future<Output = ()> + 'static>(make: impl Fn() -> F) {
    wakeline::block_on(async {
        let tasks: Vec<_> = (0..TASKS).map(|_| wakeline::spawn(make())).collect();
        for task in tasks {
            task.await.expect("a task that yields does not fail");
        }
    });
}

fn main() {
    let yields = TASKS * u64::from(YIELDS);
    let subjects: Vec<rounds::Subject<'_>> = vec![
        ("floor: VecDeque of boxed futures", Box::new(|| rounds::cpu_ns_per(yields, || floor(|| Yields { left: YIELDS })))),
        ("wakeline", Box::new(|| rounds::cpu_ns_per(yields, || on_wakeline(|| Yields { left: YIELDS })))),
        ("wakeline, yield_now in an async fn", Box::new(|| rounds::cpu_ns_per(yields, || on_wakeline(yields_now)))),
    ];
    let figures = rounds::interleave(ROUNDS, subjects);
    rounds::report("ns/yield", &figures);
    table::at_most("one of many tasks yields, times the floor", figures[1].ratio_to(&figures[0]), 2.0);
}
