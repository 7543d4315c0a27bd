//! Resident memory of one million parked tasks that have 16 bytes of state each, and allocations
//! per task.
//!
//! Run it with `cargo bench -p wakeline-benches --bench task_memory`. Each subject has a process of
//! its own (this program starts itself again), because memory that one subject has given back would
//! be given to the next. Each task is polled once and then parked for ever. Resident memory is read
//! from `/proc/self/statm` and holds everything: the cell, the registry of live tasks, the
//! allocator's own words; allocations and bytes asked for come from a counting allocator. Goals: 96
//! bytes, 1 allocation.

use std::hint::black_box;
use std::pin::Pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};

use wakeline_benches::counting::{Count, Counting};
use wakeline_benches::{system, table};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TASKS: usize = 1_000_000;

/// Two words of state, never ready.
struct Parked {
    polls: u64,
    _number: u64,
}

impl Parked {
    fn new(number: usize) -> Self {
        Self { polls: 0, _number: number as u64 }
    }
}

impl Future for Parked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        self.polls += 1;
        Poll::Pending
    }
}

/// One waker, as a task that waits for another one keeps it: 16 bytes as well.
struct ParkedWithWaker(Option<Waker>);

impl Future for ParkedWithWaker {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0 = Some(cx.waker().clone());
        Poll::Pending
    }
}

const SUBJECTS: [(&str, fn()); 4] = [
    ("floor: boxes in a Vec", floor),
    ("wakeline, detached", detached),
    ("wakeline, handle kept (8 bytes of it included)", kept),
    ("wakeline, each keeps its waker", with_waker),
];

fn floor() {
    let before = Before::now();
    let mut boxes: Vec<Pin<Box<Parked>>> = Vec::with_capacity(TASKS);
    let reserved = Count::now();
    let mut cx = Context::from_waker(Waker::noop());
    for number in 0..TASKS {
        let mut future = Box::pin(Parked::new(number));
        assert!(future.as_mut().poll(&mut cx).is_pending());
        boxes.push(future);
    }
    before.print(reserved);
    black_box(boxes);
}

fn detached() {
    on_wakeline(|number| wakeline::spawn(Parked::new(number)).detach());
}

fn kept() {
    let mut handles = Vec::with_capacity(TASKS);
    on_wakeline(|number| handles.push(wakeline::spawn(Parked::new(number))));
}

fn with_waker() {
    on_wakeline(|_| wakeline::spawn(ParkedWithWaker(None)).detach());
}

fn on_wakeline(mut spawn: impl FnMut(usize)) {
    wakeline::block_on(async {
        // The first task makes what the executor makes once.
        wakeline::spawn(std::future::ready(())).await.expect("a ready task does not fail");
        let before = Before::now();
        let count = Count::now();
        for number in 0..TASKS {
            spawn(number);
            // Every task gets its first poll before the next thousand is made, as in a program that
            // accepts connections.
            if number % 1000 == 999 {
                wakeline::yield_now().await;
            }
        }
        wakeline::yield_now().await;
        before.print(count);
        std::process::exit(0);
    });
}

struct Before {
    resident: u64,
}

impl Before {
    fn now() -> Self {
        Self { resident: system::resident_bytes() }
    }

    fn print(self, count: Count) {
        let resident = system::resident_bytes() - self.resident;
        let count = Count::now().since(count);
        let per_task = |value: f64| value / TASKS as f64;
        println!("{} {} {}", per_task(resident as f64), per_task(count.live as f64), per_task(count.calls as f64));
    }
}

fn main() {
    let subject = std::env::args().skip_while(|argument| argument != "--subject").nth(1);
    if let Some(name) = subject {
        let found = SUBJECTS.iter().find(|(subject, _)| *subject == name);
        return found.expect("the name of a subject").1();
    }
    let this = std::env::current_exe().expect("the path of this program");
    let mut rows = Vec::new();
    let mut figures = Vec::new();
    for (name, _) in SUBJECTS {
        let output = Command::new(&this).args(["--subject", name]).output().expect("this program starts itself");
        let text = String::from_utf8(output.stdout).expect("three numbers");
        let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        assert_eq!(numbers.len(), 3, "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
        rows.push(vec![name.into(), format!("{:.1}", numbers[0]), format!("{:.1}", numbers[1]), format!("{:.4}", numbers[2])]);
        figures.push(numbers);
    }
    table::print(&["1 000 000 parked tasks", "RSS B/task", "asked for B/task", "allocations/task"], &rows);
    table::at_most("resident bytes of a parked task", figures[1][0], 96.0);
    table::at_most("allocations of a task", figures[1][2], 1.001);
}
