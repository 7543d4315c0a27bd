//! One message in flight between two tasks of one thread: a token goes there and back through two
//! channels of capacity one.
//!
//! Run it with `cargo bench -p wakeline-benches --bench local_channel`. Figures are CPU time of the
//! thread for one round trip: two sends, two receives, and two changes of task, since the
//! receiver has to wait. The floor is the same through two `VecDeque`s and a function call that is
//! not inlined. Goal: at most 40 ns a round trip for `local::bounded(1)`, where the floor takes 5.
//!
//! On the machine where it was written the floor takes 3.9 ns, `local::bounded(1)` 40 (39 to 42
//! from run to run), the channel of threads 52 for the same. Counted with
//! `valgrind --tool=callgrind TARGET/local_channel-HASH --once` (rustc 1.95, x86-64), a round trip
//! is 704 instructions: 218 in four polls of a receive, 116 in two polls of a send, 159 in the two
//! tasks, 107 in `run_batch`, 90 in two wakes. The same two tasks with a `Cell` for a channel,
//! which only ever wakes the one waker it knows, take 25 ns: that much is the change of task, so
//! that the two channels cost 15 ns, 2.5 for each time that one is asked. Thirty instructions less,
//! by paths that call no function, made no difference that could be told from the noise.

use std::collections::VecDeque;
use std::hint::black_box;

use wakeline_benches::{rounds, table};

const TRIPS: u64 = 200_000;
const ROUNDS: usize = 21;

fn floor() -> u64 {
    let (mut there, mut back) = (VecDeque::with_capacity(1), VecDeque::with_capacity(1));
    let mut token = 0;
    for _ in 0..TRIPS {
        there.push_back(token);
        answer(&mut there, &mut back);
        token = back.pop_front().expect("the answer was pushed");
    }
    token
}

#[inline(never)]
fn answer(there: &mut VecDeque<u64>, back: &mut VecDeque<u64>) {
    let token = there.pop_front().expect("the question was pushed");
    back.push_back(black_box(token) + 1);
}

/// The two kinds of channel have the same names.
macro_rules! trips {
    ($name:ident, $channel:path) => {
        fn $name() -> u64 {
            use $channel as channel;
            wakeline::block_on(async {
                let (question, questions) = channel::bounded(1);
                let (answer, answers) = channel::bounded(1);
                let echo = wakeline::spawn(async move {
                    while let Ok(token) = questions.recv().await {
                        answer.send(token + 1).await.expect("the answer is awaited");
                    }
                });
                let trips = wakeline::spawn(async move {
                    let mut token = 0;
                    for _ in 0..TRIPS {
                        question.send(token).await.expect("the question is awaited");
                        token = answers.recv().await.expect("there is an answer");
                    }
                    token
                });
                let token = trips.await.expect("it does not fail");
                echo.await.expect("it does not fail");
                token
            })
        }
    };
}

trips!(on_one_thread, wakeline::local);
trips!(between_threads, wakeline::channel);

/// What a change of task costs without a channel: two tasks that give way to each other.
fn yields() {
    wakeline::block_on(async {
        let task = || async {
            for _ in 0..TRIPS {
                wakeline::yield_now().await;
            }
        };
        let (one, other) = (wakeline::spawn(task()), wakeline::spawn(task()));
        one.await.expect("it does not fail");
        other.await.expect("it does not fail");
    });
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("--once") => return assert_eq!(on_one_thread(), TRIPS),
        Some("--once-between-threads") => return assert_eq!(between_threads(), TRIPS),
        _ => {}
    }
    let subjects: Vec<rounds::Subject<'_>> = vec![
        ("floor: a call through two VecDeques", Box::new(|| rounds::cpu_ns_per(TRIPS, floor))),
        ("two changes of task, no channel", Box::new(|| rounds::cpu_ns_per(TRIPS, yields))),
        ("local::bounded(1)", Box::new(|| rounds::cpu_ns_per(TRIPS, on_one_thread))),
        ("channel::bounded(1), both tasks on one thread", Box::new(|| rounds::cpu_ns_per(TRIPS, between_threads))),
    ];
    let figures = rounds::interleave(ROUNDS, subjects);
    rounds::report("ns/round trip", &figures);
    table::at_most("a round trip through two local::bounded(1), in ns", figures[2].median(), 40.0);
}
