//! Accepting while descriptors have run out: it pauses and goes on. The limit is the process's, so
//! each test has one of its own.

use super::*;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use futures_lite::future::poll_once;
use wakeline::{LocalExecutor, spawn, yield_now};

use crate::support::{assert_contains, assert_passed, is_child, run_in_child};

/// Runs the test in a process of its own; true there.
fn alone(test: &str) -> bool {
    if is_child() {
        return true;
    }
    assert_passed(&run_in_child(&format!("tcp::shortage::{test}")));
    false
}

fn assert_exhausted(error: &io::Error) {
    assert_contains(&error.to_string(), &["Too many open files"]);
}

/// A listener that was never polled, so that its first accept is tried; its address, and a
/// connection that waits.
async fn listener() -> (TcpListener, SocketAddr, net::TcpStream) {
    let listener = TcpListener::bind(LOCAL).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr, net::TcpStream::connect(addr).unwrap())
}

// RQ12: accept under constant errors.
#[test]
fn an_accept_loop_survives_a_shortage_and_lets_others_run() {
    if !alone("an_accept_loop_survives_a_shortage_and_lets_others_run") {
        return;
    }
    run(async {
        let (listener, _, client) = listener().await;
        let mut hoard = hoard_descriptors();
        let turns = Rc::new(Cell::new(0));
        let counted = turns.clone();
        let other = spawn(async move {
            loop {
                wakeline::time::sleep(Duration::from_millis(1)).await;
                counted.set(counted.get() + 1);
            }
        });
        let begun = Instant::now();
        for _ in 0..6 {
            assert_exhausted(&listener.accept().await.unwrap_err());
        }
        // 5, 10, 20, 40, 80, 100 ms: no error without a pause before it.
        assert!(begun.elapsed() >= Duration::from_millis(255), "{:?}", begun.elapsed());
        assert!(turns.get() > 0, "the thread slept for the others, too");
        other.cancel().await;
        // One is enough, and the connection is still there; its edge has long passed.
        hoard.pop();
        let (first, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        drop((first, hoard));
    });
}

#[test]
fn a_shortage_that_passes_during_the_pause_is_nobodys_error() {
    if !alone("a_shortage_that_passes_during_the_pause_is_nobodys_error") {
        return;
    }
    run(async {
        let (listener, _, client) = listener().await;
        let hoard = hoard_descriptors();
        let mut accept = Box::pin(listener.accept());
        assert!(poll_once(&mut accept).await.is_none(), "it pauses first");
        drop(hoard);
        assert_eq!(accept.await.unwrap().1, client.local_addr().unwrap());
    });
}

#[test]
fn an_accept_that_is_dropped_and_called_again_does_not_skip_the_pause() {
    if !alone("an_accept_that_is_dropped_and_called_again_does_not_skip_the_pause") {
        return;
    }
    let executor = LocalExecutor::new();
    executor.block_on(async {
        let (listener, _, _client) = listener().await;
        let hoard = hoard_descriptors();
        let (begun, before) = (Instant::now(), executor.metrics().io_calls);
        let (mut errors, mut polls) = (0, 0);
        while errors < 4 {
            polls += 1;
            match poll_once(listener.accept()).await {
                Some(outcome) => {
                    assert_exhausted(&outcome.unwrap_err());
                    errors += 1;
                }
                None => yield_now().await,
            }
        }
        assert!(begun.elapsed() >= Duration::from_millis(75), "{:?}", begun.elapsed());
        let calls = executor.metrics().io_calls - before;
        assert!(polls > 8 && calls <= 8, "{calls} calls in {polls} polls, two for each of 4 errors");
        drop(hoard);
    });
}

#[test]
fn all_tasks_that_wait_for_the_end_of_a_pause_are_woken_although_some_go_away() {
    if !alone("all_tasks_that_wait_for_the_end_of_a_pause_are_woken_although_some_go_away") {
        return;
    }
    run(async {
        let (listener, addr, client) = listener().await;
        let mut clients = vec![client];
        clients.extend((0..2).map(|_| net::TcpStream::connect(addr).unwrap()));
        let listener = Rc::new(listener);
        let hoard = hoard_descriptors();
        let mut tasks: Vec<_> = (0..5)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { listener.accept().await.map(|(_, peer)| peer) })
            })
            .collect();
        yield_now().await;
        assert!(tasks.iter().all(|task| !task.is_finished()));
        // The first began the pause, and with the third it goes away.
        drop(tasks.remove(2));
        drop(tasks.remove(0));
        drop(hoard);
        let mut peers = Vec::new();
        for task in tasks {
            peers.push(task.await.unwrap().unwrap());
        }
        let mut expected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        expected.sort();
        peers.sort();
        assert_eq!(peers, expected);
    });
}

// Who polls without a turn sees the end by the clock, before any timer has fired.
#[test]
fn who_sees_the_end_of_a_pause_first_leaves_the_others_their_wake() {
    if !alone("who_sees_the_end_of_a_pause_first_leaves_the_others_their_wake") {
        return;
    }
    run(async {
        let (listener, addr, _first) = listener().await;
        let listener = Rc::new(listener);
        let _second = net::TcpStream::connect(addr).unwrap();
        let hoard = hoard_descriptors();
        let waiting = spawn({
            let listener = listener.clone();
            async move { listener.accept().await.map(drop) }
        });
        yield_now().await;
        assert!(!waiting.is_finished());
        drop(hoard);
        let mut accept = Box::pin(listener.accept());
        while poll_once(&mut accept).await.is_none() {}
        waiting.await.unwrap().unwrap();
    });
}

// Somebody else took the connection during the pause, by a copy of the descriptor.
#[test]
fn a_shortage_after_one_that_has_passed_has_a_pause_of_its_own() {
    if !alone("a_shortage_after_one_that_has_passed_has_a_pause_of_its_own") {
        return;
    }
    run(async {
        let (listener, addr, _first) = listener().await;
        let copy = net::TcpListener::from(rustix::io::dup(&listener).unwrap());
        let hoard = hoard_descriptors();
        let mut accept = Box::pin(listener.accept());
        assert!(poll_once(&mut accept).await.is_none());
        drop(hoard);
        copy.accept().unwrap();
        assert!(timeout(Duration::from_millis(50), accept).await.is_err(), "there is nothing to accept after the pause");
        let _second = net::TcpStream::connect(addr).unwrap();
        let hoard = hoard_descriptors();
        let begun = Instant::now();
        assert_exhausted(&listener.accept().await.unwrap_err());
        assert!(begun.elapsed() >= Duration::from_millis(10), "{:?}", begun.elapsed());
        drop(hoard);
    });
}

// The system says that descriptors have run out before it looks whether anybody connects.
#[test]
fn a_listener_that_nobody_connects_to_waits_in_silence() {
    if !alone("a_listener_that_nobody_connects_to_waits_in_silence") {
        return;
    }
    let executor = LocalExecutor::new();
    executor.block_on(async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let addr = listener.local_addr().unwrap();
        assert!(poll_once(listener.accept()).await.is_none(), "it is registered");
        let _client = net::TcpStream::connect(addr).unwrap();
        // It does not know yet that this was all, so the next accept is tried.
        let _accepted = timeout(Duration::from_secs(30), listener.accept()).await.unwrap().unwrap();
        let hoard = hoard_descriptors();
        let mut accept = Box::pin(listener.accept());
        let before = executor.metrics().io_calls;
        assert!(timeout(Duration::from_millis(30), &mut accept).await.is_err());
        let calls = executor.metrics().io_calls - before;
        assert_eq!(calls, 1, "nobody connects");
        drop(hoard);
        let client = net::TcpStream::connect(addr).unwrap();
        assert_eq!(accept.await.unwrap().1, client.local_addr().unwrap());
    });
}

#[test]
fn a_shortage_outside_an_executor_is_an_error_and_no_panic() {
    if !alone("a_shortage_outside_an_executor_is_an_error_and_no_panic") {
        return;
    }
    let (listener, _, client) = run(listener());
    let hoard = hoard_descriptors();
    assert_contains(&outside(listener.accept()).to_string(), &["TcpListener::accept", "wakeline::block_on"]);
    drop(hoard);
    assert_eq!(run(listener.accept()).unwrap().1, client.local_addr().unwrap());
}
