//! The counts of instructions that a change is compared with — owns the form of `baseline.json` —
//! must never guess at what it cannot read.
//!
//! The file is JSON, one name and value a line, so that a change of it reads well. It is written
//! here and read here, and so is read by the line: a parser of all of JSON would be the largest
//! thing in this crate.

use std::fmt;
use std::str::FromStr;

/// What was counted, and what had built it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// The compiler, as `rustc --version` names it.
    pub rustc: String,
    /// The target's triple.
    pub target: String,
    /// What `RUSTFLAGS` and the like added.
    pub flags: String,
    /// Workloads, and their instructions for one operation.
    pub instructions: Vec<(String, f64)>,
}

impl Baseline {
    /// The count of a workload.
    pub fn count(&self, name: &str) -> Option<f64> {
        self.instructions.iter().find(|(workload, _)| workload == name).map(|&(_, count)| count)
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{{")?;
        for (name, value) in [("rustc", &self.rustc), ("target", &self.target), ("flags", &self.flags)] {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            writeln!(f, "  \"{name}\": \"{escaped}\",")?;
        }
        writeln!(f, "  \"instructions\": {{")?;
        for (at, (name, count)) in self.instructions.iter().enumerate() {
            let comma = if at + 1 < self.instructions.len() { "," } else { "" };
            writeln!(f, "    \"{name}\": {count:.1}{comma}")?;
        }
        writeln!(f, "  }}\n}}")
    }
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut read = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim().trim_end_matches(',');
            if ["", "{", "}", "\"instructions\": {"].contains(&line) {
                continue;
            }
            let wrong = || format!("line {}: `{line}` is not a name with its value", at + 1);
            let (name, value) = line.strip_prefix('"').and_then(|rest| rest.split_once("\": ")).ok_or_else(wrong)?;
            let string = || {
                let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(wrong)?;
                Ok::<_, String>(quoted.replace("\\\"", "\"").replace("\\\\", "\\"))
            };
            match name {
                "rustc" => read.rustc = string()?,
                "target" => read.target = string()?,
                "flags" => read.flags = string()?,
                _ => {
                    let count = value.parse().ok().filter(|count: &f64| count.is_finite() && *count > 0.0);
                    read.instructions.push((name.to_string(), count.ok_or_else(wrong)?));
                }
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Baseline {
        Baseline {
            rustc: "rustc 1.95.0 (59807616e 2026-04-14)".to_string(),
            target: "x86_64-unknown-linux-gnu".to_string(),
            flags: "--cfg feature=\"x\"".to_string(),
            instructions: vec![("one".to_string(), 84.1), ("two".to_string(), 300.0)],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(some().to_string().parse(), Ok(some()));
        assert_eq!(some().count("two"), Some(300.0));
        assert_eq!(some().count("three"), None);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let wrong = |line: &str| some().to_string().replace("    \"one\": 84.1,", line).parse::<Baseline>();
        for line in ["    \"one\": ,", "    \"one\": NaN,", "    \"one\": \"84\",", "    one: 84.1,", "    \"one\": 0.0,", "[]"] {
            assert!(wrong(line).is_err_and(|error| error.starts_with("line 6: ")), "{line}");
        }
    }
}
