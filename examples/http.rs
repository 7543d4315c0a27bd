//! An HTTP/1.1 server with hyper on every core: each has a listener of its own on the shared port,
//! and no connection ever changes threads. `/` says hello, a POST to `/echo` gets its body back as
//! it comes in; Ctrl-C lets answers under way finish, then prints what was left, and a second
//! Ctrl-C ends the process at once.

use std::io::{IoSlice, Write as _};
use std::net::{self, SocketAddr};
use std::pin::{Pin, pin};
use std::process::{self, ExitCode};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{env, io};

use futures_lite::StreamExt;
use futures_lite::future::or;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::ALLOW;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use wakeline::hyper::Timer;
use wakeline::net::{TcpListener, TcpStream};
#[cfg(unix)]
use wakeline::signal::{Signal, SignalKind};
use wakeline::time::{Sleep, sleep, timeout};
use wakeline::{Core, Cores, Runtime};

/// How long nothing may move on a connection: it waits for a request, has sent half of one, or does
/// not read its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the answers under way may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(2);

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

/// A stream that fails when nothing has moved for too long, whichever way.
struct Patient {
    stream: TcpStream,
    limit: Sleep,
}

impl Patient {
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let stepped = step(Pin::new(&mut self.stream), cx);
        if stepped.is_ready() {
            self.limit.reset(Instant::now() + PATIENCE);
            return stepped;
        }
        Pin::new(&mut self.limit).poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |stream, cx| stream.poll_read(cx, buffer))
    }
}

impl Write for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |stream, cx| stream.poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll(cx, |stream, cx| stream.poll_write_vectored(cx, slices))
    }
}

/// Serves one connection until the peer ends it or takes too long, or until the answer under way at
/// a shutdown is out. How it ends is the peer's affair and is printed nowhere: a pipe that nobody
/// reads would stop the server.
async fn converse(core: Core, stream: TcpStream) {
    let stream = Patient { stream, limit: sleep(PATIENCE) };
    let mut http = http1::Builder::new();
    // Not per read: the whole head of a request.
    http.timer(Timer::new()).header_read_timeout(PATIENCE);
    let mut talk = pin!(http.serve_connection(stream, service_fn(answer)));
    if unless_stopping(&core, talk.as_mut()).await.is_none() {
        talk.as_mut().graceful_shutdown();
        let _ = timeout(GRACE, talk).await;
    }
}

async fn serve(core: Core, listener: TcpListener) {
    while let Some(accepted) = unless_stopping(&core, listener.accept()).await {
        match accepted {
            Ok((stream, _)) => wakeline::spawn(converse(core.clone(), stream)).detach(),
            // Mostly: no descriptor is left. Connections that end give some back, and the next one
            // waits in the backlog.
            Err(_) => sleep(Duration::from_millis(50)).await,
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
    let mut interrupts = runtime.block_on(async {
        let mut interrupts = interrupts()?;
        let (address, listeners) = listen(address, runtime.cores()).await?;
        for (index, listener) in listeners.into_iter().enumerate() {
            let listening = runtime.spawn_on(index, async move || {
                let core = Core::current().expect("this runs on a core");
                TcpListener::from_std(listener).map(|listener| wakeline::spawn(serve(core, listener)).detach())
            });
            listening.await.map_err(io::Error::other)??;
        }
        writeln!(io::stdout(), "listening on {address}, {} cores", runtime.cores())?;
        interrupts.next().await.unwrap_or(Ok(()))?;
        io::Result::Ok(interrupts)
    })?;
    // A second Ctrl-C does not wait for the connections.
    let ending = wakeline::unblock(move || runtime.shutdown(GRACE + Duration::from_secs(1)));
    wakeline::block_on(or(
        async {
            // Nobody may be listening any more.
            let _ = writeln!(io::stdout(), "{}", ending.await.map_err(io::Error::other)?);
            Ok(())
        },
        async {
            let _ = interrupts.next().await;
            process::exit(130)
        },
    ))
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
        let _ = writeln!(io::stderr(), "usage: http --listen ADDR [--cores N]");
        return ExitCode::from(2);
    };
    match run(address, cores) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "http: {error}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    start(env::args().skip(1))
}
