//! wakeline: `LocalExecutor`, and `Runtime` where a workload is for several cores.

#[macro_use]
mod peer;
mod balanced;
mod echo;
mod http;
#[path = "../workloads/pingpong.rs"]
mod pingpong;
#[path = "../workloads/tasks.rs"]
mod tasks;
#[path = "../workloads/timers.rs"]
mod timers;
#[path = "../workloads/wakes.rs"]
mod wakes;

use std::time::Duration;

use play::Workload;

/// A quarter of a millisecond: where tokio and most others round to a whole one.
const SLACK: &[Workload] = &[("timer_fire+slack 250 µs", |_| {
    timers::fire_on(&peer::Executor::with_slack(Duration::from_micros(250)));
})];

fn main() {
    play::main(&[tasks::ALL, pingpong::ALL, wakes::ALL, timers::ALL, SLACK, echo::ALL], &[balanced::ALL, http::ALL].concat());
}
