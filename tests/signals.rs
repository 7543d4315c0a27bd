//! Signals: each receiver on each thread gets them, several are one, none is lost, and a forked
//! child disturbs nobody.
//!
//! A signal reaches every receiver of the process, so each test that raises one runs in a process
//! of its own.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use futures_lite::StreamExt;
use futures_lite::future::{poll_once, yield_now};
use wakeline::signal::{Signal, SignalKind, ctrl_c};
use wakeline::{LocalExecutor, block_on, spawn, time};

use crate::fork::in_a_fork;
use crate::support::{assert_contains, assert_passed, is_child, must_end, rounds, run_in_child};

unsafe extern "C" {
    /// To this thread: the handler has run when it returns.
    #[link_name = "raise"]
    safe fn raise_number(signal: c_int) -> c_int;
    safe fn sigignore(signal: c_int) -> c_int;
}

const ONE: SignalKind = SignalKind::user_defined1();
const TWO: SignalKind = SignalKind::user_defined2();

fn raise(kind: SignalKind) {
    assert_eq!(raise_number(kind.as_raw()), 0);
}

/// Runs the test in a process of its own; true there.
fn alone(test: &str) -> bool {
    if is_child() {
        return true;
    }
    assert_passed(&run_in_child(&format!("signals::{test}")));
    false
}

/// Whether a signal has come since the last time.
async fn has_come(signal: &mut Signal) -> bool {
    poll_once(signal.recv()).await.inspect(|outcome| assert!(outcome.is_ok(), "{outcome:?}")).is_some()
}

#[test]
fn a_raised_signal_is_received_and_only_by_its_kind() {
    if !alone("a_raised_signal_is_received_and_only_by_its_kind") {
        return;
    }
    block_on(async {
        let (mut one, mut two) = (Signal::new(ONE).unwrap(), Signal::new(TWO).unwrap());
        assert!(!has_come(&mut one).await);
        raise(ONE);
        assert!(has_come(&mut one).await && !has_come(&mut two).await);
        // From another thread, while this one sleeps.
        let raising = thread::spawn(|| raise(TWO));
        two.recv().await.unwrap();
        raising.join().unwrap();
        assert!(!has_come(&mut one).await);
        assert_eq!((one.kind(), two.kind()), (ONE, TWO));
    });
}

#[test]
fn several_signals_between_two_receives_are_one() {
    if !alone("several_signals_between_two_receives_are_one") {
        return;
    }
    block_on(async {
        let mut signal = Signal::new(ONE).unwrap();
        for _ in 0..3 {
            raise(ONE);
            raise(ONE);
            assert!(has_come(&mut signal).await);
            assert!(!has_come(&mut signal).await);
        }
    });
}

// SF8: signal numbers as bytes in a bounded pipe got lost.
#[test]
fn nothing_is_lost_when_the_self_pipe_is_full() {
    if !alone("nothing_is_lost_when_the_self_pipe_is_full") {
        return;
    }
    block_on(async {
        let (mut one, mut two) = (Signal::new(ONE).unwrap(), Signal::new(TWO).unwrap());
        // A socket holds some hundred bytes that were written one by one.
        (0..5000).for_each(|_| raise(ONE));
        (0..5000).for_each(|_| raise(TWO));
        assert!(has_come(&mut two).await && has_come(&mut one).await);
        assert!(!has_come(&mut two).await && !has_come(&mut one).await);
        (0..5000).for_each(|_| raise(ONE));
        assert!(has_come(&mut one).await);
        // The self-pipe is still full of old bytes, and the next signal is nevertheless seen by a
        // receiver that sleeps.
        let raising = spawn(async {
            time::sleep(Duration::from_millis(1)).await;
            raise(ONE);
        });
        one.recv().await.unwrap();
        raising.await.unwrap();
    });
}

#[test]
fn every_receiver_on_every_thread_gets_the_signal() {
    if !alone("every_receiver_on_every_thread_gets_the_signal") {
        return;
    }
    let (ready, wait) = channel();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let ready = ready.clone();
            thread::spawn(move || {
                block_on(async {
                    let (mut a, mut b) = (Signal::new(ONE).unwrap(), Signal::new(ONE).unwrap());
                    assert!(!has_come(&mut a).await);
                    ready.send(()).unwrap();
                    a.recv().await.unwrap();
                    b.recv().await.unwrap();
                    assert!(!has_come(&mut a).await && !has_come(&mut b).await);
                });
            })
        })
        .collect();
    threads.iter().for_each(|_| wait.recv().unwrap());
    raise(ONE);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_signal_brings_what_was_written_before_it_and_the_last_one_is_never_lost() {
    if !alone("a_signal_brings_what_was_written_before_it_and_the_last_one_is_never_lost") {
        return;
    }
    let last = rounds(20_000);
    must_end(move || {
        let written = Arc::new(AtomicUsize::new(0));
        block_on(async {
            let mut signal = Signal::new(ONE).unwrap();
            let raising = {
                let written = written.clone();
                thread::spawn(move || {
                    for value in 1..=last {
                        written.store(value, Ordering::Relaxed);
                        raise(ONE);
                    }
                })
            };
            let mut received = 0;
            while written.load(Ordering::Relaxed) < last {
                signal.recv().await.unwrap();
                received += 1;
            }
            raising.join().unwrap();
            assert!((1..=last).contains(&received));
        });
    });
}

#[test]
fn a_storm_of_signals_leaves_other_tasks_their_turn() {
    if !alone("a_storm_of_signals_leaves_other_tasks_their_turn") {
        return;
    }
    block_on(async {
        let mut signal = Signal::new(ONE).unwrap();
        let greedy = spawn(async move {
            loop {
                raise(ONE);
                signal.next().await.unwrap().unwrap();
            }
        });
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(greedy.cancel().await, None::<()>);
    });
}

#[test]
fn a_dropped_receiver_gets_nothing_a_new_one_starts_empty_and_the_process_lives_on() {
    if !alone("a_dropped_receiver_gets_nothing_a_new_one_starts_empty_and_the_process_lives_on") {
        return;
    }
    block_on(async {
        let mut first = Signal::new(ONE).unwrap();
        let mut second = Signal::new(ONE).unwrap();
        raise(ONE);
        drop(first);
        assert!(has_come(&mut second).await);
        drop(second);
        // Its default action would end the process.
        raise(ONE);
        first = Signal::new(ONE).unwrap();
        assert!(!has_come(&mut first).await);
        raise(ONE);
        assert!(has_come(&mut first).await);
    });
}

#[test]
fn dropping_receivers_during_a_storm_leaves_no_descriptor_behind() {
    if !alone("dropping_receivers_during_a_storm_leaves_no_descriptor_behind") {
        return;
    }
    let stop = Arc::new(AtomicUsize::new(0));
    block_on(async {
        let keep = Signal::new(ONE).unwrap();
        let storm = {
            let stop = stop.clone();
            thread::spawn(move || {
                while stop.load(Ordering::Relaxed) == 0 {
                    raise(ONE);
                }
            })
        };
        for _ in 0..rounds(2000) {
            let mut signal = Signal::new(ONE).unwrap();
            let _ = has_come(&mut signal).await;
        }
        stop.store(1, Ordering::Relaxed);
        storm.join().unwrap();
        // A leak of two each time would have hit the limit, or be seen in the next number.
        let (next, _) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(std::os::fd::AsRawFd::as_raw_fd(&next) < 100, "{next:?}");
        drop(keep);
    });
}

#[test]
fn ctrl_c_is_received_also_where_the_shell_has_it_ignored() {
    if !alone("ctrl_c_is_received_also_where_the_shell_has_it_ignored") {
        return;
    }
    assert_eq!(sigignore(SignalKind::interrupt().as_raw()), 0);
    block_on(async {
        for _ in 0..2 {
            let mut waiting = std::pin::pin!(ctrl_c());
            assert!(poll_once(waiting.as_mut()).await.is_none());
            raise(SignalKind::interrupt());
            waiting.await.unwrap();
        }
    });
}

#[test]
fn what_cannot_be_caught_is_refused_by_name() {
    block_on(async {
        let names = [(9, "SIGKILL"), (4, "SIGILL"), (8, "SIGFPE"), (11, "SIGSEGV")];
        for (number, name) in names {
            let error = Signal::new(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert_contains(&error.to_string(), &[name, "cannot be caught"]);
        }
        for number in [0, -1, 999, i32::MIN, i32::MAX] {
            let error = Signal::new(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert_contains(&error.to_string(), &[&number.to_string(), "cannot be caught"]);
        }
    });
    assert_eq!(format!("{:?} {}", SignalKind::terminate(), SignalKind::from_raw(77)), "SignalKind(SIGTERM) signal 77");
}

#[test]
fn outside_an_executor_there_is_nothing_to_receive_with() {
    assert_contains(&Signal::new(ONE).unwrap_err().to_string(), &["wakeline executor", "block_on"]);
}

// What it needs is there when it is made, so that no receive fails later, and a signal that cannot
// be received is not caught.
#[test]
fn a_receiver_that_could_be_made_can_wait_although_descriptors_have_run_out() {
    if !alone("a_receiver_that_could_be_made_can_wait_although_descriptors_have_run_out") {
        return;
    }
    let mut made = Vec::new();
    for spare in 0..8 {
        // A thread of its own: with a reactor that has opened nothing.
        let receiving = thread::spawn(move || {
            block_on(async {
                let mut hoard = crate::tcp::hoard_descriptors();
                hoard.truncate(hoard.len() - spare);
                let mut signal = match Signal::new(TWO) {
                    Ok(signal) => signal,
                    Err(error) => {
                        assert_contains(&error.to_string(), &["Too many open files"]);
                        return false;
                    }
                };
                while let Ok(file) = std::fs::File::open("/dev/null") {
                    hoard.push(file);
                }
                for _ in 0..2 {
                    assert!(!has_come(&mut signal).await);
                    raise(TWO);
                    signal.recv().await.unwrap();
                }
                true
            })
        });
        made.push(receiving.join().unwrap());
    }
    assert!(made.is_sorted() && !made[0] && made[7], "{made:?}");
}

// SF9: write interest on the signal pipe made turns without end.
#[test]
fn a_receiver_that_waits_costs_no_turn() {
    if !alone("a_receiver_that_waits_costs_no_turn") {
        return;
    }
    let executor = LocalExecutor::new();
    let waiting = executor.spawn(async {
        let mut signal = Signal::new(ONE).unwrap();
        signal.recv().await.unwrap();
        signal.recv().await.unwrap();
    });
    for _ in 0..2 {
        executor.run_until_stalled();
        let before = executor.metrics();
        executor.block_on(time::sleep(Duration::from_millis(20)));
        let after = executor.metrics();
        assert!(after.turns - before.turns <= 4 && after.io_calls == before.io_calls, "{before:?} {after:?}");
        raise(ONE);
    }
    executor.block_on(waiting).unwrap();
}

// SF1: parent and child stole each other's wakes.
#[test]
fn a_forked_child_has_its_own_signals_and_notifies_nothing_of_its_parents() {
    if !alone("a_forked_child_has_its_own_signals_and_notifies_nothing_of_its_parents") {
        return;
    }
    let executor = LocalExecutor::new();
    let signal = || executor.block_on(async { Signal::new(ONE).unwrap() });
    let (mut parents, mut waiting) = (Some(signal()), signal());
    // A task that reads from its self-pipe whenever there is a byte in it.
    let waiting = executor.spawn(async move { waiting.recv().await.unwrap() });
    executor.run_until_stalled();
    let before = executor.metrics();
    in_a_fork(|| {
        (0..1000).for_each(|_| raise(ONE));
        let mut childs = block_on(async {
            let mut childs = Signal::new(ONE).unwrap();
            assert!(!has_come(&mut childs).await);
            let error = parents.as_mut().unwrap().recv().await.unwrap_err();
            assert_contains(&error.to_string(), &["SIGUSR1", "fork", "in the child"]);
            raise(ONE);
            childs.recv().await.unwrap();
            childs
        });
        // A child's child, too.
        in_a_fork(|| {
            raise(ONE);
            assert!(block_on(childs.recv()).is_err());
        });
        assert!(!block_on(has_come(&mut childs)));
        drop(parents.take());
        raise(ONE);
        block_on(childs.recv()).unwrap();
    });
    executor.run_until_stalled();
    executor.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(executor.metrics().io_calls, before.io_calls, "a byte of the child's has come");
    executor.block_on(async {
        let parents = parents.as_mut().unwrap();
        assert!(!has_come(parents).await);
        raise(ONE);
        parents.recv().await.unwrap();
        waiting.await.unwrap();
    });
}

// SF4: a signal that was caught and not yet handed out survived the fork and kept the child's loop
// turning.
#[test]
fn a_signal_that_waits_at_the_fork_is_the_parents_alone() {
    if !alone("a_signal_that_waits_at_the_fork_is_the_parents_alone") {
        return;
    }
    let mut parents = block_on(async { Signal::new(ONE).unwrap() });
    raise(ONE);
    in_a_fork(|| {
        let executor = LocalExecutor::new();
        executor.block_on(async {
            let mut childs = Signal::new(ONE).unwrap();
            assert!(!has_come(&mut childs).await);
            let before = executor.metrics().turns;
            time::sleep(Duration::from_millis(20)).await;
            assert!(executor.metrics().turns - before <= 4);
            assert!(!has_come(&mut childs).await);
        });
    });
    assert!(block_on(has_come(&mut parents)));
}
