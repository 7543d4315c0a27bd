//! What the figures were made on — owns nothing — must never name a machine that it has not asked.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::programs::said_by;

pub struct Machine {
    pub processor: String,
    pub processors: usize,
    pub memory_gib: f64,
    pub system: String,
    pub rustc: String,
    pub valgrind: Option<String>,
    /// When it began, in UTC.
    pub date: String,
    pub command: String,
    /// The average of a minute, before and after.
    pub load: [String; 2],
}

fn first_field(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'))?;
    Some(value.trim().to_string())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_string()
}

impl Machine {
    pub fn look() -> Self {
        let memory = first_field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kib: f64 = memory.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let options: Vec<String> = std::env::args().skip(1).collect();
        let options = if options.is_empty() { String::new() } else { format!(" {}", options.join(" ")) };
        Self {
            processor: first_field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_string()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib / 1024.0 / 1024.0,
            system: format!("Linux {}", kernel.trim()),
            rustc: said_by("rustc", &["--version"]).unwrap_or_else(|| "an unknown rustc".to_string()),
            valgrind: said_by("valgrind", &["--version"]),
            date: date(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())),
            command: format!("cargo bench-report{options}"),
            load: [load(), String::new()],
        }
    }

    pub fn look_again(&mut self) {
        self.load[1] = load();
    }
}

/// `2026-11-21 18:05 UTC` of seconds since 1970.
fn date(seconds: u64) -> String {
    let (mut days, minutes) = (seconds / 86_400, seconds % 86_400 / 60);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02} {:02}:{:02} UTC", month + 1, days + 1, minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_782_400 + 61), "2000-02-29 00:01 UTC");
        assert_eq!(date(1_772_323_199), "2026-02-28 23:59 UTC");
        assert_eq!(date(1_798_761_600), "2027-01-01 00:00 UTC");
    }
}
