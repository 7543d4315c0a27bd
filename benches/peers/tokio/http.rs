//! HTTP hello on tokio's multi-thread runtime.

use std::net::Ipv4Addr;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use play::hello::{self, hello};
use play::{Arguments, Workload, announce};

pub const ALL: &[Workload] = &[("http", serve)];

fn serve(_: &Arguments) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("tokio has its descriptors").block_on(async {
        let accepting = tokio::spawn(async {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
            announce(listener.local_addr().expect("a bound socket has an address"));
            let options = hello::options(TokioTimer::new());
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("a new connection has options");
                let connection = options.serve_connection(TokioIo::new(stream), service_fn(hello));
                tokio::spawn(async move {
                    // An error is a client that has gone; the load generator counts those that it
                    // did not send away.
                    let _ = connection.await;
                });
            }
        });
        accepting.await.expect("the server serves until it is killed")
    })
}
