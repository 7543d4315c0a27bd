//! The progress line — owns standard error — must never be part of the report.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Says how far it has come: on a terminal in one line that is written over, elsewhere in a line
/// now and then.
pub struct Progress {
    start: Instant,
    said: Option<Instant>,
    steps: usize,
    done: usize,
    /// When the first step began: what was built before says nothing of the steps.
    first: Option<Instant>,
}

/// Between two lines of a log.
const PAUSE: Duration = Duration::from_secs(10);

impl Progress {
    pub fn new() -> Self {
        Self { start: Instant::now(), said: None, steps: 0, done: 0, first: None }
    }

    pub fn expect(&mut self, steps: usize) {
        self.steps += steps;
        self.first.get_or_insert_with(Instant::now);
    }

    /// Some of the steps that were expected are not taken.
    pub fn skip(&mut self, steps: usize) {
        self.steps -= steps;
    }

    /// Before a step.
    pub fn step(&mut self, what: &str) {
        let left = self.first.filter(|_| self.done > 20).map(|first| {
            let each = first.elapsed().as_secs_f64() / self.done as f64;
            format!(", about {} left", minutes(each * (self.steps - self.done) as f64))
        });
        let line = format!("[{}/{}] {}{}", self.done + 1, self.steps, minutes(self.elapsed()), left.unwrap_or_default());
        self.done += 1;
        self.say(&format!("{line}: {what}"));
    }

    pub fn elapsed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    pub fn say(&mut self, line: &str) {
        let mut error = std::io::stderr();
        if error.is_terminal() {
            let _ = write!(error, "\r\x1b[2K{line}");
            let _ = error.flush();
        } else if self.said.is_none_or(|said| said.elapsed() >= PAUSE) {
            eprintln!("{line}");
            self.said = Some(Instant::now());
        }
    }

    pub fn end(&self) {
        if std::io::stderr().is_terminal() {
            eprintln!();
        }
    }
}

/// `2:05`.
pub fn minutes(seconds: f64) -> String {
    let seconds = seconds as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn seconds_have_two_digits() {
        assert_eq!((super::minutes(125.9), super::minutes(59.9)), ("2:05".into(), "0:59".into()));
    }
}
