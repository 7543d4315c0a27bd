//! Threads that wake each other, without futures.

use play::rally::{self, Side, Turns};
use play::{Arguments, COST, PROCESSOR, Workload, figure};

pub const ALL: &[Workload] = &[("pingpong_cross", pingpong_cross), ("block_on_wake", pingpong_cross)];

/// Two threads on one processor that park and unpark each other. What a root costs that one thread
/// wakes is the same: a park and an unpark on either side.
fn pingpong_cross(_: &Arguments) {
    let play = |side: Side<Turns>| side.play_bare(std::thread::park, std::thread::Thread::unpark);
    let spent = rally::game(Turns::seats(), play, [PROCESSOR; 2], 20_000);
    figure(COST, spent.cpu_ns);
    figure("sleeps", spent.sleeps);
}
