//! hyper's traits: bytes go straight into its buffers, its timers may be carried to any thread, its
//! tasks need not be `Send`.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::poll_once;
use hyper::rt::{Executor as _, Read, ReadBuf, Sleep, Timer as _, Write};
use wakeline::hyper::{Executor, Timer};
use wakeline::net::{TcpListener, TcpStream};
use wakeline::{LocalExecutor, block_on, yield_now};

use crate::support::{Counter, must_end, panic_text, poll_once as poll_with};

const SOON: Duration = Duration::from_millis(2);
const LATE: Duration = Duration::from_secs(3600);

/// A stream of ours and the peer, which is std's.
async fn pair() -> (TcpStream, net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().await.unwrap().0, peer)
}

/// One read into `room` bytes that nobody has written.
async fn read(stream: &mut TcpStream, room: usize) -> Vec<u8> {
    let mut memory = vec![MaybeUninit::uninit(); room];
    let mut buffer = ReadBuf::uninit(&mut memory);
    poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, buffer.unfilled())).await.unwrap();
    buffer.filled().to_vec()
}

#[test]
fn bytes_are_read_into_memory_that_nobody_has_written_until_the_end() {
    block_on(async {
        let (mut stream, mut peer) = pair().await;
        let writing = thread::spawn(move || {
            peer.write_all(b"one").unwrap();
            peer
        });
        assert_eq!(read(&mut stream, 2).await, b"on");
        assert_eq!(read(&mut stream, 100).await, b"e");
        let mut peer = writing.join().unwrap();
        let waiting = thread::spawn(move || {
            peer.write_all(b"two").unwrap();
        });
        assert_eq!(read(&mut stream, 100).await, b"two");
        waiting.join().unwrap();
        assert_eq!(read(&mut stream, 100).await, b"");
        assert_eq!(read(&mut stream, 0).await, b"");
    });
}

#[test]
fn a_read_goes_on_behind_what_the_buffer_holds() {
    block_on(async {
        let (mut stream, mut peer) = pair().await;
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut buffer = ReadBuf::uninit(&mut memory);
        buffer.unfilled().put_slice(b"ab");
        for (sent, held) in [(&b"cd"[..], &b"abcd"[..]), (b"efghij", b"abcdefgh")] {
            peer.write_all(sent).unwrap();
            poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, buffer.unfilled())).await.unwrap();
            assert_eq!(buffer.filled(), held);
        }
        assert_eq!(read(&mut stream, 8).await, b"ij");
    });
}

#[test]
fn slices_are_written_at_once_and_a_shutdown_ends_the_writing_side() {
    block_on(async {
        let (mut stream, mut peer) = pair().await;
        assert!(stream.is_write_vectored());
        let mut stream = Pin::new(&mut stream);
        let slices = [IoSlice::new(b"he"), IoSlice::new(b""), IoSlice::new(b"llo")];
        assert_eq!(poll_fn(|cx| stream.as_mut().poll_write_vectored(cx, &slices)).await.unwrap(), 5);
        assert_eq!(poll_fn(|cx| stream.as_mut().poll_write(cx, b"!")).await.unwrap(), 1);
        poll_fn(|cx| stream.as_mut().poll_flush(cx)).await.unwrap();
        poll_fn(|cx| stream.as_mut().poll_shutdown(cx)).await.unwrap();
        let mut text = String::new();
        peer.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello!");
        peer.write_all(b"still open").unwrap();
        assert_eq!(read(&mut stream, 100).await, b"still open");
    });
}

#[test]
fn a_task_for_hyper_need_not_be_send() {
    block_on(async {
        let ran = Rc::new(Cell::new(0));
        for _ in 0..2 {
            let ran = ran.clone();
            Executor::new().execute(async move { ran.set(ran.get() + 1) });
        }
        yield_now().await;
        assert_eq!(ran.get(), 2);
    });
    assert!(panic_text(|| Executor::new().execute(async {})).contains("wakeline executor"));
}

#[test]
fn a_sleep_ends_at_its_deadline_and_a_reset_moves_it() {
    block_on(async {
        let timer = Timer::new();
        let begun = Instant::now();
        timer.sleep(SOON).await;
        assert!(begun.elapsed() >= SOON);
        timer.sleep_until(begun).await;
        let mut sleep = timer.sleep(LATE);
        assert!(poll_once(&mut sleep).await.is_none());
        // While it waits, and after it has fired.
        for _ in 0..2 {
            let deadline = timer.now() + SOON;
            timer.reset(&mut sleep, deadline);
            sleep.as_mut().await;
            assert!(Instant::now() >= deadline);
        }
        timer.reset(&mut sleep, timer.now() + LATE);
        assert!(poll_once(&mut sleep).await.is_none());
    });
}

#[test]
fn a_reset_of_a_sleep_that_waits_wakes_its_task_without_another_poll() {
    let executor = LocalExecutor::new();
    let (waker, wakes) = Counter::new();
    let timer = Timer::new();
    let mut sleep = timer.sleep(LATE);
    executor.block_on(async {
        assert!(poll_with(&mut sleep, &waker).is_pending());
        timer.reset(&mut sleep, timer.now());
        wakeline::time::sleep(SOON).await;
        assert_eq!(wakes.count(), 1);
        assert!(poll_with(&mut sleep, &waker).is_ready());
    });
}

// The wheel learns the time once per turn, and here there is none.
#[test]
fn a_sleep_that_is_polled_without_a_turn_in_between_becomes_ready() {
    must_end(|| {
        block_on(async {
            let mut sleep = Timer::new().sleep(SOON);
            while poll_once(&mut sleep).await.is_none() {}
            Timer::new().reset(&mut sleep, Instant::now() + LATE);
            assert!(poll_once(&mut sleep).await.is_none());
            Timer::new().reset(&mut sleep, Instant::now() - SOON);
            assert!(poll_once(&mut sleep).await.is_some(), "reset into the past");
        });
    });
}

#[test]
fn a_sleep_that_has_been_ready_stays_so_at_no_cost_until_it_is_reset() {
    block_on(async {
        let (timer, mut polls) = (Timer::new(), 0);
        let mut sleeps: Vec<_> = (0..300).map(|_| timer.sleep(SOON)).collect();
        // In one poll, whose budget is 128.
        for sleep in &mut sleeps {
            sleep.await;
        }
        poll_fn(|cx| {
            polls += 1;
            assert!(sleeps.iter_mut().all(|sleep| sleep.as_mut().poll(cx).is_ready()));
            std::task::Poll::Ready(())
        })
        .await;
        assert_eq!(polls, 1);
        timer.reset(&mut sleeps[0], timer.now() + LATE);
        assert!(poll_once(&mut sleeps[0]).await.is_none());
    });
}

#[test]
fn the_adapters_are_made_alike() {
    fn is_default<T: Default>(_: T) {}
    const MADE: (Executor, Timer) = (Executor::new(), Timer::new());
    is_default(MADE.0);
    is_default(MADE.1);
}

/// A sleep that was polled on another thread, which has gone.
fn waiting_elsewhere(duration: Duration) -> Pin<Box<dyn Sleep>> {
    let waiting = thread::spawn(move || {
        let mut sleep = Timer::new().sleep(duration);
        block_on(async { assert!(poll_once(&mut sleep).await.is_none()) });
        sleep
    });
    waiting.join().unwrap()
}

#[test]
fn a_sleep_may_be_polled_first_here_and_then_there() {
    must_end(|| {
        block_on(async {
            let begun = Instant::now();
            waiting_elsewhere(SOON).await;
            assert!(begun.elapsed() >= SOON);
            let mut sleep = waiting_elsewhere(LATE);
            Timer::new().reset(&mut sleep, Instant::now() + SOON);
            sleep.await;
        });
        // Back and forth between two threads that both live.
        let (here, there) = (LocalExecutor::new(), std::sync::mpsc::channel::<Pin<Box<dyn Sleep>>>());
        let (back, again) = std::sync::mpsc::channel();
        let other = thread::spawn(move || {
            let executor = LocalExecutor::new();
            for mut sleep in there.1 {
                executor.block_on(async { assert!(poll_once(&mut sleep).await.is_none()) });
                back.send(sleep).unwrap();
            }
        });
        let mut sleep = Timer::new().sleep(Duration::from_secs(3600));
        for _ in 0..10 {
            here.block_on(async { assert!(poll_once(&mut sleep).await.is_none()) });
            there.0.send(sleep).unwrap();
            sleep = again.recv().unwrap();
        }
        Timer::new().reset(&mut sleep, Instant::now());
        here.block_on(sleep);
        drop(there.0);
        other.join().unwrap();
    });
}

#[test]
fn a_sleep_may_be_dropped_anywhere() {
    drop(waiting_elsewhere(LATE));
    block_on(async { drop(waiting_elsewhere(LATE)) });
    // Where nothing is entered, while its own executor lives.
    let executor = LocalExecutor::new();
    let mut sleep = Timer::new().sleep(LATE);
    executor.block_on(async { assert!(poll_once(&mut sleep).await.is_none()) });
    drop(sleep);
    let mut next = Timer::new().sleep(LATE);
    executor.block_on(async { assert!(poll_once(&mut next).await.is_none()) });
    executor.block_on(async { drop(next) });
    assert_eq!(executor.next_deadline(), None, "the first is gone since the second was made");
}

#[test]
fn a_sleep_that_has_to_wait_outside_says_where_it_was_made() {
    let mut sleep = Timer::new().sleep(LATE);
    let text = panic_text(|| {
        let _ = poll_with(&mut sleep, Waker::noop());
    });
    assert!(text.contains("hyper.rs") && text.contains("block_on"), "{text}");
    let mut passed = Timer::new().sleep(Duration::ZERO);
    assert!(poll_with(&mut passed, Waker::noop()).is_ready());
}
