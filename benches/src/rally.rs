//! A token that two threads pass to and fro — owns the token and the clocks beside it — must
//! never know which executor plays.
//!
//! A round trip is two wakes across threads, two polls, and whatever the executors do to sleep and
//! to be woken. The clocks run inside the game, on both sides, after a warm-up: what an executor
//! makes once is not in the figures.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread::{self, Thread};
use std::time::Instant;

use atomic_waker::AtomicWaker;

use crate::rounds;
use crate::system::{Watched, pin_to};

/// Round trips before the clocks start.
const WARM_UP: u32 = 200;

/// What one of two players holds: the means to pass the token and to wait for it.
pub trait Seat: Send + 'static {
    /// Gives the token to the other side.
    fn pass(&mut self) -> impl Future<Output = ()>;
    /// Waits until the token is here.
    fn take(&mut self) -> impl Future<Output = ()>;
}

/// The token as one would write it by hand, the same for everybody: a number that says whose turn
/// it is, and a slot for each side's waker.
///
/// A side takes the token when the number is its own; to pass it, it writes the other's number and
/// wakes the other.
pub struct Turns {
    shared: Arc<Shared>,
    own: usize,
}

#[derive(Default)]
struct Shared {
    /// Whose turn it is.
    turn: AtomicUsize,
    wakers: [AtomicWaker; 2],
}

impl Turns {
    /// Both seats; the first one has the token.
    pub fn seats() -> [Self; 2] {
        let shared = Arc::new(Shared::default());
        [0, 1].map(|own| Self { shared: shared.clone(), own })
    }

    fn has_token(&self) -> bool {
        self.shared.turn.load(Ordering::Acquire) == self.own
    }

    fn write(&self) {
        self.shared.turn.store(1 - self.own, Ordering::Release);
    }
}

impl Seat for Turns {
    async fn pass(&mut self) {
        self.write();
        self.shared.wakers[1 - self.own].wake();
    }

    async fn take(&mut self) {
        poll_fn(|cx| {
            if self.has_token() {
                return Poll::Ready(());
            }
            self.shared.wakers[self.own].register(cx.waker());
            if self.has_token() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await
    }
}

/// One side of a game.
pub struct Side<S> {
    seat: S,
    /// It has the token when the game begins.
    first: bool,
    other: Thread,
    round_trips: u32,
}

/// What an executor counts about itself; the peers count nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Sleeps and looks.
    pub turns: u64,
    /// Notifies that reached this side.
    pub notifications: u64,
}

/// What was spent: in a game by one side, or, where [`game`] returns it, for a round trip by both.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Wall time in nanoseconds; of the side that has the token first.
    pub wall_ns: f64,
    /// CPU time in nanoseconds.
    pub cpu_ns: f64,
    /// How often a thread went to sleep.
    pub sleeps: f64,
    /// Of the executor, if it counts.
    pub turns: f64,
    /// Of the executor, if it counts.
    pub notifications: f64,
}

/// One game between two new threads, each on the processor named. `play` runs [`Side::play`] to its
/// end and returns what that returned.
pub fn game<S: Seat>(seats: [S; 2], play: fn(Side<S>) -> Spent, processors: [usize; 2], round_trips: u32) -> Spent {
    let [one, two] = seats;
    let [first, second] = [(one, processors[0], true), (two, processors[1], false)].map(|(seat, processor, first)| {
        let (introduce, introduced) = mpsc::channel();
        let player = thread::spawn(move || {
            pin_to(processor);
            let other = introduced.recv().expect("both threads are started");
            play(Side { seat, first, other, round_trips })
        });
        (introduce, player)
    });
    for (introduce, other) in [(&first.0, &second.1), (&second.0, &first.1)] {
        introduce.send(other.thread().clone()).expect("a player waits for the other");
    }
    let [first, second] = [first, second].map(|(_, player)| player.join().expect("a side plays to the end"));
    let each = |total: f64| total / f64::from(round_trips);
    Spent {
        wall_ns: each(first.wall_ns),
        cpu_ns: each(first.cpu_ns + second.cpu_ns),
        sleeps: each(first.sleeps + second.sleeps),
        turns: each(first.turns + second.turns),
        notifications: each(first.notifications + second.notifications),
    }
}

impl<S: Seat> Side<S> {
    /// Plays the whole game.
    pub async fn play(mut self, counts: impl Fn() -> Counts) -> Spent {
        self.rounds(WARM_UP).await;
        let clock = Clock::start(counts());
        self.rounds(self.round_trips).await;
        clock.stop(counts())
    }

    async fn rounds(&mut self, round_trips: u32) {
        for _ in 0..round_trips {
            if self.first {
                self.seat.pass().await;
            }
            self.seat.take().await;
            if !self.first {
                self.seat.pass().await;
            }
        }
    }
}

impl Side<Turns> {
    /// The same game without an executor and without wakers: `wait` is called until it is this
    /// side's turn, `wake` after each pass.
    pub fn play_bare(self, wait: impl Fn(), wake: impl Fn(&Thread)) -> Spent {
        let pass = || {
            self.seat.write();
            wake(&self.other);
        };
        let rounds = |round_trips: u32| {
            for _ in 0..round_trips {
                if self.first {
                    pass();
                }
                while !self.seat.has_token() {
                    wait();
                }
                if !self.first {
                    pass();
                }
            }
        };
        rounds(WARM_UP);
        let clock = Clock::start(Counts::default());
        rounds(self.round_trips);
        clock.stop(Counts::default())
    }
}

struct Clock {
    thread: Watched,
    sleeps: u64,
    counts: Counts,
    cpu_ns: u64,
    start: Instant,
}

impl Clock {
    fn start(counts: Counts) -> Self {
        let thread = Watched::this_thread();
        let sleeps = thread.activity().expect("this thread is there").voluntary;
        Self { thread, sleeps, counts, cpu_ns: rounds::cpu_ns(), start: Instant::now() }
    }

    fn stop(self, counts: Counts) -> Spent {
        let wall_ns = self.start.elapsed().as_nanos() as f64;
        let cpu_ns = rounds::cpu_ns() - self.cpu_ns;
        let sleeps = self.thread.activity().expect("this thread is there").voluntary - self.sleeps;
        Spent {
            wall_ns,
            cpu_ns: cpu_ns as f64,
            sleeps: sleeps as f64,
            turns: (counts.turns - self.counts.turns) as f64,
            notifications: (counts.notifications - self.counts.notifications) as f64,
        }
    }
}
