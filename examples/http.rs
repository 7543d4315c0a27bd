//! An HTTP/1.1 server with hyper on every core: each has a listener of its own on the shared port, and no connection ever changes threads.
//! `/` says hello, a POST to `/echo` gets its body back as it comes in; Ctrl-C lets every connection finish, then prints what was left.

use std::net::{self, SocketAddr};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, io};

use futures_lite::StreamExt;
use futures_lite::future::or;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::ALLOW;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use wakeline::hyper::Timer;
use wakeline::net::{TcpListener, TcpStream};
#[cfg(unix)]
use wakeline::signal::{Signal, SignalKind};
use wakeline::{Core, Cores, Runtime};

/// How long connections may take to finish after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

async fn answer(request: Request<Incoming>) -> hyper::http::Result<Response<Either<Full<Bytes>, Incoming>>> {
    let response = Response::builder();
    let text = |text: &'static str| Either::Left(Full::from(text));
    match (request.uri().path(), request.method()) {
        ("/", &Method::GET | &Method::HEAD) => response.body(text("hello\n")),
        ("/echo", &Method::POST) => response.body(Either::Right(request.into_body())),
        ("/", _) => response.status(405).header(ALLOW, "GET, HEAD").body(text("method not allowed\n")),
        ("/echo", _) => response.status(405).header(ALLOW, "POST").body(text("method not allowed\n")),
        _ => response.status(404).body(text("not found\n")),
    }
}

/// What the future gives, or nothing if the shutdown begins first.
async fn unless_stopping<T>(core: &Core, future: impl Future<Output = T>) -> Option<T> {
    let stopping = async {
        core.stopping().await;
        None
    };
    or(async { Some(future.await) }, stopping).await
}

/// Serves one connection until the peer ends it, or until the answer under way at a shutdown is out.
async fn converse(core: Core, stream: TcpStream) {
    let mut http = http1::Builder::new();
    http.timer(Timer::new());
    let mut talk = pin!(http.serve_connection(stream, service_fn(answer)));
    let outcome = match unless_stopping(&core, talk.as_mut()).await {
        Some(outcome) => outcome,
        None => {
            talk.as_mut().graceful_shutdown();
            talk.await
        }
    };
    if let Err(error) = outcome {
        eprintln!("http: a connection of core {}: {error}", core.index());
    }
}

async fn serve(core: Core, listener: TcpListener) {
    while let Some(accepted) = unless_stopping(&core, listener.accept()).await {
        match accepted {
            Ok((stream, _)) => wakeline::spawn(converse(core.clone(), stream)).detach(),
            Err(error) => {
                // Out of descriptors: the connection waits in the backlog until others have ended.
                eprintln!("http: accept: {error}");
                wakeline::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// A listener for each core, all on one port: the first may be given one by the system.
async fn listen(mut address: SocketAddr, cores: usize) -> io::Result<(SocketAddr, Vec<net::TcpListener>)> {
    let mut listeners = Vec::new();
    for _ in 0..cores {
        let listener = TcpListener::builder().reuse_port(cores > 1).nodelay(true).bind(address).await?;
        address = listener.local_addr()?;
        listeners.push(listener.into_std());
    }
    Ok((address, listeners))
}

#[cfg(unix)]
fn interrupts() -> io::Result<Signal> {
    Signal::new(SignalKind::interrupt())
}

/// Elsewhere Ctrl-C ends the process at once.
#[cfg(not(unix))]
fn interrupts() -> io::Result<futures_lite::stream::Pending<io::Result<()>>> {
    Ok(futures_lite::stream::pending())
}

fn run(address: SocketAddr, cores: Cores) -> io::Result<()> {
    let runtime = Runtime::builder().cores(cores).name("http").build()?;
    runtime.block_on(async {
        let mut interrupts = interrupts()?;
        let (address, listeners) = listen(address, runtime.cores()).await?;
        for (index, listener) in listeners.into_iter().enumerate() {
            let serving = async move || match TcpListener::from_std(listener) {
                Ok(listener) => serve(Core::current().expect("this runs on a core"), listener).await,
                Err(error) => eprintln!("http: core {index}: {error}"),
            };
            runtime.spawn_on(index, serving).detach();
        }
        println!("listening on {address}, {} cores", runtime.cores());
        interrupts.next().await.unwrap_or(Ok(()))
    })?;
    println!("{}", runtime.shutdown(GRACE));
    Ok(())
}

fn arguments(mut words: impl Iterator<Item = String>) -> Option<(SocketAddr, Cores)> {
    let (mut address, mut cores) = (None, Cores::auto());
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()?) {
            ("--listen", value) => address = Some(value.parse().ok()?),
            ("--cores", value) => cores = Cores::exactly(value.parse().ok().filter(|&count| count > 0)?),
            _ => return None,
        }
    }
    Some((address?, cores))
}

pub fn start(words: impl Iterator<Item = String>) -> ExitCode {
    let Some((address, cores)) = arguments(words) else {
        eprintln!("usage: http --listen ADDR [--cores N]");
        return ExitCode::from(2);
    };
    match run(address, cores) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http: {error}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    start(env::args().skip(1))
}
