//! The clients: each sends a message, waits for the answer, compares it, and sends the next one.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use wakeline::net::TcpStream;
use wakeline::{LocalExecutor, Spawner, spawn, time};

use crate::limits;
use crate::report::{Findings, Histogram};
use crate::server::{self, Count};

/// Bytes of a message.
pub const MESSAGE: usize = 64;

/// Connections to one address: the usual range of ephemeral ports holds 28 000, and finding a free
/// one gets slow when half are taken.
const PER_ADDRESS: usize = 12_000;

/// Connections being made at once: fewer than a listener's backlog takes.
const CONNECTING: usize = 128;

/// How long the last answers may take before their connections count as dead.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Plan {
    pub conns: usize,
    pub seconds: Duration,
    /// Descriptors that one table may hold.
    pub limit: usize,
    /// The way to the server's thread.
    pub server: Spawner,
}

/// What all clients share; they live on one thread.
struct Clients {
    addresses: Vec<SocketAddr>,
    conns: usize,
    next: Cell<usize>,
    connected: RefCell<Vec<(usize, TcpStream)>>,
    stop: Cell<bool>,
    answers: Cell<u64>,
    wrong_bytes: Cell<u64>,
    latencies: RefCell<Histogram>,
}

/// Tells the server that it is over, also when the driver panics.
struct Over(Spawner);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.spawn(|| async { server::driven() }).detach();
    }
}

/// How many loopback addresses so many connections need. Only Linux has more than the first one
/// without being told.
pub fn addresses_for(conns: usize) -> u8 {
    if cfg!(target_os = "linux") { conns.div_ceil(PER_ADDRESS).min(250) as u8 } else { 1 }
}

pub fn run(plan: Plan, addresses: &[SocketAddr]) -> io::Result<Findings> {
    let _over = Over(plan.server.clone());
    let executor = LocalExecutor::new();
    limits::open_notifier(&executor);
    let own_table = limits::own_descriptor_table();
    let room = limits::connections_under(plan.limit, own_table);
    let conns = plan.conns.min(room);
    if conns == 0 {
        return Err(io::Error::other(format!("the descriptor limit of {} leaves no room for a connection", plan.limit)));
    }
    if conns < plan.conns {
        eprintln!("The descriptor limit is {} and cannot be raised: running with {conns} connections.", plan.limit);
    }
    let clients = Rc::new(Clients {
        addresses: addresses.to_vec(),
        conns,
        next: Cell::new(0),
        connected: RefCell::new(Vec::with_capacity(conns)),
        stop: Cell::new(false),
        answers: Cell::new(0),
        wrong_bytes: Cell::new(0),
        latencies: RefCell::new(Histogram::default()),
    });
    executor.block_on(drive(&plan, clients))
}

/// Connects everybody, lets them run for the time asked for, and counts who is left.
async fn drive(plan: &Plan, clients: Rc<Clients>) -> io::Result<Findings> {
    let empty = ask(&plan.server).await?;
    let start = Instant::now();
    let connectors: Vec<_> = (0..CONNECTING).map(|_| spawn(connect_some(clients.clone()))).collect();
    for connector in connectors {
        connector.await.map_err(io::Error::other)??;
    }
    eprintln!("{} connections made in {:.2} s", clients.conns, start.elapsed().as_secs_f64());
    let full = ask(&plan.server).await?;

    clients.latencies.take();
    clients.answers.set(0);
    let start = Instant::now();
    let connected = clients.connected.take();
    let running: Vec<_> =
        connected.into_iter().map(|(number, stream)| spawn(exchange(clients.clone(), number, stream))).collect();
    show_progress(&clients, &running, start, plan.seconds).await;
    let (answers, elapsed) = (clients.answers.get(), start.elapsed());
    let end = ask(&plan.server).await?;

    clients.stop.set(true);
    let mut alive = 0;
    let patience = Instant::now() + PATIENCE;
    for client in running {
        if let Ok(Ok(Ok(stream))) = time::timeout_at(patience, client).await {
            alive += 1;
            // A reset instead of a farewell: ten thousand ports in TIME_WAIT would be missing in
            // the next run.
            let _ = stream.set_linger(Some(Duration::ZERO));
        }
    }
    let latencies = clients.latencies.take();
    let wrong_bytes = clients.wrong_bytes.get();
    Ok(Findings { asked: plan.conns, conns: clients.conns, alive, answers, elapsed, latencies, wrong_bytes, empty, full, end })
}

/// A task made on the server's thread reads the counters there; awaiting it from here is the whole
/// protocol.
async fn ask(server: &Spawner) -> io::Result<Count> {
    server.spawn(|| async { server::count_now() }).await.map_err(io::Error::other)
}

/// Takes numbers until there are none left, connects each, and exchanges one message, so that its
/// server task is known to be there.
async fn connect_some(clients: Rc<Clients>) -> io::Result<()> {
    loop {
        let number = clients.next.get();
        if number >= clients.conns {
            return Ok(());
        }
        clients.next.set(number + 1);
        let mut stream = TcpStream::connect(clients.addresses[number / PER_ADDRESS % clients.addresses.len()]).await?;
        stream.set_nodelay(true)?;
        round_trip(&clients, &mut stream, number, 0).await?;
        clients.connected.borrow_mut().push((number, stream));
    }
}

/// Exchanges messages until told to stop; the stream is given back by a connection that lived to
/// the end.
async fn exchange(clients: Rc<Clients>, number: usize, mut stream: TcpStream) -> io::Result<TcpStream> {
    let mut sequence = 0;
    while !clients.stop.get() {
        sequence += 1;
        round_trip(&clients, &mut stream, number, sequence).await?;
    }
    Ok(stream)
}

async fn round_trip(clients: &Clients, stream: &mut TcpStream, number: usize, sequence: u64) -> io::Result<()> {
    let message = message(number, sequence);
    // One byte more than a message: the read that brings a whole one comes back short, and so says
    // that no more is there.
    let mut answer = [0; MESSAGE + 1];
    let mut got = 0;
    let sent = Instant::now();
    stream.write_all(&message).await?;
    while got < MESSAGE {
        match stream.read(&mut answer[got..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => got += count,
        }
    }
    clients.latencies.borrow_mut().record(sent.elapsed());
    clients.answers.set(clients.answers.get() + 1);
    let differ = message.iter().zip(&answer).filter(|(sent, got)| sent != got).count() + (got - MESSAGE);
    clients.wrong_bytes.set(clients.wrong_bytes.get() + differ as u64);
    Ok(())
}

/// 64 bytes that no other connection and no other turn of this one sends: each word is a different
/// permutation of the two numbers.
fn message(number: usize, sequence: u64) -> [u8; MESSAGE] {
    let seed = (number as u64) << 40 ^ sequence;
    let mut bytes = [0; MESSAGE];
    for (place, word) in (1..).zip(bytes.chunks_exact_mut(8)) {
        // An odd factor permutes the words of 64 bits; this one is 2^64 divided by the golden
        // ratio.
        word.copy_from_slice(&(seed ^ place << 60).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    }
    bytes
}

/// One line a second: overwritten on a terminal, one below the other elsewhere.
async fn show_progress<T>(clients: &Clients, running: &[wakeline::Task<T>], start: Instant, length: Duration) {
    let terminal = io::stderr().is_terminal();
    let (mut before, mut then) = (0, start);
    while start.elapsed() < length {
        time::sleep_until((then + Duration::from_secs(1)).min(start + length)).await;
        let (answers, now) = (clients.answers.get(), Instant::now());
        let alive = running.iter().filter(|client| !client.is_finished()).count();
        let rate = (answers - before) as f64 / (now - then).as_secs_f64();
        let line = format!("{:5.1} s  {alive} connections alive  {rate:.0} requests/s", (now - start).as_secs_f64());
        if terminal {
            eprint!("\r{line}   ");
            let _ = io::stderr().flush();
        } else {
            eprintln!("{line}");
        }
        (before, then) = (answers, now);
    }
    if terminal {
        eprintln!();
    }
}
