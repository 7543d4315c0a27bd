//! The load generator — owns the client ends — must never have more than one request of a
//! connection under way.
//!
//! One thread, edge-triggered epoll, closed loop: a connection sends its next request when the
//! answer to the last one has come back whole and every byte of it has been judged. It takes in all
//! answers of a wait before it sends the next requests, so that they reach the server in a burst:
//! sent one by one they would make a race of two equals, in which the one that is ahead sleeps
//! after each message and pays for being woken, and the figures would tell of the race and not of
//! the servers. The same generator drives every server, so its own costs are the same on both sides
//! of a ratio. What is sent and what has to come back is a [`Talk`]'s to say. Sockets are closed
//! with a zero linger: ten thousand ports in TIME_WAIT would be missing in the next round.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::system::Watched;

/// Bytes of a message.
pub const MESSAGE: usize = 64;

/// Clients of one destination address before the next one is taken: the default range of ephemeral
/// ports holds 28 000.
const CONNECTIONS_PER_ADDRESS: usize = 20_000;

/// A server under load, on a thread of its own.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its thread.
    pub thread: Watched,
    /// What it has done so far.
    pub progress: Box<dyn Fn() -> Progress>,
    /// Tells it to end when its last connection has gone.
    pub stop: Box<dyn Fn()>,
    /// Ends when the server has.
    pub join: JoinHandle<()>,
}

/// What a server has done so far, by its own counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// System calls.
    pub calls: u64,
    /// Messages echoed.
    pub requests: u64,
}

/// What one stretch of load has shown.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Answers per second of wall time.
    pub requests_per_second: f64,
    /// Latency that half of the requests did not exceed, in microseconds.
    pub p50_us: f64,
    /// Latency that 99 of 100 requests did not exceed, in microseconds.
    pub p99_us: f64,
    /// CPU time of the server's thread for one request, in nanoseconds.
    pub server_ns_per_request: f64,
    /// System calls of the server for one request.
    pub calls_per_request: f64,
    /// Connections that ended early, and answers that were not what had been sent.
    pub errors: u64,
}

/// What a connection says, and what it wants to hear.
pub trait Talk {
    /// Bytes of a request at most.
    const REQUEST: usize;
    /// Bytes of an answer at most.
    const ANSWER: usize;

    /// Writes the request of a connection's number and a sequence number, and says how long it is.
    fn request(&self, number: usize, sequence: u32, into: &mut [u8]) -> usize;

    /// Judges what has come in so far.
    fn judge(&self, number: usize, sequence: u32, answer: &[u8]) -> Verdict;
}

/// What a [`Talk`] thinks of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// More has to come.
    Incomplete,
    /// Whole, and as it should be.
    Right,
    /// Not what was to come.
    Wrong,
}

/// Messages that come back as they are.
pub struct Echo;

impl Talk for Echo {
    const REQUEST: usize = MESSAGE;
    const ANSWER: usize = MESSAGE;

    /// A word of it tells which connection and which sequence number it belongs to.
    fn request(&self, number: usize, sequence: u32, into: &mut [u8]) -> usize {
        into.copy_from_slice(&message(number, sequence));
        MESSAGE
    }

    fn judge(&self, number: usize, sequence: u32, answer: &[u8]) -> Verdict {
        match answer.len() {
            MESSAGE if answer == message(number, sequence) => Verdict::Right,
            MESSAGE => Verdict::Wrong,
            _ => Verdict::Incomplete,
        }
    }
}

struct Client {
    socket: OwnedFd,
    sequence: u32,
    sent_at: Instant,
    got: usize,
    answer: Box<[u8]>,
}

/// Connections to one server, and what has been seen on them.
pub struct Load<T> {
    talk: T,
    epoll: OwnedFd,
    clients: Vec<Client>,
    answered: Vec<usize>,
    request: Box<[u8]>,
    latencies: Vec<Duration>,
    errors: u64,
}

/// What one generator has seen in a stretch, or several at the same time.
#[derive(Default)]
pub struct Seen {
    latencies: Vec<Duration>,
    seconds: f64,
    errors: u64,
}

/// Answers and latencies of one stretch.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Answers that came.
    pub requests: u64,
    /// Answers per second of wall time.
    pub requests_per_second: f64,
    /// Latency that half of the requests did not exceed, in microseconds.
    pub p50_us: f64,
    /// Latency that 99 of 100 requests did not exceed, in microseconds.
    pub p99_us: f64,
    /// Connections that ended early, and answers that were not what they should have been; since
    /// the beginning.
    pub errors: u64,
}

impl Seen {
    /// Both together.
    pub fn and(mut self, other: Self) -> Self {
        self.latencies.extend(other.latencies);
        Self { latencies: self.latencies, seconds: self.seconds.max(other.seconds), errors: self.errors + other.errors }
    }

    /// In figures.
    pub fn stretch(mut self) -> Stretch {
        self.latencies.sort_unstable();
        let requests = self.latencies.len();
        let quantile = |part: f64| {
            let at = (requests as f64 * part) as usize;
            self.latencies.get(at).map_or(f64::NAN, |&took| took.as_secs_f64() * 1e6)
        };
        Stretch {
            requests: requests as u64,
            requests_per_second: requests as f64 / self.seconds,
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            errors: self.errors,
        }
    }
}

/// Connects, warms up, measures for `stretch`, closes, and waits for the server to end.
pub fn drive(server: Server, connections: usize, warm_up: Duration, stretch: Duration) -> io::Result<Outcome> {
    let mut load = Load::connect(Echo, server.address, connections)?;
    load.run(warm_up)?;
    let (before, activity) = ((server.progress)(), server.thread.activity()?);
    let seen = load.run(stretch)?;
    let cpu_ns = server.thread.activity()?.cpu_ns - activity.cpu_ns;
    let seen = seen.stretch();
    let after = (server.progress)();
    let served = (after.requests - before.requests).max(1) as f64;

    (server.stop)();
    drop(load);
    server.join.join().expect("the server ends");
    Ok(Outcome {
        requests_per_second: seen.requests_per_second,
        p50_us: seen.p50_us,
        p99_us: seen.p99_us,
        server_ns_per_request: cpu_ns as f64 / served,
        calls_per_request: (after.calls - before.calls) as f64 / served,
        errors: seen.errors,
    })
}

impl<T: Talk> Load<T> {
    /// So many connections, each with its first request on the way.
    pub fn connect(talk: T, address: SocketAddr, connections: usize) -> io::Result<Self> {
        let mut load = Self {
            talk,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            clients: Vec::new(),
            answered: Vec::new(),
            request: vec![0; T::REQUEST].into(),
            latencies: Vec::new(),
            errors: 0,
        };
        for number in 0..connections {
            load.add(address, number)?;
        }
        Ok(load)
    }

    fn add(&mut self, address: SocketAddr, number: usize) -> io::Result<()> {
        let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let host = Ipv4Addr::new(127, 0, 0, 1 + (number / CONNECTIONS_PER_ADDRESS) as u8);
        net::connect(&socket, &SocketAddrV4::new(host, address.port()))?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        epoll::add(&self.epoll, &socket, EventData::new_u64(number as u64), EventFlags::IN | EventFlags::RDHUP | EventFlags::ET)?;
        let answer = vec![0; T::ANSWER].into();
        self.clients.push(Client { socket, sequence: 0, sent_at: Instant::now(), got: 0, answer });
        self.send(number)
    }

    /// Has each connection had an answer? Before, the server may still be accepting.
    pub fn all_answered(&self) -> bool {
        self.clients.iter().all(|client| client.sequence > 0)
    }

    /// Keeps every connection busy for so long, and says what was seen meanwhile.
    pub fn run(&mut self, stretch: Duration) -> io::Result<Seen> {
        self.latencies.clear();
        let start = Instant::now();
        self.run_until(start + stretch)?;
        Ok(Seen { latencies: std::mem::take(&mut self.latencies), seconds: start.elapsed().as_secs_f64(), errors: self.errors })
    }

    fn run_until(&mut self, end: Instant) -> io::Result<()> {
        let mut events = Vec::with_capacity(1024);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            // A whole millisecond at least: the system call rounds down to none, and the loop would
            // spin.
            let left = left.max(Duration::from_millis(1)).try_into().expect("a stretch is short");
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                self.receive(event.data.u64() as usize);
            }
            for number in std::mem::take(&mut self.answered) {
                self.send(number)?;
            }
        }
    }

    /// Takes what has come in; after a whole answer the connection may send again.
    fn receive(&mut self, number: usize) {
        let client = &mut self.clients[number];
        match net::recv(&client.socket, &mut client.answer[client.got..], RecvFlags::empty()) {
            Ok((count @ 1.., _)) => client.got += count,
            Err(Errno::AGAIN) => {}
            Ok((0, _)) | Err(_) => self.errors += 1,
        }
        let verdict = self.talk.judge(number, client.sequence, &client.answer[..client.got]);
        if verdict != Verdict::Incomplete {
            self.latencies.push(client.sent_at.elapsed());
            self.errors += u64::from(verdict == Verdict::Wrong);
            client.sequence = client.sequence.wrapping_add(1);
            client.got = 0;
            self.answered.push(number);
        }
    }

    fn send(&mut self, number: usize) -> io::Result<()> {
        let client = &mut self.clients[number];
        let length = self.talk.request(number, client.sequence, &mut self.request);
        client.sent_at = Instant::now();
        if net::send(&client.socket, &self.request[..length], SendFlags::NOSIGNAL)? == length {
            Ok(())
        } else {
            Err(io::Error::other("a socket with an empty buffer did not take a whole request"))
        }
    }
}

/// The message of one connection and one sequence number: a word of it tells which one it belongs
/// to.
fn message(number: usize, sequence: u32) -> [u8; MESSAGE] {
    let seed = (number as u64) << 32 | u64::from(sequence);
    let mut bytes = [0; MESSAGE];
    for (at, word) in bytes.chunks_exact_mut(8).enumerate() {
        // An odd factor (2^64 divided by the golden ratio) makes the step a permutation of the
        // words.
        word.copy_from_slice(&(seed + at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    }
    bytes
}
