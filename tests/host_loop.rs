//! An executor in somebody else's loop: the descriptor says when there is something to do, and one
//! turn does it.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wakeline::io::Async;
use wakeline::{LocalExecutor, block_on, spawn, time, yield_now};

use crate::support::{Key, PATIENCE, Trace, must_end, parked, skip};

/// Hosts the executor to its end.
fn host_for_ever(executor: &LocalExecutor) {
    std::mem::forget(executor.host().unwrap());
}

/// Does the host find the descriptor readable within `wait`?
fn is_readable(executor: &LocalExecutor, wait: Duration) -> bool {
    let host = executor.host().unwrap();
    let mut watched = [PollFd::new(&host, PollFlags::IN)];
    poll(&mut watched, Some(&Timespec::try_from(wait).unwrap())).unwrap() > 0
}

fn is_readable_now(executor: &LocalExecutor) -> bool {
    is_readable(executor, Duration::ZERO)
}

/// The host's loop, until the condition holds: waits for the descriptor, or the next deadline, and
/// makes a turn. Counts its turns.
#[track_caller]
fn host(executor: &LocalExecutor, mut until: impl FnMut() -> bool) -> usize {
    let start = Instant::now();
    let mut turns = 0;
    while !until() {
        assert!(start.elapsed() < PATIENCE, "the host waits in vain");
        let wait = executor.next_deadline().map_or(PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()));
        is_readable(executor, wait);
        executor.turn(Some(Duration::ZERO)).unwrap();
        turns += 1;
    }
    turns
}

/// A hosted executor with a task that waits, at rest.
fn hosted() -> (LocalExecutor, Key) {
    let executor = LocalExecutor::new();
    let (future, key) = parked();
    executor.spawn(future).detach();
    host_for_ever(&executor);
    host(&executor, || key.polls() == 1);
    settle(&executor);
    (executor, key)
}

/// Turns until there is nothing to do; a host that is told of something again and again would never
/// sleep.
#[track_caller]
fn settle(executor: &LocalExecutor) {
    for _ in 0..4 {
        if !is_readable_now(executor) {
            return;
        }
        executor.turn(Some(Duration::ZERO)).unwrap();
    }
    panic!("readable again and again, with nothing to do");
}

#[test]
fn whatever_makes_work_makes_the_descriptor_readable() {
    type Source = fn(&LocalExecutor, &Key);
    let sources: [(&str, Source); 8] = [
        ("a local spawn", |executor, _| executor.spawn(async {}).detach()),
        ("a local wake outside", |_, key| key.waker().wake()),
        ("a wake inside another executor", |_, key| {
            let waker = key.waker();
            LocalExecutor::new().block_on(async { waker.wake() });
        }),
        ("a remote wake", |_, key| {
            let waker = key.waker();
            thread::spawn(move || waker.wake()).join().unwrap();
        }),
        ("a local abort", |executor, _| {
            let task = executor.spawn(pending::<()>());
            executor.turn(Some(Duration::ZERO)).unwrap();
            settle(executor);
            task.abort();
            task.detach();
        }),
        ("a handle's drop", |executor, _| {
            let task = executor.spawn(pending::<()>());
            executor.turn(Some(Duration::ZERO)).unwrap();
            settle(executor);
            drop(task);
        }),
        ("a remote spawn", |executor, _| {
            let spawner = executor.spawner();
            thread::spawn(move || spawner.spawn(|| async {}).detach()).join().unwrap();
        }),
        ("what was ready before the host asked for the descriptor", |_, _| {}),
    ];
    for (name, source) in sources {
        let (executor, key) = hosted();
        if name.starts_with("what was ready") {
            let early = LocalExecutor::new();
            early.spawn(async {}).detach();
            assert!(is_readable_now(&early), "{name}");
            early.turn(Some(Duration::ZERO)).unwrap();
            settle(&early);
            continue;
        }
        assert!(!is_readable_now(&executor), "{name}: at rest");
        source(&executor, &key);
        assert!(is_readable_now(&executor), "{name}");
        executor.turn(Some(Duration::ZERO)).unwrap();
        settle(&executor);
    }
}

#[test]
fn a_socket_and_a_timer_reach_the_host() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let (near, mut far) = UnixStream::pair().unwrap();
        let got = executor.spawn(async move {
            let near = Async::new(near).unwrap();
            let mut byte = [0];
            near.read_with(|stream| std::io::Read::read(&mut &*stream, &mut byte)).await.unwrap();
            byte[0]
        });
        let start = Instant::now();
        let slept = executor.spawn(async move {
            time::sleep(Duration::from_millis(20)).await;
            start.elapsed()
        });
        host_for_ever(&executor);
        host(&executor, || executor.next_deadline().is_some());
        settle(&executor);
        assert!(!is_readable_now(&executor));
        far.write_all(b"x").unwrap();
        assert!(is_readable(&executor, PATIENCE));
        host(&executor, || got.is_finished());
        assert!(!slept.is_finished() || start.elapsed() >= Duration::from_millis(20));
        host(&executor, || slept.is_finished());
        let slept = executor.block_on(slept).unwrap();
        assert!(slept >= Duration::from_millis(20), "{slept:?}");
        assert_eq!(executor.block_on(got).unwrap(), b'x');
    });
}

#[test]
fn a_turn_polls_each_ready_task_once_and_leaves_the_rest_to_the_next() {
    let executor = LocalExecutor::new();
    let trace = Trace::new();
    for name in ["a", "b"] {
        let events = trace.clone();
        executor
            .spawn(async move {
                for turn in 0..2 {
                    events.push((name, turn));
                    yield_now().await;
                }
            })
            .detach();
    }
    assert!(is_readable_now(&executor));
    executor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(trace.take(), [("a", 0), ("b", 0)]);
    assert!(is_readable_now(&executor), "they yielded and are ready");
    executor.turn(None).unwrap();
    assert_eq!(trace.take(), [("a", 1), ("b", 1)]);
    executor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(executor.task_count(), 0);
    settle(&executor);
}

#[test]
fn a_host_that_sleeps_is_woken_for_each_of_many_remote_wakes() {
    must_end(|| {
        let (executor, key) = hosted();
        let (asked, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (wants, done, signal) = (asked.clone(), answered.clone(), key.clone());
        let other = thread::spawn(move || {
            while !done.load(Ordering::SeqCst) {
                if wants.swap(false, Ordering::SeqCst) {
                    signal.waker().wake();
                }
                thread::yield_now();
            }
        });
        let mut turns = 0;
        for round in 1..=500 {
            assert_eq!(key.polls(), round);
            asked.store(true, Ordering::SeqCst);
            turns += host(&executor, || key.polls() > round);
        }
        answered.store(true, Ordering::SeqCst);
        other.join().unwrap();
        assert!(turns <= 1500, "{turns} turns for 500 wakes");
    });
}

// Two executors share the thread's descriptor; the one that waits in between takes what it says.
#[test]
fn what_another_executor_of_the_thread_takes_from_the_descriptor_is_not_lost_to_the_host() {
    must_end(|| {
        let (executor, key) = hosted();
        // The callback of a host: it blocks on something else, and meanwhile a wake for the hosted
        // executor arrives.
        let waker = key.waker();
        let other = thread::spawn(move || waker.wake());
        let (near, mut far) = UnixStream::pair().unwrap();
        block_on(async {
            let near = Async::new(near).unwrap();
            let writes = thread::spawn(move || {
                other.join().unwrap();
                far.write_all(b"x").unwrap();
            });
            near.readable().await.unwrap();
            writes.join().unwrap();
        });
        assert!(is_readable_now(&executor), "the wake notified while another executor slept");
        host(&executor, || key.polls() == 2);
        // A second hosted executor takes the notification in its own turn.
        let second = LocalExecutor::new();
        host_for_ever(&second);
        settle(&second);
        key.waker().wake();
        second.turn(Some(Duration::from_millis(1))).unwrap();
        assert!(is_readable_now(&executor), "the notification was taken by another's turn");
        host(&executor, || key.polls() == 3);
    });
}

#[test]
fn a_timer_of_a_hosted_executor_that_fires_in_anothers_turn_is_not_lost() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let slept = executor.spawn(time::sleep(Duration::from_millis(5)));
        host_for_ever(&executor);
        host(&executor, || executor.next_deadline().is_some());
        settle(&executor);
        block_on(time::sleep(Duration::from_millis(10)));
        host(&executor, || slept.is_finished());
    });
}

#[test]
fn a_hosted_executor_can_also_block() {
    must_end(|| {
        let (executor, key) = hosted();
        let waker = key.waker();
        let opens = key.clone();
        let other = thread::spawn(move || {
            opens.open();
            waker.wake();
        });
        executor.block_on(async {
            while key.polls() < 2 {
                yield_now().await;
            }
        });
        other.join().unwrap();
        assert_eq!(executor.task_count(), 0);
        settle(&executor);
        executor.spawn(async {}).detach();
        assert!(is_readable_now(&executor));
    });
}

#[test]
fn asking_for_the_descriptor_inside_a_task_takes_effect_afterwards() {
    let executor = Rc::new(LocalExecutor::new());
    let inside = executor.clone();
    let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
    let (future, key) = parked();
    executor.block_on(async {
        host_for_ever(&inside);
        spawn(future).detach();
        yield_now().await;
        *waker.borrow_mut() = Some(key.waker());
    });
    settle(&executor);
    waker.take().unwrap().wake();
    assert!(is_readable_now(&executor));
}

#[test]
fn a_deadline_is_there_while_a_timer_is() {
    let executor = LocalExecutor::new();
    assert_eq!(executor.next_deadline(), None);
    let before = Instant::now();
    let task = executor.spawn(time::sleep(Duration::from_secs(3600)));
    executor.run_until_stalled();
    let deadline = executor.next_deadline().expect("a task sleeps");
    assert!(deadline >= before + Duration::from_secs(3590) && deadline <= Instant::now() + Duration::from_secs(3601));
    drop(task);
    executor.run_until_stalled();
    assert_eq!(executor.next_deadline(), None);
}

// -- without a host
// -------------------------------------------------------------------------------------------------

#[test]
fn a_tick_polls_at_most_one_task() {
    let executor = LocalExecutor::new();
    let polls = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let count = polls.clone();
        executor
            .spawn(async move {
                count.set(count.get() + 1);
                yield_now().await;
                count.set(count.get() + 1);
            })
            .detach();
    }
    for expected in 1..=6 {
        assert!(executor.try_tick());
        assert_eq!(polls.get(), expected);
    }
    assert!(!executor.try_tick());
    assert!(!executor.try_tick(), "and never blocks");
}

#[test]
fn ticking_alone_reaches_sockets_and_timers() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let (near, mut far) = UnixStream::pair().unwrap();
        let read = executor.spawn(async move {
            let near = Async::new(near).unwrap();
            near.readable().await.unwrap();
            time::sleep(Duration::from_millis(2)).await;
        });
        // One that is always ready, so that a look is never made because there was nothing else to
        // do.
        executor
            .spawn(async {
                loop {
                    yield_now().await;
                }
            })
            .detach();
        far.write_all(b"x").unwrap();
        let start = Instant::now();
        while !read.is_finished() {
            assert!(executor.try_tick());
            assert!(start.elapsed() < PATIENCE);
        }
    });
}

#[test]
fn running_until_stalled_ends_when_nothing_is_ready_and_never_waits() {
    let executor = LocalExecutor::new();
    let (future, key) = parked();
    let trace = Trace::new();
    let events = trace.clone();
    let sleeping = executor.spawn(time::sleep(Duration::from_secs(3600)));
    executor
        .spawn(async move {
            future.await;
            for turn in 0..10 {
                yield_now().await;
                events.push(turn);
            }
        })
        .detach();
    executor.run_until_stalled();
    assert_eq!((key.polls(), trace.len()), (1, 0));
    key.open_and_wake();
    executor.run_until_stalled();
    assert_eq!(trace.len(), 10);
    assert!(!sleeping.is_finished());
}

#[test]
fn a_turn_waits_no_longer_than_it_was_told_and_not_at_all_with_work() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let start = Instant::now();
        executor.turn(Some(Duration::from_millis(5))).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(5));
        executor.turn(Some(Duration::ZERO)).unwrap();
        let task = executor.spawn(async {});
        executor.turn(None).unwrap();
        assert!(task.is_finished());
        let task = executor.spawn(async {});
        executor.turn(Some(Duration::MAX)).unwrap();
        assert!(task.is_finished());
        // With nothing ready the longest wait of all ends with the first wake.
        let (future, key) = parked();
        let task = executor.spawn(future);
        executor.run_until_stalled();
        let other = thread::spawn(move || key.open_and_wake());
        while !task.is_finished() {
            executor.turn(Some(Duration::MAX)).unwrap();
        }
        other.join().unwrap();
    });
}

// -- what a wake costs
// -------------------------------------------------------------------------------------------------

// SN18, SN25: a system call for every remote wake, also while the owner was awake.
#[test]
fn remote_wakes_of_an_owner_that_is_awake_notify_nobody() {
    let executor = LocalExecutor::new();
    let _ = executor.spawner();
    let tasks: Vec<Key> = (0..50)
        .map(|_| {
            let (future, key) = parked();
            executor.spawn(future).detach();
            key
        })
        .collect();
    let before = executor.metrics().notifications;
    executor.block_on(async {
        for round in 1..=10 {
            while tasks.iter().any(|key| key.polls() < round) {
                yield_now().await;
            }
            let wakers: Vec<Waker> = tasks.iter().map(Key::waker).collect();
            // Joined within the poll: the owner cannot have been asleep.
            thread::spawn(move || wakers.into_iter().for_each(Waker::wake)).join().unwrap();
        }
    });
    assert_eq!(executor.metrics().notifications, before);
}

// SN18: at most one notification a sleep, however many wakes end it.
#[test]
fn a_sleep_is_ended_by_at_most_one_ring() {
    must_end(|| {
        for with_descriptors in [false, true] {
            let executor = LocalExecutor::new();
            let sleep = with_descriptors.then(|| {
                let (near, far) = UnixStream::pair().unwrap();
                let task = executor.spawn(async move { Async::new(near).unwrap().readable().await });
                (task, far)
            });
            let tasks: Vec<Key> = (0..20)
                .map(|_| {
                    let (future, key) = parked();
                    executor.spawn(future).detach();
                    key
                })
                .collect();
            executor.run_until_stalled();
            let before = executor.metrics();
            let wakers: Vec<Waker> = tasks.iter().map(Key::waker).collect();
            let other = thread::spawn(move || {
                for _ in 0..200 {
                    wakers.iter().for_each(Waker::wake_by_ref);
                }
            });
            executor.block_on(async {
                while !other.is_finished() || tasks.iter().any(|key| key.polls() < 2) {
                    // Sleeps until a wake; the last wake may be long ago, so it also ends by
                    // itself.
                    time::timeout(Duration::from_millis(1), pending::<()>()).await.unwrap_err();
                }
            });
            other.join().unwrap();
            let after = executor.metrics();
            let (notifications, turns) = (after.notifications - before.notifications, after.turns - before.turns);
            assert!(notifications <= turns, "{notifications} notifications for {turns} waits, descriptors: {with_descriptors}");
            drop(sleep);
        }
    });
}

// SN18, seen from outside: what the waking thread writes, counted by the kernel.
#[cfg(target_os = "linux")]
#[test]
fn the_waking_thread_makes_no_system_call_while_the_owner_is_awake_and_one_when_it_sleeps() {
    fn writes() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/thread-self/io").ok()?;
        text.lines().find_map(|line| line.strip_prefix("syscw: "))?.parse().ok()
    }
    if writes().is_none() {
        return skip("this kernel does not count system calls by thread");
    }
    let (executor, key) = hosted();
    let (waker, other) = (key.waker(), key.waker());
    let wake_a_lot = move |waker: Waker| {
        thread::spawn(move || {
            let before = writes().unwrap();
            for _ in 0..1000 {
                waker.wake_by_ref();
            }
            writes().unwrap() - before
        })
        .join()
        .unwrap()
    };
    // Asleep as far as wakers know: the host waits.
    assert_eq!(wake_a_lot(waker), 1);
    host(&executor, || key.polls() == 2);
    // Awake: the wakes happen within a poll.
    let awake = executor.block_on(async move { wake_a_lot(other) });
    assert_eq!(awake, 0);
}

// SN19, RD11: a wake that is never taken off the descriptor keeps the owner busy.
#[test]
fn an_owner_that_has_been_woken_sleeps_again() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let (near, _far) = UnixStream::pair().unwrap();
        executor.spawn(async move { Async::new(near).unwrap().readable().await }).detach();
        let (future, key) = parked();
        executor.spawn(future).detach();
        executor.run_until_stalled();
        let waker = key.waker();
        thread::spawn(move || waker.wake()).join().unwrap();
        let before = executor.metrics().turns;
        executor.block_on(time::sleep(Duration::from_millis(30)));
        let turns = executor.metrics().turns - before;
        assert!(turns <= 5, "{turns} waits in a sleep");
        assert_eq!(key.polls(), 2);
    });
}

// -- hosts
// -------------------------------------------------------------------------------------------------

/// A thousand spawns on this thread, and the notifications that they cost.
fn notifications_of_spawns(executor: &LocalExecutor) -> u64 {
    let before = executor.metrics().notifications;
    for _ in 0..1000 {
        executor.spawn(async {}).detach();
        executor.turn(Some(Duration::ZERO)).unwrap();
    }
    executor.metrics().notifications - before
}

#[test]
fn spawning_notifies_only_while_a_host_lives() {
    let executor = LocalExecutor::new();
    assert_eq!(notifications_of_spawns(&executor), 0);
    let host = executor.host().unwrap();
    assert_eq!(notifications_of_spawns(&executor), 1000, "each of them may be what the host waits for");
    drop(host);
    assert_eq!(notifications_of_spawns(&executor), 0);
    // A remote wake finds nobody asleep, either.
    let before = executor.metrics().notifications;
    let spawner = executor.spawner();
    thread::spawn(move || spawner.spawn(|| async {}).detach()).join().unwrap();
    assert_eq!(executor.metrics().notifications, before);
    executor.run_until_stalled();
    assert_eq!(executor.task_count(), 0);
}

#[test]
fn of_several_hosts_the_last_one_ends_the_mode() {
    let executor = LocalExecutor::new();
    let (first, second) = (executor.host().unwrap(), executor.host().unwrap());
    assert_eq!(std::os::fd::AsRawFd::as_raw_fd(&first), std::os::fd::AsRawFd::as_raw_fd(&second));
    settle(&executor);
    drop(first);
    executor.spawn(async {}).detach();
    let mut watched = [PollFd::new(&second, PollFlags::IN)];
    assert_eq!(poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap(), 1);
    executor.turn(Some(Duration::ZERO)).unwrap();
    drop(second);
    assert_eq!(notifications_of_spawns(&executor), 0);
}

// A host for each wait. What the last one was notified for would keep the descriptor readable, and
// the host's loop from its sleep.
#[test]
fn a_host_for_each_wait_is_woken_by_work_and_sleeps_without() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let (future, key) = parked();
        executor.spawn(future).detach();
        for round in 0..20 {
            assert!(is_readable_now(&executor) || round > 0);
            executor.turn(Some(Duration::ZERO)).unwrap();
            assert_eq!(key.polls(), round + 1);
            assert!(!is_readable_now(&executor), "nothing to do: round {round}");
            let waker = key.waker();
            thread::spawn(move || waker.wake()).join().unwrap();
            assert!(is_readable(&executor, PATIENCE));
        }
    });
}

#[test]
fn a_host_that_comes_and_goes_inside_a_task_leaves_nothing_behind() {
    let executor = Rc::new(LocalExecutor::new());
    let inside = executor.clone();
    executor
        .block_on(executor.spawn(async move {
            let host = inside.host().unwrap();
            let waker = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())).await;
            drop(host);
            waker.wake();
            yield_now().await;
        }))
        .unwrap();
    assert_eq!(notifications_of_spawns(&executor), 0);
}

#[test]
fn tasks_that_others_spawned_while_a_host_waited_run_after_it_has_gone() {
    let executor = LocalExecutor::new();
    let host = executor.host().unwrap();
    let spawner = executor.spawner();
    let task = thread::spawn(move || spawner.spawn(|| async { 5 })).join().unwrap();
    drop(host);
    assert_eq!(executor.block_on(task).unwrap(), 5);
}

#[cfg(target_os = "linux")]
#[test]
fn without_descriptors_a_host_is_an_error() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use crate::support::{assert_passed, is_child, run_in_child};

    let name = "host_loop::without_descriptors_a_host_is_an_error";
    if !is_child() {
        return assert_passed(&run_in_child(name));
    }
    let executor = LocalExecutor::new();
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), maximum }).unwrap();
    assert_eq!(executor.host().unwrap_err().raw_os_error(), Some(24));
    assert_eq!(LocalExecutor::builder().try_build().unwrap_err().raw_os_error(), Some(24));
    // It goes on without: on its latch.
    let (future, key) = parked();
    let other = thread::spawn(move || {
        while key.polls() == 0 {
            thread::yield_now();
        }
        key.open_and_wake();
    });
    executor.block_on(future);
    other.join().unwrap();
    assert_eq!(notifications_of_spawns(&executor), 0, "a host that failed is none");
}

// One that was woken when its call had returned is nobody's, and passes for no work.
#[test]
fn a_stale_waker_of_a_root_keeps_no_turn_from_its_wait() {
    must_end(|| {
        for spin in [Duration::ZERO, Duration::from_secs(3600)] {
            let executor = LocalExecutor::builder().spin(spin).try_build().unwrap();
            let waker = executor.block_on(std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())));
            let _sleeping = executor.spawn(time::sleep(Duration::from_secs(3600)));
            executor.run_until_stalled();
            executor.block_on(async { waker.wake() });
            let start = Instant::now();
            executor.turn(Some(Duration::from_millis(5))).unwrap();
            assert!(start.elapsed() >= Duration::from_millis(5), "{:?} with {spin:?}", start.elapsed());
        }
    });
}
