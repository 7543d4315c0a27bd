//! Instructions of the core paths, counted by valgrind and compared with those of
//! `benches/baseline.json`.
//!
//! Run it with `cargo bench -p wakeline-benches --bench instructions`, where valgrind is installed:
//! it fails if a path takes over 5 % more than the file says. After a change that is meant,
//! `-- --write` writes the file anew, and the commit says why. `-- --once NAME OPERATIONS` plays
//! one workload and no more, for whatever else valgrind can tell of it.
//!
//! Each workload is played twice, in two lengths, each in a process of its own (this program starts
//! itself again under callgrind); the difference by the difference of the lengths is the figure. So
//! start and end of the process and of the executor are not in it, and neither is the noise of a
//! shared machine: valgrind counts, it does not measure time.
//!
//! **What is compared with what.** A count depends on the compiler, and where memory is allocated
//! on the C library. So the file names compiler, target and flags, and holds the counts of two
//! floors, which run nothing of wakeline: boxes in a queue (the allocator), and the clock in a
//! tree. Only where all of that is the same are the counts of the paths judged; elsewhere they are
//! printed and nothing fails, as it would only say that the machine is another one.
//!
//! Rejected: ratios to the floors, to have a verdict with any compiler. The next compiler need not
//! change both sides of a ratio alike; it would be a verdict on that.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::process::{Command, ExitCode};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use wakeline_benches::baseline::Baseline;
use wakeline_benches::table;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.json");

/// A path may take so many times what the file says.
const LIMIT: f64 = 1.05;

/// A floor that is off by more was counted on another kind of machine.
const SAME: f64 = 0.01;

/// Two lengths: large enough that the rest of the second hides what differs by chance, a rehash or
/// a page, and small enough that all workloads take valgrind some seconds.
const LENGTHS: [u64; 2] = [50_000, 150_000];

/// Tasks of a batch, and tasks that yield in turns. Divides both lengths.
const TASKS: u64 = 1000;

/// Timers that are alive beside the one that comes and goes.
const OTHERS: u64 = 10_000;

type Workload = fn(u64);

/// What runs nothing of wakeline.
const FLOORS: [(&str, Workload); 2] = [("floor_boxes", floor_boxes), ("floor_clock", floor_clock)];

const PATHS: [(&str, Workload); 7] = [
    ("spawn_join", spawn_join),
    ("spawn_detach", spawn_detach),
    ("yield_one", yield_one),
    ("yield_many", yield_many),
    ("timer_churn", timer_churn),
    ("pingpong_local", pingpong_local),
    ("block_on_ready", block_on_ready),
];

fn floor_boxes(operations: u64) {
    let mut queue: VecDeque<Pin<Box<dyn Future<Output = u64>>>> = VecDeque::new();
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..operations / TASKS {
        queue.extend((0..TASKS).map(|number| Box::pin(async move { number }) as Pin<Box<dyn Future<Output = u64>>>));
        while let Some(mut future) = queue.pop_front() {
            assert!(black_box(future.as_mut().poll(&mut cx)).is_ready());
        }
    }
}

fn floor_clock(operations: u64) {
    let start = Instant::now();
    let mut tree: BTreeMap<u64, Instant> = (0..OTHERS).map(|number| (3 * number, start)).collect();
    for number in 0..operations {
        // Between the others, each time elsewhere.
        let key = 3 * (number * 7919 % OTHERS) + 1;
        tree.insert(key, Instant::now());
        black_box(tree.remove(&key));
    }
}

fn spawn_join(operations: u64) {
    wakeline::block_on(async {
        for _ in 0..operations / TASKS {
            let tasks: Vec<_> = (0..TASKS).map(|number| wakeline::spawn(async move { number })).collect();
            for task in tasks {
                black_box(task.await.expect("a task that is ready does not fail"));
            }
        }
    });
}

fn spawn_detach(operations: u64) {
    wakeline::block_on(async {
        for number in 0..operations {
            wakeline::spawn(async move { black_box(number) }).detach();
        }
        wakeline::yield_now().await;
    });
}

/// Wakes itself and says that it is not done, once: the smallest future that yields.
struct Yield {
    done: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.done {
            return Poll::Ready(());
        }
        self.done = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

async fn yields(count: u64) {
    for _ in 0..count {
        Yield { done: false }.await;
    }
}

fn yield_one(operations: u64) {
    wakeline::block_on(async { wakeline::spawn(yields(operations)).await.expect("a task that yields does not fail") });
}

fn yield_many(operations: u64) {
    wakeline::block_on(async {
        let tasks: Vec<_> = (0..TASKS).map(|_| wakeline::spawn(yields(operations / TASKS))).collect();
        for task in tasks {
            task.await.expect("a task that yields does not fail");
        }
    });
}

fn timer_churn(operations: u64) {
    wakeline::block_on(async {
        let due = |number| Duration::from_secs(3600) + Duration::from_micros(977 * number);
        let others: Vec<_> = (0..OTHERS).map(|number| wakeline::spawn(wakeline::time::sleep(due(number)))).collect();
        wakeline::yield_now().await;
        poll_fn(|cx| {
            for _ in 0..operations {
                let sleep = pin!(wakeline::time::sleep(black_box(Duration::from_secs(30))));
                assert!(sleep.poll(cx).is_pending());
            }
            Poll::Ready(())
        })
        .await;
        drop(others);
    });
}

fn pingpong_local(operations: u64) {
    wakeline::block_on(async {
        let (question, questions) = wakeline::local::bounded(1);
        let (answer, answers) = wakeline::local::bounded(1);
        let echo = wakeline::spawn(async move {
            while let Ok(token) = questions.recv().await {
                answer.send(token + 1).await.expect("the answer is awaited");
            }
        });
        let trips = wakeline::spawn(async move {
            let mut token = 0;
            for _ in 0..operations {
                question.send(token).await.expect("the question is awaited");
                token = answers.recv().await.expect("there is an answer");
            }
            token
        });
        assert_eq!(trips.await.expect("it does not fail"), operations);
        echo.await.expect("it does not fail");
    });
}

fn block_on_ready(operations: u64) {
    for number in 0..operations {
        black_box(wakeline::block_on(async move { number }));
    }
}

/// Plays a workload in this process.
fn once(name: &str, operations: u64) {
    let found = FLOORS.iter().chain(&PATHS).find(|(workload, _)| *workload == name);
    let (_, play) = found.unwrap_or_else(|| panic!("{name} is no workload"));
    play(operations);
}

/// Instructions of the whole process that plays the workload once.
fn instructions_of(name: &str, operations: u64) -> Result<u64, String> {
    let this = std::env::current_exe().map_err(|error| format!("the path of this program: {error}"))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(this);
    let output = valgrind.args(["--once", name, &operations.to_string()]).output();
    let output = output.map_err(|error| format!("valgrind, which does the counting: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.filter(|_| output.status.success()).ok_or_else(|| format!("valgrind counts nothing for {name}:\n{said}"))
}

/// Instructions for one operation, to a tenth: what lies below is chance.
fn count(name: &str) -> Result<f64, String> {
    let [short, long] = [instructions_of(name, LENGTHS[0])?, instructions_of(name, LENGTHS[1])?];
    let each = (long as f64 - short as f64) / (LENGTHS[1] - LENGTHS[0]) as f64;
    Ok((each * 10.0).round() / 10.0)
}

/// Everything that this program can say of this machine.
fn measure() -> Result<Baseline, String> {
    let mut measured = Baseline {
        rustc: env!("BUILT_BY").to_string(),
        target: env!("BUILT_FOR").to_string(),
        flags: env!("BUILT_WITH").to_string(),
        instructions: Vec::new(),
    };
    for (name, _) in FLOORS.iter().chain(&PATHS) {
        measured.instructions.push((name.to_string(), count(name)?));
    }
    Ok(measured)
}

/// Why the counts of one cannot be judged by those of the other, or nothing if they can.
fn differs(before: &Baseline, now: &Baseline) -> Option<String> {
    let built =
        [("rustc", &before.rustc, &now.rustc), ("target", &before.target, &now.target), ("flags", &before.flags, &now.flags)];
    let mut why = String::new();
    for (what, before, now) in built.iter().filter(|(_, before, now)| before != now) {
        let _ = writeln!(why, "  {what}: `{now}` here, `{before}` in the file");
    }
    for (floor, _) in FLOORS {
        let counts = (before.count(floor), now.count(floor));
        let (Some(before), Some(now)) = counts else {
            let _ = writeln!(why, "  {floor} is not in the file");
            continue;
        };
        if (now / before - 1.0).abs() > SAME {
            let _ = writeln!(why, "  {floor}, which runs nothing of wakeline: {now} here, {before} in the file");
        }
    }
    (!why.is_empty()).then_some(why)
}

fn compare(before: &Baseline, now: &Baseline) -> ExitCode {
    let ratio = |name: &str| now.count(name).zip(before.count(name)).map(|(now, before)| now / before);
    let row = |(name, now): &(String, f64)| {
        let before = before.count(name).map_or("-".to_string(), |count| format!("{count:.1}"));
        let change = ratio(name).map_or("-".to_string(), |ratio| format!("{:+.1} %", (ratio - 1.0) * 100.0));
        vec![name.clone(), before, format!("{now:.1}"), change]
    };
    table::print(&["instructions an operation", "file", "here", "change"], &now.instructions.iter().map(row).collect::<Vec<_>>());
    if let Some(why) = differs(before, now) {
        print!("nothing is judged, as the file tells of another build or machine:\n{why}");
        println!("to judge a change here, run this with `-- --write` on what was before it");
        return ExitCode::SUCCESS;
    }
    let mut verdict = ExitCode::SUCCESS;
    for (name, _) in PATHS {
        match ratio(name) {
            None => println!("FAILED: {name} is not in the file; `-- --write` writes it"),
            Some(ratio) if ratio > LIMIT => println!("FAILED: {name} takes {:.1} % more, 5 are allowed", (ratio - 1.0) * 100.0),
            Some(ratio) => {
                if ratio < 2.0 - LIMIT {
                    println!("{name} takes {:.1} % less; `-- --write` keeps that", (1.0 - ratio) * 100.0);
                }
                continue;
            }
        }
        verdict = ExitCode::FAILURE;
    }
    verdict
}

fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| *argument != "--bench").collect();
    match arguments[..] {
        ["--once", name, operations] => once(name, operations.parse().map_err(|_| "a number of operations")?),
        ["--write"] => {
            let measured = measure()?;
            std::fs::write(FILE, measured.to_string()).map_err(|error| format!("{FILE}: {error}"))?;
            print!("{measured}");
        }
        [] => {
            let text = std::fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
            let before = text.parse().map_err(|error| format!("{FILE}: {error}"))?;
            return Ok(compare(&before, &measure()?));
        }
        _ => return Err("the arguments are: none, --write, or --once NAME OPERATIONS".to_string()),
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    run(&arguments).unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}
