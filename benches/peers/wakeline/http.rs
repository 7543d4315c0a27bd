//! HTTP hello on wakeline's runtime, with a listener for each core.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use hyper::service::service_fn;
use play::hello::{self, hello};
use play::{Arguments, Workload, announce, system};
use wakeline::net::{Balance, TcpListener, TcpStream};
use wakeline::{Core, Cores, Runtime};

pub const ALL: &[Workload] = &[("http", serve_by_hash), ("http+Balance", serve_balanced)];

/// The kernel's hash decides which core gets how many connections.
fn serve_by_hash(_: &Arguments) {
    serve(thread::available_parallelism().map_or(1, usize::from), None);
}

/// A core that has more to do than the others hands new connections to them.
fn serve_balanced(_: &Arguments) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    serve(cores, Some(Balance::new(cores)));
}

fn serve(cores: usize, balance: Option<Balance>) {
    // Bound and not listening: it keeps the port for the listeners of the cores, and no connection
    // comes to it.
    let (address, _reserved) = system::reserve_port().expect("a free port");
    let (tell, told) = mpsc::channel();
    let runtime = Runtime::builder().cores(Cores::exactly(cores)).build().expect("the cores start");
    thread::scope(|scope| {
        scope.spawn(move || {
            // One word from each core that listens.
            told.iter().take(cores).for_each(drop);
            announce(address);
        });
        runtime.run(move |core| serve_on_core(core, address, balance.clone(), tell.clone()));
    });
}

async fn serve_on_core(core: Core, address: SocketAddr, balance: Option<Balance>, listening: mpsc::Sender<()>) {
    let listener = TcpListener::builder().reuse_port(true).bind(address).await.expect("the port is reserved");
    listening.send(()).expect("the other end waits for all cores");
    match balance {
        None => serve_each(async || listener.accept().await).await,
        Some(balance) => {
            let listener = balance.join(core, listener).expect("each core joins once");
            serve_each(async || listener.accept().await).await;
        }
    }
}

async fn serve_each(accept: impl AsyncFn() -> io::Result<(TcpStream, SocketAddr)>) {
    let options = hello::options(wakeline::hyper::Timer::new());
    loop {
        let (stream, _) = accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a new connection has options");
        let connection = options.serve_connection(stream, service_fn(hello));
        let task = wakeline::spawn(async move {
            // An error is a client that has gone; the load generator counts those that it did not
            // send away.
            let _ = connection.await;
        });
        task.detach();
    }
}
