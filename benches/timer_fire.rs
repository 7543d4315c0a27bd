//! 100 000 sleeps of 10 ms to 1 s that end at 100 000 different times: how late each of them is,
//! and what all of them cost, against tokio and smol.
//!
//! Run it with `cargo bench -p wakeline-benches --bench timer_fire`; `-- --rounds N` changes the
//! play. Each sleep is a task of its own and compares its deadline with the clock when it goes on.
//! Lateness and CPU time are a front: who wakes for each deadline is early and pays for each wake,
//! who waits for a few deadlines together is late and pays less. `timer_slack` chooses the point.
//! Goals: without slack a median lateness of 60 µs, a 99th percentile of 300 µs and 300 ms of CPU
//! time; with 250 µs of slack no more CPU time than tokio, whose timers go by milliseconds.
//!
//! CPU time is that of the whole process: smol's timers have a thread of their own when nobody else
//! looks after them.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use wakeline::LocalExecutor;
use wakeline_benches::{rounds, table};

const TIMERS: u64 = 100_000;
const FIRST: Duration = Duration::from_millis(10);
const SPREAD_NS: u64 = 990_000_000;
const SLACK: Duration = Duration::from_micros(250);

/// What a round has to say.
#[derive(Clone, Copy)]
struct Fired {
    cpu_ms: f64,
    median_us: f64,
    last_percent_us: f64,
}

thread_local! {
    /// Nanoseconds by which the sleeps were late, as they ended.
    static LATE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// The duration of one sleep: scattered over the spread, the same in each round.
fn duration(number: u64) -> Duration {
    FIRST + Duration::from_nanos(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % SPREAD_NS)
}

/// Waits once, and notes how late it was.
async fn wait_once<S: Future>(number: u64, sleep: impl FnOnce(Duration) -> S) {
    let duration = duration(number);
    let deadline = Instant::now() + duration;
    sleep(duration).await;
    let now = Instant::now();
    assert!(now >= deadline, "a timer fired early");
    LATE.with_borrow_mut(|late| late.push((now - deadline).as_nanos() as u64));
}

/// Plays one round: `run` spawns all tasks and waits for them.
fn play(run: impl FnOnce()) -> Fired {
    LATE.set(Vec::with_capacity(TIMERS as usize));
    let start = rounds::process_cpu_ns();
    run();
    let cpu_ms = (rounds::process_cpu_ns() - start) as f64 / 1e6;
    let mut late = LATE.take();
    assert_eq!(late.len() as u64, TIMERS);
    late.sort_unstable();
    let at = |percent: usize| late[late.len() * percent / 100] as f64 / 1e3;
    Fired { cpu_ms, median_us: at(50), last_percent_us: at(99) }
}

fn on_wakeline(executor: &LocalExecutor) -> Fired {
    play(|| {
        executor.block_on(async {
            let spawn = |number| wakeline::spawn(wait_once(number, wakeline::time::sleep));
            let tasks: Vec<_> = (0..TIMERS).map(spawn).collect();
            for task in tasks {
                task.await.expect("a sleep does not fail");
            }
        });
    })
}

fn on_tokio(runtime: &tokio::runtime::Runtime) -> Fired {
    play(|| {
        runtime.block_on(async {
            let spawn = |number| tokio::spawn(wait_once(number, tokio::time::sleep));
            let tasks: Vec<_> = (0..TIMERS).map(spawn).collect();
            for task in tasks {
                task.await.expect("a sleep does not fail");
            }
        });
    })
}

fn on_smol() -> Fired {
    play(|| {
        let executor = async_executor::LocalExecutor::new();
        async_io::block_on(executor.run(async {
            let spawn = |number| executor.spawn(wait_once(number, async_io::Timer::after));
            let tasks: Vec<_> = (0..TIMERS).map(spawn).collect();
            for task in tasks {
                task.await;
            }
        }));
    })
}

fn main() {
    let rounds = std::env::args().skip_while(|argument| argument != "--rounds").nth(1);
    let rounds = rounds.map_or(5, |rounds| rounds.parse().expect("a number"));
    let exact = LocalExecutor::new();
    let lazy = LocalExecutor::builder().timer_slack(SLACK).build();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio has its descriptors");
    let fired: RefCell<Vec<Vec<Fired>>> = RefCell::new(vec![Vec::new(); 4]);
    let note = |which: usize, one: Fired| {
        fired.borrow_mut()[which].push(one);
        one.cpu_ms
    };
    let subjects: Vec<rounds::Subject<'_>> = vec![
        ("wakeline", Box::new(|| note(0, on_wakeline(&exact)))),
        ("wakeline, 250 µs of slack", Box::new(|| note(1, on_wakeline(&lazy)))),
        ("tokio", Box::new(|| note(2, on_tokio(&tokio)))),
        ("smol", Box::new(|| note(3, on_smol()))),
    ];
    let figures = rounds::interleave(rounds, subjects);
    rounds::report("CPU ms", &figures);
    let fired = fired.take();
    // The first round of each has warmed up.
    let middle = |which: usize, of: fn(&Fired) -> f64| rounds::median(fired[which][1..].iter().map(of).collect());
    let row = |(which, one): (usize, &rounds::Figures)| {
        let cell = |of| format!("{:.0}", middle(which, of));
        vec![one.name.to_string(), cell(|fired| fired.median_us), cell(|fired| fired.last_percent_us)]
    };
    table::print(&["µs late", "median", "99 %"], &figures.iter().enumerate().map(row).collect::<Vec<_>>());
    table::at_most("without slack, median lateness, µs", middle(0, |fired| fired.median_us), 60.0);
    table::at_most("without slack, 99 % lateness, µs", middle(0, |fired| fired.last_percent_us), 300.0);
    table::at_most("without slack, CPU time, ms", figures[0].median(), 300.0);
    table::at_most("250 µs of slack, CPU time, x tokio", figures[1].ratio_to(&figures[2]), 1.0);
}
