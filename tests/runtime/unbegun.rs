//! Closures that no core has begun, because the cores are stuck: they can be ended by others.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wakeline::{JoinError, LocalExecutor, RemoteTask, block_on};

use super::{Blocked, runtime};
use crate::support::{Dropped, Trace, blocks, must_end};

/// One way to send a closure somewhere; it never comes back.
type Send<'a> = Box<dyn Fn(Dropped<u8>) -> RemoteTask<()> + 'a>;

/// Calls `test` with each way to send a closure to somebody who does not come to it.
fn each_way(test: impl Fn(&Send<'_>)) {
    let (runtime, executor) = (runtime(2), LocalExecutor::new());
    let (handle, spawner) = (runtime.handle(), executor.spawner());
    let blocked = [0, 1].map(|core| Blocked::on(&handle, core));
    // One that were called would be so on another thread.
    let never = |guard: Dropped<u8>| move || async move { drop(guard) };
    test(&(Box::new(|guard| handle.spawn_on(1, never(guard))) as Send<'_>));
    test(&(Box::new(|guard| handle.spawn_balanced(never(guard))) as Send<'_>));
    test(&(Box::new(|guard| spawner.spawn(never(guard))) as Send<'_>));
    assert_eq!(handle.metrics().waiting, 0);
    blocked.into_iter().for_each(Blocked::release);
    // Those who come back find nothing to do.
    assert_eq!(block_on(handle.spawn_on(1, || async { 5 })).unwrap(), 5);
    assert_eq!(executor.block_on(spawner.spawn(|| async { 6 })).unwrap(), 6);
    assert!(runtime.shutdown(Duration::from_secs(20)).is_clean());
}

// `cancel().await` waited for a core that did not come back.
#[test]
fn what_nobody_has_begun_is_ended_where_its_end_is_asked_for() {
    must_end(|| {
        each_way(|send| {
            let trace = Trace::new();
            let here = thread::current().id();
            assert_eq!(block_on(send(Dropped::new(1, &trace)).cancel()), None);
            assert_eq!(trace.take(), [(1, here)]);
            let aborted = send(Dropped::new(2, &trace));
            aborted.abort();
            assert_eq!(trace.take(), [(2, here)]);
            assert!(aborted.is_finished());
            aborted.abort();
            assert!(matches!(block_on(aborted), Err(JoinError::Cancelled)));
            drop(send(Dropped::new(3, &trace)));
            assert_eq!(trace.take(), [(3, here)]);
            // By another thread, too.
            let sent = send(Dropped::new(4, &trace));
            let there = thread::spawn(move || {
                assert_eq!(block_on(sent.cancel()), None);
                thread::current().id()
            });
            assert_eq!(there.join().unwrap(), trace.take()[0].1);
        });
    });
}

#[test]
fn a_closure_may_own_the_handle_of_another_and_that_of_the_next() {
    must_end(|| {
        let runtime = runtime(1);
        let blocked = Blocked::on(&runtime.handle(), 0);
        let held = Arc::new(());
        for balanced in [false, true] {
            let mut last: Option<RemoteTask<()>> = None;
            for _ in 0..50_000 {
                let (inside, held) = (last.take(), held.clone());
                let make = move || async move { drop((inside, held)) };
                last = Some(if balanced { runtime.spawn_balanced(make) } else { runtime.spawn_on(0, make) });
            }
            drop(last);
            assert_eq!(Arc::strong_count(&held), 1);
        }
        assert_eq!(runtime.metrics().waiting, 0);
        blocked.release();
    });
}

#[test]
fn each_of_many_is_ended_at_once_in_whatever_order() {
    must_end(|| {
        let runtime = runtime(1);
        let blocked = Blocked::on(&runtime.handle(), 0);
        let held = Arc::new(());
        for balanced in [false, true] {
            let send = |_| {
                let held = held.clone();
                let make = move || async move { drop(held) };
                if balanced { runtime.spawn_balanced(make) } else { runtime.spawn_on(0, make) }
            };
            let mut sent: Vec<_> = (0..20_000).map(send).collect();
            let (even, odd) = (sent.split_off(10_000), sent);
            odd.iter().rev().for_each(RemoteTask::abort);
            assert_eq!(Arc::strong_count(&held), 10_001);
            even.into_iter().for_each(drop);
            assert_eq!(Arc::strong_count(&held), 1);
            assert!(odd.iter().all(RemoteTask::is_finished));
        }
        blocked.release();
    });
}

#[test]
fn an_abort_that_meets_the_begin_ends_the_closure_once() {
    must_end(|| {
        let runtime = runtime(2);
        let trace = Trace::new();
        let all = crate::support::rounds(2000);
        for round in 0..all {
            let guard = Dropped::new(0, &trace);
            let make = move || async move { drop(guard) };
            let task = if round % 2 == 0 { runtime.spawn_balanced(make) } else { runtime.spawn_on(round % 4 / 2, make) };
            for _ in 0..round % 100 {
                std::hint::spin_loop();
            }
            assert!(matches!(block_on(task.cancel()), None | Some(())));
            assert_eq!(trace.len(), round + 1, "gone before the handle hears of it");
        }
    });
}

// A million aborted closures kept 221 MB.
#[test]
fn what_many_ended_ones_leave_behind_a_stuck_core_is_bounded() {
    const MANY: usize = 10_000;
    // As many as may stay, and what else this thread's tables may hold.
    const FEW: isize = 1024 + 64;
    must_end(|| {
        let runtime = runtime(1);
        let blocked = Blocked::on(&runtime.handle(), 0);
        let order = Trace::new();
        for balanced in [false, true] {
            let send = |number: usize| {
                let inside = order.clone();
                let make = move || async move { inside.push(number) };
                if balanced { runtime.spawn_balanced(make) } else { runtime.spawn_on(0, make) }
            };
            // One after the other, then all at once, then in the other order.
            let before = blocks();
            (0..MANY).for_each(|number| drop(send(number)));
            assert!(blocks() - before < FEW, "{}", blocks() - before);
            for reversed in [false, true] {
                let mut sent: Vec<_> = (0..MANY).map(send).collect();
                assert!(blocks() - before > 2 * MANY as isize, "each has a task and a slot");
                if reversed {
                    sent.reverse();
                }
                drop(sent);
                assert!(blocks() - before < FEW, "{}", blocks() - before);
            }
        }
        // Among others, which keep their order.
        let mut expected = Vec::new();
        for number in 0..MANY {
            let inside = order.clone();
            let task = runtime.spawn_on(0, move || async move { inside.push(number) });
            if number % 3 == 0 {
                expected.push(number);
                task.detach();
            }
        }
        assert_eq!(order.len(), 0);
        blocked.release();
        assert!(runtime.shutdown(Duration::from_secs(20)).is_clean());
        assert_eq!(order.take(), expected);
    });
}
