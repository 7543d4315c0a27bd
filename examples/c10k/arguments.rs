//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

pub const USAGE: &str = "\
usage: c10k [--conns N] [--seconds S]
       c10k --listen ADDR

  --conns N      closed-loop echo connections on loopback (default 10000)
  --seconds S    how long they run (default 10)
  --listen ADDR  serve foreign clients on ADDR, for example 127.0.0.1:7000, until Ctrl-C
  --help         this text
";

#[derive(Debug)]
pub struct Arguments {
    pub conns: usize,
    pub seconds: Duration,
    pub listen: Option<SocketAddr>,
}

/// Why the program does not run.
#[derive(Debug)]
pub enum Refusal {
    /// The usage text was asked for.
    Help,
    /// An argument is wrong, and how.
    Wrong(String),
}

impl Arguments {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Refusal> {
        let mut parsed = Self { conns: 10_000, seconds: Duration::from_secs(10), listen: None };
        while let Some(option) = words.next() {
            if option == "--help" || option == "-h" {
                return Err(Refusal::Help);
            }
            if !["--conns", "--seconds", "--listen"].contains(&option.as_str()) {
                return Err(Refusal::Wrong(format!("unknown argument: {option}")));
            }
            let value = words.next().ok_or_else(|| Refusal::Wrong(format!("{option} needs a value")))?;
            let accepted = match option.as_str() {
                "--conns" => value.parse().ok().filter(|&conns| conns > 0).map(|conns| parsed.conns = conns),
                "--seconds" => seconds(&value).map(|seconds| parsed.seconds = seconds),
                _ => value.parse().ok().map(|address| parsed.listen = Some(address)),
            };
            accepted.ok_or_else(|| Refusal::Wrong(format!("{option} cannot be {value:?}")))?;
        }
        Ok(parsed)
    }
}

/// More than nothing and at most a day, fractions allowed.
fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.parse().ok()?;
    (seconds > 0.0 && seconds <= 86_400.0).then(|| Duration::from_secs_f64(seconds))
}
