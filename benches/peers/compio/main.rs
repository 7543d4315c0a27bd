//! compio: its runtime with the default driver.

#[macro_use]
mod peer;
mod echo;

#[path = "../workloads/pingpong.rs"]
mod pingpong;
#[path = "../workloads/tasks.rs"]
mod tasks;
#[path = "../workloads/timers.rs"]
mod timers;
#[path = "../workloads/wakes.rs"]
mod wakes;

fn main() {
    play::main(&[tasks::ALL, pingpong::ALL, wakes::ALL, timers::ALL, echo::ALL], &[]);
}
