//! What the documents say costs no allocation: counted, after a first time in which tables may grow
//! to what they need.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use wakeline::time::{interval, sleep, timeout};
use wakeline::{LocalExecutor, block_on, channel, local, spawn, yield_now};

use crate::support::{allocations, must_end, parked, wait_until};

const WARM: usize = 300;
const ROUNDS: usize = 2000;

/// The rounds of a test. The first ones may allocate, the others may not; the count is of the
/// calling thread.
#[track_caller]
fn counted(mut once: impl FnMut()) {
    (0..WARM).for_each(|_| once());
    let before = allocations();
    (0..ROUNDS).for_each(|_| once());
    assert_eq!(allocations() - before, 0, "allocations of {ROUNDS} rounds");
}

/// [`counted`] inside an executor.
macro_rules! counted_async {
    ($once:expr) => {{
        for _ in 0..WARM {
            $once;
        }
        let before = allocations();
        for _ in 0..ROUNDS {
            $once;
        }
        assert_eq!(allocations() - before, 0, "allocations of {ROUNDS} rounds");
    }};
}

#[test]
fn a_vector_that_grows_in_place_is_seen() {
    let mut grown = Vec::with_capacity(1);
    let before = allocations();
    grown.push([0_u64; 32]);
    assert_eq!(allocations() - before, 0);
    grown.push([0; 32]);
    assert_eq!(allocations() - before, 1);
}

#[test]
fn a_spawn_and_its_end() {
    let executor = LocalExecutor::new();
    counted(|| {
        executor.spawn(async {}).detach();
        drop(executor.spawn(std::future::pending::<()>()));
        executor.run_until_stalled();
    });
    block_on(async {
        counted_async!(assert_eq!(spawn(async { 5 }).await.unwrap(), 5));
        counted_async!(assert_eq!(spawn(std::future::pending::<()>()).cancel().await, None));
    });
}

#[test]
fn a_local_wake() {
    block_on(async {
        let turns = Rc::new(Cell::new(0));
        let theirs = turns.clone();
        let _other = spawn(async move {
            loop {
                theirs.set(theirs.get() + 1);
                yield_now().await;
            }
        });
        counted_async!(yield_now().await);
        assert!(turns.get() > ROUNDS);
        counted_async!({
            let mut woken = false;
            poll_fn(|cx| {
                let waker = cx.waker().clone();
                waker.wake();
                if std::mem::replace(&mut woken, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
    });
}

/// Counted on both sides. The owner sleeps between two wakes or does not, as it comes.
#[test]
fn a_remote_wake() {
    must_end(|| {
        let executor = LocalExecutor::new();
        let wakes = Arc::new(AtomicUsize::new(0));
        let (seen, theirs) = (Arc::new(AtomicUsize::new(0)), wakes.clone());
        let answered = seen.clone();
        let (task, key) = parked();
        let task = executor.spawn(task);
        executor.run_until_stalled();
        let other = thread::spawn(move || {
            let waker = key.waker();
            let mut round = 0;
            counted(|| {
                round += 1;
                theirs.store(round, Ordering::Release);
                let another = waker.clone();
                another.wake();
                wait_until(|| answered.load(Ordering::Acquire) == round);
            });
            key.open_and_wake();
        });
        let mut before = 0;
        while !task.is_finished() {
            executor.turn(None).unwrap();
            let round = wakes.load(Ordering::Acquire);
            if round == WARM {
                before = allocations();
            }
            if round == WARM + ROUNDS && seen.load(Ordering::Relaxed) < round {
                assert_eq!(allocations() - before, 0, "allocations of the owner");
            }
            seen.store(round, Ordering::Release);
        }
        other.join().unwrap();
    });
}

#[test]
fn a_timer_from_its_creation_to_its_end() {
    block_on(async {
        // Made and cancelled, near and far.
        counted_async!({
            let (mut near, mut far) = (pin!(sleep(Duration::from_secs(1))), pin!(sleep(Duration::from_secs(1 << 20))));
            poll_fn(|cx| {
                assert!(near.as_mut().poll(cx).is_pending() && far.as_mut().poll(cx).is_pending());
                near.reset(Instant::now() + Duration::from_secs(60));
                assert!(near.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        });
        // Made and fired.
        counted_async!(sleep(Duration::from_micros(1)).await);
        counted_async!(assert!(timeout(Duration::from_micros(1), std::future::pending::<()>()).await.is_err()));
        let mut beat = interval(Duration::from_micros(1));
        counted_async!({
            beat.tick().await;
        });
    });
}

/// Sends and receives, each time with a wait: on a full channel, on an empty one.
macro_rules! messages {
    ($flavor:ident) => {
        block_on(async {
            let (sender, receiver) = $flavor::bounded::<usize>(2);
            counted_async!({
                sender.send(1).await.unwrap();
                sender.try_send(2).unwrap();
                assert_eq!((receiver.recv().await, receiver.try_recv()), (Ok(1), Ok(2)));
            });
            let (unbounded, all) = $flavor::unbounded::<usize>();
            counted_async!({
                (0..8).for_each(|message| unbounded.try_send(message).unwrap());
                for message in 0..8 {
                    assert_eq!(all.recv().await, Ok(message));
                }
            });
            let (there, back) = ($flavor::bounded::<usize>(1), $flavor::bounded::<usize>(1));
            let echo = spawn(async move {
                while let Ok(message) = there.1.recv().await {
                    back.0.send(message).await.unwrap();
                }
            });
            counted_async!({
                there.0.send(7).await.unwrap();
                assert_eq!(back.1.recv().await, Ok(7));
            });
            drop(there.0);
            echo.await.unwrap();
        })
    };
}

#[test]
fn a_message_of_a_channel() {
    messages!(channel);
}

#[test]
fn a_message_of_a_local_channel() {
    messages!(local);
}

/// Counted on both threads.
#[test]
fn a_message_between_threads() {
    must_end(|| {
        let (there, back) = (channel::bounded::<usize>(1), channel::bounded::<usize>(1));
        let other = thread::spawn(move || {
            block_on(async move {
                counted_async!({
                    let message = there.1.recv().await.unwrap();
                    back.0.send(message).await.unwrap();
                });
            });
        });
        block_on(async move {
            counted_async!({
                there.0.send(7).await.unwrap();
                assert_eq!(back.1.recv().await, Ok(7));
            });
        });
        other.join().unwrap();
    });
}

#[test]
fn a_wait_for_a_permit_and_for_an_event() {
    block_on(async {
        let (semaphore, event) = (Rc::new(local::Semaphore::new(1)), Rc::new(local::Event::new()));
        let (theirs, their_event) = (semaphore.clone(), event.clone());
        let _other = spawn(async move {
            loop {
                let permit = theirs.acquire(1).await;
                yield_now().await;
                drop(permit);
                their_event.set();
                yield_now().await;
            }
        });
        counted_async!({
            event.wait().await;
            event.clear();
            drop(semaphore.acquire(1).await);
        });
    });
}

#[cfg(any(unix, windows))]
#[test]
fn a_read_and_a_write_of_a_socket() {
    use futures_lite::{AsyncReadExt, AsyncWriteExt};
    use wakeline::net::{TcpListener, TcpStream};

    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo = spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 64];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                stream.write_all(&buffer[..count]).await.unwrap();
            }
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answer = [0; 5];
        counted_async!({
            stream.write_all(b"hello").await.unwrap();
            stream.read_exact(&mut answer).await.unwrap();
        });
        drop(stream);
        echo.await.unwrap();
    });
}

/// With a socket and a timer to look at.
#[cfg(any(unix, windows))]
#[test]
fn a_turn() {
    use wakeline::net::TcpListener;

    let executor = LocalExecutor::new();
    let _waiting = executor.spawn(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        timeout(Duration::from_secs(3600), listener.accept()).await.map(drop)
    });
    counted(|| {
        executor.turn(Some(Duration::ZERO)).unwrap();
        executor.turn(Some(Duration::from_nanos(1))).unwrap();
        executor.run_until_stalled();
        assert!(!executor.try_tick());
    });
    counted(|| executor.block_on(async {}));
}
