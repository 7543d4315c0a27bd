//! A token between two threads, each with its own executor: both threads on one processor, and on
//! two.
//!
//! Run it with `cargo bench -p wakeline-benches --bench pingpong_cross`; `-- --rounds N` changes
//! the play, `--setting one` or `two` plays on so many processors only, `--only NAME` plays the
//! contestants whose name holds NAME, for perf and strace. Figures are for a round trip, which is
//! two passes of the token: wall time, CPU time of both threads, how often a thread went to sleep,
//! and of wakeline how often it asked the kernel to wait and how often it was notified.
//!
//! The token is either a number and two waker slots, the same for everybody, or it goes through
//! channels of capacity one.
//!
//! **What a sleep costs decides everything.** The thread that passes the token wakes a thread that
//! sleeps; on one processor the kernel lets the woken one run at once, so that the first finds the
//! token back before it has gone to sleep: a round trip is one sleep, one wake and two context
//! switches. The floors are the same game with `park` and `unpark` and no executor, and with
//! `sched_yield`, where nobody sleeps and only the two switches are left. A wake under a lock makes
//! four sleeps of it: the woken thread runs at once, meets the lock and sleeps again. async-channel
//! wakes so, whatever executor is above it, and so does pollster itself.
//!
//! Goals: on one processor at most 0.6 times the best peer, in CPU time of both threads, which
//! there is what a quiet machine would show as wall time; a thread that sleeps is notified once a
//! sleep; on two processors at most 0.4 us where nobody sleeps. The first was set with the peers
//! over async-channel in mind. Over a token that is woken without a lock the bare floor itself is
//! above it: what is left is the kernel's two switches, one wait and one wake.
//!
//! Where nobody sleeps, the figure is the price of moving a few cache lines between the two
//! processors, and on a virtual machine these may be near each other or far apart, and change while
//! one looks: the floor, which moves one line, was seen at 0.03, 0.06 and 0.32 us a round trip
//! within two minutes, and wakeline at 0.10, 0.23 and 0.92.
//!
//! Checked with `strace -f -c` for 5200 round trips in a task: wakeline counted 1.11 turns and 1.11
//! notifications for each, the kernel 11 564 calls of futex, which is one for each of them. With a
//! socket open, 1.31 and 1.31: 6738 `epoll_pwait` and 6745 `write`.

use std::future::pending;
use std::thread;
use std::time::Duration;

use futures_lite::StreamExt;
use futures_util::SinkExt;
use wakeline::LocalExecutor;
use wakeline_benches::rally::{Counts, Seat, Side, Spent, Turns, game};
use wakeline_benches::{rounds, table};

/// Both ends that one side has of two channels, one for each direction.
struct Ends<T, R> {
    to: T,
    from: R,
}

/// The seats of two players with two channels between them.
macro_rules! seats {
    ($seat:ident, $sender:ty, $receiver:ty, $make:expr, |$from:ident| $receive:expr) => {
        type $seat = Ends<$sender, $receiver>;

        impl $seat {
            fn seats() -> [Self; 2] {
                let (to_second, from_first) = $make;
                let (to_first, from_second) = $make;
                [Self { to: to_second, from: from_second }, Self { to: to_first, from: from_first }]
            }
        }

        impl Seat for $seat {
            async fn pass(&mut self) {
                self.to.send(()).await.expect("the other side is there");
            }

            async fn take(&mut self) {
                let $from = &mut self.from;
                $receive.await.expect("the other side is there");
            }
        }
    };
}

seats!(Channel, wakeline::channel::Sender<()>, wakeline::channel::Receiver<()>, wakeline::channel::bounded(1), |from| from
    .recv());
seats!(AsyncChannel, async_channel::Sender<()>, async_channel::Receiver<()>, async_channel::bounded(1), |from| from.recv());
seats!(TokioChannel, tokio::sync::mpsc::Sender<()>, tokio::sync::mpsc::Receiver<()>, tokio::sync::mpsc::channel(1), |from| {
    from.recv()
});
seats!(
    FuturesChannel,
    futures_channel::mpsc::Sender<()>,
    futures_channel::mpsc::Receiver<()>,
    futures_channel::mpsc::channel(1),
    |from| { from.next() }
);

/// Who takes part in a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Floor,
    Wakeline,
    Peer,
}

struct Contestant {
    name: &'static str,
    role: Role,
    game: fn([usize; 2], u32) -> Spent,
}

macro_rules! contestant {
    ($role:ident, $name:expr, $seat:ty, $play:expr) => {
        Contestant { name: $name, role: Role::$role, game: |processors, trips| game(<$seat>::seats(), $play, processors, trips) }
    };
}

/// All with the same token.
fn same_token() -> Vec<Contestant> {
    vec![
        contestant!(Floor, "floor: park, unpark", Turns, |side| side.play_bare(thread::park, |other| other.unpark())),
        contestant!(Floor, "floor: sched_yield", Turns, |side| side.play_bare(thread::yield_now, |_| {})),
        contestant!(Wakeline, "wakeline", Turns, on_wakeline),
        contestant!(Wakeline, "wakeline, in a task", Turns, in_a_task_of_wakeline),
        contestant!(Wakeline, "wakeline, with a socket open", Turns, on_wakeline_with_a_socket),
        contestant!(Wakeline, "wakeline, watching", Turns, on_wakeline_that_watches),
        contestant!(Peer, "futures-executor", Turns, on_futures),
        contestant!(Peer, "async-io (smol)", Turns, on_async_io),
        contestant!(Peer, "tokio current_thread", Turns, on_tokio),
        contestant!(Peer, "tokio current_thread without I/O", Turns, on_tokio_without_io),
        contestant!(Peer, "monoio", Turns, on_monoio),
        contestant!(Peer, "pollster", Turns, on_pollster),
    ]
}

/// Each over channels that its users take.
fn channels() -> Vec<Contestant> {
    vec![
        contestant!(Wakeline, "wakeline, its own channel", Channel, on_wakeline),
        contestant!(Wakeline, "wakeline, tokio's channel", TokioChannel, on_wakeline),
        contestant!(Wakeline, "wakeline, async-channel", AsyncChannel, on_wakeline),
        contestant!(Peer, "tokio current_thread, tokio's channel", TokioChannel, on_tokio),
        contestant!(Peer, "futures-executor, futures' channel", FuturesChannel, on_futures),
        contestant!(Peer, "futures-executor, async-channel", AsyncChannel, on_futures),
        contestant!(Peer, "async-io (smol), async-channel", AsyncChannel, on_async_io),
        contestant!(Peer, "tokio current_thread, async-channel", AsyncChannel, on_tokio),
        contestant!(Peer, "monoio, async-channel", AsyncChannel, on_monoio),
        contestant!(Peer, "pollster, async-channel", AsyncChannel, on_pollster),
    ]
}

/// With the time to watch before they sleep, on two processors. The peers have no such option.
fn watching() -> Vec<Contestant> {
    vec![
        contestant!(Floor, "floor: spin", Turns, |side| side.play_bare(std::hint::spin_loop, |_| {})),
        contestant!(Wakeline, "wakeline", Turns, on_wakeline_that_watches),
        contestant!(Wakeline, "wakeline, with a socket open", Turns, on_wakeline_that_watches_with_a_socket),
        contestant!(Wakeline, "wakeline, its own channel", Channel, on_wakeline_that_watches),
    ]
}

fn counts(executor: &LocalExecutor) -> Counts {
    let metrics = executor.metrics();
    Counts { turns: metrics.turns, notifications: metrics.notifications }
}

fn on_wakeline<S: Seat>(side: Side<S>) -> Spent {
    let executor = LocalExecutor::new();
    executor.block_on(side.play(|| counts(&executor)))
}

fn in_a_task_of_wakeline<S: Seat>(side: Side<S>) -> Spent {
    let executor = LocalExecutor::new();
    // The counters are the thread's, so any executor of the thread can be asked.
    let task = executor.spawn(side.play(|| counts(&LocalExecutor::new())));
    executor.block_on(task).expect("the game does not panic")
}

/// It sleeps in epoll, not on its latch.
fn on_wakeline_with_a_socket<S: Seat>(side: Side<S>) -> Spent {
    with_a_socket(&LocalExecutor::new(), side)
}

fn with_a_socket<S: Seat>(executor: &LocalExecutor, side: Side<S>) -> Spent {
    let accepting = executor.spawn(async {
        let listener = wakeline::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let _ = listener.accept().await;
        pending::<()>().await
    });
    let spent = executor.block_on(side.play(|| counts(executor)));
    drop(accepting);
    spent
}

/// It watches before it sleeps: the other side answers long before it gives up.
fn on_wakeline_that_watches<S: Seat>(side: Side<S>) -> Spent {
    let executor = LocalExecutor::builder().spin(Duration::from_micros(50)).build();
    executor.block_on(side.play(|| counts(&executor)))
}

/// Watches its inbox, and its sockets a little less often.
fn on_wakeline_that_watches_with_a_socket<S: Seat>(side: Side<S>) -> Spent {
    let executor = LocalExecutor::builder().spin(Duration::from_micros(50)).build();
    with_a_socket(&executor, side)
}

fn on_pollster<S: Seat>(side: Side<S>) -> Spent {
    pollster::block_on(side.play(Counts::default))
}

fn on_futures<S: Seat>(side: Side<S>) -> Spent {
    futures_executor::block_on(side.play(Counts::default))
}

fn on_async_io<S: Seat>(side: Side<S>) -> Spent {
    async_io::block_on(side.play(Counts::default))
}

fn on_tokio<S: Seat>(side: Side<S>) -> Spent {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("tokio has its descriptors").block_on(side.play(Counts::default))
}

fn on_tokio_without_io<S: Seat>(side: Side<S>) -> Spent {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("nothing can fail").block_on(side.play(Counts::default))
}

fn on_monoio<S: Seat>(side: Side<S>) -> Spent {
    let runtime = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new().enable_all().build();
    runtime.expect("monoio has its descriptors").block_on(side.play(Counts::default))
}

/// Which processors the two threads have.
#[derive(Clone, Copy)]
struct Setting {
    name: &'static str,
    processors: [usize; 2],
    round_trips: u32,
}

const ONE: Setting = Setting { name: "one", processors: [0, 0], round_trips: 5000 };
/// Two threads that do not sleep.
const WATCHING: Setting = Setting { name: "two, nobody sleeps", processors: [0, 1], round_trips: 10_000 };
/// Waking a halted virtual processor takes ten times as long, so fewer.
const TWO: Setting = Setting { name: "two", processors: [0, 1], round_trips: 2000 };

struct Arguments {
    rounds: usize,
    only: Option<String>,
    setting: Option<String>,
}

impl Arguments {
    fn read() -> Self {
        let mut read = Self { rounds: 15, only: None, setting: None };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect("each option has a value");
            match name.as_str() {
                "--rounds" => read.rounds = value.parse().expect("a number"),
                "--only" => read.only = Some(value),
                "--setting" => read.setting = Some(value),
                other => panic!("{other} is not an option: --rounds, --only, --setting"),
            }
        }
        read
    }
}

/// One contestant with what each of its rounds has cost.
struct Played {
    contestant: Contestant,
    rounds: Vec<Spent>,
}

impl Played {
    fn median(&self, figure: fn(&Spent) -> f64) -> f64 {
        rounds::median(self.rounds.iter().map(figure).collect())
    }

    fn row(&self) -> Vec<String> {
        let best = self.rounds.iter().map(|one| one.wall_ns).fold(f64::INFINITY, f64::min);
        let microseconds = |ns: f64| format!("{:.2}", ns / 1e3);
        let counted = |figure| match self.contestant.role {
            Role::Wakeline => format!("{:.2}", self.median(figure)),
            Role::Floor | Role::Peer => "-".into(),
        };
        vec![
            self.contestant.name.into(),
            microseconds(self.median(|one| one.wall_ns)),
            microseconds(best),
            microseconds(self.median(|one| one.cpu_ns)),
            format!("{:.2}", self.median(|one| one.sleeps)),
            counted(|one| one.turns),
            counted(|one| one.notifications),
        ]
    }
}

/// Plays all of them in turns, one game each a round, and prints what the games have cost.
fn play(what: &str, setting: Setting, contestants: Vec<Contestant>, arguments: &Arguments) -> Vec<Played> {
    let wanted = |one: &Contestant| arguments.only.as_deref().is_none_or(|only| one.name.contains(only));
    let played = contestants.into_iter().filter(wanted).map(|contestant| Played { contestant, rounds: Vec::new() });
    let mut played: Vec<Played> = played.collect();
    let count = played.len();
    for round in 0..arguments.rounds {
        for turn in 0..count {
            let one = &mut played[(round + turn) % count];
            one.rounds.push((one.contestant.game)(setting.processors, setting.round_trips));
        }
    }
    let header = format!("{what}, processors: {}", setting.name);
    let rows: Vec<_> = played.iter().map(Played::row).collect();
    table::print(&[&header, "us/round trip", "best", "CPU us", "sleeps", "turns", "notifications"], &rows);
    println!();
    played
}

/// CPU time of `one` for a round trip, times that of the best of the peers that `counts` lets take
/// part, and which that is. The median of the ratios of the rounds.
fn to_best_peer(one: &Played, played: &[Played], counts: impl Fn(&Played) -> bool) -> Option<(f64, &'static str)> {
    let cpu = |one: &Played| one.median(|one| one.cpu_ns);
    let peers = played.iter().filter(|one| one.contestant.role == Role::Peer && counts(one));
    let best = peers.min_by(|one, other| cpu(one).total_cmp(&cpu(other)))?;
    let ratios = one.rounds.iter().zip(&best.rounds).map(|(mine, other)| mine.cpu_ns / other.cpu_ns);
    Some((rounds::median(ratios.collect()), best.contestant.name))
}

fn judge_one(same: &[Played], channels: &[Played]) {
    let first = |played: &'_ [Played]| played.iter().position(|one| one.contestant.role == Role::Wakeline);
    if let Some((ratio, best)) = first(same).and_then(|at| to_best_peer(&same[at], same, |_| true)) {
        table::at_most(&format!("processors: one, the same token, times {best}"), ratio, 0.6);
    }
    for floor in same.iter().filter(|one| one.contestant.role == Role::Floor) {
        if let Some((ratio, best)) = to_best_peer(floor, same, |_| true) {
            println!("{}, without an executor: {ratio:.3} times {best}", floor.contestant.name);
        }
    }
    let over_async_channel = |one: &Played| one.contestant.name.ends_with("async-channel");
    if let Some(at) = first(channels) {
        let ratios = [to_best_peer(&channels[at], channels, |_| true), to_best_peer(&channels[at], channels, over_async_channel)];
        for (ratio, best) in ratios.into_iter().flatten() {
            table::at_most(&format!("processors: one, over its own channel, times {best}"), ratio, 0.6);
        }
    }
}

fn main() {
    let arguments = Arguments::read();
    for setting in [ONE, TWO] {
        if arguments.setting.as_deref().is_some_and(|only| only != setting.name) {
            continue;
        }
        let same = play("the same token", setting, same_token(), &arguments);
        let over_channels = play("over channels", setting, channels(), &arguments);
        for one in same.iter().filter(|one| one.contestant.role == Role::Wakeline) {
            let name = format!("processors: {}, notifications for each sleep of {}", setting.name, one.contestant.name);
            table::at_most(&name, one.median(|one| one.notifications / one.turns.max(1e-9)), 1.0);
        }
        if setting.name == "one" {
            judge_one(&same, &over_channels);
        }
        if setting.name == "two" {
            let watching = play("watching", WATCHING, watching(), &arguments);
            for one in watching.iter().filter(|one| one.contestant.role == Role::Wakeline) {
                let name = format!("processors: two, watching, us a round trip of {}", one.contestant.name);
                // Both are busy all the time, so half of their CPU time is the time of the round
                // trip, and others do not count into it.
                table::at_most(&name, one.median(|one| one.cpu_ns) / 2e3, 0.4);
                for floor in watching.iter().filter(|one| one.contestant.role == Role::Floor) {
                    let ratios = one.rounds.iter().zip(&floor.rounds).map(|(mine, floor)| mine.cpu_ns / floor.cpu_ns);
                    println!("  {:.1} times {}", rounds::median(ratios.collect()), floor.contestant.name);
                }
            }
        }
        println!();
    }
}
