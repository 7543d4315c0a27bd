//! How many cores a runtime has, and why: never more than the machine grants.
//!
//! The number is found once, when a [`Cores`] is made. A mask or a quota that changes later is not
//! followed: threads would have to be started and stopped, and tasks cannot move. The next
//! [`Cores`] asks again.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use super::affinity;
use super::cgroup::{self, Reading};

/// The environment variable that lowers the number of cores.
const VARIABLE: &str = "WAKELINE_CORES";

/// More are refused. The system's own sets of CPUs have room for as many, and a typing error should
/// not start a million threads.
const MOST: usize = 1024;

/// How many cores a runtime has, and why.
///
/// `auto` takes the smallest of three numbers, and at least 1:
///
/// 1. the CPUs that this thread may run on (its affinity mask, as set by `taskset`, a service
///    manager or a container);
/// 2. the tightest CPU quota of the process's control group and of every group above it that can be
///    seen, rounded down (cgroup v1 and v2);
/// 3. the environment variable `WAKELINE_CORES`, which can lower the number and not raise it.
///
/// Where there is no mask or no quota (macOS, Windows, BSD), [`std::thread::available_parallelism`]
/// takes their place.
///
/// # Examples
///
/// ```
/// use wakeline::Cores;
///
/// let cores = Cores::auto();
/// assert!(cores.count() >= 1);
/// println!("{cores}");
/// ```
#[derive(Clone, Debug)]
pub struct Cores {
    count: usize,
    why: Why,
}

#[derive(Clone, Debug)]
enum Why {
    /// The caller said so; this is what the machine says.
    Asked(Cpus),
    Found(Candidates),
}

/// The CPUs that threads of this process can have.
#[derive(Clone, Debug)]
struct Cpus {
    count: usize,
    /// Why the mask was not asked; the number is then std's.
    no_mask: Option<String>,
}

/// What `auto` chooses from.
#[derive(Clone, Debug)]
struct Candidates {
    cpus: Cpus,
    groups: Reading,
    variable: Variable,
}

#[derive(Clone, Debug)]
enum Variable {
    Unset,
    Set(usize),
    /// Not a number from 1 to [`MOST`].
    Ignored(OsString),
}

impl Cores {
    /// As many cores as this machine grants this process; the type's documentation says how that is
    /// found.
    ///
    /// Never fails: what cannot be read is left out, and [`explain`](Cores::explain) says so. Reads
    /// a few small files; call it once.
    pub fn auto() -> Cores {
        let has_groups = cfg!(any(target_os = "linux", target_os = "android"));
        let groups = if has_groups { cgroup::read(Path::new("/")) } else { Reading::default() };
        Candidates { cpus: Cpus::ask(), groups, variable: Variable::parse(env::var_os(VARIABLE).as_deref()) }.choose()
    }

    /// `count` cores, whatever the machine grants.
    ///
    /// With more cores than CPUs, threads share CPUs; they cannot be pinned then. Zero cores, or
    /// more than 1024, are an error when the runtime is built.
    pub fn exactly(count: usize) -> Cores {
        Cores { count, why: Why::Asked(Cpus::ask()) }
    }

    /// The number of cores.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Where the number comes from: one line for a log or a bug report, the deciding limit first,
    /// then all that was looked at.
    ///
    /// The words are for people and may change.
    ///
    /// # Examples
    ///
    /// ```
    /// let text = wakeline::Cores::exactly(3).explain();
    /// assert!(text.starts_with("3 cores, as the program asked"));
    /// ```
    pub fn explain(&self) -> String {
        self.to_string()
    }

    /// Whether a runtime can have so many, its threads pinned each to one CPU of `allowed` or not
    /// pinned.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for no cores, for more than [`MOST`], and for
    /// more pinned ones than CPUs.
    pub(crate) fn check(&self, pinned: bool, allowed: &[usize]) -> io::Result<()> {
        let (count, cpus) = (self.count, allowed.len());
        let text = if count == 0 {
            String::from("a runtime needs at least one core, not 0 (`Cores::auto()` finds out how many there are)")
        } else if count > MOST {
            format!("a runtime has at most {MOST} cores, not {count}")
        } else if pinned && count > cpus {
            format!("{} cannot be pinned to {}, each on its own; have fewer, or do not pin", cores(count), these_cpus(cpus))
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }
}

impl Cpus {
    fn ask() -> Self {
        match affinity::allowed() {
            Ok(cpus) => Self { count: cpus.len().max(1), no_mask: None },
            // On a platform without masks the error is of kind Unsupported; with more CPUs than a
            // mask holds, it is the system's.
            Err(error) => {
                Self { count: thread::available_parallelism().map_or(1, NonZero::get), no_mask: Some(error.to_string()) }
            }
        }
    }
}

impl Candidates {
    fn choose(self) -> Cores {
        let quota = self.groups.tightest.as_ref().map(|quota| quota.cores());
        let limits = [Some(self.cpus.count), quota, self.variable.limit(), Some(MOST)];
        let count = limits.into_iter().flatten().min().map_or(1, |least| least.max(1));
        Cores { count, why: Why::Found(self) }
    }

    /// The first limit that gives `count`.
    fn decider(&self, count: usize) -> &'static str {
        if self.cpus.count == count {
            if self.cpus.no_mask.is_none() { "the affinity mask" } else { "the number of CPUs" }
        } else if self.groups.tightest.as_ref().is_some_and(|quota| quota.cores() == count) {
            "the CPU quota"
        } else if self.variable.limit() == Some(count) {
            VARIABLE
        } else {
            "what a runtime can have"
        }
    }
}

impl Variable {
    fn parse(value: Option<&OsStr>) -> Self {
        let Some(value) = value else { return Self::Unset };
        let digits = value.to_str().filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
        match digits.and_then(|value| value.parse().ok()) {
            Some(count) if (1..=MOST).contains(&count) => Self::Set(count),
            _ => Self::Ignored(value.to_os_string()),
        }
    }

    fn limit(&self) -> Option<usize> {
        match self {
            Self::Set(count) => Some(*count),
            Self::Unset | Self::Ignored(_) => None,
        }
    }
}

/// The same words as [`explain`](Cores::explain).
impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cores(self.count))?;
        match &self.why {
            Why::Asked(cpus) => {
                write!(f, ", as the program asked: {cpus}")?;
                if self.count > cpus.count {
                    f.write_str(", so cores share CPUs")?;
                }
                Ok(())
            }
            Why::Found(candidates) => write!(f, ", limited by {}: {candidates}", candidates.decider(self.count)),
        }
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpus = these_cpus(self.count);
        match &self.no_mask {
            None => write!(f, "the affinity mask allows {cpus}"),
            Some(reason) => write!(f, "the system offers {cpus} (no affinity mask: {reason})"),
        }
    }
}

impl fmt::Display for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", self.cpus)?;
        match &self.groups.tightest {
            Some(quota) => {
                let counts = if quota.is_fraction() { ", which counts as 1" } else { "" };
                write!(f, "the tightest CPU quota is {quota}{counts}")?;
            }
            None => f.write_str("no CPU quota was found")?,
        }
        if !self.groups.skipped.is_empty() {
            write!(f, " (skipped: {})", self.groups.skipped.join(", "))?;
        }
        match &self.variable {
            Variable::Unset => write!(f, "; {VARIABLE} is not set"),
            Variable::Set(count) => write!(f, "; {VARIABLE} is {count}"),
            Variable::Ignored(value) => write!(f, "; {VARIABLE} is {value:?}, ignored: not a number from 1 to {MOST}"),
        }
    }
}

fn cores(count: usize) -> String {
    if count == 1 { String::from("1 core") } else { format!("{count} cores") }
}

fn these_cpus(count: usize) -> String {
    if count == 1 { String::from("1 CPU") } else { format!("{count} CPUs") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(count: usize) -> Cpus {
        Cpus { count, no_mask: None }
    }

    /// What `auto` makes of a mask, a `cpu.max` and a variable.
    fn auto(cpus: Cpus, cpu_max: Option<&str>, variable: Option<&str>) -> Cores {
        let groups = Reading { tightest: cpu_max.map(cgroup::Quota::of), skipped: Vec::new() };
        Candidates { cpus, groups, variable: Variable::parse(variable.map(OsStr::new)) }.choose()
    }

    #[test]
    fn the_smallest_limit_decides_and_is_named() {
        let all = "the affinity mask allows 8 CPUs; the tightest CPU quota is 3.5 at /group (cpu.max 350000 100000); ";
        let mask_alone = "the affinity mask allows 8 CPUs; no CPU quota was found; WAKELINE_CORES is not set";
        let cases = [
            (auto(mask(8), None, None), format!("8 cores, limited by the affinity mask: {mask_alone}")),
            (
                auto(mask(8), Some("350000 100000"), None),
                format!("3 cores, limited by the CPU quota: {all}WAKELINE_CORES is not set"),
            ),
            (
                auto(mask(8), Some("350000 100000"), Some("2")),
                format!("2 cores, limited by WAKELINE_CORES: {all}WAKELINE_CORES is 2"),
            ),
            (
                auto(mask(8), Some("350000 100000"), Some("20")),
                format!("3 cores, limited by the CPU quota: {all}WAKELINE_CORES is 20"),
            ),
        ];
        for (cores, text) in cases {
            assert_eq!(cores.explain(), text);
            assert!(text.starts_with(&cores.count().to_string()));
        }
    }

    #[test]
    fn there_is_always_one_core() {
        let cores = auto(mask(1), Some("20000 100000"), Some("1"));
        assert_eq!(cores.count(), 1);
        assert!(cores.explain().starts_with("1 core, limited by the affinity mask: the affinity mask allows 1 CPU; "), "{cores}");
        let cores = auto(mask(4), Some("20000 100000"), None);
        assert_eq!(cores.count(), 1);
        assert!(cores.explain().contains("is 0.2 at /group (cpu.max 20000 100000), which counts as 1;"), "{cores}");
    }

    #[test]
    fn a_variable_that_is_no_number_of_cores_is_ignored_and_named() {
        for value in ["", "0", "two", "-1", "+1", " 2", "2.0", "1025", "99999999999999999999999999"] {
            let cores = auto(mask(2), None, Some(value));
            assert_eq!(cores.count(), 2);
            let text = format!("; WAKELINE_CORES is {value:?}, ignored: not a number from 1 to 1024");
            assert!(cores.explain().ends_with(&text), "{cores}");
        }
    }

    #[test]
    fn a_machine_without_a_mask_or_with_too_many_cpus_still_has_cores() {
        let cpus = Cpus { count: 4096, no_mask: Some("Invalid argument".into()) };
        let cores = auto(cpus, None, None);
        assert_eq!(cores.count(), 1024);
        let text =
            "1024 cores, limited by what a runtime can have: the system offers 4096 CPUs (no affinity mask: Invalid argument)";
        assert!(cores.explain().starts_with(text), "{cores}");
        let cpus = Cpus { count: 4, no_mask: Some("none".into()) };
        assert!(auto(cpus, None, None).explain().starts_with("4 cores, limited by the number of CPUs: "));
    }

    #[test]
    fn what_could_not_be_read_is_named() {
        let groups = Reading { tightest: None, skipped: vec!["/a says \"x\"".into(), "/b is missing".into()] };
        let cores = Candidates { cpus: mask(2), groups, variable: Variable::Unset }.choose();
        assert!(cores.explain().contains("; no CPU quota was found (skipped: /a says \"x\", /b is missing); "), "{cores}");
    }

    #[test]
    fn more_cores_than_cpus_share_them_and_cannot_be_pinned() {
        let cores = Cores { count: 3, why: Why::Asked(mask(2)) };
        assert_eq!(cores.explain(), "3 cores, as the program asked: the affinity mask allows 2 CPUs, so cores share CPUs");
        assert!(cores.check(false, &[0, 1]).is_ok());
        assert!(cores.check(true, &[0, 1, 5]).is_ok());
        let error = cores.check(true, &[4, 7]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "3 cores cannot be pinned to 2 CPUs, each on its own; have fewer, or do not pin");
    }

    #[test]
    fn no_cores_and_far_too_many_are_errors() {
        for (count, part) in [(0, "not 0"), (1025, "at most 1024 cores, not 1025"), (usize::MAX, "at most 1024")] {
            let cores = Cores::exactly(count);
            assert_eq!(cores.count(), count);
            let error = cores.check(false, &[0, 1]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(Cores::exactly(1024).check(false, &[0]).is_ok());
        assert!(Cores::auto().check(false, &[0]).is_ok());
    }
}
