//! Wakes from another thread.

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use atomic_waker::AtomicWaker;
use play::rally::{self, Counts, Side, Turns};
use play::{Arguments, COST, OTHER_PROCESSOR, PROCESSOR, Workload, figure, rounds, system};

use crate::peer::{Executor, spawn};

pub const ALL: &[Workload] = &[("pingpong_cross", pingpong_cross), ("block_on_wake", block_on_wake), ("wake_flood", wake_flood)];

/// A token between two threads, each with its own executor, both on one processor.
fn pingpong_cross(_: &Arguments) {
    let play = |side: Side<Turns>| Executor::new().block_on(side.play(Counts::default));
    let spent = rally::game(Turns::seats(), play, [PROCESSOR; 2], 20_000);
    figure(COST, spent.cpu_ns);
    figure("sleeps", spent.sleeps);
}

/// What the root and the thread that wakes it have in common.
#[derive(Default)]
struct Exchange {
    asked: AtomicU64,
    answered: AtomicU64,
    root: AtomicWaker,
}

/// The root asks a bare thread and is woken by it, both on one processor.
fn block_on_wake(arguments: &Arguments) {
    let exchange = Arc::new(Exchange::default());
    let theirs = Arc::clone(&exchange);
    let thread = thread::spawn(move || {
        system::pin_to(PROCESSOR);
        for number in 1.. {
            loop {
                match theirs.asked.load(Ordering::Acquire) {
                    u64::MAX => return,
                    asked if asked >= number => break,
                    _ => thread::park(),
                }
            }
            theirs.answered.store(number, Ordering::Release);
            theirs.root.wake();
        }
    });
    let executor = Executor::new();
    let mut meter = arguments.meter(2000);
    let mut number = 0;
    while let Some(operations) = meter.next_chunk() {
        executor.block_on(async {
            for _ in 0..operations {
                number += 1;
                exchange.asked.store(number, Ordering::Release);
                thread.thread().unpark();
                poll_fn(|cx| {
                    if exchange.answered.load(Ordering::Acquire) < number {
                        exchange.root.register(cx.waker());
                        if exchange.answered.load(Ordering::Acquire) < number {
                            return Poll::Pending;
                        }
                    }
                    Poll::Ready(())
                })
                .await;
            }
        });
    }
    exchange.asked.store(u64::MAX, Ordering::Release);
    thread.thread().unpark();
    thread.join().expect("the thread answers to the end");
    meter.print();
}

/// Tasks that a foreign thread wakes.
const FLOODED: usize = 1000;

/// How long they are woken.
const FLOOD: Duration = Duration::from_millis(250);

thread_local! {
    /// Polls of all tasks of the flood.
    static POLLS: Cell<u64> = const { Cell::new(0) };
}

/// A thread on the other processor wakes 1000 tasks round robin, as fast as it can.
fn wake_flood(_: &Arguments) {
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = mpsc::channel::<Waker>();
    let theirs = Arc::clone(&stop);
    let flood = thread::spawn(move || {
        system::pin_to(OTHER_PROCESSOR);
        let wakers: Vec<Waker> = told.iter().take(FLOODED).collect();
        let end = Instant::now() + FLOOD;
        while Instant::now() < end {
            wakers.iter().for_each(Waker::wake_by_ref);
        }
        theirs.store(true, Ordering::Release);
        wakers.iter().for_each(Waker::wake_by_ref);
    });
    Executor::new().block_on(async {
        let flooded = |_| {
            let (stop, tell, mut told) = (Arc::clone(&stop), tell.clone(), false);
            spawn(poll_fn(move |cx| {
                POLLS.set(POLLS.get() + 1);
                if stop.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                if !told {
                    tell.send(cx.waker().clone()).expect("the flood waits for all wakers");
                    told = true;
                }
                Poll::Pending
            }))
        };
        let handles: Vec<_> = (0..FLOODED).map(flooded).collect();
        let (start, cpu) = (Instant::now(), rounds::cpu_ns());
        for handle in handles {
            join!(handle);
        }
        let (wall, cpu) = (start.elapsed(), rounds::cpu_ns() - cpu);
        figure(COST, cpu as f64 / POLLS.get() as f64);
        figure("mpolls", POLLS.get() as f64 / wall.as_secs_f64() / 1e6);
    });
    flood.join().expect("the flood ends");
}
