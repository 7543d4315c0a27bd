//! Sockets under somebody else's `block_on`: what would have to wait says that nobody would wake
//! it.

use super::*;

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::pin::{Pin, pin};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use wakeline::LocalExecutor;
use wakeline::io::Async;

use crate::support::{assert_contains, must_end};

/// What a timer says, too.
const REMEDY: [&str; 3] = ["wakeline::block_on", "LocalExecutor::block_on", "no wakeline executor is entered"];

#[track_caller]
fn assert_told(error: io::Error, what: &str) {
    assert_contains(&error.to_string(), &[what]);
    assert_contains(&error.to_string(), &REMEDY);
}

/// Writes until the peer, which does not read, takes no more.
async fn fill(stream: &TcpStream) {
    let mut stream = stream;
    while futures_lite::future::poll_once(stream.write(&[0; 65536])).await.is_some() {}
}

#[test]
fn a_stream_under_a_foreign_block_on_says_so_and_does_not_hang() {
    must_end(|| {
        let (mut stream, mut other) = run(pair());
        let mut buffer = [0; 8];
        assert_told(futures_lite::future::block_on(stream.read(&mut buffer)).unwrap_err(), "read of a TcpStream");
        // What need not wait goes on, and under an executor of ours it waits as ever.
        assert_eq!(futures_lite::future::block_on(stream.write(b"x")).unwrap(), 1);
        other.write_all(b"abc").unwrap();
        assert_eq!(futures_lite::future::block_on(stream.read(&mut buffer)).unwrap(), 3, "although nobody has heard of it");
        other.write_all(b"abc").unwrap();
        assert_eq!(run(stream.read(&mut buffer)).unwrap(), 3);
        assert_told(futures_lite::future::block_on(stream.read(&mut buffer)).unwrap_err(), "read of a TcpStream");
    });
}

#[test]
fn every_call_that_would_wait_outside_says_so() {
    let (stream, _other) = run(pair());
    run(fill(&stream));
    let mut buffer = [0; 8];
    assert_told(outside((&stream).read(&mut buffer)), "read of a TcpStream");
    assert_told(outside((&stream).read_vectored(&mut [IoSliceMut::new(&mut buffer)])), "read of a TcpStream");
    assert_told(outside(stream.peek(&mut buffer)), "read of a TcpStream");
    assert_told(outside((&stream).write(b"x")), "write to a TcpStream");
    assert_told(outside((&stream).write_vectored(&[IoSlice::new(b"x")])), "write to a TcpStream");
    let (mut read, mut write) = stream.into_split();
    assert_told(outside(read.read(&mut buffer)), "read of a TcpStream");
    assert_told(outside(write.write(b"x")), "write to a TcpStream");
    let mut stream = read.reunite(write).unwrap();
    let (mut read, mut write) = stream.split();
    assert_told(outside(read.read(&mut buffer)), "read of a TcpStream");
    assert_told(outside(write.write(b"x")), "write to a TcpStream");
    let stream = Pin::new(&mut stream);
    assert_told(outside(hyper_read(stream)), "read of a TcpStream");
}

async fn hyper_read(mut stream: Pin<&mut TcpStream>) -> io::Result<()> {
    let mut memory = [std::mem::MaybeUninit::uninit(); 8];
    let mut buffer = hyper::rt::ReadBuf::uninit(&mut memory);
    poll_fn(|cx| hyper::rt::Read::poll_read(stream.as_mut(), cx, buffer.unfilled())).await
}

#[test]
fn an_object_of_any_kind_says_so_outside() {
    let (stream, mut other) = run(pair());
    let stream = run(async { Async::new(stream.into_std()).unwrap() });
    assert_told(outside(stream.readable()), "read of an io::Async");
    assert_told(outside(stream.read_with(|mut stream| stream.read(&mut [0; 8]))), "read of an io::Async");
    assert_told(outside((&stream).read(&mut [0; 8])), "read of an io::Async");
    while (&mut stream.get_ref()).write(&[0; 65536]).is_ok() {}
    assert_told(outside(stream.writable()), "write to an io::Async");
    assert_told(outside(stream.write_with(|mut stream| stream.write(b"x"))), "write to an io::Async");
    assert_told(outside((&stream).write(b"x")), "write to an io::Async");
    other.write_all(b"now").unwrap();
    futures_lite::future::block_on(stream.readable()).unwrap();
}

#[test]
fn accepting_outside_goes_on_while_somebody_connects_and_says_so_when_nobody_does() {
    must_end(|| {
        let listener = run(TcpListener::bind(LOCAL)).unwrap();
        let mut client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        // No connection is lost: it is accepted, and belongs to the listener's thread.
        let (mut stream, peer) = futures_lite::future::block_on(listener.accept()).unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_told(futures_lite::future::block_on(listener.accept()).unwrap_err(), "TcpListener::accept");
        client.write_all(b"here").unwrap();
        assert_eq!(run(stream.read(&mut [0; 8])).unwrap(), 4);
    });
}

#[test]
fn a_connect_that_was_begun_inside_and_goes_on_outside_says_so() {
    let (listener, _filling) = run(super::connecting::full_listener());
    let mut connect = pin!(TcpStream::connect(listener.local_addr().unwrap()));
    run(async { assert!(futures_lite::future::poll_once(connect.as_mut()).await.is_none()) });
    assert_told(outside(connect), "TcpStream::connect");
}

#[test]
fn a_wait_that_began_inside_and_is_polled_outside_says_so() {
    let (mut stream, _other) = run(pair());
    let mut buffer = [0; 8];
    let mut read = Box::pin(stream.read(&mut buffer));
    run(async { assert!(futures_lite::future::poll_once(&mut read).await.is_none()) });
    assert_told(outside(read), "read of a TcpStream");
}

#[test]
fn a_socket_made_under_one_executor_may_wait_under_another_of_its_thread() {
    let (first, second) = (LocalExecutor::new(), LocalExecutor::new());
    let (mut stream, mut other) = first.block_on(pair());
    let mut buffer = [0; 8];
    let waiting = second.spawn(async move { stream.read(&mut buffer).await });
    second.run_until_stalled();
    other.write_all(b"here").unwrap();
    assert_eq!(second.block_on(async { timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap() }).unwrap(), 4);
}

// The child's executor does not watch what the parent has registered.
#[cfg(unix)]
#[test]
fn a_socket_of_the_parent_that_would_wait_in_a_forked_child_says_so() {
    if !crate::support::is_child() {
        let name = "tcp::foreign::a_socket_of_the_parent_that_would_wait_in_a_forked_child_says_so";
        crate::support::assert_passed(&crate::support::run_in_child(name));
        return;
    }
    let (stream, mut other) = run(pair());
    assert!(run(futures_lite::future::poll_once((&stream).read(&mut [0; 8]))).is_none(), "it is registered");
    crate::fork::in_a_fork(|| {
        let error = run(async { timeout(Duration::from_secs(5), (&stream).read(&mut [0; 8])).await.expect("it hangs") });
        assert_contains(&error.unwrap_err().to_string(), &["fork"]);
        assert_contains(&outside((&stream).read(&mut [0; 8])).to_string(), &["fork"]);
    });
    // Under the parent's own executor, which the child can run no further.
    run(async {
        crate::fork::in_a_fork(|| {
            assert_contains(&outside((&stream).read(&mut [0; 8])).to_string(), &["fork"]);
        });
    });
    other.write_all(b"p").unwrap();
    assert_eq!(run((&stream).read(&mut [0; 8])).unwrap(), 1);
}

/// Reads, in a thread-local's destructor, from a stream that was made while the thread lived.
#[cfg(target_os = "linux")]
struct Last(Option<TcpStream>, mpsc::Sender<io::Result<usize>>);

#[cfg(target_os = "linux")]
impl Drop for Last {
    fn drop(&mut self) {
        let Some(mut stream) = self.0.take() else { return };
        let outcome = wakeline::block_on(async move {
            poll_fn(|cx| {
                let read = Pin::new(&mut stream).poll_read(cx, &mut [0; 8]);
                if read.is_pending() { Poll::Ready(Err(ErrorKind::TimedOut.into())) } else { read }
            })
            .await
        });
        let _ = self.1.send(outcome);
    }
}

// An executor that is made when the thread's reactor is no longer to be had has one of its own,
// which knows nothing of the stream.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_would_wait_in_a_thread_locals_destructor_says_so() {
    std::thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
    let (told, outcome) = mpsc::channel();
    let _other = peer(move || {
        // First in, last out: what the crate keeps for the thread goes before it.
        LAST.with_borrow_mut(|last| *last = Some(Last(None, told)));
        let (stream, other) = run(pair());
        LAST.with_borrow_mut(|last| last.as_mut().unwrap().0 = Some(stream));
        other
    })
    .join()
    .unwrap();
    let error = outcome.recv().unwrap().unwrap_err();
    assert_contains(&error.to_string(), &["another reactor"]);
}
