//! Executors of several threads, waking each other.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use wakeline::{LocalExecutor, Spawner, spawn};

use crate::support::{Dropped, Random, Trace, must_end, parked, rounds};

/// A number that one side raises and the other waits for.
#[derive(Default)]
struct Turnstile {
    passed: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

impl Turnstile {
    fn pass(&self) {
        self.passed.fetch_add(1, Ordering::Release);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn reach(&self, count: usize) {
        poll_fn(|cx| {
            if self.passed.load(Ordering::Acquire) >= count {
                return Poll::Ready(());
            }
            let old = self.waker.lock().unwrap().replace(cx.waker().clone());
            drop(old);
            if self.passed.load(Ordering::Acquire) >= count { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// One side of a ping-pong: waits for the other's n-th pass, then passes. Says how often it was
/// notified and how often it slept.
fn play(executor: &LocalExecutor, first: bool, ours: &Turnstile, theirs: &Turnstile, count: usize) -> (u64, u64) {
    executor.block_on(async {
        for turn in 1..=count {
            if first {
                ours.pass();
                theirs.reach(turn).await;
            } else {
                theirs.reach(turn).await;
                ours.pass();
            }
        }
    });
    (executor.metrics().notifications, executor.metrics().turns)
}

fn ping_pong(count: usize, executor: impl Fn() -> LocalExecutor + Send + Sync + Clone + 'static) {
    let (a, b) = (Arc::new(Turnstile::default()), Arc::new(Turnstile::default()));
    let other = thread::spawn({
        let (a, b, executor) = (a.clone(), b.clone(), executor.clone());
        move || play(&executor(), false, &b, &a, count)
    });
    let ours = play(&executor(), true, &a, &b, count);
    for (notifications, turns) in [ours, other.join().unwrap()] {
        // A notification ends a sleep; the one that came late, for a sleep that a spurious return
        // had ended, is taken by the next sleep.
        assert!(notifications <= turns + 1, "{notifications} notifications, {turns} sleeps");
        assert!(notifications <= count as u64 + 1, "{notifications} notifications for {count} wakes");
    }
}

// SN1, SN18, SN25: two threads wake each other in turn; none oversleeps, and a sleep is notified at
// most once.
#[test]
fn two_executors_that_wake_each_other_in_turn_lose_no_wake() {
    must_end(|| ping_pong(rounds(20_000), LocalExecutor::new));
}

// The same with the reactor's notifier in place of the latch.
#[cfg(unix)]
#[test]
fn two_executors_with_sockets_that_wake_each_other_in_turn_lose_no_wake() {
    must_end(|| {
        ping_pong(rounds(5_000), || {
            let executor = LocalExecutor::new();
            // A source that is registered opens the kernel's objects.
            let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
            executor
                .spawn(async move {
                    let left = wakeline::io::Async::new(left).unwrap();
                    left.readable().await.unwrap();
                    drop(right);
                })
                .detach();
            executor.run_until_stalled();
            executor
        });
    });
}

// Watching before sleeping changes when an executor sleeps, not what it hears.
#[test]
fn two_executors_that_watch_for_a_moment_lose_no_wake() {
    must_end(|| {
        let spin = std::time::Duration::from_micros(20);
        ping_pong(rounds(5_000), move || LocalExecutor::builder().spin(spin).build());
    });
}

// SN10, SN12: executors come and go while a waker of theirs is used elsewhere.
#[test]
fn executors_that_come_and_go_meet_wakers_that_are_late() {
    must_end(|| {
        let (sender, wakers) = mpsc::sync_channel::<Waker>(4);
        let waking = thread::spawn(move || {
            for (count, waker) in wakers.iter().enumerate() {
                match count % 3 {
                    0 => waker.wake(),
                    1 => waker.wake_by_ref(),
                    _ => drop(waker.clone()),
                }
            }
        });
        let mut random = Random::new(3);
        for _ in 0..rounds(3_000) {
            let executor = LocalExecutor::new();
            let (future, key) = parked();
            let task = executor.spawn(future);
            executor.run_until_stalled();
            sender.send(key.waker()).unwrap();
            for _ in 0..random.below(3) {
                executor.run_until_stalled();
            }
            if random.below(2) == 0 {
                task.detach();
            }
        }
        drop(sender);
        waking.join().unwrap();
    });
}

/// Spawns until told to stop, and returns how many were spawned and how many of their handles said
/// that the task had returned.
fn flood(spawner: &Spawner, trace: &Trace<((), thread::ThreadId)>, over: &AtomicBool, started: &Barrier) -> (usize, usize) {
    let mut handles = Vec::new();
    started.wait();
    while !over.load(Ordering::Relaxed) && handles.len() < 20_000 {
        let guard = Dropped::new((), trace);
        handles.push(spawner.spawn(move || async move { drop(guard) }));
    }
    let spawned = handles.len();
    let returned = wakeline::block_on(async move {
        let mut returned = 0;
        for handle in handles {
            match handle.await {
                Ok(()) => returned += 1,
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
        returned
    });
    (spawned, returned)
}

// TS10, SD10: tasks come in by thousands from two threads while their executor ends. Every closure
// is dropped once, and every handle hears.
#[test]
fn a_flood_of_remote_spawns_meets_the_end_of_the_executor() {
    must_end(|| {
        for round in 0..rounds(8) {
            let executor = LocalExecutor::new();
            let (trace, over) = (Trace::new(), Arc::new(AtomicBool::new(false)));
            let started = Arc::new(Barrier::new(3));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (spawner, trace, over, started) = (executor.spawner(), trace.clone(), over.clone(), started.clone());
                    thread::spawn(move || flood(&spawner, &trace, &over, &started))
                })
                .collect();
            started.wait();
            for _ in 0..round * 50 {
                executor.try_tick();
            }
            drop(executor);
            over.store(true, Ordering::Relaxed);
            let (mut spawned, mut returned) = (0, 0);
            for thread in threads {
                let (theirs, ended) = thread.join().unwrap();
                spawned += theirs;
                returned += ended;
            }
            assert!(returned <= spawned);
            assert_eq!(trace.len(), spawned, "each closure is dropped once");
        }
    });
}

/// Lets this thread run on one processor only, the first that it may use.
#[cfg(target_os = "linux")]
fn stay_on_one_processor() {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None).unwrap();
    let first = (0..CpuSet::MAX_CPU).find(|&cpu| allowed.is_set(cpu)).unwrap();
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one).unwrap();
}

// SN9: sixteen threads on one processor, giving it up at every chance; a chain of wakes goes round
// all of their executors.
#[cfg(target_os = "linux")]
#[test]
fn sixteen_threads_on_one_processor_pass_a_wake_round() {
    const THREADS: usize = 16;
    must_end(|| {
        let laps = rounds(200);
        let gates: Arc<Vec<Turnstile>> = Arc::new((0..THREADS).map(|_| Turnstile::default()).collect());
        let threads: Vec<_> = (0..THREADS)
            .map(|index| {
                let gates = gates.clone();
                thread::spawn(move || {
                    stay_on_one_processor();
                    let (before, random) = ((index + THREADS - 1) % THREADS, Cell::new(index as u64));
                    let give_way = || {
                        random.set(random.get().wrapping_mul(6364136223846793005).wrapping_add(1));
                        if random.get() >> 62 == 0 {
                            thread::yield_now();
                        }
                    };
                    wakeline::block_on(async {
                        for lap in 1..=laps {
                            if index > 0 || lap > 1 {
                                let reached = if index == 0 { lap - 1 } else { lap };
                                let mut waiting = pin!(gates[before].reach(reached));
                                poll_fn(|cx| {
                                    give_way();
                                    waiting.as_mut().poll(cx)
                                })
                                .await;
                            }
                            give_way();
                            gates[index].pass();
                            spawn(async move { thread::yield_now() }).detach();
                        }
                    });
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(gates.iter().all(|gate| gate.passed.load(Ordering::Relaxed) == laps));
    });
}
