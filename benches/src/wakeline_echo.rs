//! The echo server of the benches on wakeline — owns a task per connection — must
//! never know who is measuring it.
//!
//! It is the example `echo`: a listener, a task for each connection, a loop that reads into the
//! thread's buffer and writes. Only the counting and the way to end are the bench's.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::task::{Poll, Waker};

use futures_lite::{AsyncWriteExt, FutureExt};
use wakeline::net::{TcpListener, TcpStream};
use wakeline::{LocalExecutor, Spawner};

use crate::load::{Progress, Server};
use crate::system::{Watched, own_descriptor_table, pin_to};

thread_local! {
    /// Messages echoed by the server of this thread.
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
    /// Its connections.
    static LIVE: Cell<usize> = const { Cell::new(0) };
    /// Who is woken when the last of them has gone.
    static EMPTY: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Serves on a thread of its own until the load generator says stop and the last connection is
/// gone.
pub fn start(cpu: usize) -> Server {
    let (tell, told) = std::sync::mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&stop);
    let join = std::thread::spawn(move || {
        pin_to(cpu);
        let executor = LocalExecutor::builder().try_build().expect("there are descriptors left");
        // The load generator notifies this thread when it asks for the counters, and a notification
        // is a write to a descriptor: it has to be open before the tables part.
        own_descriptor_table().and_then(|()| serve(&executor, &tell, &theirs)).expect("the wakeline server failed");
    });
    let (address, thread, spawner) = told.recv().expect("the wakeline server did not start");
    let progress = move || futures_lite::future::block_on(spawner.spawn(|| async { progress() })).expect("the server is alive");
    Server { address, thread, progress: Box::new(progress), stop: Box::new(move || stop.store(true, Ordering::Relaxed)), join }
}

/// What the executor's own counters say; asked on its thread.
fn progress() -> Progress {
    // The counters are the thread's, not the executor's, so any executor of the thread can be
    // asked.
    let metrics = LocalExecutor::new().metrics();
    Progress { calls: metrics.turns + metrics.io_calls, requests: REQUESTS.get() }
}

fn serve(executor: &LocalExecutor, tell: &Sender<(SocketAddr, Watched, Spawner)>, stop: &AtomicBool) -> io::Result<()> {
    executor.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let started = (listener.local_addr()?, Watched::this_thread(), executor.spawner());
        tell.send(started).expect("the load generator waits for the address");
        accept(&listener).or(ended(stop)).await
    })
}

async fn accept(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        LIVE.set(LIVE.get() + 1);
        let session = async move {
            // An error is a client that has gone; the load generator counts those that it did not
            // send away.
            let _ = echo(&stream).await;
            LIVE.set(LIVE.get() - 1);
            if LIVE.get() == 0 {
                if let Some(waker) = EMPTY.take() {
                    waker.wake();
                }
            }
        };
        wakeline::spawn(session).detach();
    }
}

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
    REQUESTS.set(REQUESTS.get() + 1);
    match stream.try_write(bytes) {
        Ok(count) => Ok(bytes[count..].to_vec()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(bytes.to_vec()),
        Err(error) => Err(error),
    }
}

async fn write_rest(mut stream: &TcpStream, rest: Vec<u8>) -> io::Result<()> {
    stream.write_all(&rest).await
}

async fn ended(stop: &AtomicBool) -> io::Result<()> {
    poll_fn(|cx| {
        if LIVE.get() == 0 && stop.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        EMPTY.set(Some(cx.waker().clone()));
        Poll::Pending
    })
    .await
}
