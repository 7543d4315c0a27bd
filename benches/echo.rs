//! TCP echo of 64-byte messages at 1, 64, 1000 and 10 000 connections, against a raw edge-triggered
//! epoll loop without futures.
//!
//! Run it with `cargo bench -p wakeline-benches --bench echo`; `-- --rounds N`, `--connections N`
//! and `--milliseconds N` change the play, `-- --only wakeline` or `--only raw` plays one server
//! alone, for strace and perf. Both servers run on one thread on one processor, one at a time, in
//! turns; the load generator is the same for both and has the other processor. System calls of the
//! raw loop are counted in the loop, those of wakeline by its own counters. Goals: 0.97 times the
//! requests/s of the raw loop, 0.99 times at 1000 connections; at 64 connections at most 2.1 system
//! calls for a request; no error.
//!
//! The counters were compared with `strace -f` at 64 connections: for 16 021 requests of one whole
//! run the server's thread made 16 085 `recvfrom` (one more for each of the 64 new connections), 16
//! 021 `sendto` and 588 `epoll_pwait`, 2.041 a request; its own counters said 2.036 for the
//! measured stretch.
//!
//! CPU time per request is the steadier figure: requests/s also depend on which of the two threads
//! happens to run ahead of the other.

use std::time::Duration;

use wakeline_benches::load::{Outcome, Server, drive};
use wakeline_benches::{raw_echo, rounds, system, table, wakeline_echo};

type Start = fn(usize) -> Server;

const SERVERS: [(&str, Start); 2] = [("raw", raw_echo::start), ("wakeline", wakeline_echo::start)];

struct Play {
    rounds: usize,
    connections: Vec<usize>,
    stretch: Duration,
    only: Option<String>,
}

impl Play {
    fn from_arguments() -> Self {
        let mut play =
            Self { rounds: 9, connections: vec![1, 64, 1000, 10_000], stretch: Duration::from_millis(700), only: None };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect("each option has a value");
            let number = || value.parse().expect("a number");
            match name.as_str() {
                "--rounds" => play.rounds = number(),
                "--connections" => play.connections = vec![number()],
                "--milliseconds" => play.stretch = Duration::from_millis(number() as u64),
                "--only" => play.only = Some(value),
                other => panic!("{other} is not an option: --rounds, --connections, --milliseconds, --only"),
            }
        }
        play
    }
}

/// The outcomes of one server at one number of connections, round by round.
type Outcomes = Vec<Outcome>;

fn median_of(outcomes: &Outcomes, figure: impl Fn(&Outcome) -> f64) -> f64 {
    rounds::median(outcomes.iter().map(figure).collect())
}

fn median_ratio(raw: &Outcomes, wakeline: &Outcomes, figure: impl Fn(&Outcome) -> f64) -> f64 {
    rounds::median(raw.iter().zip(wakeline).map(|(raw, wakeline)| figure(wakeline) / figure(raw)).collect())
}

fn play(server: Start, connections: usize, stretch: Duration) -> Outcome {
    drive(server(0), connections, Duration::from_millis(200), stretch).expect("the load generator failed")
}

fn row(name: &str, connections: usize, outcomes: &Outcomes) -> Vec<String> {
    let of = |figure: fn(&Outcome) -> f64| median_of(outcomes, figure);
    vec![
        format!("{connections} {name}"),
        format!("{:.0}", of(|one| one.requests_per_second)),
        format!("{:.0}", of(|one| one.p50_us)),
        format!("{:.0}", of(|one| one.p99_us)),
        format!("{:.0}", of(|one| one.server_ns_per_request)),
        format!("{:.3}", of(|one| one.calls_per_request)),
        format!("{}", outcomes.iter().map(|one| one.errors).sum::<u64>()),
    ]
}

fn main() {
    let arguments = Play::from_arguments();
    system::raise_descriptor_limit();
    system::own_descriptor_table().expect("a descriptor table for the load generator");
    system::pin_to(1);
    let mut rows = Vec::new();
    let mut verdicts = Vec::new();
    for &connections in &arguments.connections {
        let mut outcomes: [Outcomes; 2] = [Vec::new(), Vec::new()];
        for round in 0..arguments.rounds {
            for which in [round % 2, (round + 1) % 2] {
                if arguments.only.as_deref().is_none_or(|only| only == SERVERS[which].0) {
                    outcomes[which].push(play(SERVERS[which].1, connections, arguments.stretch));
                }
            }
        }
        let [raw, wakeline] = &outcomes;
        rows.extend(
            outcomes.iter().zip(SERVERS).filter(|(one, _)| !one.is_empty()).map(|(one, (name, _))| row(name, connections, one)),
        );
        if !raw.is_empty() && !wakeline.is_empty() {
            let cpu = median_ratio(raw, wakeline, |one| one.server_ns_per_request);
            let throughput = median_ratio(raw, wakeline, |one| one.requests_per_second);
            verdicts.push((connections, throughput, cpu, median_of(wakeline, |one| one.calls_per_request)));
        }
    }
    table::print(
        &["connections, server", "requests/s", "p50 us", "p99 us", "server ns/request", "calls/request", "errors"],
        &rows,
    );
    for (connections, throughput, cpu, calls) in verdicts {
        println!("{connections} connections: CPU time per request {cpu:.3} x raw");
        let goal = if connections == 1000 { 0.99 } else { 0.97 };
        table::at_least(&format!("{connections} connections, requests/s, x raw"), throughput, goal);
        if connections == 64 {
            table::at_most("64 connections, system calls per request", calls, 2.1);
        }
    }
}
