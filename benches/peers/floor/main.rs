//! The floor: the same work with no executor. Boxed futures in a queue, a waker that does nothing,
//! one reading of the clock, an epoll loop by hand.

mod wakes;

use std::cell::Cell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use play::{Arguments, PROCESSOR, Parked, Workload, announce, figure, raw_echo, system, yields};

/// Every workload that can be thought of without an executor.
const ALL: &[Workload] = &[
    ("spawn_join", boxes_in_batches),
    ("spawn_detach", boxes_at_once),
    ("yield_one", |arguments| queue_of(1, 100_000, arguments)),
    ("yield_many", |arguments| queue_of(1000, 200_000, arguments)),
    ("yield_among", |arguments| queue_of(arguments.size, arguments.size * (1_000_000 / arguments.size).max(10), arguments)),
    ("block_on_ready", poll_ready),
    ("task_memory", boxes_that_stay),
    ("pingpong_local", calls),
    ("timer_churn", clock),
    ("echo", echo),
];

const BATCH: u64 = 1000;

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

fn boxes_in_batches(arguments: &Arguments) {
    let mut queue: VecDeque<Boxed<u64>> = VecDeque::with_capacity(BATCH as usize);
    let mut cx = Context::from_waker(Waker::noop());
    let mut meter = arguments.meter(10 * BATCH);
    while let Some(operations) = meter.next_chunk() {
        for _ in 0..operations / BATCH {
            queue.extend((0..BATCH).map(|number| Box::pin(async move { number }) as Boxed<u64>));
            while let Some(mut future) = queue.pop_front() {
                assert!(black_box(future.as_mut().poll(&mut cx)).is_ready());
            }
        }
    }
    meter.print();
}

thread_local! {
    static RUN: Cell<u64> = const { Cell::new(0) };
}

fn boxes_at_once(arguments: &Arguments) {
    let mut queue: VecDeque<Boxed<()>> = VecDeque::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut meter = arguments.meter(500_000);
    while let Some(operations) = meter.next_chunk() {
        queue.extend((0..operations).map(|_| {
            let one = black_box(1);
            Box::pin(async move { RUN.set(RUN.get() + one) }) as Boxed<()>
        }));
        while let Some(mut future) = queue.pop_front() {
            assert!(future.as_mut().poll(&mut cx).is_ready());
        }
    }
    meter.print();
}

fn queue_of(tasks: u64, chunk: u64, arguments: &Arguments) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut meter = arguments.meter(chunk);
    while let Some(operations) = meter.next_chunk() {
        let mut queue: VecDeque<Boxed<()>> = VecDeque::with_capacity(tasks as usize);
        queue.extend((0..tasks).map(|_| Box::pin(yields(operations / tasks)) as Boxed<()>));
        while let Some(mut future) = queue.pop_front() {
            if future.as_mut().poll(&mut cx).is_pending() {
                queue.push_back(future);
            }
        }
    }
    meter.print();
}

fn poll_ready(arguments: &Arguments) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut meter = arguments.meter(5000);
    while let Some(operations) = meter.next_chunk() {
        for number in 0..operations {
            let future = pin!(async move { black_box(number) });
            assert!(future.poll(&mut cx).is_ready());
        }
    }
    meter.print();
}

fn boxes_that_stay(_: &Arguments) {
    const PARKED: u64 = 1_000_000;
    let mut cx = Context::from_waker(Waker::noop());
    let mut boxes: Vec<Pin<Box<Parked>>> = Vec::with_capacity(PARKED as usize);
    let before = system::resident_bytes();
    for _ in 0..PARKED {
        let mut future = Box::pin(Parked::default());
        assert_eq!(future.as_mut().poll(&mut cx), Poll::Pending);
        boxes.push(future);
    }
    figure("bytes", (system::resident_bytes() - before) as f64 / PARKED as f64);
    black_box(&boxes);
    std::process::exit(0);
}

/// A function call that is not inlined, through a queue there and a queue back.
fn calls(arguments: &Arguments) {
    let (mut there, mut back) = (VecDeque::with_capacity(1), VecDeque::with_capacity(1));
    let mut token = 0_u64;
    let mut meter = arguments.meter(20_000);
    while let Some(operations) = meter.next_chunk() {
        for _ in 0..operations {
            there.push_back(token);
            answer(&mut there, &mut back);
            token = back.pop_front().expect("the answer was pushed");
        }
    }
    meter.print();
}

#[inline(never)]
fn answer(there: &mut VecDeque<u64>, back: &mut VecDeque<u64>) {
    let token = there.pop_front().expect("the question was pushed");
    back.push_back(black_box(token) + 1);
}

/// A timer that is relative has to read the clock once.
fn clock(arguments: &Arguments) {
    let mut meter = arguments.meter(20_000);
    while let Some(operations) = meter.next_chunk() {
        for _ in 0..operations {
            black_box(Instant::now());
        }
    }
    meter.print();
}

fn echo(_: &Arguments) {
    let server = raw_echo::start(PROCESSOR);
    announce(server.address);
    server.join.join().expect("the server serves until it is killed");
}

fn main() {
    play::main(&[ALL, wakes::ALL], &[]);
}
