//! What tasks are told about descriptors: who is woken, what survives, how ends and errors arrive.
#![cfg(unix)]

use std::cell::Cell;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use wakeline::io::{Async, Interest};
use wakeline::{LocalExecutor, block_on, spawn, yield_now};

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

fn unix_pair() -> (Async<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    (Async::new(near).unwrap(), far)
}

/// Writes until the other end takes no more; returns how much it took.
fn fill(mut stream: &UnixStream) -> usize {
    let mut filled = 0;
    loop {
        match stream.write(&[b'f'; 4096]) {
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return filled,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn two_tasks_that_read_one_socket_get_one_datagram_each() {
    // RD7; RD12: the first datagram wakes both, and one of them finds nothing.
    block_on(async {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let socket = Rc::new(Async::new(socket).unwrap());
        let read = |socket: Rc<Async<UdpSocket>>| async move {
            let mut datagram = [0; 8];
            let count = socket.read_with(|socket| socket.recv(&mut datagram)).await.unwrap();
            datagram[..count].to_vec()
        };
        let (first, second) = (spawn(read(socket.clone())), spawn(read(socket.clone())));
        yield_now().await;
        let sender = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        sender.send_to(b"one", address).unwrap();
        while !first.is_finished() && !second.is_finished() {
            yield_now().await;
        }
        sender.send_to(b"two", address).unwrap();
        let mut got = [first.await.unwrap(), second.await.unwrap()];
        got.sort();
        assert_eq!(got, [b"one".to_vec(), b"two".to_vec()]);
    });
}

#[test]
fn a_hangup_without_data_ends_a_read() {
    // RD9: an empty pipe whose last writer goes reports HUP and no IN.
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    block_on(async {
        let mut stdout = Async::new(stdout).unwrap();
        let mut text = Vec::new();
        let mut read = Box::pin(stdout.read_to_end(&mut text));
        assert!(future::poll_once(&mut read).await.is_none());
        drop(stdin);
        assert_eq!(read.await.unwrap(), 0);
    });
    child.wait().unwrap();
}

#[test]
fn a_hangup_wakes_the_writer_that_waits_for_room() {
    // RD9
    block_on(async {
        let (near, far) = unix_pair();
        fill(near.get_ref());
        let task = spawn(async move { near.write_with(|mut near| near.write(b"more")).await.unwrap_err().kind() });
        yield_now().await;
        assert!(!task.is_finished());
        drop(far);
        assert!(matches!(task.await.unwrap(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset));
    });
}

#[test]
fn the_end_is_seen_when_it_comes_with_the_last_bytes() {
    // RD10
    block_on(async {
        let (near, mut far) = tcp_pair();
        let mut near = Async::new(near).unwrap();
        let mut buffer = [0; 64];
        assert!(future::poll_once(near.read(&mut buffer)).await.is_none());
        far.write_all(b"bye").unwrap();
        drop(far);
        let mut text = String::new();
        near.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "bye");
        assert_eq!(near.read(&mut buffer).await.unwrap(), 0, "an end is an end every time");
    });
}

#[test]
fn a_stream_sees_the_end_that_came_in_one_event_with_the_last_bytes() {
    // RD10: a read that comes short would mean "empty, wait for an edge", and there is none to
    // come.
    block_on(async {
        for half_closed in [false, true] {
            let (near, mut far) = tcp_pair();
            let mut near = wakeline::net::TcpStream::from_std(near).unwrap();
            let mut buffer = [0; 64];
            assert!(future::poll_once(near.read(&mut buffer)).await.is_none());
            far.write_all(b"bye").unwrap();
            far.shutdown(if half_closed { Shutdown::Write } else { Shutdown::Both }).unwrap();
            assert_eq!(near.read(&mut buffer).await.unwrap(), 3);
            assert_eq!(near.read(&mut buffer).await.unwrap(), 0);
            assert_eq!(near.read(&mut buffer).await.unwrap(), 0, "an end is an end every time");
        }
    });
}

#[test]
fn urgent_data_does_not_hide_what_follows_it() {
    // RD10: a read stops short at the urgent mark although there is more behind it.
    block_on(async {
        let (near, mut far) = tcp_pair();
        let mut near = wakeline::net::TcpStream::from_std(near).unwrap();
        let mut buffer = [0; 64];
        assert!(future::poll_once(near.read(&mut buffer)).await.is_none());
        far.write_all(b"ab").unwrap();
        rustix::net::send(&far, b"!", rustix::net::SendFlags::OOB).unwrap();
        far.write_all(b"cd").unwrap();
        let mut text = Vec::new();
        while text.len() < 4 {
            let count = near.read(&mut buffer).await.unwrap();
            text.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(text, b"abcd");
    });
}

#[test]
fn a_closed_peer_does_not_keep_the_thread_busy() {
    // RD11: the end is reported once and not again on every wait.
    let executor = LocalExecutor::new();
    let (mut near, far) = executor.block_on(async { unix_pair() });
    executor.block_on(async {
        assert!(future::poll_once(near.read(&mut [0])).await.is_none());
    });
    drop(far);
    let before = executor.metrics().turns;
    let end = Instant::now() + Duration::from_millis(20);
    while Instant::now() < end {
        executor.turn(Some(end.saturating_duration_since(Instant::now()))).unwrap();
    }
    assert!(executor.metrics().turns - before <= 4, "{:?}", executor.metrics());
    assert_eq!(executor.block_on(near.read(&mut [0])).unwrap(), 0);
}

#[test]
fn one_half_can_be_closed_and_the_other_used() {
    block_on(async {
        let (near, mut far) = tcp_pair();
        let mut near = Async::new(near).unwrap();
        near.write_all(b"question").await.unwrap();
        near.get_ref().shutdown(Shutdown::Write).unwrap();
        let mut question = String::new();
        far.read_to_string(&mut question).unwrap();
        assert_eq!(question, "question");
        far.write_all(b"answer").unwrap();
        drop(far);
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    });
}

#[test]
fn readable_tells_the_truth_after_calls_that_the_reactor_did_not_see() {
    // RD12: the byte is read past the `Async`; the next wait must wait, and must end with the next
    // byte.
    block_on(async {
        let (near, mut far) = unix_pair();
        let mut byte = [0];
        for round in 0..3 {
            let mut wait = Box::pin(near.readable());
            assert!(future::poll_once(&mut wait).await.is_none(), "round {round}");
            far.write_all(b"x").unwrap();
            wait.await.unwrap();
            near.readable().await.unwrap();
            assert_eq!(near.get_ref().read(&mut byte).unwrap(), 1);
        }
        near.writable().await.unwrap();
        fill(near.get_ref());
        assert!(future::poll_once(near.writable()).await.is_none());
    });
}

#[test]
fn bytes_go_both_ways_at_once_and_arrive_whole() {
    // RD3, RD4: each side fills up and drains many times while the other does too.
    const SIZE: usize = 4 << 20;
    block_on(async {
        let (near, far) = tcp_pair();
        let (near, far) = (Rc::new(Async::new(near).unwrap()), Rc::new(Async::new(far).unwrap()));
        let byte = |index: usize| (index * 31 % 251) as u8;
        let send = |stream: Rc<Async<TcpStream>>| async move {
            let bytes: Vec<u8> = (0..SIZE).map(byte).collect();
            (&*stream).write_all(&bytes).await.unwrap();
        };
        let receive = |stream: Rc<Async<TcpStream>>| async move {
            let mut bytes = vec![0; SIZE];
            (&*stream).read_exact(&mut bytes).await.unwrap();
            bytes.iter().enumerate().all(|(index, got)| *got == byte(index))
        };
        let senders = [spawn(send(near.clone())), spawn(send(far.clone()))];
        let receivers = [spawn(receive(near.clone())), spawn(receive(far.clone()))];
        for receiver in receivers {
            assert!(receiver.await.unwrap());
        }
        for sender in senders {
            sender.await.unwrap();
        }
    });
}

#[test]
fn vectored_calls_use_all_buffers() {
    block_on(async {
        let (near, far) = unix_pair();
        let (mut near, mut far) = (near, Async::new(far).unwrap());
        let sent = near.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")]).await.unwrap();
        let (mut head, mut tail) = ([0; 3], [0; 8]);
        let received = far.read_vectored(&mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)]).await.unwrap();
        assert_eq!((sent, received), (5, 5));
        assert_eq!((&head, &tail[..2]), (b"abc", &b"de"[..]));
    });
}

#[test]
fn a_descriptor_that_is_always_ready_does_not_starve_the_others() {
    // RQ12: the reader never gets to an end; the per-poll budget makes it yield.
    block_on(async {
        let reads = Rc::new(Cell::new(0_u64));
        let counted = reads.clone();
        let zero = std::fs::File::open("/dev/zero").unwrap();
        let mut zero = Async::new(zero).unwrap();
        let reader = spawn(async move {
            let mut buffer = [0; 16];
            loop {
                zero.read_exact(&mut buffer).await.unwrap();
                counted.set(counted.get() + 1);
            }
        });
        for _ in 0..10 {
            yield_now().await;
        }
        assert!(reads.get() > 0);
        assert!(!reader.is_finished());
    });
}

#[test]
fn a_dropped_read_takes_nothing_along() {
    block_on(async {
        let (mut near, mut far) = unix_pair();
        let mut byte = [0];
        for _ in 0..3 {
            assert!(future::poll_once(near.read(&mut byte)).await.is_none());
        }
        far.write_all(b"x").unwrap();
        near.readable().await.unwrap();
        drop(near.readable());
        assert_eq!(near.read(&mut byte).await.unwrap(), 1);
        assert_eq!(&byte, b"x");
    });
}

#[test]
fn a_flush_does_not_wait_for_room() {
    block_on(async {
        let (mut near, _far) = unix_pair();
        fill(near.get_ref());
        assert!(future::poll_once(near.write(b"x")).await.is_none());
        near.flush().await.unwrap();
        near.close().await.unwrap();
    });
}

#[test]
fn several_things_are_waited_for_at_once_and_all_that_hold_are_said() {
    block_on(async {
        let (near, mut far) = unix_pair();
        let ready = near.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        assert!(ready.is_writable() && !ready.is_readable() && !ready.is_read_closed() && !ready.is_error(), "{ready:?}");
        assert!(future::poll_once(near.ready(Interest::READABLE)).await.is_none());
        far.write_all(b"x").unwrap();
        let ready = near.ready(Interest::READABLE).await.unwrap();
        assert!(ready.is_readable() && !ready.is_writable(), "what was not asked for is not said: {ready:?}");
        // It uses nothing up, and tells the truth after calls that the reactor did not see.
        near.ready(Interest::READABLE).await.unwrap();
        near.get_ref().read_exact(&mut [0]).unwrap();
        let mut wait = Box::pin(near.ready(Interest::READABLE));
        assert!(future::poll_once(&mut wait).await.is_none());
        drop(far);
        let ready = wait.await.unwrap();
        assert!(ready.is_read_closed(), "{ready:?}");
        let text = format!("{:?} {ready:?}", Interest::READABLE | Interest::WRITABLE);
        assert!(text.contains("READABLE | WRITABLE") && text.contains("read_closed: true"), "{text}");
    });
}

#[test]
fn room_to_write_is_waited_for_by_the_edges_of_its_own_side() {
    block_on(async {
        let (near, mut far) = unix_pair();
        let filled = fill(near.get_ref());
        let waiting = spawn(async move { near.ready(Interest::WRITABLE).await.map(|ready| (ready, near)) });
        yield_now().await;
        far.write_all(b"not what it waits for").unwrap();
        yield_now().await;
        assert!(!waiting.is_finished());
        far.read_exact(&mut vec![0; filled]).unwrap();
        let (ready, near) = waiting.await.unwrap().unwrap();
        assert!(ready.is_writable() && !ready.is_readable());
        drop(far);
        assert!(near.ready(Interest::WRITABLE).await.unwrap().is_write_closed());
    });
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(polling_test_poll_backend)))]
#[test]
fn urgent_data_and_errors_are_waited_for_by_themselves() {
    block_on(async {
        let (near, mut far) = tcp_pair();
        let near = Rc::new(Async::new(near).unwrap());
        near.register().unwrap();
        far.write_all(b"ab").unwrap();
        // The edge that tells of them has come and gone.
        yield_now().await;
        let urgent = spawn({
            let near = near.clone();
            async move { near.ready(Interest::PRIORITY).await.unwrap() }
        });
        yield_now().await;
        assert!(!urgent.is_finished(), "ordinary bytes are not urgent");
        // And who waits for urgent ones does not take the ordinary ones from their reader.
        let mut buffer = [0; 8];
        let read = wakeline::time::timeout(Duration::from_secs(30), (&*near).read(&mut buffer)).await;
        assert_eq!(read.expect("nothing tells of them again").unwrap(), 2);
        rustix::net::send(&far, b"!", rustix::net::SendFlags::OOB).unwrap();
        let ready = urgent.await.unwrap();
        assert!(ready.is_priority() && !ready.is_error(), "{ready:?}");

        // An error is said by itself and not used up: the read gets it.
        let (near, far) = tcp_pair();
        let near = Async::new(near).unwrap();
        let broken = near.ready(Interest::ERROR);
        let mut broken = Box::pin(broken);
        assert!(future::poll_once(&mut broken).await.is_none());
        rustix::net::sockopt::set_socket_linger(&far, Some(Duration::ZERO)).unwrap();
        drop(far);
        let ready = broken.await.unwrap();
        assert!(ready.is_error() && ready.is_read_closed() && ready.is_write_closed(), "{ready:?}");
        let error = near.read_with(|mut near| near.read(&mut [0])).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn what_has_ended_ends_every_wait() {
    block_on(async {
        let (near, far) = unix_pair();
        let mut wait = Box::pin(near.ready(Interest::WRITABLE));
        fill(near.get_ref());
        assert!(future::poll_once(&mut wait).await.is_none());
        drop(far);
        let ready = wait.await.unwrap();
        assert!(ready.is_write_closed() && ready.is_read_closed(), "{ready:?}");
        let file = Async::new(std::fs::File::open("/dev/null").unwrap()).unwrap();
        assert!(file.ready(Interest::READABLE).await.unwrap().is_readable());
    });
}

#[test]
fn a_registration_may_be_had_before_the_first_wait() {
    let executor = LocalExecutor::new();
    executor.block_on(async {
        let (mut near, mut far) = unix_pair();
        near.register().unwrap();
        near.register().unwrap();
        let twice = Async::new(rustix::io::dup(near.get_ref()).unwrap()).unwrap();
        twice.register().unwrap();
        far.write_all(b"x").unwrap();
        assert_eq!(near.read(&mut [0]).await.unwrap(), 1);
        assert!(future::poll_once(near.read(&mut [0])).await.is_none());
    });
}
