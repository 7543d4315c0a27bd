//! Sixteen long connections and handlers that compute: what a core that has too many of them costs,
//! and what sharing them out saves.
//!
//! Run it with `cargo bench -p wakeline-benches --bench balance`. Two executors, each on a CPU of
//! its own; a request costs its handler 100 µs of CPU time; each client sends its next request
//! when the last one is answered. Connections come in at one core, or the kernel spreads them over
//! two listeners of one port; each without and with `net::Balance`. The clients share the two CPUs
//! and do next to nothing.
//!
//! Then connections that come one after the other, each with one request, while the first core is
//! kept at 100 % by other work: in polls of 1 ms, or in polls of 100 ms. What they should cost is
//! what they cost when the idle core alone accepts, beside the same work.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_lite::{AsyncReadExt, AsyncWriteExt, FutureExt};
use wakeline::channel::oneshot;
use wakeline::net::{Balance, TcpListener, TcpStream};
use wakeline::time::sleep;
use wakeline_benches::rounds::{cpu_ns, median};
use wakeline_benches::system::pin_to;
use wakeline_benches::table;

const CLIENTS: usize = 16;
const CORES: usize = 2;
const HANDLER_NS: u64 = 100_000;
const STRETCH: Duration = Duration::from_millis(400);
const ROUNDS: usize = 9;

/// Where connections come in, and whether cores hand them to each other.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    is_spread: bool,
    is_balanced: bool,
}

const WAYS: [Way; 4] = [
    Way { name: "one core accepts", is_spread: false, is_balanced: false },
    Way { name: "one core accepts, Balance", is_spread: false, is_balanced: true },
    Way { name: "SO_REUSEPORT", is_spread: true, is_balanced: false },
    Way { name: "SO_REUSEPORT, Balance", is_spread: true, is_balanced: true },
];

/// What one stretch has shown.
struct Outcome {
    requests_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    /// Connections of the fuller core, divided by the mean.
    fullest: f64,
    /// Answers that the client with the fewest got, divided by the mean.
    slowest: f64,
}

/// A core with a listener; it ends when the sender is dropped.
struct Core {
    address: SocketAddr,
    thread: JoinHandle<()>,
    _stop: oneshot::Sender<()>,
}

fn start(core: usize, balance: &Balance, way: Way, address: SocketAddr) -> Core {
    start_beside(core, balance, way, address, None)
}

/// Beside other work without end, in polls of this length.
fn start_beside(core: usize, balance: &Balance, way: Way, address: SocketAddr, work: Option<Duration>) -> Core {
    let balance = balance.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let (_stop, stopped) = oneshot();
    let thread = thread::spawn(move || {
        pin_to(core);
        wakeline::block_on(async {
            let listener = TcpListener::builder().reuse_port(way.is_spread).nodelay(true).bind(address).await.expect("a port");
            let listener = balance.join(core, listener).expect("a free seat");
            tell.send(listener.local_addr().expect("it is bound")).expect("the bench waits");
            let serve = async {
                loop {
                    let (stream, _) = listener.accept().await.expect("descriptors are left");
                    wakeline::spawn(handle(stream)).detach();
                }
            };
            if let Some(poll) = work {
                wakeline::spawn(keep_busy(poll)).detach();
            }
            // The sender is dropped and never sends.
            let stopped = async { assert!(stopped.await.is_err()) };
            serve.or(stopped).await;
        });
    });
    Core { address: told.recv().expect("the core starts"), thread, _stop }
}

async fn keep_busy(poll: Duration) {
    loop {
        let until = Instant::now() + poll;
        while Instant::now() < until {}
        wakeline::yield_now().await;
    }
}

async fn handle(mut stream: TcpStream) {
    let mut message = [0; 64];
    while stream.read_exact(&mut message).await.is_ok() {
        let start = cpu_ns();
        while cpu_ns() - start < HANDLER_NS {}
        if stream.write_all(&message).await.is_err() {
            return;
        }
        // A client on the same CPU may have asked again already; the others' turn comes first.
        wakeline::yield_now().await;
    }
}

/// A client that asks until `end`, and how long each answer took.
async fn ask(mut client: TcpStream, end: Instant) -> Vec<Duration> {
    let (mut took, mut answer) = (Vec::new(), [0; 64]);
    while Instant::now() < end {
        let message = [took.len() as u8; 64];
        let start = Instant::now();
        client.write_all(&message).await.expect("the server is there");
        client.read_exact(&mut answer).await.expect("the server answers");
        took.push(start.elapsed());
        assert_eq!(answer, message);
    }
    took
}

/// The clients, in one thread: as threads they would be scheduled one at a time, each with a
/// server's turn of its own.
async fn load(address: SocketAddr, balance: &Balance) -> (Vec<Vec<Duration>>, usize) {
    // All are connected before the first request, as a load balancer's pool would be.
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let client = TcpStream::connect(address).await.expect("the server listens");
        client.set_nodelay(true).expect("a socket has options");
        clients.push(client);
    }
    let end = Instant::now() + STRETCH;
    let clients: Vec<_> = clients.into_iter().map(|client| wakeline::spawn(ask(client, end))).collect();
    sleep(STRETCH / 2).await;
    let most = balance.metrics().iter().map(|core| core.live).max().unwrap_or(0);
    let mut took = Vec::new();
    for client in clients {
        took.push(client.await.expect("the client ends"));
    }
    (took, most)
}

fn play(way: Way) -> Outcome {
    // A slack that no core exceeds: connections are counted and never handed away.
    let balance = Balance::builder(CORES).slack(if way.is_balanced { 0 } else { usize::MAX }).build();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let first = start(0, &balance, way, any);
    let second = start(1, &balance, way, if way.is_spread { first.address } else { any });
    let (clients, most) = wakeline::block_on(load(first.address, &balance));
    for core in [first, second] {
        drop(core._stop);
        core.thread.join().expect("the core ends");
    }
    let fewest = clients.iter().map(Vec::len).min().unwrap_or(0);
    let mut took: Vec<_> = clients.into_iter().flatten().collect();
    took.sort_unstable();
    let quantile = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6;
    Outcome {
        requests_per_second: took.len() as f64 / STRETCH.as_secs_f64(),
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        fullest: (most * CORES) as f64 / CLIENTS as f64,
        slowest: (fewest * CLIENTS) as f64 / took.len() as f64,
    }
}

/// How a server is laid out whose first core is kept busy.
#[derive(Clone, Copy)]
enum Layout {
    /// The idle core alone accepts.
    IdleAlone,
    /// One port, two listeners, and nothing is handed over.
    Spread,
    /// The same, with a balance.
    SpreadBalanced,
    /// All come to the busy core, with a balance.
    BusyAccepts,
}

const LAYOUTS: [(&str, Layout); 4] = [
    ("the idle core alone accepts", Layout::IdleAlone),
    ("SO_REUSEPORT", Layout::Spread),
    ("SO_REUSEPORT, Balance", Layout::SpreadBalanced),
    ("the busy core accepts, Balance", Layout::BusyAccepts),
];

const CONNECTIONS: usize = 400;
/// Between two connections, so that the idle core is idle.
const GAP: Duration = Duration::from_micros(500);

/// Connects, asks once, and closes; again and again. How long each took.
async fn knock(address: SocketAddr, connections: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for number in 0..connections {
        sleep(GAP).await;
        let (message, mut answer) = ([number as u8; 64], [0; 64]);
        let start = Instant::now();
        let mut client = TcpStream::connect(address).await.expect("the server listens");
        client.write_all(&message).await.expect("the server is there");
        client.read_exact(&mut answer).await.expect("the server answers");
        took.push(start.elapsed());
        assert_eq!(answer, message);
    }
    took
}

/// Median and 99th percentile in microseconds, and which part the busy core has served.
fn knock_at(layout: Layout, poll: Duration, connections: usize) -> [f64; 3] {
    let balanced = matches!(layout, Layout::SpreadBalanced | Layout::BusyAccepts);
    let way = Way { name: "", is_spread: matches!(layout, Layout::Spread | Layout::SpreadBalanced), is_balanced: balanced };
    let balance = Balance::builder(CORES).slack(if balanced { 0 } else { usize::MAX }).build();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let busy = start_beside(0, &balance, way, any, Some(poll));
    let idle = start(1, &balance, way, if way.is_spread { busy.address } else { any });
    let address = if let Layout::IdleAlone = layout { idle.address } else { busy.address };
    // The busy core shall be known to be busy.
    thread::sleep(Duration::from_millis(200));
    let mut took = wakeline::block_on(knock(address, connections));
    let metrics = balance.metrics();
    let served = |core: usize| (metrics[core].accepted - metrics[core].handed_away + metrics[core].taken_over) as f64;
    for core in [busy, idle] {
        drop(core._stop);
        core.thread.join().expect("the core ends");
    }
    took.sort_unstable();
    let quantile = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6;
    [quantile(0.5), quantile(0.99), served(0) / connections as f64]
}

/// New connections while one core is kept at 100 % by other work.
fn beside_other_work(poll: Duration) {
    let mut outcomes: Vec<Vec<[f64; 3]>> = LAYOUTS.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for turn in 0..LAYOUTS.len() {
            let which = (round + turn) % LAYOUTS.len();
            let layout = LAYOUTS[which].1;
            // Where each one waits for a poll to end, fewer say as much.
            let is_slow = matches!(layout, Layout::Spread | Layout::BusyAccepts) && poll > GAP * 10;
            outcomes[which].push(knock_at(layout, poll, if is_slow { 4 } else { CONNECTIONS }));
        }
    }
    let middle = |layout: usize, which: usize| median(outcomes[layout].iter().map(|outcome| outcome[which]).collect());
    let row = |(layout, (name, _)): (usize, &(&str, Layout))| {
        let (p50, p99, busy) = (middle(layout, 0), middle(layout, 1), middle(layout, 2));
        vec![name.to_string(), format!("{p50:.0}"), format!("{p99:.0}"), format!("{busy:.3}")]
    };
    println!("new connections while one core is busy in polls of {poll:?}, medians of {ROUNDS} rounds");
    table::print(
        &["", "p50 µs", "p99 µs", "part served by the busy core"],
        &LAYOUTS.iter().enumerate().map(row).collect::<Vec<_>>(),
    );
    let ratio = outcomes[2].iter().zip(&outcomes[0]).map(|(balanced, alone)| balanced[1] / alone[1]).collect();
    table::at_most("p99 of new connections with Balance, of that when the idle core alone accepts", median(ratio), 1.2);
}

fn main() {
    for poll in [Duration::from_millis(1), Duration::from_millis(100)] {
        beside_other_work(poll);
    }
    let mut outcomes: Vec<Vec<Outcome>> = WAYS.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for turn in 0..WAYS.len() {
            let which = (round + turn) % WAYS.len();
            outcomes[which].push(play(WAYS[which]));
        }
    }
    let middle = |way: usize, of: fn(&Outcome) -> f64| median(outcomes[way].iter().map(of).collect());
    let worst = |way: usize| outcomes[way].iter().map(|outcome| outcome.fullest).fold(0.0, f64::max);
    let row = |(way, Way { name, .. }): (usize, &Way)| {
        vec![
            name.to_string(),
            format!("{:.0}", middle(way, |outcome| outcome.requests_per_second)),
            format!("{:.0}", middle(way, |outcome| outcome.p50_us)),
            format!("{:.0}", middle(way, |outcome| outcome.p99_us)),
            format!("{:.2}", middle(way, |outcome| outcome.fullest)),
            format!("{:.2}", worst(way)),
            format!("{:.2}", middle(way, |outcome| outcome.slowest)),
        ]
    };
    println!("{CLIENTS} connections, {CORES} cores, {} µs a request, medians of {ROUNDS} rounds", HANDLER_NS / 1000);
    let header = ["", "requests/s", "p50 µs", "p99 µs", "fullest core / mean", "worst round", "slowest client / mean"];
    table::print(&header, &WAYS.iter().enumerate().map(row).collect::<Vec<_>>());
    let ratio = |of: fn(&Outcome) -> f64, mine: usize, other: usize| {
        median(outcomes[mine].iter().zip(&outcomes[other]).map(|(mine, other)| of(mine) / of(other)).collect())
    };
    table::at_least(
        "requests/s with Balance, of those when one core serves",
        ratio(|outcome| outcome.requests_per_second, 1, 0),
        1.5,
    );
    table::at_least("slowest client / mean with Balance", middle(3, |outcome| outcome.slowest), 0.9);
    table::at_most("fullest core / mean with Balance, worst round", worst(1).max(worst(3)), 1.0 + CORES as f64 / CLIENTS as f64);
}
