//! Calls that do not wait, waiting without a call, and the platform's handles.

use super::*;

use std::io::{ErrorKind, IoSlice, IoSliceMut};

use futures_lite::future::poll_once;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use wakeline::LocalExecutor;

#[test]
fn a_try_does_what_can_be_done_now_and_says_when_nothing_can() {
    run(async {
        let (stream, mut other) = pair().await;
        let mut buffer = [0; 8];
        assert_eq!(stream.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        other.write_all(b"abcdef").unwrap();
        // Asked each time: nobody has turned the reactor since.
        assert_eq!(stream.try_read(&mut buffer[..4]).unwrap(), 4);
        let (mut first, mut second) = ([0; 1], [0; 8]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(stream.try_read_vectored(&mut buffers).unwrap(), 2);
        assert_eq!((&first, &second[..1]), (b"e", &b"f"[..]));
        assert_eq!(stream.try_write(b"one ").unwrap(), 4);
        assert_eq!(stream.try_write_vectored(&[IoSlice::new(b"t"), IoSlice::new(b"wo")]).unwrap(), 3);
        let mut got = [0; 7];
        other.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"one two");
        while stream.try_write(&[0; 65536]).is_ok() {}
        assert_eq!(stream.try_write(b"x").unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(other);
    });
}

#[test]
fn a_task_that_waits_and_tries_gets_everything_and_costs_no_call_for_nothing() {
    let executor = LocalExecutor::new();
    executor.block_on(async {
        let (stream, mut other) = timeout(Duration::from_secs(30), pair()).await.unwrap();
        assert_eq!(stream.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let mut got = Vec::new();
        for round in 1..50_usize {
            let sent = pattern(round, round);
            let before = executor.metrics().io_calls;
            assert!(poll_once(stream.readable()).await.is_none());
            other.write_all(&sent).unwrap();
            stream.readable().await.unwrap();
            let mut buffer = [0; 64];
            let count = stream.try_read(&mut buffer).unwrap();
            got.extend_from_slice(&buffer[..count]);
            assert!(got.ends_with(&sent));
            // It asks once and reads once; that the read came short says that there is no more.
            assert_eq!(executor.metrics().io_calls - before, 2, "round {round}");
            if cfg!(polling_test_poll_backend) {
                assert!(stream.try_read(&mut buffer).is_err());
            }
        }
        while stream.try_write(&[0; 65536]).is_ok() {}
        assert!(poll_once(stream.writable()).await.is_none());
        let reading = peer(move || io::copy(&mut other, &mut io::sink()).unwrap());
        stream.writable().await.unwrap();
        assert!(stream.try_write(b"x").is_ok());
        stream.shutdown(net::Shutdown::Write).unwrap();
        assert!(reading.join().unwrap() > 65536);
        stream.readable().await.unwrap();
        assert_eq!(stream.try_read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn a_try_leaves_the_other_readers_their_wake() {
    run(async {
        let (stream, mut other) = pair().await;
        let stream = std::rc::Rc::new(stream);
        let reading = wakeline::spawn({
            let stream = stream.clone();
            async move { (&*stream).read(&mut [0; 8]).await }
        });
        wakeline::yield_now().await;
        for _ in 0..100 {
            assert!(stream.try_read(&mut [0; 8]).is_err());
        }
        other.write_all(b"x").unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 1);
    });
}

#[cfg(unix)]
#[test]
fn sockets_become_descriptors_and_descriptors_sockets() {
    use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
    use std::os::unix::net::{UnixListener, UnixStream};

    run(async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(listener.as_raw_fd(), listener.as_fd().as_raw_fd());
        let number = listener.as_raw_fd();
        let descriptor = OwnedFd::from(listener);
        assert_eq!(descriptor.as_raw_fd(), number);
        let listener = TcpListener::try_from(descriptor).unwrap();
        let listener = TcpListener::try_from(net::TcpListener::from(listener)).unwrap();
        assert_eq!(listener.local_addr().unwrap(), addr);

        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut accepted, _) = listener.accept().await.unwrap();
        assert!(poll_once((&stream).read(&mut [0; 8])).await.is_none(), "it is registered");
        let number = stream.into_raw_fd();
        #[allow(unsafe_code)]
        // SAFETY: the number was given up a line above, and nobody else has it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
        let stream = TcpStream::try_from(descriptor).unwrap();
        let mut stream = TcpStream::try_from(net::TcpStream::from(stream)).unwrap();
        accepted.write_all(b"still there").await.unwrap();
        assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 11);

        // What is no TCP socket is refused: a file, datagrams, another family.
        let folder = std::env::temp_dir();
        let path = folder.join(format!("wakeline-{}-{:?}", std::process::id(), std::thread::current().id()));
        let unix = UnixListener::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let udp = || OwnedFd::from(net::UdpSocket::bind(LOCAL).unwrap());
        let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        for wrong in [file(), udp(), UnixStream::pair().unwrap().0.into()] {
            TcpStream::try_from(wrong).unwrap_err();
        }
        for wrong in [file(), udp(), unix.into()] {
            TcpListener::try_from(wrong).unwrap_err();
        }
        // A listener of datagrams would have failed each accept in a way that is passed over.
        let error = TcpListener::from_std(udp().into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn errors_outside_name_the_function_that_was_called() {
    let listener = net::TcpListener::bind(LOCAL).unwrap();
    let addr = listener.local_addr().unwrap();
    let client = net::TcpStream::connect(addr).unwrap();
    let object = listener.try_clone().unwrap();
    let errors = [
        (outside(TcpStream::connect(addr)), "TcpStream::connect"),
        (outside(TcpStream::connect("localhost:1")), "TcpStream::connect"),
        (outside(TcpStream::builder().connect(&[addr, addr][..])), "TcpStream::connect"),
        (outside(TcpListener::bind(LOCAL)), "TcpListener::bind"),
        (outside(TcpListener::bind("localhost:0")), "TcpListener::bind"),
        (TcpListener::from_std(listener).unwrap_err(), "TcpListener::from_std"),
        (TcpStream::from_std(client).unwrap_err(), "TcpStream::from_std"),
        (wakeline::io::Async::new(object).unwrap_err(), "io::Async::new"),
    ];
    for (error, name) in errors {
        crate::support::assert_contains(&error.to_string(), &[&format!("{name} was used"), "wakeline::block_on"]);
    }
}

#[test]
fn a_host_name_in_an_error_is_cut_and_tames_what_is_not_text() {
    run(async {
        let long = format!("{}\u{1b}[2J\n", "x".repeat(10_000));
        for error in [
            TcpStream::connect((long.as_str(), 1)).await.unwrap_err(),
            TcpListener::bind((long.as_str(), 0)).await.unwrap_err(),
            wakeline::net::resolve(&long, 1).await.unwrap_err(),
            TcpStream::connect(long.as_str()).await.unwrap_err(),
            TcpStream::connect(("a\u{1b}[2J\n.invalid", 1)).await.unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.len() < 400 && !text.contains(char::is_control), "{text:?}");
        }
    });
}
