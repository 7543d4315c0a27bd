//! What a connection is told, on a stream that lives, before it is connected, and by way of the
//! listener.

use super::*;

use std::io::ErrorKind;

use wakeline::net::Keepalive;

const SECOND: Duration = Duration::from_secs(1);
const PATIENT: Keepalive = Keepalive::new(Duration::from_secs(60), Duration::from_secs(10), 3);

#[test]
fn options_are_set_and_read_back() {
    run(async {
        let (stream, other) = pair().await;
        assert_eq!(stream.peer_addr().unwrap(), other.local_addr().unwrap());
        assert_eq!(stream.local_addr().unwrap(), other.peer_addr().unwrap());
        for nodelay in [true, false] {
            stream.set_nodelay(nodelay).unwrap();
            assert_eq!(stream.nodelay().unwrap(), nodelay);
        }
        stream.set_ttl(17).unwrap();
        assert_eq!(stream.ttl().unwrap(), 17);
        assert_eq!(stream.linger().unwrap(), None);
        stream.set_linger(Some(2 * SECOND)).unwrap();
        assert_eq!(stream.linger().unwrap(), Some(2 * SECOND));
        stream.set_linger(None).unwrap();
        assert!(stream.take_error().unwrap().is_none());
        let text = format!("{stream:?}");
        assert!(text.contains(&other.local_addr().unwrap().port().to_string()), "{text}");
    });
}

#[test]
fn keep_alive_is_set_with_its_three_numbers_rounded_up_and_taken_back() {
    run(async {
        let (stream, _other) = pair().await;
        assert_eq!(stream.keepalive().unwrap(), None);
        stream.set_keepalive(Some(PATIENT)).unwrap();
        assert_eq!(stream.keepalive().unwrap(), Some(PATIENT));
        let fine = Keepalive::new(Duration::from_millis(1), Duration::from_millis(1001), 1);
        stream.set_keepalive(Some(fine)).unwrap();
        assert_eq!(stream.keepalive().unwrap(), Some(Keepalive::new(SECOND, 2 * SECOND, 1)));
        stream.set_keepalive(None).unwrap();
        assert_eq!(stream.keepalive().unwrap(), None);
    });
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_user_timeout_is_set_rounded_up_and_taken_back() {
    run(async {
        let (stream, _other) = pair().await;
        assert_eq!(stream.user_timeout().unwrap(), None);
        stream.set_user_timeout(Some(Duration::from_micros(1_500_001))).unwrap();
        assert_eq!(stream.user_timeout().unwrap(), Some(Duration::from_millis(1501)));
        stream.set_user_timeout(None).unwrap();
        assert_eq!(stream.user_timeout().unwrap(), None);
    });
}

#[test]
fn buffers_have_at_least_the_size_that_was_set() {
    run(async {
        let (stream, _other) = pair().await;
        stream.set_recv_buffer_size(20_000).unwrap();
        stream.set_send_buffer_size(30_000).unwrap();
        let (recv, send) = (stream.recv_buffer_size().unwrap(), stream.send_buffer_size().unwrap());
        assert!((20_000..=50_000).contains(&recv) && (30_000..=70_000).contains(&send), "{recv} {send}");
    });
}

#[track_caller]
fn assert_refused(outcome: io::Result<()>, what: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    crate::support::assert_contains(&error.to_string(), &[what]);
}

#[test]
fn numbers_that_mean_nothing_are_refused_and_change_nothing() {
    run(async {
        let (stream, _other) = pair().await;
        let zero = Duration::ZERO;
        for wrong in [
            Keepalive::new(zero, SECOND, 1),
            Keepalive::new(SECOND, zero, 1),
            Keepalive::new(SECOND, SECOND, 0),
            Keepalive::new(Duration::MAX, SECOND, 1),
            Keepalive::new(SECOND, Duration::MAX, 1),
            Keepalive::new(SECOND, SECOND, u32::MAX),
        ] {
            assert_refused(stream.set_keepalive(Some(wrong)), "keep-alive");
        }
        assert_eq!(stream.keepalive().unwrap(), None);
        for wrong in [zero, Duration::MAX, Duration::from_secs(1 << 32)] {
            assert_refused(stream.set_user_timeout(Some(wrong)), "TCP_USER_TIMEOUT");
        }
        assert_refused(stream.set_linger(Some(Duration::MAX)), "SO_LINGER");
        assert_eq!(stream.linger().unwrap(), None);
        for wrong in [0, 1 << 31, usize::MAX] {
            assert_refused(stream.set_recv_buffer_size(wrong), "SO_RCVBUF");
            assert_refused(stream.set_send_buffer_size(wrong), "SO_SNDBUF");
        }
        // What the system itself refuses, with its name.
        if cfg!(target_os = "linux") {
            assert_refused(stream.set_keepalive(Some(Keepalive::new(SECOND, SECOND, 128))), "128 probes");
            assert_refused(stream.set_keepalive(Some(Keepalive::new(32_768 * SECOND, SECOND, 1))), "32768s");
            assert_eq!(stream.keepalive().unwrap(), None);
        }
        let listening = TcpListener::builder().keepalive(zero, SECOND, 1).bind(LOCAL).await;
        assert_refused(listening.map(drop), "keep-alive");
        let connecting = TcpStream::builder().recv_buffer_size(0).connect(stream.peer_addr().unwrap()).await;
        assert_refused(connecting.map(drop), "SO_RCVBUF");
    });
}

#[track_caller]
fn assert_patient(stream: &TcpStream) {
    assert_eq!(stream.keepalive().unwrap(), Some(PATIENT));
    assert!(stream.nodelay().unwrap());
    assert_eq!(stream.linger().unwrap(), Some(Duration::ZERO));
    if cfg!(any(target_os = "linux", target_os = "android")) {
        assert_eq!(stream.user_timeout().unwrap(), Some(7 * SECOND));
    }
    let (recv, send) = (stream.recv_buffer_size().unwrap(), stream.send_buffer_size().unwrap());
    assert!((20_000..=50_000).contains(&recv) && (30_000..=70_000).contains(&send), "{recv} {send}");
}

#[test]
fn accepted_and_connected_streams_have_the_options_of_their_builder() {
    run(async {
        let Keepalive { idle, interval, count, .. } = PATIENT;
        // Of an option that is named twice the last value counts.
        let mut listening = TcpListener::builder().nodelay(false).nodelay(true).linger(Duration::ZERO);
        listening = listening.keepalive(idle, interval, count).recv_buffer_size(20_000).send_buffer_size(30_000);
        let mut connecting = TcpStream::builder().nodelay(true).linger(Duration::ZERO);
        connecting = connecting.keepalive(idle, interval, count).recv_buffer_size(20_000).send_buffer_size(30_000);
        if cfg!(any(target_os = "linux", target_os = "android")) {
            listening = listening.user_timeout(7 * SECOND);
            connecting = connecting.user_timeout(7 * SECOND);
        }
        let listener = listening.bind(LOCAL).await.unwrap();
        let addr = listener.local_addr().unwrap();
        for client in [
            connecting.connect(addr).await.unwrap(),
            connecting.connect(&[addr, addr][..]).await.unwrap(),
            connecting.connect(format!("localhost:{}", addr.port())).await.unwrap(),
            connecting.connect_timeout(addr, 20 * SECOND).await.unwrap(),
        ] {
            assert_patient(&client);
            let (accepted, _) = listener.accept().await.unwrap();
            assert_patient(&accepted);
        }
    });
}

#[test]
fn a_linger_of_zero_resets_the_connection() {
    run(async {
        let (stream, mut other) = pair().await;
        stream.set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        assert_eq!(other.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}
