//! Bytes, ends, halves.

use super::*;

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use wakeline::{spawn, yield_now};

const MANY: usize = 10 << 20;

/// Polls a read until it waits, so that the socket is registered and drained.
fn read_waits(stream: &TcpStream, buffer: &mut [u8]) {
    let read = Pin::new(&mut &*stream).poll_read(&mut Context::from_waker(Waker::noop()), buffer);
    assert!(read.is_pending(), "{read:?}");
}

#[test]
fn bytes_come_back_from_an_echo() {
    run(async {
        let (mut stream, mut other) = pair().await;
        let echo = peer(move || io::copy(&mut other.try_clone().unwrap(), &mut other).unwrap());
        for round in 1..200usize {
            let sent = pattern(round, round * 7);
            stream.write_all(&sent).await.unwrap();
            let mut back = vec![0; sent.len()];
            stream.read_exact(&mut back).await.unwrap();
            assert!(back == sent, "round {round}");
        }
        stream.close().await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        echo.join().unwrap();
    });
}

// 10 MB both ways at once, the two directions in two tasks; the peer reads and writes in two
// threads.
#[test]
fn ten_megabytes_go_both_ways_without_a_wrong_byte() {
    run(async {
        let (stream, mut other) = pair().await;
        let mut other_writer = other.try_clone().unwrap();
        let writes =
            peer(move || other_writer.write_all(&pattern(1, MANY)).and_then(|()| other_writer.shutdown(Shutdown::Write)));
        let reads = peer(move || {
            let mut got = Vec::new();
            other.read_to_end(&mut got).map(|_| got)
        });
        let (mut read, mut write) = stream.into_split();
        let sender = spawn(async move { write.write_all(&pattern(2, MANY)).await });
        let receiver = spawn(async move {
            let mut got = Vec::new();
            read.read_to_end(&mut got).await.map(|_| got)
        });
        sender.await.unwrap().unwrap();
        assert!(receiver.await.unwrap().unwrap() == pattern(1, MANY));
        assert!(reads.join().unwrap().unwrap() == pattern(2, MANY));
        writes.join().unwrap().unwrap();
    });
}

#[test]
fn half_a_connection_goes_on_after_the_other_has_ended() {
    run(async {
        // Our side ends first, and still reads.
        let (mut stream, mut other) = pair().await;
        stream.write_all(b"question").await.unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = peer(move || {
            let mut question = String::new();
            other.read_to_string(&mut question).unwrap();
            other.write_all(b"answer to ").unwrap();
            other.write_all(question.as_bytes()).unwrap();
        });
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "answer to question");
        assert_eq!(stream.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        answer.join().unwrap();

        // The peer's side ends first, and we still write.
        let (mut stream, mut other) = pair().await;
        other.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "an end stays an end");
        stream.write_all(b"late").await.unwrap();
        drop(stream);
        let mut text = String::new();
        other.read_to_string(&mut text).unwrap();
        assert_eq!(text, "late");
    });
}

// RD10: the last bytes and the end are in one event, and no other event will come.
#[test]
fn an_end_that_comes_with_the_last_bytes_is_seen() {
    run(async {
        for size in [1, 63, 64, 65] {
            let (mut stream, mut other) = pair().await;
            let mut buffer = [0; 64];
            read_waits(&stream, &mut buffer);
            peer(move || other.write_all(&pattern(0, size)).unwrap()).join().unwrap();
            let mut got = Vec::new();
            loop {
                let count = stream.read(&mut buffer).await.unwrap();
                if count == 0 {
                    break;
                }
                got.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(got, pattern(0, size));
        }
    });
}

#[test]
fn a_reset_is_an_error_for_who_waits() {
    run(async {
        let (stream, other) = pair().await;
        let (mut read, mut write) = stream.into_split();
        let reader = spawn(async move { read.read(&mut [0; 8]).await });
        yield_now().await;
        peer(move || reset(other)).join().unwrap();
        assert_eq!(reader.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
        let error = write.write(b"x").await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    });
}

// NS5
#[test]
fn shutting_down_what_is_reset_already_is_no_error() {
    run(async {
        let (mut stream, other) = pair().await;
        reset(other);
        assert!(stream.read(&mut [0; 8]).await.is_err());
        for how in [Shutdown::Write, Shutdown::Read, Shutdown::Both] {
            stream.shutdown(how).unwrap();
        }
        stream.close().await.unwrap();
    });
}

#[test]
fn a_peek_leaves_the_bytes_where_they_are() {
    run(async {
        let (mut stream, mut other) = pair().await;
        let mut buffer = [0; 16];
        read_waits(&stream, &mut buffer);
        other.write_all(b"abc").unwrap();
        assert_eq!(stream.peek(&mut buffer).await.unwrap(), 3);
        assert_eq!(stream.peek(&mut buffer[..1]).await.unwrap(), 1);
        // Fewer than asked for were there, and yet the socket is not drained: no edge will tell of
        // them again.
        assert_eq!(stream.peek(&mut buffer).await.unwrap(), 3);
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(&buffer[..3], b"abc");
        let task = spawn(async move {
            let count = stream.peek(&mut buffer).await.unwrap();
            (count, stream)
        });
        yield_now().await;
        other.write_all(b"de").unwrap();
        let (count, stream) = task.await.unwrap();
        assert_eq!(count, 2);
        drop(other);
        let (read, _write) = stream.into_split();
        assert_eq!(read.peek(&mut buffer).await.unwrap(), 2);
    });
}

#[test]
fn vectored_reads_and_writes_keep_the_order() {
    run(async {
        let (mut stream, mut other) = pair().await;
        let slices = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(stream.write_vectored(&slices).await.unwrap(), 7);
        let mut got = [0; 7];
        other.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"one two");

        let (mut first, mut second) = ([0; 3], [0; 64]);
        read_waits(&stream, &mut first);
        other.write_all(b"abcdef").unwrap();
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(stream.read_vectored(&mut buffers).await.unwrap(), 6);
        assert_eq!((&first, &second[..3]), (b"abc", &b"def"[..]));
        // Short of the sum, so the socket counts as drained; the next bytes are a new edge.
        other.write_all(b"gh").unwrap();
        assert_eq!(stream.read(&mut second).await.unwrap(), 2);
    });
}

#[test]
fn references_read_and_write_at_once_in_one_task() {
    run(async {
        let (stream, mut other) = pair().await;
        let echo = peer(move || io::copy(&mut other.try_clone().unwrap(), &mut other).unwrap());
        let sent = pattern(3, 1 << 20);
        let mut back = vec![0; sent.len()];
        let (sending, receiving) =
            futures_lite::future::zip((&stream).write_all(&sent), async { (&stream).read_exact(&mut back).await }).await;
        sending.and(receiving).unwrap();
        assert!(back == sent);
        drop(stream);
        echo.join().unwrap();
    });
}

// NS7: the descriptor that is handed over blocks; the thread must not.
#[test]
fn a_blocking_socket_is_made_non_blocking() {
    run(async {
        let (ours, mut other) = pair().await;
        let ours = ours.into_std();
        ours.set_nonblocking(false).unwrap();
        let mut stream = TcpStream::from_std(ours).unwrap();
        let reader = spawn(async move {
            let mut buffer = [0; 8];
            stream.read(&mut buffer).await.map(|count| buffer[..count].to_vec())
        });
        // Were it still blocking, this task would not get its turn: nothing is written before.
        yield_now().await;
        assert!(!reader.is_finished());
        other.write_all(b"now").unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), b"now");
    });
}

#[test]
fn a_stream_can_be_carried_to_another_thread() {
    run(async {
        let (mut stream, mut other) = pair().await;
        read_waits(&stream, &mut [0; 8]);
        stream.write_all(b"here ").await.unwrap();
        let carried = stream.into_std();
        let error = (&carried).read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "it stays non-blocking");
        let there = peer(move || {
            run(async {
                let mut stream = TcpStream::from_std(carried).unwrap();
                read_waits(&stream, &mut [0; 8]);
                stream.write_all(b"there").await.unwrap();
                stream.read(&mut [0; 8]).await.unwrap()
            })
        });
        let mut got = [0; 10];
        other.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"here there");
        drop(other);
        assert_eq!(there.join().unwrap(), 0);
    });
}

#[test]
fn a_read_that_is_dropped_loses_no_byte() {
    run(async {
        let (mut stream, mut other) = pair().await;
        let mut buffer = [0; 8];
        assert!(timeout(Duration::ZERO, stream.read(&mut buffer)).await.is_err());
        other.write_all(b"kept").unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"kept");
    });
}

// The budget: a socket that always has bytes must leave other tasks their turn.
#[test]
fn a_stream_that_is_always_ready_lets_other_tasks_run() {
    run(async {
        let (mut stream, mut other) = pair().await;
        let flood = peer(move || while other.write_all(&[0; 4096]).is_ok() {});
        let done = std::rc::Rc::new(std::cell::Cell::new(false));
        let setter = done.clone();
        let task = spawn(async move { setter.set(true) });
        while !done.get() {
            assert_ne!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        }
        task.await.unwrap();
        drop(stream);
        flood.join().unwrap();
    });
}

#[test]
fn a_thousand_readers_of_one_stream_share_its_bytes() {
    run(async {
        let (stream, mut other) = pair().await;
        let stream = std::rc::Rc::new(stream);
        let readers: Vec<_> = (0..1000)
            .map(|_| {
                let stream = stream.clone();
                spawn(poll_fn(move |cx| {
                    let mut byte = [0];
                    Pin::new(&mut &*stream).poll_read(cx, &mut byte).map(|count| (count.unwrap(), byte[0]))
                }))
            })
            .collect();
        yield_now().await;
        let sent = pattern(0, 1000);
        other.write_all(&sent).unwrap();
        let mut got = Vec::new();
        for reader in readers {
            let (count, byte) = reader.await.unwrap();
            assert_eq!(count, 1);
            got.push(byte);
        }
        got.sort_unstable();
        let mut sorted = sent;
        sorted.sort_unstable();
        assert!(got == sorted);
    });
}

#[test]
fn streams_are_refused_where_no_executor_is_entered() {
    let listener = net::TcpListener::bind(LOCAL).unwrap();
    let addr = listener.local_addr().unwrap();
    let errors =
        [outside(TcpStream::connect(addr)), outside(TcpListener::bind(LOCAL)), TcpListener::from_std(listener).unwrap_err()];
    for error in errors {
        assert!(error.to_string().contains("wakeline::block_on"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn sockets_are_non_blocking_and_closed_on_exec() {
    use rustix::fs::OFlags;
    use rustix::io::FdFlags;
    use std::os::fd::AsFd;

    fn check(socket: impl AsFd) {
        assert!(rustix::io::fcntl_getfd(&socket).unwrap().contains(FdFlags::CLOEXEC));
        assert!(rustix::fs::fcntl_getfl(&socket).unwrap().contains(OFlags::NONBLOCK));
    }
    run(async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        check(&listener);
        check(&client);
        check(&server);
        check(TcpStream::from_std(client.into_std()).unwrap());
    });
}
