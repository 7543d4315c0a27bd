//! HTTP/1.1 hello with hyper on all cores: on wakeline, an executor and a listener per core, with
//! and without a balance between them, against tokio's multi-thread runtime.
//!
//! Run it with `cargo bench -p wakeline-benches --bench http`; `-- --rounds N`, `--connections N`,
//! `--milliseconds N`, `--cores N` (of the server) and `--generators N` change the play,
//! `--only tokio` plays one server alone. Each server is a process of its own (this program starts
//! itself again), with the same hyper, the same options, the same service and the same allocator.
//! The load generators are threads of this process, as many as the server has cores, each on a
//! processor of its own: keep-alive, one request of a connection under way, every byte of every
//! answer compared. The servers play in turns; the one that does not play has no connection and
//! sleeps.
//!
//! The generators share the processors with the server, so requests/s tell of both, and p99 of
//! which thread had to wait for its processor: a connection stays on its core, and waits with it
//! while a generator has the slice. CPU time of the server for a request is the steadier figure;
//! beside it stands how often one of its threads went to sleep or was taken off its processor for a
//! request. Goals: requests/s at least those of tokio at 64 and at 1000 connections, p99 not above
//! tokio's.

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use wakeline::net::Balance;
use wakeline::{Core, Cores, Runtime};
use wakeline_benches::hello::{self, Hello, hello};
use wakeline_benches::load::{Load, Seen, Stretch};
use wakeline_benches::system::{Activity, Watched};
use wakeline_benches::{rounds, system, table};

/// Before the clocks start.
const WARM_UP: Duration = Duration::from_millis(200);

/// Serves on so many cores, until the process is killed.
type Serve = fn(usize);

const SERVERS: [(&str, Serve); 3] =
    [("tokio", serve_on_tokio), ("wakeline", serve_on_wakeline), ("wakeline, Balance", serve_balanced)];

fn announce(address: SocketAddr) {
    println!("{address}");
}

/// Serves on tokio's multi-thread runtime, with so many workers.
fn serve_on_tokio(cores: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(cores).enable_all().build();
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

/// Serves on wakeline's runtime, with a listener for each core. The kernel's hash decides who gets
/// how many connections.
fn serve_on_wakeline(cores: usize) {
    serve_on_cores(cores, None);
}

/// The same, and a core that has more connections than the others hands new ones to them.
fn serve_balanced(cores: usize) {
    serve_on_cores(cores, Some(Balance::new(cores)));
}

fn serve_on_cores(cores: usize, balance: Option<Balance>) {
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
    let listener = wakeline::net::TcpListener::builder().reuse_port(true).bind(address).await.expect("the port is reserved");
    listening.send(()).expect("the other end waits for all cores");
    match balance {
        None => serve_each(async || listener.accept().await).await,
        Some(balance) => {
            let listener = balance.join(core, listener).expect("each core joins once");
            serve_each(async || listener.accept().await).await;
        }
    }
}

async fn serve_each(accept: impl AsyncFn() -> io::Result<(wakeline::net::TcpStream, SocketAddr)>) {
    let options = hello::options(wakeline::hyper::Timer::new());
    loop {
        let (stream, _) = accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a new connection has options");
        let connection = options.serve_connection(stream, service_fn(hello));
        let task = wakeline::spawn(async move {
            let _ = connection.await;
        });
        task.detach();
    }
}

/// A server in a process of its own, killed when this is dropped.
struct Server {
    name: &'static str,
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(name: &'static str, cores: usize) -> Self {
        let this = std::env::current_exe().expect("the path of this program");
        let mut command = Command::new(this);
        command.args(["--serve", name, "--cores", &cores.to_string()]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("this program starts itself");
        let mut line = String::new();
        let output = process.stdout.take().expect("the output is piped");
        BufReader::new(output).read_line(&mut line).expect("the server says where it listens");
        Self { name, process, address: line.trim().parse().expect("an address") }
    }

    /// What all its threads have done so far.
    fn activity(&self) -> Activity {
        let threads = Watched::threads_of(self.process.id()).expect("the server is alive");
        // A thread may end between the list and the look.
        threads.iter().filter_map(|thread| thread.activity().ok()).fold(Activity::default(), Activity::and)
    }

    /// Loads it from so many threads at once.
    fn play(&self, connections: usize, arguments: &Arguments) -> Outcome {
        let threads = arguments.generators;
        let together = Barrier::new(threads + 1);
        let generate = |thread: usize| {
            // One to a processor: left to the kernel, they would now and then share one, and the
            // server's threads the other.
            system::pin_to(thread);
            let share = connections / threads + usize::from(thread < connections % threads);
            let mut load = Load::connect(Hello::new(), self.address, share).expect("the server takes connections");
            load.run(WARM_UP).expect("the load generator failed");
            // How a server accepts a thousand connections at once is another question.
            while !load.all_answered() {
                load.run(WARM_UP).expect("the load generator failed");
            }
            together.wait();
            let seen = load.run(arguments.stretch).expect("the load generator failed");
            // The others measure until here, so nobody closes before.
            together.wait();
            seen
        };
        thread::scope(|scope| {
            let generators: Vec<_> = (0..threads).map(|thread| scope.spawn(move || generate(thread))).collect();
            together.wait();
            let before = self.activity();
            together.wait();
            let after = self.activity();
            let seen = generators.into_iter().map(|generator| generator.join().expect("a generator does not panic"));
            Outcome::new(seen.fold(Seen::default(), Seen::and).stretch(), before, after)
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Outcome {
    seen: Stretch,
    /// Of the server, for a request: CPU time in nanoseconds, and how often one of its threads went
    /// to sleep or was taken off its processor.
    server_ns: f64,
    sleeps: f64,
    preemptions: f64,
}

impl Outcome {
    fn new(seen: Stretch, before: Activity, after: Activity) -> Self {
        let each = |after: u64, before: u64| (after - before) as f64 / seen.requests.max(1) as f64;
        Self {
            seen,
            server_ns: each(after.cpu_ns, before.cpu_ns),
            sleeps: each(after.voluntary, before.voluntary),
            preemptions: each(after.involuntary, before.involuntary),
        }
    }
}

struct Arguments {
    rounds: usize,
    connections: Vec<usize>,
    stretch: Duration,
    cores: usize,
    generators: usize,
    only: Option<String>,
    /// This process is a server.
    serve: Option<String>,
}

impl Arguments {
    fn read() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let stretch = Duration::from_millis(700);
        let mut read =
            Self { rounds: 9, connections: vec![64, 1000], stretch, cores, generators: cores, only: None, serve: None };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect("each option has a value");
            let number = || value.parse().expect("a number");
            match name.as_str() {
                "--rounds" => read.rounds = number(),
                "--connections" => read.connections = vec![number()],
                "--milliseconds" => read.stretch = Duration::from_millis(number() as u64),
                "--cores" => read.cores = number(),
                "--generators" => read.generators = number(),
                "--only" => read.only = Some(value),
                "--serve" => read.serve = Some(value),
                other => {
                    panic!("{other} is not an option: --rounds, --connections, --milliseconds, --cores, --generators, --only")
                }
            }
        }
        read
    }
}

fn row(name: &str, connections: usize, outcomes: &[Outcome]) -> Vec<String> {
    let median = |figure: fn(&Outcome) -> f64| rounds::median(outcomes.iter().map(figure).collect());
    let of = |figure| format!("{:.0}", median(figure));
    vec![
        format!("{connections} {name}"),
        of(|one| one.seen.requests_per_second),
        of(|one| one.seen.p50_us),
        of(|one| one.seen.p99_us),
        of(|one| one.server_ns),
        format!("{:.3}", median(|one| one.sleeps)),
        format!("{:.3}", median(|one| one.preemptions)),
        outcomes.iter().map(|one| one.seen.errors).sum::<u64>().to_string(),
    ]
}

fn main() {
    let arguments = Arguments::read();
    system::raise_descriptor_limit();
    if let Some(name) = &arguments.serve {
        let (_, serve) = SERVERS.iter().find(|(server, _)| server == name).expect("the name of a server");
        return serve(arguments.cores);
    }
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    let names = SERVERS.iter().map(|&(name, _)| name).filter(|name| wanted(name));
    let servers: Vec<Server> = names.map(|name| Server::start(name, arguments.cores)).collect();
    let mut rows = Vec::new();
    let mut verdicts = Vec::new();
    for &connections in &arguments.connections {
        let mut outcomes: Vec<Vec<Outcome>> = servers.iter().map(|_| Vec::new()).collect();
        for round in 0..arguments.rounds {
            for turn in 0..servers.len() {
                let which = (round + turn) % servers.len();
                outcomes[which].push(servers[which].play(connections, &arguments));
            }
        }
        rows.extend(servers.iter().zip(&outcomes).map(|(server, outcomes)| row(server.name, connections, outcomes)));
        let Some((tokio, others)) = outcomes.split_first().filter(|_| arguments.only.is_none()) else { continue };
        for (server, outcomes) in servers[1..].iter().zip(others) {
            let ratio = |figure: fn(&Outcome) -> f64| {
                rounds::median(outcomes.iter().zip(tokio).map(|(mine, other)| figure(mine) / figure(other)).collect())
            };
            let throughput = ratio(|one| one.seen.requests_per_second);
            let what = format!("{connections} connections, {}", server.name);
            verdicts.push((what, throughput, ratio(|one| one.seen.p99_us), ratio(|one| one.server_ns)));
        }
    }
    table::print(
        &["connections, server", "requests/s", "p50 us", "p99 us", "server ns/request", "sleeps", "preempted", "errors"],
        &rows,
    );
    for (what, throughput, p99, cpu) in verdicts {
        println!("{what}: CPU time of the server per request {cpu:.3} x tokio");
        table::at_least(&format!("{what}, requests/s, x tokio"), throughput, 1.0);
        table::at_most(&format!("{what}, p99, x tokio"), p99, 1.0);
    }
}
