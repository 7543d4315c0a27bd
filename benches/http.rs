//! HTTP/1.1 hello with hyper on all cores: on wakeline, an executor and a listener per core, against tokio's multi-thread runtime.
//!
//! Run it with `cargo bench -p wakeline-benches --bench http`; `-- --rounds N`, `--connections N`, `--milliseconds N` and `--cores N` change
//! the play, `--only tokio` or `--only wakeline` plays one server alone. Each server is a process of its own (this program starts itself
//! again), with the same hyper, the same options, the same service and the same allocator. The load generator is in this process: one
//! thread, keep-alive, one request of a connection under way, every byte of every answer compared. They play in turns; the one that
//! does not play has no connection and sleeps.
//!
//! The load generator shares the processors with the server, so requests/s tell of both; CPU time of the server for a request, which the
//! kernel counts per thread, is the steadier figure. Goals: requests/s at least those of tokio at 64 and at 1000 connections, p99 not
//! above tokio's.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use wakeline_benches::hello::{self, Hello, hello};
use wakeline_benches::load::{Load, Stretch};
use wakeline_benches::{rounds, system, table};

/// Serves on so many cores, until the process is killed.
type Serve = fn(usize);

const SERVERS: [(&str, Serve); 1] = [("tokio", serve_on_tokio)];

fn announce(address: SocketAddr) {
    println!("{address}");
}

/// Serves on tokio's multi-thread runtime with so many workers, until the process is killed.
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
                    // An error is a client that has gone; the load generator counts those that it did not send away.
                    let _ = connection.await;
                });
            }
        });
        accepting.await.expect("the server serves until it is killed")
    })
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

    /// CPU time of all its threads so far.
    fn cpu_ns(&self) -> u64 {
        let tasks = PathBuf::from(format!("/proc/{}/task", self.process.id()));
        let of = |task: std::fs::DirEntry| {
            // A thread may end between the list and the look.
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            text.split_whitespace().next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0)
        };
        std::fs::read_dir(tasks).expect("the server is alive").map_while(Result::ok).map(of).sum()
    }

    fn play(&self, connections: usize, stretch: Duration) -> Outcome {
        let mut load = Load::connect(Hello::new(), self.address, connections).expect("the server takes connections");
        let mut run = |stretch| load.run(stretch).expect("the load generator failed");
        run(Duration::from_millis(200));
        let before = self.cpu_ns();
        let seen = run(stretch);
        let cpu_ns = self.cpu_ns() - before;
        Outcome { seen, server_ns_per_request: cpu_ns as f64 / seen.requests.max(1) as f64 }
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
    server_ns_per_request: f64,
}

struct Arguments {
    rounds: usize,
    connections: Vec<usize>,
    stretch: Duration,
    cores: usize,
    only: Option<String>,
    /// This process is a server.
    serve: Option<String>,
}

impl Arguments {
    fn read() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let stretch = Duration::from_millis(700);
        let mut read = Self { rounds: 9, connections: vec![64, 1000], stretch, cores, only: None, serve: None };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect("each option has a value");
            let number = || value.parse().expect("a number");
            match name.as_str() {
                "--rounds" => read.rounds = number(),
                "--connections" => read.connections = vec![number()],
                "--milliseconds" => read.stretch = Duration::from_millis(number() as u64),
                "--cores" => read.cores = number(),
                "--only" => read.only = Some(value),
                "--serve" => read.serve = Some(value),
                other => panic!("{other} is not an option: --rounds, --connections, --milliseconds, --cores, --only"),
            }
        }
        read
    }
}

fn row(name: &str, connections: usize, outcomes: &[Outcome]) -> Vec<String> {
    let of = |figure: fn(&Outcome) -> f64| format!("{:.0}", rounds::median(outcomes.iter().map(figure).collect()));
    vec![
        format!("{connections} {name}"),
        of(|one| one.seen.requests_per_second),
        of(|one| one.seen.p50_us),
        of(|one| one.seen.p99_us),
        of(|one| one.server_ns_per_request),
        outcomes.iter().map(|one| one.seen.errors).sum::<u64>().to_string(),
    ]
}

fn main() {
    let arguments = Arguments::read();
    system::raise_descriptor_limit();
    if let Some(name) = arguments.serve {
        let (_, serve) = SERVERS.iter().find(|(server, _)| *server == name).expect("the name of a server");
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
                outcomes[which].push(servers[which].play(connections, arguments.stretch));
            }
        }
        rows.extend(servers.iter().zip(&outcomes).map(|(server, outcomes)| row(server.name, connections, outcomes)));
        if let [tokio, wakeline] = &outcomes[..] {
            let ratio = |figure: fn(&Outcome) -> f64| {
                rounds::median(wakeline.iter().zip(tokio).map(|(mine, other)| figure(mine) / figure(other)).collect())
            };
            let throughput = ratio(|one| one.seen.requests_per_second);
            verdicts.push((connections, throughput, ratio(|one| one.seen.p99_us), ratio(|one| one.server_ns_per_request)));
        }
    }
    table::print(&["connections, server", "requests/s", "p50 us", "p99 us", "server ns/request", "errors"], &rows);
    for (connections, throughput, p99, cpu) in verdicts {
        println!("{connections} connections: CPU time of the server per request {cpu:.3} x tokio");
        table::at_least(&format!("{connections} connections, requests/s, x tokio"), throughput, 1.0);
        table::at_most(&format!("{connections} connections, p99, x tokio"), p99, 1.0);
    }
}
