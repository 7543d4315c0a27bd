//! What is played — owns the list of plays and what their figures mean — must never know a result.

/// One thing to play, by every subject that can.
pub struct Play {
    /// As the tables and plots name it.
    pub title: &'static str,
    /// As the programs name it.
    pub workload: &'static str,
    pub kind: Kind,
    /// The first one is what is plotted.
    pub figures: &'static [Figure],
    /// Two lengths for the count of instructions, where the work is the same each time.
    pub lengths: Option<[u64; 2]>,
    /// Only in the full set.
    pub full_only: bool,
    /// For the reader of the report.
    pub what: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// A process that plays and prints.
    Program,
    /// The same, with so many tasks.
    Sized(u64),
    /// A server, and so many connections that echo.
    Echo(usize),
    /// A server, and so many connections that ask for a hello.
    Http(usize),
}

/// A number that a play gives.
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    /// Appended to the play's title.
    pub of: &'static str,
    pub more_is_better: bool,
}

const fn less(name: &'static str, unit: &'static str, of: &'static str) -> Figure {
    Figure { name, unit, of, more_is_better: false }
}

const fn more(name: &'static str, unit: &'static str, of: &'static str) -> Figure {
    Figure { name, unit, of, more_is_better: true }
}

const COST: &[Figure] = &[less(play::COST, "ns", "")];
const BYTES: &[Figure] = &[less("bytes", "B", "")];
const FLOOD: &[Figure] = &[less(play::COST, "ns/poll", ""), more("mpolls", "M polls/s", "throughput")];
const FIRE: &[Figure] = &[less("p50_us", "µs late", "p50"), less("p99_us", "µs late", "p99"), less("cpu_ms", "ms", "CPU")];
const SERVED: &[Figure] = &[
    less("server_ns", "ns/request", "CPU of the server"),
    more("per_second", "requests/s", "throughput"),
    less("p99_us", "µs", "p99"),
];

/// With one connection or some dozens a page more or less would be all that is seen.
const SERVED_MANY: &[Figure] = &[
    less("server_ns", "ns/request", "CPU of the server"),
    more("per_second", "requests/s", "throughput"),
    less("p99_us", "µs", "p99"),
    less("connection_bytes", "B", "memory of a connection"),
];

const fn program(title: &'static str, lengths: Option<[u64; 2]>, figures: &'static [Figure], what: &'static str) -> Play {
    Play { title, workload: title, kind: Kind::Program, figures, lengths, full_only: false, what }
}

const fn sized(title: &'static str, tasks: u64) -> Play {
    let what = "CPU time of a yield among so many tasks.";
    Play { title, workload: "yield_among", kind: Kind::Sized(tasks), figures: COST, lengths: None, full_only: false, what }
}

const fn echo(title: &'static str, connections: usize, figures: &'static [Figure], full_only: bool) -> Play {
    let what = "64-byte messages over TCP, one of a connection under way, server and load on a processor each. Memory is what the server keeps resident for a connection that has echoed.";
    Play { title, workload: "echo", kind: Kind::Echo(connections), figures, lengths: None, full_only, what }
}

const fn http(title: &'static str, connections: usize) -> Play {
    let what = "hyper's HTTP/1.1 hello, keep-alive, on all processors, which the load shares.";
    Play { title, workload: "http", kind: Kind::Http(connections), figures: SERVED, lengths: None, full_only: false, what }
}

/// Everything, in the order of the tables.
pub const PLAYS: &[Play] = &[
    program("spawn_join", Some([20_000, 60_000]), COST, "Spawn of a trivial task in batches of 1000, each handle awaited."),
    program("spawn_detach", Some([20_000, 60_000]), COST, "Spawn of 500 000 trivial tasks at once, none awaited."),
    program("yield_one", Some([20_000, 60_000]), COST, "A lone task wakes itself and returns `Pending`."),
    program("yield_many", Some([20_000, 60_000]), COST, "The same, 1000 tasks in turns."),
    program(
        "pingpong_local",
        Some([5000, 15_000]),
        COST,
        "A token to another task of the thread and back, by the peer's own channel of one slot.",
    ),
    program("pingpong_common", Some([5000, 15_000]), COST, "The same through `async-channel`."),
    program(
        "pingpong_cross",
        None,
        COST,
        "A token to another thread's executor and back, both on one processor; CPU time of both.",
    ),
    program("block_on_ready", Some([1000, 3000]), COST, "`block_on` of a future that is ready at once."),
    program("block_on_wake", None, COST, "The root asks a bare thread on the same processor, which wakes it; CPU time of both."),
    program(
        "wake_flood",
        None,
        FLOOD,
        "A thread on another processor wakes 1000 tasks round robin; CPU time of the executor's thread for one poll.",
    ),
    program(
        "timer_churn",
        Some([5000, 15_000]),
        COST,
        "Create, first poll and drop of a timer, while 10 000 others are alive. The floor is one reading of the clock.",
    ),
    program("timer_fire", None, FIRE, "100 000 sleeps between 10 ms and 1 s: how late they wake, and the CPU time of all."),
    program("task_memory", None, BYTES, "Resident bytes of a parked task with 16 bytes of state, among a million."),
    program(
        "spawn_balanced",
        None,
        COST,
        "A trivial task for whichever core is free, awaited from outside, in batches of 64; CPU time of all threads.",
    ),
    sized("yield, 100 tasks", 100),
    sized("yield, 10 000 tasks", 10_000),
    sized("yield, 1 000 000 tasks", 1_000_000),
    echo("echo, 1 connection", 1, SERVED, false),
    echo("echo, 64 connections", 64, SERVED, false),
    echo("echo, 1000 connections", 1000, SERVED_MANY, false),
    echo("echo, 10 000 connections", 10_000, SERVED_MANY, true),
    http("HTTP, 64 connections", 64),
    http("HTTP, 1000 connections", 1000),
];

/// The floor, ourselves, and the peers, in the order of the tables.
pub const PROGRAMS: &[Program] = &[
    Program {
        name: FLOOR,
        krate: None,
        note: "the same work with no executor: boxes in a queue, calls, bare threads, an epoll loop by hand",
    },
    Program { name: OURSELVES, krate: Some("wakeline"), note: "`LocalExecutor`; `Runtime` where the play is for several cores" },
    Program { name: "tokio", krate: Some("tokio"), note: "`current_thread`; multi-thread where the play is for several cores" },
    Program {
        name: "smol",
        krate: Some("async-executor"),
        note: "`LocalExecutor` with async-io; `Executor` on threads where the play is for several cores",
    },
    Program { name: "futures", krate: Some("futures"), note: "`LocalPool`: no reactor, no timers" },
    Program {
        name: "monoio",
        krate: Some("monoio"),
        note: "the fusion driver: io_uring where the kernel has it; channel of `local-sync`. A task that wakes itself is polled again before any other, so its yields are no turns",
    },
    Program { name: "glommio", krate: Some("glommio"), note: "io_uring" },
    Program { name: "compio", krate: Some("compio"), note: "the default driver; channel of `local-sync`" },
    Program {
        name: "ntex",
        krate: Some("ntex-rt"),
        note: "its own engine, over a driver that parks the thread: no reactor, no timers; channel of `local-sync`",
    },
];

pub const FLOOR: &str = "floor";
pub const OURSELVES: &str = "wakeline";

/// Somebody's program.
pub struct Program {
    pub name: &'static str,
    /// The crate whose version counts.
    pub krate: Option<&'static str>,
    /// How it is used here.
    pub note: &'static str,
}
