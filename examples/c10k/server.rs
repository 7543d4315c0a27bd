//! The server: a listener, and a task for each connection.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_lite::AsyncWriteExt;
use wakeline::net::{TcpListener, TcpStream};
use wakeline::{LocalExecutor, Task, spawn, time};

use crate::counted;

/// What the server has done so far. It lives on the server's thread; the driver asks for a copy by
/// spawning a task there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Connections accepted, and those of them that are still open.
    pub accepted: u64,
    pub open: u64,
    /// Messages echoed.
    pub requests: u64,
    /// System calls of the executor: waits, and attempts to accept, read and write.
    pub calls: u64,
    /// Bytes asked of the allocator by `spawn` alone, over all connections.
    pub spawn_bytes: i64,
    /// Bytes that the server's thread holds now.
    pub live_bytes: i64,
}

thread_local! {
    static COUNT: Cell<Count> = const { Cell::new(Count { accepted: 0, open: 0, requests: 0, calls: 0, spawn_bytes: 0, live_bytes: 0 }) };
    static DRIVEN: Cell<bool> = const { Cell::new(false) };
    static WAITING: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

fn update(change: impl FnOnce(&mut Count)) {
    let mut count = COUNT.get();
    change(&mut count);
    COUNT.set(count);
}

/// To be called on the server's thread.
pub fn count_now() -> Count {
    // The counters are the thread's, not the executor's, so any executor of the thread can be
    // asked.
    let metrics = LocalExecutor::new().metrics();
    Count { calls: metrics.turns + metrics.io_calls, live_bytes: counted::live_bytes(), ..COUNT.get() }
}

/// Ends `serve_until_driven`; to be called on the server's thread.
pub fn driven() {
    DRIVEN.set(true);
    if let Some(waker) = WAITING.take() {
        waker.wake();
    }
}

/// One listener on each of the first `hosts` loopback addresses.
pub async fn listen_on_loopback(hosts: u8) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for host in 1..=hosts {
        listeners.push(TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), 0)).await?);
    }
    Ok(listeners)
}

/// Accepts on all listeners until the driver has had enough.
pub async fn serve_until_driven(listeners: Vec<TcpListener>) -> io::Result<()> {
    let accepting: Vec<Task<()>> = listeners.into_iter().map(|listener| spawn(accept(listener))).collect();
    poll_fn(|cx| {
        if DRIVEN.get() {
            return Poll::Ready(());
        }
        WAITING.set(Some(cx.waker().clone()));
        Poll::Pending
    })
    .await;
    drop(accepting); // Dropping a handle cancels its task.
    Ok(())
}

/// Serves all clients, and says once a second how many they are.
pub async fn serve_foreign(address: SocketAddr) -> io::Result<()> {
    crate::limits::raise_descriptors(1 << 20);
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}; Ctrl-C ends", listener.local_addr()?);
    spawn(accept(listener)).detach();
    let mut before = Count::default();
    loop {
        time::sleep(Duration::from_secs(1)).await;
        let now = count_now();
        if now.open > 0 || now.accepted > before.accepted {
            println!("{} connections open, {} requests/s", now.open, now.requests - before.requests);
        }
        before = now;
    }
}

async fn accept(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                update(|count| (count.accepted, count.open) = (count.accepted + 1, count.open + 1));
                let before = counted::live_bytes();
                spawn(async move {
                    // The client's end of the connection is where errors are counted.
                    let _ = echo(&stream).await;
                    update(|count| count.open -= 1);
                })
                .detach();
                update(|count| count.spawn_bytes += counted::live_bytes() - before);
            }
            // Mostly: no descriptor is left. Connections that end give some back, and the next one
            // waits in the backlog.
            Err(_) => time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Holds no buffer while it waits: the thread lends one for as long as the closure runs. Only bytes
/// that the peer does not take at once are kept.
async fn echo(stream: &TcpStream) -> io::Result<()> {
    loop {
        let read = stream.read_lent(|bytes| write_now(stream, bytes)).await?;
        let Some(rest) = read.transpose()? else { return Ok(()) };
        if !rest.is_empty() {
            // Boxed, so that a connection which is silent has no room for it.
            Box::pin(write_rest(stream, rest)).await?;
        }
    }
}

/// Writes what there is room for, and gives back a copy of the rest: mostly nothing.
fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    update(|count| count.requests += 1);
    match stream.try_write(bytes) {
        Ok(count) => Ok(bytes[count..].to_vec()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(bytes.to_vec()),
        Err(error) => Err(error),
    }
}

async fn write_rest(mut stream: &TcpStream, rest: Vec<u8>) -> io::Result<()> {
    stream.write_all(&rest).await
}
