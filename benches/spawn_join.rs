//! Spawn and end of a small task, its handle awaited, in batches of 1000, against a box and a
//! queue.
//!
//! Run it with `cargo bench -p wakeline-benches --bench spawn_join`. Figures are CPU time of the
//! thread for one task. The floor boxes the same future, pushes it to a `VecDeque`, pops it, polls
//! it once and drops it; the second floor does the same with a box of the size that a task's block
//! has. Goal: at most 1.5 times the floor, stated for both.

use std::collections::VecDeque;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wakeline_benches::{rounds, table};

const BATCH: u64 = 1000;
const BATCHES: u64 = 200;
const ROUNDS: usize = 21;

/// Makes the box of the second floor as large as a task's block: 56 bytes of header and 24 of the
/// future, rounded to 88. The padded future has 16 bytes.
const CELL_PADDING: usize = 72;

/// What is spawned: two words, ready at its first poll.
async fn small(one: u64, two: u64) -> u64 {
    black_box(one) + black_box(two)
}

struct Padded<F> {
    future: F,
    _cell: [u8; CELL_PADDING],
}

impl<F: Future + Unpin> Future for Padded<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.future).poll(cx)
    }
}

fn floor<F: Future<Output = u64> + 'static>(make: impl Fn(u64) -> F) -> u64 {
    let mut queue: VecDeque<Pin<Box<dyn Future<Output = u64>>>> = VecDeque::with_capacity(BATCH as usize);
    let mut cx = Context::from_waker(Waker::noop());
    let mut sum = 0;
    for _ in 0..BATCHES {
        queue.extend((0..BATCH).map(|number| Box::pin(make(number)) as Pin<Box<dyn Future<Output = u64>>>));
        while let Some(mut future) = queue.pop_front() {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(output) => sum += output,
                Poll::Pending => unreachable!("a small future is ready at once"),
            }
        }
    }
    sum
}

fn on_wakeline() -> u64 {
    wakeline::block_on(async {
        let mut tasks = Vec::with_capacity(BATCH as usize);
        let mut sum = 0;
        for _ in 0..BATCHES {
            tasks.extend((0..BATCH).map(|number| wakeline::spawn(small(number, 1))));
            for task in tasks.drain(..) {
                sum += task.await.expect("a small task does not fail");
            }
        }
        sum
    })
}

fn main() {
    let tasks = BATCH * BATCHES;
    let padded = |number| Padded { future: std::future::ready(number), _cell: [0; CELL_PADDING] };
    let subjects: Vec<rounds::Subject<'_>> = vec![
        ("floor: box, VecDeque, poll, drop", Box::new(|| rounds::cpu_ns_per(tasks, || floor(|number| small(number, 1))))),
        ("floor with a box of the cell's size", Box::new(|| rounds::cpu_ns_per(tasks, || floor(padded)))),
        ("wakeline", Box::new(|| rounds::cpu_ns_per(tasks, on_wakeline))),
    ];
    let figures = rounds::interleave(ROUNDS, subjects);
    rounds::report("ns/task", &figures);
    let ratio_to = |floor: usize| figures[2].ratio_to(&figures[floor]);
    table::at_most("spawn, end and await of a small task, times a box of the future's size", ratio_to(0), 1.5);
    table::at_most("spawn, end and await of a small task, times a box of the block's size", ratio_to(1), 1.5);
}
