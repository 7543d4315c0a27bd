//! Connecting: refused, unanswered, given up.

use super::*;

use std::io::ErrorKind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use wakeline::yield_now;

/// An address at which nobody listens, and which nobody else gets while the returned socket lives: it is bound and no more.
fn closed_port() -> (impl Drop, SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&held, &SocketAddr::from(LOCAL)).unwrap();
    let addr = getsockname(&held).unwrap().try_into().unwrap();
    (held, addr)
}

/// A listener whose backlog is full, so that the kernel drops whatever asks for more; and what filled it.
async fn full_listener() -> (TcpListener, Vec<net::TcpStream>) {
    let listener = TcpListener::builder().backlog(0).bind(LOCAL).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(stream) = net::TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
        filling.push(stream);
        assert!(filling.len() < 1000, "a backlog of 0 takes {} connections", filling.len());
    }
    (listener, filling)
}

#[test]
fn a_refused_connect_says_so() {
    run(async {
        let (_held, closed) = closed_port();
        let error = TcpStream::connect(closed).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect_timeout(closed, Duration::from_secs(20)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn the_first_address_that_accepts_is_taken() {
    run(async {
        let listener = net::TcpListener::bind(LOCAL).unwrap();
        let good = listener.local_addr().unwrap();
        let (_held, closed) = closed_port();
        let stream = TcpStream::connect(&[closed, good][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        let none: &[SocketAddr] = &[];
        assert_eq!(TcpStream::connect(none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(TcpStream::connect("localhost:1").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_unanswered_connect_ends_with_its_limit() {
    run(async {
        let (listener, _filling) = full_listener().await;
        let start = Instant::now();
        let limit = Duration::from_millis(30);
        let error = TcpStream::connect_timeout(listener.local_addr().unwrap(), limit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() >= limit);
    });
}

// RD12: a wake that is none of the socket's must not count as success.
#[cfg(target_os = "linux")]
#[test]
fn a_connect_that_is_polled_for_nothing_is_not_connected() {
    run(async {
        let (listener, _filling) = full_listener().await;
        let mut connect = pin!(TcpStream::connect(listener.local_addr().unwrap()));
        for _ in 0..100 {
            assert!(connect.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            yield_now().await;
        }
    });
}

// The connect that was not answered goes on in the kernel, and is through when the kernel, after a second, asks again and finds room.
#[cfg(target_os = "linux")]
#[test]
fn a_connect_that_waits_is_woken_when_it_is_through() {
    run(async {
        let (listener, _filling) = full_listener().await;
        let addr = listener.local_addr().unwrap();
        let connect = wakeline::spawn(async move { TcpStream::connect(addr).await });
        yield_now().await;
        assert!(!connect.is_finished());
        let greeter = wakeline::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // Those that filled the backlog are not read from, and may be gone.
                let _ = stream.write_all(b"welcome").await;
            }
        });
        let mut text = String::new();
        connect.await.unwrap().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "welcome");
        drop(greeter);
    });
}

#[test]
fn a_connect_that_is_dropped_closes_its_socket() {
    run(async {
        let listener = net::TcpListener::bind(LOCAL).unwrap();
        let addr = listener.local_addr().unwrap();
        let first = {
            let mut connect = pin!(TcpStream::connect(addr));
            match connect.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(stream) => drop(stream.unwrap()),
                Poll::Pending => {}
            }
            listener.accept()
        };
        // Whether or not the handshake was through, the peer sees the end.
        let (mut accepted, _) = first.unwrap();
        assert_eq!(accepted.read(&mut [0]).unwrap_or(0), 0);
        let second = TcpStream::connect(addr).await.unwrap();
        assert_eq!(listener.accept().unwrap().1, second.local_addr().unwrap());
    });
}
