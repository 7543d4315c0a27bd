//! Reads into the buffer that the thread lends.

use super::*;

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;

use futures_lite::AsyncWriteExt;
use futures_lite::future::poll_once;
use wakeline::LocalExecutor;

use crate::support::{allocations, assert_contains, must_end};

/// What the documents say of the buffer's size.
const LENT: usize = 64 * 1024;

/// One poll, for which nobody needs to be woken.
fn now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

/// A short read means that there is no more: epoll alone can be trusted to report an end as well.
const SHORT_MEANS_DRAINED: bool = cfg!(all(target_os = "linux", not(polling_test_poll_backend)));

#[test]
fn bytes_come_as_they_were_sent_and_the_end_is_none() {
    run(async {
        let (stream, mut other) = pair().await;
        let sent = pattern(1, 1 << 20);
        let sending = peer({
            let sent = sent.clone();
            move || other.write_all(&sent).unwrap()
        });
        let mut got = Vec::new();
        let read = async || stream.read_lent(|bytes| (bytes.len(), got.extend_from_slice(bytes)).0).await.unwrap();
        let mut read = read;
        while let Some(count) = read().await {
            assert!((1..=LENT).contains(&count));
        }
        assert_eq!(read().await, None, "the end stays");
        assert!(got == sent);
        sending.join().unwrap();
    });
}

#[test]
fn what_a_full_buffer_leaves_is_read_on_and_a_short_read_costs_no_call_more() {
    let executor = LocalExecutor::new();
    executor.block_on(async {
        let (stream, mut other) = timeout(Duration::from_secs(30), pair()).await.unwrap();
        stream.set_recv_buffer_size(1 << 19).unwrap();
        // Registered, so that the edge of what comes is the last one.
        assert!(poll_once(stream.read_lent(|_| ())).await.is_none());
        let sent = pattern(2, LENT + 1000);
        other.write_all(&sent).unwrap();
        while rustix::io::ioctl_fionread(&stream).unwrap() < sent.len() as u64 {
            thread::yield_now();
        }
        let mut got = Vec::new();
        let before = executor.metrics().io_calls;
        for expected in [LENT, 1000] {
            let read = timeout(Duration::from_secs(30), stream.read_lent(|bytes| got.extend_from_slice(bytes)));
            assert_eq!(read.await.expect("what was left is forgotten").unwrap(), Some(()));
            assert_eq!(got.len() % LENT, expected % LENT);
        }
        assert!(got == sent);
        assert_eq!(executor.metrics().io_calls - before, 2);
        assert!(poll_once(stream.read_lent(|_| ())).await.is_none());
        let calls = if SHORT_MEANS_DRAINED { 2 } else { 3 };
        assert_eq!(executor.metrics().io_calls - before, calls, "the short read has said that there is no more");
    });
}

#[test]
fn a_read_that_is_given_up_loses_nothing() {
    run(async {
        let (stream, mut other) = pair().await;
        let called = Cell::new(0);
        for round in 0..20 {
            // Given up while it waits, and when it has been woken.
            assert!(poll_once(stream.read_lent(|_| called.set(called.get() + 1))).await.is_none());
            {
                let mut woken = pin!(stream.read_lent(|_| called.set(called.get() + 1)));
                assert!(poll_once(&mut woken).await.is_none());
                other.write_all(&pattern(round, 100)).unwrap();
                stream.readable().await.unwrap();
            }
            assert_eq!(called.get(), 0);
            let got = stream.read_lent(|bytes| bytes.to_vec()).await.unwrap();
            assert_eq!(got, Some(pattern(round, 100)));
        }
    });
}

#[test]
fn a_panic_in_the_closure_takes_its_bytes_and_nothing_else() {
    run(async {
        let (stream, mut other) = pair().await;
        let again = || poll_once(stream.read_lent(|bytes| bytes.to_vec()));
        other.write_all(b"first").unwrap();
        stream.readable().await.unwrap();
        let mut read = pin!(stream.read_lent(|bytes| panic!("saw {} bytes", bytes.len())));
        let mut poll = || now(|cx| read.as_mut().poll(cx)).map(drop);
        let panic = catch_unwind(AssertUnwindSafe(&mut poll)).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "saw 5 bytes");
        let panic = catch_unwind(AssertUnwindSafe(&mut poll)).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "`ReadLent` polled after completion");
        assert!(again().await.is_none(), "the bytes were handed over");
        other.write_all(b"second").unwrap();
        assert_eq!(stream.read_lent(|bytes| bytes.to_vec()).await.unwrap().unwrap(), b"second");
    });
}

#[test]
fn a_read_that_has_ended_says_so_however_it_ended() {
    run(async {
        for bytes in [&b"x"[..], b""] {
            let (stream, mut other) = pair().await;
            let mut read = pin!(stream.read_lent(|_| ()));
            other.write_all(bytes).unwrap();
            drop(other);
            assert_eq!(read.as_mut().await.unwrap().is_some(), !bytes.is_empty());
            let panic = catch_unwind(AssertUnwindSafe(|| now(|cx| read.poll(cx)))).unwrap_err();
            assert_eq!(panic.downcast_ref::<String>().unwrap(), "`ReadLent` polled after completion");
        }
        let (stream, other) = pair().await;
        reset(other);
        let mut read = pin!(stream.read_lent(|_| ()));
        read.as_mut().await.unwrap_err();
        let panic = catch_unwind(AssertUnwindSafe(|| now(|cx| read.poll(cx)))).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), "`ReadLent` polled after completion");
    });
}

#[test]
fn a_read_inside_the_closure_of_another_has_a_buffer_of_its_own() {
    run(async {
        let (outer, mut outer_peer) = pair().await;
        let (inner, mut inner_peer) = pair().await;
        for round in 0..10 {
            outer_peer.write_all(&pattern(round, 3000)).unwrap();
            inner_peer.write_all(&pattern(round + 7, 4000)).unwrap();
            inner.readable().await.unwrap();
            let both = outer.read_lent(|bytes| {
                let in_both = |nested: &[u8]| {
                    assert!(!nested.as_ptr_range().contains(&bytes.as_ptr()));
                    // A third one finds nothing, and leaves the two buffers alone.
                    assert!(now(|cx| outer.poll_read_lent(cx, |_| ())).is_pending());
                    nested.to_vec()
                };
                let nested = now(|cx| inner.poll_read_lent(cx, in_both));
                (bytes.to_vec(), nested)
            });
            let (bytes, nested) = both.await.unwrap().unwrap();
            assert_eq!(bytes, pattern(round, 3000));
            let Poll::Ready(Ok(Some(nested))) = nested else { panic!("{nested:?}") };
            assert_eq!(nested, pattern(round + 7, 4000));
        }
    });
}

#[test]
fn the_thread_has_one_buffer_and_nobody_waits_with_it() {
    run(async {
        let (stream, mut other) = pair().await;
        let (silent, _silent_other) = pair().await;
        let silent = Rc::new(silent);
        let read = async |other: &mut net::TcpStream| {
            other.write_all(b"hello").unwrap();
            stream.read_lent(|bytes| (bytes.as_ptr(), bytes.len())).await.unwrap().unwrap()
        };
        let first = read(&mut other).await;
        assert_eq!(first.1, 5);
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let silent = silent.clone();
                wakeline::spawn(async move { silent.read_lent(|_| ()).await })
            })
            .collect();
        wakeline::yield_now().await;
        for _ in 0..10 {
            read(&mut other).await;
        }
        let before = allocations();
        for _ in 0..100 {
            assert_eq!(read(&mut other).await, first, "always the same buffer");
        }
        assert_eq!(allocations() - before, 0);
        for _ in 0..100 {
            other.write_all(b"!").unwrap();
            stream.readable().await.unwrap();
            let panics = |_: &[u8]| std::panic::resume_unwind(Box::new(()));
            let panicked = poll_fn(|cx| {
                let poll = catch_unwind(AssertUnwindSafe(|| stream.poll_read_lent(cx, panics).is_pending()));
                if matches!(poll, Ok(true)) { Poll::Pending } else { Poll::Ready(poll.is_err()) }
            });
            assert!(panicked.await);
            let before = allocations();
            assert_eq!(read(&mut other).await, first, "also after a panic");
            assert_eq!(allocations() - before, 0);
        }
        assert!(waiting.iter().all(|task| !task.is_finished()));
    });
    let (stream, other) = run(pair());
    let future = stream.read_lent(|bytes: &[u8]| other.local_addr().is_ok() && !bytes.is_empty());
    assert_eq!(size_of_val(&future), 2 * size_of::<usize>(), "a reference to the stream, and one in the closure");
}

/// What the page of `net` promises is the sum of these, a task's header and two tables.
#[cfg(target_pointer_width = "64")]
#[test]
fn the_future_of_an_idle_connection_is_small() {
    async fn echo(stream: &TcpStream) -> io::Result<()> {
        loop {
            let read = stream.read_lent(|bytes| stream.try_write(bytes).map(|count| bytes[count..].to_vec())).await?;
            let Some(rest) = read.transpose()? else { return Ok(()) };
            if !rest.is_empty() {
                Box::pin(write_rest(stream, rest)).await?;
            }
        }
    }
    async fn write_rest(mut stream: &TcpStream, rest: Vec<u8>) -> io::Result<()> {
        stream.write_all(&rest).await
    }
    let (stream, _other) = run(pair());
    assert_eq!(size_of_val(&stream), 32);
    let session = async move { echo(&stream).await };
    assert!(size_of_val(&session) <= 96, "{} bytes", size_of_val(&session));
}

#[test]
fn each_thread_has_a_buffer_of_its_own() {
    let seen = |name: &str| {
        let name = name.to_string();
        run(async move {
            let (stream, mut other) = pair().await;
            other.write_all(name.as_bytes()).unwrap();
            stream.read_lent(|bytes| (bytes.to_vec(), bytes.as_ptr().addr())).await.unwrap().unwrap()
        })
    };
    let (here, address) = seen("here");
    let (there, other_address) = peer(move || seen("there")).join().unwrap();
    assert_eq!((&here[..], &there[..]), (&b"here"[..], &b"there"[..]));
    assert_ne!(address, other_address, "this thread still has its own");
}

#[test]
fn halves_read_and_write_as_the_stream_does() {
    run(async {
        let (mut stream, mut other) = pair().await;
        let mut text = [0; 4];
        {
            let (read, write) = stream.split();
            write.writable().await.unwrap();
            assert_eq!(write.try_write(b"ab").unwrap(), 2);
            assert_eq!(write.try_write_vectored(&[io::IoSlice::new(b"c"), io::IoSlice::new(b"d")]).unwrap(), 2);
            other.read_exact(&mut text).unwrap();
            assert_eq!(&text, b"abcd");
            other.write_all(b"12345").unwrap();
            read.readable().await.unwrap();
            assert_eq!(read.peek(&mut text).await.unwrap(), 4);
            assert_eq!(read.try_read(&mut text[..1]).unwrap(), 1);
            assert_eq!(read.try_read_vectored(&mut [io::IoSliceMut::new(&mut text[..1])]).unwrap(), 1);
            assert_eq!(read.read_lent(|bytes| bytes.to_vec()).await.unwrap().unwrap(), b"345");
            assert_eq!(read.try_read(&mut text).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            assert_eq!(read.peer_addr().unwrap(), write.peer_addr().unwrap());
            assert_eq!(read.local_addr().unwrap(), write.local_addr().unwrap());
        }
        // Owned halves in two tasks: one waits for room, the other reads what makes it.
        let (read, write) = stream.into_split();
        let echo = peer(move || io::copy(&mut other.try_clone().unwrap(), &mut other).unwrap());
        let sent = pattern(5, 3 << 20);
        let sending = wakeline::spawn({
            let sent = sent.clone();
            async move {
                let mut left = &sent[..];
                while !left.is_empty() {
                    write.writable().await.unwrap();
                    match write.try_write(left) {
                        Ok(count) => left = &left[count..],
                        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                    }
                }
            }
        });
        let mut back = Vec::new();
        while read.read_lent(|bytes| back.extend_from_slice(bytes)).await.unwrap().is_some() {}
        assert!(back == sent, "{} of {} bytes", back.len(), sent.len());
        sending.await.unwrap();
        assert_eq!(echo.join().unwrap(), sent.len() as u64);
    });
}

#[test]
fn under_a_foreign_block_on_it_reads_what_is_there_and_says_when_it_would_wait() {
    must_end(|| {
        let (stream, mut other) = run(pair());
        let read = || futures_lite::future::block_on(stream.read_lent(|bytes| bytes.to_vec()));
        let told = |error: io::Error| assert_contains(&error.to_string(), &["read of a TcpStream", "wakeline::block_on"]);
        told(read().unwrap_err());
        other.write_all(b"there").unwrap();
        assert_eq!(read().unwrap().unwrap(), b"there");
        told(read().unwrap_err());
        other.write_all(b"and here").unwrap();
        assert_eq!(run(stream.read_lent(|bytes| bytes.to_vec())).unwrap().unwrap(), b"and here");
        drop(other);
        assert_eq!(read().unwrap(), None);
    });
}

#[test]
fn a_foreign_waker_is_woken_when_bytes_come() {
    struct Flag(std::sync::atomic::AtomicBool);
    impl std::task::Wake for Flag {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    run(async {
        let (stream, mut other) = pair().await;
        let flag = std::sync::Arc::new(Flag(false.into()));
        let waker = Waker::from(flag.clone());
        let mut read = pin!(stream.read_lent(|bytes| bytes.len()));
        assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        other.write_all(b"abc").unwrap();
        while !flag.0.load(std::sync::atomic::Ordering::SeqCst) {
            wakeline::yield_now().await;
        }
        assert!(matches!(read.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(Some(3)))));
    });
}

#[test]
fn an_echo_without_a_buffer_keeps_what_its_peer_does_not_take() {
    run(async {
        let (stream, mut other) = pair().await;
        let mut filled = 0;
        while let Ok(count) = stream.try_write(&pattern(filled, 65536)) {
            filled += count;
        }
        let (seen, kept) = (Cell::new(0), Cell::new(0));
        let echo = async {
            let write_now = |bytes: &[u8]| {
                seen.set(seen.get() + bytes.len());
                match stream.try_write(bytes) {
                    Ok(count) => bytes[count..].to_vec(),
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                        bytes.to_vec()
                    }
                }
            };
            while let Some(rest) = stream.read_lent(write_now).await.unwrap() {
                kept.set(kept.get() + rest.len());
                (&stream).write_all(&rest).await.unwrap();
            }
            stream.shutdown(net::Shutdown::Write).unwrap();
        };
        let mut echo = pin!(echo);
        let mut sent = Vec::new();
        // What was full may have got a little room since.
        while kept.get() == 0 {
            let more = pattern(sent.len(), 5000);
            other.write_all(&more).unwrap();
            sent.extend_from_slice(&more);
            while kept.get() == 0 && seen.get() < sent.len() {
                assert!(poll_once(&mut echo).await.is_none());
                wakeline::yield_now().await;
            }
        }
        other.shutdown(net::Shutdown::Write).unwrap();
        let reading = peer(move || {
            let mut got = Vec::new();
            other.read_to_end(&mut got).unwrap();
            got
        });
        echo.await;
        let got = reading.join().unwrap();
        assert!(got.len() == filled + sent.len() && got.ends_with(&sent));
    });
}

#[cfg(unix)]
#[test]
fn any_object_that_reads_can_be_read_so_and_its_short_reads_prove_nothing() {
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;
    use wakeline::io::Async;

    /// Gives three bytes at a time, however many there are.
    struct Small(UnixStream);
    impl AsFd for Small {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
    impl Read for &Small {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(3);
            (&self.0).read(&mut buffer[..most])
        }
    }

    run(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let near = Async::new(Small(near)).unwrap();
        assert!(poll_once(near.read_lent(|_| ())).await.is_none());
        far.write_all(b"abcdefgh").unwrap();
        for expected in ["abc", "def", "gh"] {
            let got = near.read_lent(|bytes| String::from_utf8(bytes.to_vec()).unwrap()).await.unwrap();
            assert_eq!(got.as_deref(), Some(expected));
        }
        assert!(now(|cx| near.poll_read_lent(cx, |_| ())).is_pending());
        drop(far);
        assert_eq!(near.read_lent(|_| ()).await.unwrap(), None);
    });
}
