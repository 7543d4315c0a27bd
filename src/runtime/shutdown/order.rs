//! The steps in which a runtime ends, in their order.
//!
//! 1. No new work: spawns from outside are refused, closures that no core has taken are dropped.
//! 2. The request: `Core::stopping` resolves, core by core in their order.
//! 3. Grace: each core runs on until it has no task left, or the deadline.
//! 4. What is left is dropped, newest first, on its own core, whose sockets and timers still work.
//!    The cores do so at the same time, since the drop of a task may wait for that of a task on
//!    another core.
//! 5. The threads are joined, in their order.
//! 6. The blocking pool takes jobs until the last core has ended, since tasks may need it to end in
//!    order, and then those that its own jobs submit, until its queue is worked off. At the
//!    deadline it takes no more and drops what no thread has begun; the report names that, together
//!    with what still runs, whose threads end when it does.
//!
//! A core that is in a task's poll, or a drop, and does not come back cannot be interrupted. It
//! gets [`ALLOWANCE`] beyond the deadline and is then abandoned: the report names the task that it
//! is stuck in, its thread is left alone, and ends by itself should that task ever return. Its
//! memory is kept by the thread, so nothing dangles.
//!
//! A deadline of [`Duration::MAX`] asks for a wait without end.

use std::time::{Duration, Instant};

use super::phase::Phase;
use super::report::{Abandoned, ShutdownReport, StuckCore};
use crate::runtime::shared::{Shared, Worker, quietly};
use crate::sync::thread::JoinHandle;

/// How long a core may take beyond the deadline to drop what is left: some millions of tasks, or a
/// machine that is very busy.
const ALLOWANCE: Duration = Duration::from_secs(1);

/// Asks for the end and waits for nobody.
pub(in crate::runtime) fn request(shared: &Shared, deadline: Duration) -> Option<Instant> {
    // A deadline beyond what an Instant can say is none.
    let until = crate::clock::instant_now().checked_add(deadline);
    // Before the cores hear of it, so that the last of them finds it ending.
    shared.pool.end(until);
    shared.stop(Phase::Ending(until));
    shared.leave_pool();
    until
}

/// All of it.
pub(in crate::runtime) fn shut_down(shared: &Shared, threads: Vec<JoinHandle<()>>, deadline: Duration) -> ShutdownReport {
    let until = request(shared, deadline);
    let give_up = until.and_then(|until| until.checked_add(ALLOWANCE));
    let mut report = ShutdownReport::new(shared.workers.len(), shared.take_unstarted());
    let in_time: Vec<_> = shared.workers.iter().map(|worker| worker.done.take(until).is_some()).collect();
    // At the deadline, for the cores may take longer.
    shared.pool.settle();
    for ((core, worker), (thread, in_time)) in shared.workers.iter().enumerate().zip(threads.into_iter().zip(in_time)) {
        if in_time || worker.done.take(give_up).is_some() {
            // The panics of its tasks stayed on the core, and there is nobody for one of its
            // thread-locals.
            let _ = thread.join();
            report_end(&mut report, worker);
        } else {
            report_stuck(&mut report, core, worker);
        }
    }
    // A core that is stuck has not left it.
    shared.pool.leave();
    let left = shared.pool.join(until);
    report.not_begun = left.not_begun;
    report.abandoned.extend(left.running.into_iter().map(Abandoned::Job));
    report
}

fn report_end(report: &mut ShutdownReport, worker: &Worker) {
    if let Some(end) = worker.lock_end().take() {
        report.finished += end.finished;
        report.finished_in_grace += end.finished_in_grace;
        report.cancelled.extend(end.left);
    }
}

fn report_stuck(report: &mut ShutdownReport, core: usize, worker: &Worker) {
    let running = worker.metrics.running();
    let others = match &*worker.lock_end() {
        // It is stuck in a drop: those before it in the list have been dropped, those behind it
        // have not.
        Some(end) => {
            let at = running.as_ref().and_then(|running| end.left.iter().position(|task| task.id() == running.id()));
            let dropped = at.unwrap_or(end.left.len());
            report.finished += end.finished;
            report.finished_in_grace += end.finished_in_grace;
            report.cancelled.extend(end.left[..dropped].iter().cloned());
            (end.left.len() - dropped).saturating_sub(1)
        }
        // It is stuck in a poll, and the other tasks' names are known to its thread alone. What it
        // has not begun can still be dropped.
        None => {
            quietly(|| report.cancelled.extend(worker.spawner.drop_unbegun()));
            (worker.metrics.counts().tasks as usize).saturating_sub(usize::from(running.is_some()))
        }
    };
    report.abandoned.push(Abandoned::Core(StuckCore { core, thread: worker.name.clone(), running, others }));
}
