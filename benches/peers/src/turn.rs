//! One turn of one subject — owns the process — must never leave it running.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use play::hello::Hello;
use play::load::{Echo, Load, Seen, Stretch};
use play::system::{self, Activity, Watched, pin_to};

use crate::plan::{Kind, Play};
use crate::programs::Subject;

/// What a turn gave, by name.
pub type Figures = BTreeMap<String, f64>;

/// Longer than any turn takes that is worth a figure.
const SECONDS: u64 = 30;

const START: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_millis(150);
const ECHO: Duration = Duration::from_millis(450);
const HTTP: Duration = Duration::from_millis(700);

/// Plays once.
pub fn turn(play: &Play, subject: &Subject) -> Result<Figures, String> {
    match play.kind {
        Kind::Program => program(play, subject, &[]),
        Kind::Sized(tasks) => program(play, subject, &["--size".to_string(), tasks.to_string()]),
        Kind::Echo(connections) => echo(play, subject, connections),
        Kind::Http(connections) => http(play, subject, connections),
    }
}

/// `timeout` ends what hangs, so that nothing here has to wait with one eye on a clock.
fn command(play: &Play, subject: &Subject, before: &[&str]) -> Command {
    let (path, workload) = subject.command(play.workload);
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", &SECONDS.to_string()]).args(before).arg(path).arg(workload).stdin(Stdio::null());
    command
}

fn program(play: &Play, subject: &Subject, arguments: &[String]) -> Result<Figures, String> {
    let start = Instant::now();
    let output = command(play, subject, &[]).args(arguments).output().map_err(|error| format!("timeout: {error}"))?;
    if !output.status.success() {
        return Err(reason(&output.status, &output.stderr, start.elapsed()));
    }
    let figures = figures_in(&String::from_utf8_lossy(&output.stdout));
    if figures.is_empty() { Err("says nothing".to_string()) } else { Ok(figures) }
}

fn reason(status: &ExitStatus, stderr: &[u8], after: Duration) -> String {
    let said = String::from_utf8_lossy(stderr);
    let line = said.lines().find(|line| !line.trim().is_empty() && !line.starts_with("thread '")).unwrap_or_default();
    let line: String = line.chars().take(160).collect();
    match status.code() {
        _ if after >= Duration::from_secs(SECONDS) => format!("did not end in {SECONDS} s"),
        Some(_) if !line.is_empty() => line,
        _ => status.to_string(),
    }
}

fn figures_in(text: &str) -> Figures {
    let figure = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        let value: f64 = value.trim().parse().ok()?;
        value.is_finite().then(|| (name.to_string(), value))
    };
    text.lines().filter_map(figure).collect()
}

/// User-mode instructions of one operation: the difference of two lengths.
pub fn instructions(play: &Play, subject: &Subject, lengths: [u64; 2]) -> Result<f64, String> {
    let count = |operations: u64| {
        let valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let mut command = command(play, subject, &valgrind);
        let output = command.args(["--exactly", &operations.to_string()]).output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr);
        let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok());
        collected.filter(|_| output.status.success()).ok_or_else(|| "does not run under valgrind".to_string())
    };
    let [short, long] = [count(lengths[0])?, count(lengths[1])?];
    Ok((long as f64 - short as f64) / (lengths[1] - lengths[0]) as f64)
}

/// A server in a process of its own, killed when this is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(play: &Play, subject: &Subject) -> Result<Self, String> {
        let (path, workload) = subject.command(play.workload);
        let mut command = Command::new(path);
        command.arg(workload).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(|error| format!("does not start: {error}"))?;
        let output = process.stdout.take().expect("the output is piped");
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(output).read_line(&mut line);
            let _ = tell.send(line);
        });
        let line = told.recv_timeout(START).unwrap_or_default();
        let address = line.trim().strip_prefix("listening ").and_then(|address| address.parse().ok());
        // Killed by its drop, whether or not it has said where it listens.
        let server = Self { process, address: address.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))) };
        if address.is_some() { Ok(server) } else { Err("does not say where it listens".to_string()) }
    }

    /// What all its threads have done so far; a thread may end between the list and the look.
    fn activity(&self) -> Result<Activity, String> {
        let threads = Watched::threads_of(self.process.id()).map_err(|_| "the server has gone".to_string())?;
        Ok(threads.iter().filter_map(|thread| thread.activity().ok()).fold(Activity::default(), Activity::and))
    }

    fn resident_bytes(&self) -> Result<f64, String> {
        system::resident_bytes_of(self.process.id()).map(|bytes| bytes as f64).ok_or_else(|| "the server has gone".to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn figures_of(seen: Stretch, before: Activity, after: Activity) -> Result<Figures, String> {
    if seen.errors > 0 {
        return Err(format!("{} answers were wrong or did not come", seen.errors));
    }
    if seen.requests == 0 {
        return Err("no answer came".to_string());
    }
    let cpu = (after.cpu_ns - before.cpu_ns) as f64 / seen.requests as f64;
    let figures =
        [("server_ns", cpu), ("per_second", seen.requests_per_second), ("p50_us", seen.p50_us), ("p99_us", seen.p99_us)];
    Ok(figures.map(|(name, value)| (name.to_string(), value)).into())
}

/// Answered by all, so that no connection waits to be accepted any more.
fn warm_up<T: play::load::Talk>(load: &mut Load<T>) -> std::io::Result<()> {
    let start = Instant::now();
    load.run(WARM_UP)?;
    while !load.all_answered() && start.elapsed() < START {
        load.run(WARM_UP)?;
    }
    Ok(())
}

/// Server on one processor, load on another.
fn echo(play: &Play, subject: &Subject, connections: usize) -> Result<Figures, String> {
    let server = Server::start(play, subject)?;
    let drive = || {
        pin_to(play::OTHER_PROCESSOR);
        let empty = server.resident_bytes()?;
        let text = |error: std::io::Error| format!("the load: {error}");
        let mut load = Load::connect(Echo, server.address, connections).map_err(text)?;
        warm_up(&mut load).map_err(text)?;
        let before = server.activity()?;
        let seen = load.run(ECHO).map_err(text)?;
        let mut figures = figures_of(seen.stretch(), before, server.activity()?)?;
        let each = (server.resident_bytes()? - empty) / connections as f64;
        figures.insert("connection_bytes".to_string(), each);
        Ok(figures)
    };
    thread::scope(|scope| scope.spawn(drive).join().expect("the load does not panic"))
}

/// Server on all processors, and a thread of load on each.
fn http(play: &Play, subject: &Subject, connections: usize) -> Result<Figures, String> {
    let server = Server::start(play, subject)?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let together = Barrier::new(threads + 1);
    let generate = |thread: usize| {
        pin_to(thread);
        let share = connections / threads + usize::from(thread < connections % threads);
        let mut load = Load::connect(Hello::new(), server.address, share);
        if let Ok(load) = &mut load {
            let _ = warm_up(load);
        }
        together.wait();
        let seen = load.and_then(|mut load| {
            let seen = load.run(HTTP)?;
            Ok((load, seen))
        });
        // The others measure until here, so nobody closes before.
        together.wait();
        seen.map(|(_, seen)| seen).map_err(|error| format!("the load: {error}"))
    };
    thread::scope(|scope| {
        let generators: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn({
                    let generate = &generate;
                    move || generate(thread)
                })
            })
            .collect();
        together.wait();
        let before = server.activity();
        together.wait();
        let after = server.activity();
        let mut seen = Seen::default();
        for generator in generators {
            seen = seen.and(generator.join().expect("a generator does not panic")?);
        }
        figures_of(seen.stretch(), before?, after?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_what_was_said_or_how_it_ended() {
        use std::os::unix::process::ExitStatusExt;
        let (failed, killed) = (ExitStatus::from_raw(3 << 8), ExitStatus::from_raw(9));
        let said = b"\nthread 'main' panicked at x.rs:1:1:\nno driver\n";
        assert_eq!(reason(&failed, said, Duration::ZERO), "no driver");
        assert_eq!(reason(&killed, b"", Duration::ZERO), "signal: 9 (SIGKILL)");
        assert_eq!(reason(&killed, b"", Duration::from_secs(SECONDS)), "did not end in 30 s");
    }

    #[test]
    fn figures_are_lines_of_a_name_and_a_number() {
        let figures = figures_in("ns 12.5\nlistening 127.0.0.1:1\nmpolls NaN\nsleeps 2\n");
        assert_eq!(figures, [("ns".to_string(), 12.5), ("sleeps".to_string(), 2.0)].into());
    }
}
