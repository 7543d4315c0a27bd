//! From a host name to addresses.
//!
//! A thread of the blocking pool asks the system. The thread that waits never does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use super::addr::{Addrs, Name, Shown, invalid};
use super::sys;
use crate::blocking::unblock_named;
use crate::task::JoinError;

/// Asks the system's resolver for the addresses of a host, in the order in which they should be
/// tried.
///
/// The system decides where names come from: `/etc/hosts`, DNS, and what else it is set up for. The
/// question runs on the blocking pool, see [`unblock`](crate::unblock), and neither holds up this
/// thread nor an end of the program. A host in numbers is returned as it is, and asks nobody. How
/// long the system tries is up to it, often half a minute: [`timeout`](crate::time::timeout) limits
/// it.
///
/// [`TcpStream::connect`](super::TcpStream::connect) and
/// [`TcpListener::bind`](super::TcpListener::bind) do this themselves.
///
/// # Examples
///
/// ```
/// # wakeline::block_on(async {
/// let addrs = wakeline::net::resolve("localhost", 80).await?;
/// assert!(addrs.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 80));
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// What the resolver says, with the host's name; [`NotFound`](io::ErrorKind::NotFound) when it says
/// nothing. [`InvalidInput`](io::ErrorKind::InvalidInput) for a host that cannot be one. An error
/// that says so when the runtime, and with it its pool, is shut down, and when the system grants no
/// thread that could ask.
///
/// # Cancel safety
///
/// Dropping the future takes the question back, or leaves it to its thread if it was asked.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match named(host, port)? {
        Addrs::Name(Name { host, port, look_up }) => look_up(host, port).await,
        Addrs::One(addr) => Ok(vec![addr]),
        Addrs::List(addrs) => Ok(addrs.to_vec()),
    }
}

/// A host by itself: a number or a name.
pub(super) fn named(host: &str, port: u16) -> io::Result<Addrs<'_>> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(Addrs::One(SocketAddr::new(ip, port))),
        Err(_) if host.is_empty() => Err(invalid(format!("a port, {port}, was given without a host"))),
        Err(_) => Ok(Addrs::Name(Name { host, port, look_up })),
    }
}

/// In a box, so that the future of a number stays small.
fn look_up(host: &str, port: u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + '_>> {
    Box::pin(ask(host, port))
}

async fn ask(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let owned = host.to_string();
    let found = match unblock_named(format!("resolve {}", Shown(host)), move || sys::look_up(&owned, port)).await {
        Ok(Ok(addrs)) if addrs.is_empty() => Err(io::Error::new(io::ErrorKind::NotFound, "it has no address")),
        Ok(found) => found,
        Err(JoinError::Cancelled) => Err(io::Error::other("the runtime is shutting down")),
        Err(JoinError::NoThread(error)) => Err(error),
        Err(panicked) => panicked.resume_unwind(),
    };
    found.map_err(|error| io::Error::new(error.kind(), format!("cannot resolve `{}`: {error}", Shown(host))))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::mpsc::channel;
    use std::task::Poll;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::blocking::{Pool, PoolOptions, unblock};
    use crate::net::{TcpListener, TcpStream};
    use crate::{block_on, time};

    fn pool() -> Pool {
        Pool::new(PoolOptions { threads: 1, idle: Duration::from_secs(3600), name: "test".into(), patience: Duration::ZERO })
    }

    /// Polls once and drops.
    async fn poll_once_and_drop<F: Future>(future: F) {
        let mut future = Box::pin(future);
        poll_fn(|cx| {
            assert!(future.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    // A resolver that does not answer (tokio#5338: it held up the end of the program).
    #[test]
    fn a_question_that_was_not_asked_is_taken_back_and_one_that_was_holds_up_nobody() {
        let pool = pool();
        let _entered = pool.enter();
        let (release, wait) = channel::<()>();
        let (begun, has_begun) = channel();
        // Stands for a question that the system does not answer.
        let stuck = unblock_named("resolve stuck.test".into(), move || {
            begun.send(()).unwrap();
            let _ = wait.recv();
        });
        has_begun.recv().unwrap();
        block_on(async {
            poll_once_and_drop(resolve("localhost", 1)).await;
            poll_once_and_drop(TcpStream::connect("localhost:1")).await;
            poll_once_and_drop(TcpListener::bind("localhost:0")).await;
            assert_eq!(pool.counts()[3], 0, "taken back");
            let limit = Duration::from_millis(5);
            let error = TcpStream::connect_timeout("localhost:1", limit).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(error.to_string().contains("`localhost` port 1"), "{error}");
            assert_eq!(pool.counts()[3], 0);
            drop(stuck);
        });
        pool.end(None);
        pool.leave();
        let left = pool.join(Some(Instant::now()));
        assert_eq!(left.running[0].name(), Some("resolve stuck.test"));
        drop(release);
        assert!(pool.join(None).running.is_empty());
    }

    #[test]
    fn numbers_never_go_to_the_pool_and_names_say_when_it_is_closed() {
        let pool = pool();
        let _entered = pool.enter();
        pool.end(Some(Instant::now()));
        block_on(async {
            assert!(unblock(|| ()).await.is_err());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            for text in [format!("127.0.0.1:{port}"), format!("[::ffff:127.0.0.1]:{port}")] {
                TcpStream::connect(text).await.unwrap();
            }
            TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            assert_eq!(resolve("::1", 7).await.unwrap(), [SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 7))]);
            let error = TcpStream::connect(("localhost", port)).await.unwrap_err();
            assert!(error.to_string().contains("cannot resolve `localhost`: the runtime is shutting down"), "{error}");
            // The same with a limit, which has a timer of its own.
            assert!(time::timeout(Duration::from_secs(30), resolve("localhost", 1)).await.unwrap().is_err());
        });
    }
}
