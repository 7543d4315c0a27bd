//! Yield of one of many tasks: 1000 tasks that each give way 2000 times, against the same boxed
//! futures in a `VecDeque`.
//!
//! Run it with `cargo bench -p wakeline-benches --bench yield_many`. Figures are CPU time of the
//! thread for one yield. The floor polls the very same futures, boxed, in a plain loop with a waker
//! that does nothing: what is left above it is the price of being able to wake. Goal: at most 2.0
//! times the floor.
//!
//! The floor is a loop so small that it took 3.7 ns in one build and 4.7 in the next, with wakeline
//! at 7.3 in both: the ratio was 2.0 and 1.6. Compare ratios of one build only, and look at both
//! absolute figures.
//!
//! **No locked instruction lies on this path.** Counted instruction by instruction with
//! `valgrind --tool=callgrind --dump-instr=yes TARGET/yield_many-HASH --once` and matched with
//! `objdump -d` (rustc 1.95, x86-64): the 2 000 000 yields execute 77.3 instructions each, nearly
//! all of them in three places: 47.7 in `run_batch` (pop, flags, push), 14 in the poll, 14 in the
//! waker. In the whole process 29 instructions with a `lock` prefix or an `xchg` with memory are
//! executed, all while it starts and ends (`Once`, the first look-up of a spawn site, the drop of
//! an `Arc`). The waker, entire:
//!
//! ```text
//! wake_by_ref:  test   %rdi,%rdi
//!               je     end
//!               mov    %fs:…,%rax               the executor that this thread has entered
//!               cmp    0x10(%rdi),%rax          is it the task's?
//!               jne    wake_remote
//!               movzbl 0x30(%rdi),%eax          flags: plain bytes of the owner
//!               test   $0x5,%al                 QUEUED or DONE: nothing to do
//!               jne    end
//!               mov    %eax,%ecx
//!               or     $0x1,%cl                 QUEUED
//!               mov    %cl,0x30(%rdi)
//!               test   $0x82,%al                RUNNING: the loop pushes it when the poll ends; ROOT: it looks
//!               je     make_ready
//!      end:     ret
//! ```

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wakeline_benches::{rounds, table};

const TASKS: u64 = 1000;
const YIELDS: u32 = 2000;
const ROUNDS: usize = 21;

/// Wakes itself and says that it is not done, so many times: the smallest future that yields.
struct Yields {
    left: u32,
}

impl Future for Yields {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.left == 0 {
            return Poll::Ready(());
        }
        self.left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The same through the public function and an `async` block, as users write it.
async fn yields_now() {
    for _ in 0..YIELDS {
        wakeline::yield_now().await;
    }
}

fn floor<F: Future<Output = ()> + 'static>(make: impl Fn() -> F) {
    let mut queue: VecDeque<Pin<Box<dyn Future<Output = ()>>>> = VecDeque::with_capacity(TASKS as usize);
    queue.extend((0..TASKS).map(|_| Box::pin(make()) as Pin<Box<dyn Future<Output = ()>>>));
    let mut cx = Context::from_waker(Waker::noop());
    while let Some(mut future) = queue.pop_front() {
        if future.as_mut().poll(&mut cx).is_pending() {
            queue.push_back(future);
        }
    }
}

fn on_wakeline<F: Future<Output = ()> + 'static>(make: impl Fn() -> F) {
    wakeline::block_on(async {
        let tasks: Vec<_> = (0..TASKS).map(|_| wakeline::spawn(make())).collect();
        for task in tasks {
            task.await.expect("a task that yields does not fail");
        }
    });
}

fn main() {
    if std::env::args().any(|argument| argument == "--once") {
        return on_wakeline(|| Yields { left: YIELDS });
    }
    let yields = TASKS * u64::from(YIELDS);
    let subjects: Vec<rounds::Subject<'_>> = vec![
        ("floor: VecDeque of boxed futures", Box::new(|| rounds::cpu_ns_per(yields, || floor(|| Yields { left: YIELDS })))),
        ("wakeline", Box::new(|| rounds::cpu_ns_per(yields, || on_wakeline(|| Yields { left: YIELDS })))),
        ("floor of the next: the same async fns, boxed", Box::new(|| rounds::cpu_ns_per(yields, || floor(yields_now)))),
        ("wakeline, yield_now in an async fn", Box::new(|| rounds::cpu_ns_per(yields, || on_wakeline(yields_now)))),
    ];
    let figures = rounds::interleave(ROUNDS, subjects);
    rounds::report("ns/yield", &figures);
    table::at_most("one of many tasks yields, times the same futures in a VecDeque", figures[1].ratio_to(&figures[0]), 2.0);
    table::at_most(
        "one of many tasks calls yield_now, times the same futures in a VecDeque",
        figures[3].ratio_to(&figures[2]),
        2.0,
    );
}
