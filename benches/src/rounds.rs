//! Rounds in turns — owns the order of play and the medians — must never play one subject to
//! its end before the next one starts.

use crate::table;
use rustix::time::{ClockId, clock_gettime};

/// CPU time of the calling thread in nanoseconds: what others do on this machine does not count
/// into it.
pub fn cpu_ns() -> u64 {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// CPU time of all threads of this process in nanoseconds.
pub fn process_cpu_ns() -> u64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// CPU nanoseconds per operation of one call of `work`, which does `operations` of them.
pub fn cpu_ns_per<T>(operations: u64, work: impl FnOnce() -> T) -> f64 {
    let start = cpu_ns();
    std::hint::black_box(work());
    (cpu_ns() - start) as f64 / operations as f64
}

/// One contestant: its name, and a round of it that returns its figure.
pub type Subject<'a> = (&'static str, Box<dyn FnMut() -> f64 + 'a>);

/// The figures of one subject, one for each round.
pub struct Figures {
    /// The subject's name.
    pub name: &'static str,
    /// Round by round, in the order of play.
    pub rounds: Vec<f64>,
}

impl Figures {
    /// The median round.
    pub fn median(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// The median of this subject's figure divided by `base`'s figure of the same round.
    pub fn ratio_to(&self, base: &Figures) -> f64 {
        median(self.rounds.iter().zip(&base.rounds).map(|(mine, other)| mine / other).collect())
    }
}

/// Plays every subject once a round; each round starts with the next subject. One round before the
/// first warms up and is forgotten.
pub fn interleave(rounds: usize, mut subjects: Vec<Subject<'_>>) -> Vec<Figures> {
    let mut figures: Vec<Figures> = subjects.iter().map(|&(name, _)| Figures { name, rounds: Vec::new() }).collect();
    let count = subjects.len();
    for round in 0..=rounds {
        for turn in 0..count {
            let which = (round + turn) % count;
            let figure = subjects[which].1();
            if round > 0 {
                figures[which].rounds.push(figure);
            }
        }
    }
    figures
}

/// The middle value; the lower one of the two middle ones when there is an even number. NaN of
/// nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Prints a table of the subjects: median, best and worst round, and the ratio to the first
/// subject: the floor, if there is one.
pub fn report(unit: &str, figures: &[Figures]) {
    let row = |one: &Figures| {
        let best = one.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let worst = one.rounds.iter().copied().fold(0.0, f64::max);
        let cell = |value: f64| format!("{value:.1}");
        vec![one.name.to_string(), cell(one.median()), cell(best), cell(worst), format!("{:.2}", one.ratio_to(&figures[0]))]
    };
    let first = if figures.first().is_some_and(|first| first.name.starts_with("floor")) { "x floor" } else { "x first" };
    table::print(&[unit, "median", "best", "worst", first], &figures.iter().map(row).collect::<Vec<_>>());
}
