//! TCP against peers that are not wakeline: blocking sockets of std in threads, and the programs of
//! the machine.
//!
//! Where a test needs the kernel to have got to some point, the executor's thread blocks on the
//! peer (a channel, a join) until the peer has done its part; loopback is synchronous, so the
//! kernel then has it. No test waits for time to pass and hopes.

mod accepting;
mod connecting;
mod foreign;
mod halves;
mod lending;
mod options;
mod peers;
#[cfg(unix)]
mod shortage;
mod streams;
mod trying;
#[cfg(unix)]
mod writes;

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{self, Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wakeline::net::{TcpListener, TcpStream};
use wakeline::time::timeout;

/// Runs a test's future; a test that hangs fails instead.
fn run<F: Future>(future: F) -> F::Output {
    wakeline::block_on(async { timeout(Duration::from_secs(30), future).await.expect("the test hangs") })
}

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A wakeline stream whose other end is a blocking socket of std.
async fn pair() -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind(LOCAL).unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    (stream, peer)
}

/// A peer in a thread of its own.
fn peer<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(work)
}

/// Polls once, where no executor is entered.
#[track_caller]
fn outside<T: std::fmt::Debug>(future: impl Future<Output = io::Result<T>>) -> io::Error {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.unwrap_err(),
        Poll::Pending => panic!("it waits, and nobody will wake it"),
    }
}

/// Bytes whose value depends on their place, with a period that divides no buffer size.
fn pattern(seed: usize, length: usize) -> Vec<u8> {
    let period: Vec<_> = (0..251).map(|i| ((i + seed) % 251) as u8).collect();
    let mut bytes = period.repeat(length / period.len() + 1);
    bytes.truncate(length);
    bytes
}

/// Resets the connection: what was not read yet is lost, and the other side sees an error.
fn reset(stream: net::TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// Takes all descriptors that the process may have, after lowering that number.
#[cfg(unix)]
pub fn hoard_descriptors() -> Vec<std::fs::File> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: limit.maximum }).unwrap();
    let hoard: Vec<_> = std::iter::repeat_with(|| std::fs::File::open("/dev/null")).map_while(Result::ok).collect();
    assert!(!hoard.is_empty());
    hoard
}
