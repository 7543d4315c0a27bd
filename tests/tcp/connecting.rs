//! Connecting: by name, refused, unanswered, given up.

use super::*;

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Instant;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use wakeline::yield_now;

use crate::support::{allocations, assert_contains};

/// An address at which nobody listens, and which nobody else gets while the returned socket lives:
/// it is bound and no more.
fn closed_port() -> (impl Drop, SocketAddr) {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&held, &SocketAddr::from(LOCAL)).unwrap();
    let addr = getsockname(&held).unwrap().try_into().unwrap();
    (held, addr)
}

/// A listener whose backlog is full, so that the kernel drops whatever asks for more; and what
/// filled it.
pub(super) async fn full_listener() -> (TcpListener, Vec<net::TcpStream>) {
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
        assert_eq!(TcpStream::connect("localhost").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_host_is_connected_to_by_its_name() {
    run(async {
        let listener = net::TcpListener::bind(LOCAL).unwrap();
        let addr = listener.local_addr().unwrap();
        let text = format!("localhost:{}", addr.port());
        let streams = [
            TcpStream::connect(text.as_str()).await.unwrap(),
            TcpStream::connect(text.clone()).await.unwrap(),
            TcpStream::connect(("localhost", addr.port())).await.unwrap(),
            TcpStream::connect((String::from("localhost"), addr.port())).await.unwrap(),
            TcpStream::connect_timeout(&text, Duration::from_secs(20)).await.unwrap(),
        ];
        for stream in streams {
            assert_eq!(stream.peer_addr().unwrap(), addr);
            assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
        }
        assert!(wakeline::net::resolve("localhost", addr.port()).await.unwrap().contains(&addr));
    });
}

#[test]
fn a_listener_may_be_given_a_name() {
    run(async {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        assert!(addr.ip().is_loopback());
        let client = TcpStream::connect(addr).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());
        // Taken: the error names the host and the address.
        let text = format!("localhost:{}", addr.port());
        let error = TcpListener::bind(text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert_contains(&error.to_string(), &["listen on `localhost` port", &addr.to_string()]);
    });
}

#[test]
fn a_refused_host_says_which_addresses_refused() {
    run(async {
        let (_held, closed) = closed_port();
        let error = TcpStream::connect(("localhost", closed.port())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert_contains(&error.to_string(), &["connect to `localhost` port", &closed.to_string()]);
        let (_held, other) = closed_port();
        let error = TcpStream::connect(&[closed, other][..]).await.unwrap_err();
        assert_contains(&error.to_string(), &["connect to any of", &format!("{closed}: "), &format!("{other}: ")]);
    });
}

#[test]
fn a_host_that_cannot_be_resolved_is_named() {
    // No resolver has to be asked for a name with a part of more than 63 letters.
    let host = format!("{}.invalid", "x".repeat(64));
    run(async {
        for error in [
            TcpStream::connect((host.as_str(), 1)).await.unwrap_err(),
            TcpListener::bind((host.as_str(), 0)).await.unwrap_err(),
            wakeline::net::resolve(&host, 1).await.unwrap_err(),
            wakeline::net::resolve("a\0b", 1).await.unwrap_err(),
        ] {
            assert_contains(&error.to_string(), &["cannot resolve `"]);
        }
    });
}

#[test]
fn names_need_an_executor_too_and_are_not_resolved_without() {
    let mut connect = pin!(TcpStream::connect("localhost:1"));
    let Poll::Ready(Err(error)) = connect.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!("it waits") };
    assert_contains(&error.to_string(), &["TcpStream::connect", "not running a wakeline executor"]);
    let mut bind = pin!(TcpListener::bind("localhost:0"));
    let Poll::Ready(Err(error)) = bind.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!("it waits") };
    assert_contains(&error.to_string(), &["TcpListener::bind", "not running a wakeline executor"]);
}

// The second address is tried after the Connection Attempt Delay, although the first has not
// failed.
#[cfg(target_os = "linux")]
#[test]
fn an_address_that_does_not_answer_holds_up_the_next_one_for_a_moment_only() {
    run(async {
        let (silent, _filling) = full_listener().await;
        let silent = silent.local_addr().unwrap();
        let listener = net::TcpListener::bind(LOCAL).unwrap();
        let good = listener.local_addr().unwrap();
        let stream = TcpStream::connect(&[silent, good][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        // And when the next ones fail, the first goes on, and the limit holds for all.
        let (_held, closed) = closed_port();
        let error = TcpStream::connect_timeout(&[closed, silent][..], Duration::from_millis(30)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_contains(&error.to_string(), &["any of", &closed.to_string(), &silent.to_string(), "30ms"]);
    });
}

// Nobody answers at an address for documents (RFC 5737); some systems say at once that there is no
// way there.
#[test]
fn an_unreachable_address_gives_way_to_the_next() {
    run(async {
        let listener = net::TcpListener::bind(LOCAL).unwrap();
        let good = listener.local_addr().unwrap();
        let nowhere = SocketAddr::from(([192, 0, 2, 1], good.port()));
        let stream = TcpStream::connect(&[nowhere, good][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    });
}

#[test]
fn a_numeric_address_is_connected_to_without_a_list() {
    run(async {
        let listener = net::TcpListener::bind(LOCAL).unwrap();
        let addr = listener.local_addr().unwrap();
        let text = addr.to_string();
        // The first fills tables that stay.
        drop(TcpStream::connect(addr).await.unwrap());
        let before = allocations();
        drop(TcpStream::connect(addr).await.unwrap());
        let by_address = allocations() - before;
        let before = allocations();
        drop(TcpStream::connect(text.as_str()).await.unwrap());
        assert_eq!(allocations() - before, by_address, "the text is read in place");
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

// The connect that was not answered goes on in the kernel, and is through when the kernel, after a
// second, asks again and finds room.
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
