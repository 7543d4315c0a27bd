//! What was found, as a table.

use std::time::Duration;

use crate::limits;
use crate::server::Count;

/// Latencies in steps of a thirty-second of a power of two: quantiles are right to 3 %, in a few
/// kilobytes.
#[derive(Default)]
pub struct Histogram {
    buckets: Vec<u64>,
    total: u64,
}

/// Steps within one power of two, as a shift.
const STEPS: u32 = 5;

impl Histogram {
    pub fn record(&mut self, latency: Duration) {
        let bucket = bucket_of(latency.as_nanos() as u64);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.total += 1;
    }

    /// The latency that this part of all requests did not exceed.
    pub fn quantile(&self, part: f64) -> Duration {
        let mut left = (self.total as f64 * part).ceil() as u64;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            if count >= left {
                return Duration::from_nanos(end_of(bucket));
            }
            left -= count;
        }
        Duration::ZERO
    }
}

fn bucket_of(nanoseconds: u64) -> usize {
    let value = nanoseconds.max(1 << STEPS);
    let power = value.ilog2() - STEPS;
    ((power << STEPS) as u64 + (value >> power)) as usize - (1 << STEPS)
}

/// The smallest value that lies above the bucket.
fn end_of(bucket: usize) -> u64 {
    let (power, step) = (bucket >> STEPS, bucket & ((1 << STEPS) - 1));
    (((1 << STEPS) + step as u64) + 1) << power
}

pub struct Findings {
    /// Connections asked for, made, and alive at the end.
    pub asked: usize,
    pub conns: usize,
    pub alive: usize,
    /// Answers that came back during `elapsed`, and how long each took.
    pub answers: u64,
    pub elapsed: Duration,
    pub latencies: Histogram,
    /// Bytes that were not what had been sent.
    pub wrong_bytes: u64,
    /// The server's count before the first connection, when all were made and idle, and at the end.
    pub empty: Count,
    pub full: Count,
    pub end: Count,
}

pub fn print(found: &Findings) {
    let latency = |part| format!("{:.2} ms", found.latencies.quantile(part).as_secs_f64() * 1e3);
    let conns = found.conns as i64;
    let spawned = (found.full.accepted - found.empty.accepted).max(1) as i64;
    let served = (found.end.requests - found.full.requests).max(1);
    let calls = (found.end.calls - found.full.calls) as f64 / served as f64;
    let stack = limits::stack_bytes();
    let reserved = found.conns as u64 * stack;
    let rows = [
        ("connections alive", format!("{} of {}", found.alive, found.conns), ""),
        ("requests/s", format!("{:.0}", found.answers as f64 / found.elapsed.as_secs_f64()), "64 bytes each, there and back"),
        ("latency p50", latency(0.5), "every connection always has one under way"),
        ("latency p99", latency(0.99), ""),
        ("latency p99.9", latency(0.999), ""),
        (
            "memory per task",
            format!("{} B", (found.full.spawn_bytes - found.empty.spawn_bytes) / spawned),
            "what spawn asked for, the future included; the thread has the buffer",
        ),
        (
            "memory per connection",
            format!("{} B", (found.full.live_bytes - found.empty.live_bytes) / conns),
            "all the server's thread holds: task, socket, source; not the kernel's",
        ),
        ("system calls per request", format!("{calls:.3}"), "the server's waits, reads and writes"),
        ("wrong bytes", found.wrong_bytes.to_string(), "each answer compared with what was sent"),
    ];
    println!("\none thread, {:.1} s", found.elapsed.as_secs_f64());
    for (name, value, note) in rows {
        println!("{}", format!("  {name:<26}{value:>14}   {note}").trim_end());
    }
    println!(
        "  {:<26}{:>14}   {} stacks of {}; here they are {} for everything above",
        "as threads",
        bytes(reserved),
        found.conns,
        bytes(stack),
        bytes((found.full.live_bytes - found.empty.live_bytes).max(0) as u64)
    );
    if found.conns < found.asked {
        println!("  {} connections were asked for; the descriptor limit allowed {}.", found.asked, found.conns);
    }
}

fn bytes(count: u64) -> String {
    match count.max(1).ilog2() {
        0..10 => format!("{count} B"),
        10..20 => format!("{:.1} KiB", count as f64 / 1024.0),
        20..30 => format!("{:.1} MiB", count as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", count as f64 / 1_073_741_824.0),
    }
}
