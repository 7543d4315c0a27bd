//! Listening: options, many tasks at one listener, no descriptors left.

use super::*;

use std::io::ErrorKind;
use std::net::Ipv6Addr;
use std::rc::Rc;

use futures_lite::StreamExt;
use wakeline::{spawn, yield_now};

use crate::support::skip;

#[test]
fn a_listener_accepts_what_connects() {
    run(async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let addr = listener.local_addr().unwrap();
        assert_ne!(addr.port(), 0);
        let (told, done) = mpsc::channel::<()>();
        let clients = peer(move || {
            let clients: Vec<_> = (0..100).map(|_| net::TcpStream::connect(addr).unwrap()).collect();
            let addrs: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
            let _ = done.recv();
            addrs
        });
        let mut peers = Vec::new();
        for _ in 0..100 {
            let (stream, peer) = listener.accept().await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), peer);
            peers.push(peer);
        }
        drop(told);
        let mut addrs = clients.join().unwrap();
        addrs.sort();
        peers.sort();
        assert_eq!(addrs, peers);
    });
}

#[test]
fn several_tasks_accept_from_one_listener() {
    run(async {
        let listener = Rc::new(TcpListener::bind(LOCAL).await.unwrap());
        let addr = listener.local_addr().unwrap();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { listener.accept().await.unwrap().1 })
            })
            .collect();
        yield_now().await;
        let clients: Vec<_> = (0..10).map(|_| net::TcpStream::connect(addr).unwrap()).collect();
        let mut peers = Vec::new();
        for task in tasks {
            peers.push(task.await.unwrap());
        }
        let mut expected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        expected.sort();
        peers.sort();
        assert_eq!(peers, expected);
    });
}

#[test]
fn an_accept_that_is_dropped_loses_no_connection() {
    run(async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        assert!(timeout(Duration::ZERO, listener.accept()).await.is_err());
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(
            matches!(timeout(Duration::from_secs(20), listener.accept()).await, Ok(Ok((_, peer))) if peer == client.local_addr().unwrap())
        );
    });
}

#[test]
fn incoming_yields_connections() {
    run(async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..3).map(|_| net::TcpStream::connect(addr).unwrap()).collect();
        let streams: Vec<_> = listener.incoming().take(3).collect().await;
        for (stream, client) in streams.into_iter().zip(&clients) {
            assert_eq!(stream.unwrap().peer_addr().unwrap(), client.local_addr().unwrap());
        }
    });
}

// A connection that is reset while it waits in the backlog must not end the accepting of others.
#[test]
fn a_connection_that_died_in_the_backlog_does_no_harm() {
    run(async {
        let listener = TcpListener::bind(LOCAL).await.unwrap();
        let addr = listener.local_addr().unwrap();
        reset(net::TcpStream::connect(addr).unwrap());
        let alive = net::TcpStream::connect(addr).unwrap();
        loop {
            // Linux hands out the dead one first, others pass it over.
            if listener.accept().await.unwrap().1 == alive.local_addr().unwrap() {
                break;
            }
        }
    });
}

#[test]
fn accepted_streams_have_the_nodelay_of_the_builder() {
    run(async {
        for nodelay in [false, true] {
            let listener = TcpListener::builder().nodelay(nodelay).bind(LOCAL).await.unwrap();
            let _client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            assert_eq!(stream.nodelay().unwrap(), nodelay);
        }
    });
}

#[test]
fn a_port_is_taken_unless_it_is_shared() {
    run(async {
        let alone = TcpListener::bind(LOCAL).await.unwrap();
        let error = TcpListener::bind(alone.local_addr().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);

        let first = TcpListener::builder().reuse_port(true).bind(LOCAL).await.unwrap();
        let addr = first.local_addr().unwrap();
        let second = TcpListener::builder().reuse_port(true).bind(addr).await.unwrap();
        assert_eq!(second.local_addr().unwrap(), addr);
        assert_eq!(TcpListener::bind(addr).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        // Whichever of the two is chosen accepts.
        let client = net::TcpStream::connect(addr).unwrap();
        let (_, peer) = futures_lite::future::or(first.accept(), second.accept()).await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

#[test]
fn v6only_decides_about_v4_peers() {
    if net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return skip("this machine has no IPv6");
    }
    run(async {
        let any = (Ipv6Addr::UNSPECIFIED, 0);
        let only = TcpListener::builder().v6only(true).bind(any).await.unwrap();
        let port = only.local_addr().unwrap().port();
        let error = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.unwrap();

        let both = TcpListener::builder().v6only(false).bind(any).await.unwrap();
        let port = both.local_addr().unwrap().port();
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let (_, peer) = both.accept().await.unwrap();
        assert!(peer.is_ipv6() && peer.port() == client.local_addr().unwrap().port());
    });
}

#[test]
fn a_listener_of_std_is_taken_over_and_given_back() {
    run(async {
        let listener = TcpListener::from_std(net::TcpListener::bind(LOCAL).unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        listener.set_ttl(33).unwrap();
        assert_eq!(listener.ttl().unwrap(), 33);
        // Were it still blocking, this would hang.
        assert!(timeout(Duration::ZERO, listener.accept()).await.is_err());
        let client = net::TcpStream::connect(addr).unwrap();
        assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());
        let listener = listener.into_std();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}
