//! futures: `LocalPool`, which has no reactor.

#[macro_use]
mod peer;

#[path = "../workloads/pingpong.rs"]
mod pingpong;
#[path = "../workloads/tasks.rs"]
mod tasks;

#[path = "../workloads/wakes.rs"]
mod wakes;

fn main() {
    play::main(&[tasks::ALL, pingpong::ALL, wakes::ALL], &[]);
}
