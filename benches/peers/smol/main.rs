//! smol: async-executor's `LocalExecutor` with async-io, and its `Executor` where a workload is for
//! several cores.

#[macro_use]
mod peer;
mod balanced;
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
    play::main(&[tasks::ALL, pingpong::ALL, wakes::ALL, timers::ALL, echo::ALL], balanced::ALL);
}
