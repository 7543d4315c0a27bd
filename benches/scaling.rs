//! Echo on one core and on two: what the second core adds when each has an executor of its own.
//!
//! Run it with `cargo bench -p wakeline-benches --bench scaling`; `-- --rounds N`, `--cores N` and
//! `--milliseconds N` change the play. Every core has sixteen connections, whose client and handler
//! both live on it, so that no load generator takes part of another core. A handler hashes each
//! message of 64 bytes for some microseconds before it sends it back: the case of a server that
//! computes. The way between the two is a socket pair, or TCP through the loopback device. The echo
//! without hashing is given as well: there the kernel does most of the work, on what the cores
//! share.
//!
//! The floor is the hashing alone, on plain threads: what the machine itself has to give. CPU time
//! for a message says whether the cores stand in each other's way, also when other programs take
//! part of them. Goal: with hashing, two cores do at least 1.8 times what one does.

use std::future;
use std::hint::black_box;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wakeline::io::Async;
use wakeline::net::{TcpListener, TcpStream};
use wakeline::{Core, Cores, Runtime};
use wakeline_benches::{rounds, system, table};

const MESSAGE: usize = 64;
/// Connections of a core: enough that its executor always has something to do.
const CONNECTIONS: usize = 16;
/// Times that a message is hashed: some ten microseconds.
const PASSES: u32 = 100;

/// FNV-1a over the message, again and again: nothing but arithmetic.
fn hash(message: &[u8; MESSAGE], passes: u32) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325;
    for _ in 0..passes {
        for &byte in black_box(message) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
    hash
}

/// How client and handler reach each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// They do not: the hashing alone, in a plain loop.
    None,
    SocketPair,
    Loopback,
}

struct Subject {
    name: &'static str,
    way: Way,
    passes: u32,
}

static SUBJECTS: [Subject; 5] = [
    Subject { name: "floor: hashing alone", way: Way::None, passes: PASSES },
    Subject { name: "socket pairs, hashing", way: Way::SocketPair, passes: PASSES },
    Subject { name: "TCP, hashing", way: Way::Loopback, passes: PASSES },
    Subject { name: "socket pairs, echo", way: Way::SocketPair, passes: 0 },
    Subject { name: "TCP, echo", way: Way::Loopback, passes: 0 },
];

/// What one core, or several together, have done.
#[derive(Clone, Copy, Default)]
struct Done {
    per_second: f64,
    messages: u64,
    cpu_ns: f64,
}

impl Done {
    fn and(self, other: Self) -> Self {
        Self {
            per_second: self.per_second + other.per_second,
            messages: self.messages + other.messages,
            cpu_ns: self.cpu_ns + other.cpu_ns,
        }
    }

    /// CPU time for a message.
    fn cpu_ns_each(&self) -> f64 {
        self.cpu_ns / self.messages.max(1) as f64
    }
}

/// Sends and compares until the time is over, and says how often.
async fn client(mut stream: impl AsyncRead + AsyncWrite + Unpin, passes: u32, end: Instant) -> u64 {
    let mut message = [0; MESSAGE];
    let mut number: u64 = 0;
    while Instant::now() < end {
        message[..8].copy_from_slice(&number.to_le_bytes());
        stream.write_all(&message).await.expect("the handler is there");
        let mut answer = [0; MESSAGE];
        stream.read_exact(&mut answer).await.expect("the handler answers");
        assert_eq!(answer[..8], message[..8], "the answer is this message's");
        assert_eq!(passes > 0, answer[8..16] != message[8..16], "the answer is hashed if it should be");
        number += 1;
    }
    number
}

/// Hashes what comes and sends it back with the hash in it, until the client has gone.
async fn handler(mut stream: impl AsyncRead + AsyncWrite + Unpin, passes: u32) {
    let mut message = [0; MESSAGE];
    while stream.read_exact(&mut message).await.is_ok() {
        if passes > 0 {
            let hash = hash(&message, passes);
            message[8..16].copy_from_slice(&hash.to_le_bytes());
        }
        stream.write_all(&message).await.expect("the client waits for its answer");
    }
}

async fn loopback_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (accepted, _) = listener.accept().await?;
    client.set_nodelay(true)?;
    accepted.set_nodelay(true)?;
    Ok((client, accepted))
}

fn socket_pair() -> io::Result<(Async<UnixStream>, Async<UnixStream>)> {
    let (client, handler) = UnixStream::pair()?;
    Ok((Async::new(client)?, Async::new(handler)?))
}

/// Makes all connections of a core, waits for the other cores, and plays.
async fn play_pairs<S, P>(connect: impl Fn() -> P, passes: u32, stretch: Duration, ready: Arc<Barrier>) -> Done
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    P: Future<Output = io::Result<(S, S)>>,
{
    let mut pairs = Vec::new();
    for _ in 0..CONNECTIONS {
        pairs.push(connect().await.expect("a connection to itself"));
    }
    ready.wait();
    let clock = Clock::start();
    let end = clock.start + stretch;
    let clients = pairs.into_iter().map(|(one, other)| {
        wakeline::spawn(handler(other, passes)).detach();
        wakeline::spawn(client(one, passes, end))
    });
    let mut messages = 0;
    for client in clients.collect::<Vec<_>>() {
        messages += client.await.expect("a client does not fail");
    }
    clock.stop(messages)
}

/// The hashing without an executor.
fn play_alone(passes: u32, stretch: Duration, ready: &Barrier) -> Done {
    let mut message = [0; MESSAGE];
    ready.wait();
    let clock = Clock::start();
    let end = clock.start + stretch;
    let mut messages: u64 = 0;
    while Instant::now() < end {
        message[..8].copy_from_slice(&messages.to_le_bytes());
        black_box(hash(&message, passes));
        messages += 1;
    }
    clock.stop(messages)
}

struct Clock {
    start: Instant,
    cpu_ns: u64,
}

impl Clock {
    fn start() -> Self {
        Self { start: Instant::now(), cpu_ns: rounds::cpu_ns() }
    }

    fn stop(self, messages: u64) -> Done {
        let cpu_ns = (rounds::cpu_ns() - self.cpu_ns) as f64;
        Done { per_second: messages as f64 / self.start.elapsed().as_secs_f64(), messages, cpu_ns }
    }
}

/// Plays on so many cores at once.
fn play(subject: &'static Subject, cores: usize, stretch: Duration) -> Done {
    let passes = subject.passes;
    let ready = Arc::new(Barrier::new(cores));
    let done = match subject.way {
        Way::None => play_alone_on(cores, passes, stretch, &ready),
        Way::SocketPair => {
            on_runtime(cores, move |_| play_pairs(|| future::ready(socket_pair()), passes, stretch, ready.clone()))
        }
        Way::Loopback => on_runtime(cores, move |_| play_pairs(loopback_pair, passes, stretch, ready.clone())),
    };
    done.into_iter().fold(Done::default(), Done::and)
}

fn on_runtime<F: Future<Output = Done> + 'static>(cores: usize, main: impl Fn(Core) -> F + Send + Sync + 'static) -> Vec<Done> {
    let runtime = Runtime::builder().cores(Cores::exactly(cores)).pin(true).build();
    runtime.expect("as many processors as cores").run(main)
}

fn play_alone_on(cores: usize, passes: u32, stretch: Duration, ready: &Barrier) -> Vec<Done> {
    let play = |processor| {
        system::pin_to(processor);
        play_alone(passes, stretch, ready)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|processor| scope.spawn(move || play(processor))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a loop plays to the end")).collect()
    })
}

struct Arguments {
    rounds: usize,
    cores: usize,
    stretch: Duration,
}

impl Arguments {
    fn read() -> Self {
        let mut read = Self { rounds: 11, cores: 2, stretch: Duration::from_millis(200) };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let number: usize = arguments.next().and_then(|value| value.parse().ok()).expect("each option has a number");
            match name.as_str() {
                "--rounds" => read.rounds = number,
                "--cores" => read.cores = number,
                "--milliseconds" => read.stretch = Duration::from_millis(number as u64),
                other => panic!("{other} is not an option: --rounds, --cores, --milliseconds"),
            }
        }
        read
    }
}

fn main() {
    let Arguments { rounds, cores, stretch } = Arguments::read();
    let mut one: Vec<Vec<Done>> = SUBJECTS.iter().map(|_| Vec::new()).collect();
    let mut many = one.clone();
    for round in 0..rounds {
        for turn in 0..SUBJECTS.len() {
            let which = (round + turn) % SUBJECTS.len();
            let subject = &SUBJECTS[which];
            // Neither of the two always goes first.
            if round % 2 == 0 {
                one[which].push(play(subject, 1, stretch));
                many[which].push(play(subject, cores, stretch));
            } else {
                many[which].push(play(subject, cores, stretch));
                one[which].push(play(subject, 1, stretch));
            }
        }
    }
    let median = |done: &[Done], figure: fn(&Done) -> f64| rounds::median(done.iter().map(figure).collect());
    let ratio = |which: usize, figure: fn(&Done) -> f64| {
        rounds::median(one[which].iter().zip(&many[which]).map(|(one, many)| figure(many) / figure(one)).collect())
    };
    let rows = (0..SUBJECTS.len()).map(|which| {
        vec![
            SUBJECTS[which].name.into(),
            format!("{:.0}", median(&one[which], |done| done.per_second)),
            format!("{:.0}", median(&many[which], |done| done.per_second)),
            format!("{:.2}", ratio(which, |done| done.per_second)),
            format!("{:.0}", median(&one[which], Done::cpu_ns_each)),
            format!("{:.0}", median(&many[which], Done::cpu_ns_each)),
            format!("{:.2}", cores as f64 / ratio(which, Done::cpu_ns_each)),
        ]
    });
    let many_cores = format!("messages/s, {cores} cores");
    let header = ["", "messages/s, 1 core", &many_cores, "x", "CPU ns each", &format!("on {cores}"), "x by CPU"];
    table::print(&header, &rows.collect::<Vec<_>>());
    for which in [1, 2] {
        table::at_least(&format!("{cores} cores, {}, x 1 core", SUBJECTS[which].name), ratio(which, |done| done.per_second), 1.8);
    }
}
