//! The CPU quota of this process, read from cgroup files. What cannot be read is skipped and named;
//! it is no error.
//!
//! A container, a service manager or a batch system limits CPU time by a quota per period, in the
//! process's group *or in any group above it*; the tightest one holds, wherever it stands. So every
//! group from the process's own up to the mount point is asked. What lies above the mount point
//! cannot be seen from inside a container, and need not: the runtime mounts the container's own
//! group there.
//!
//! | kernel file | what it tells |
//! |---|---|
//! | `/proc/self/cgroup` | the process's group: `0::/a/b` (version 2), `4:cpu,cpuacct:/a/b` (version 1); both in a hybrid system |
//! | `/proc/self/mountinfo` | where each hierarchy is mounted, and which group is the mount's root |
//! | `cpu.max` | version 2: `QUOTA PERIOD` in microseconds, `max PERIOD` for none |
//! | `cpu.cfs_quota_us`, `cpu.cfs_period_us` | version 1: microseconds, -1 for none |
//!
//! Paths of both kernel files are relative to the reader's cgroup namespace, so the mount's root is
//! taken off the group's path before they are put together. A root of `/../..` is two groups above
//! the namespace; the names between are not told, so only the mount point itself can be asked.
//!
//! Everything is read below a root directory, `/` in production, so that tests bring a tree of
//! their own. A group without the files has no quota: the root group never has them, and a group
//! has them only while its parent hands the controller down.
//!
//! Rejected: asking the own group only, which overlooks a tighter ancestor; std's
//! `available_parallelism` alone, which cannot say where its number comes from.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

// Other systems have no names with colons and backslashes to make such trees of.
#[cfg(all(test, unix))]
mod tests;

/// What the files said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// The tightest quota of all visible groups; the lowest group of those that are equally tight.
    pub(super) tightest: Option<Quota>,
    /// Files that were there and of no use, with the reason, each one a clause.
    pub(super) skipped: Vec<String>,
}

/// One group's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    /// Microseconds of CPU time per period; not zero.
    quota: u64,
    /// Microseconds; not zero.
    period: u64,
    /// The group's directory.
    group: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Quota {
    /// Whole CPUs, at least one: a quota below one CPU still lets one thread run, now and then.
    pub(super) fn cores(&self) -> usize {
        usize::try_from(self.quota / self.period).unwrap_or(usize::MAX).max(1)
    }

    /// The limit of a `cpu.max` at `/group`.
    #[cfg(test)]
    pub(super) fn of(cpu_max: &str) -> Self {
        let (quota, period) = parse_cpu_max(cpu_max.as_bytes()).ok().flatten().expect("a limit");
        Self { quota, period, group: "/group".into(), version: Version::Two }
    }

    /// Less than one CPU?
    pub(super) fn is_fraction(&self) -> bool {
        self.quota < self.period
    }

    fn tightness(&self, other: &Quota) -> Ordering {
        let (one, other) = (u128::from(self.quota) * u128::from(other.period), u128::from(other.quota) * u128::from(self.period));
        one.cmp(&other)
    }
}

/// `3.5 at /sys/fs/cgroup/a (cpu.max 350000 100000)`.
impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded down like the number of cores, so that 1.999 does not read as 2.
        let hundredths = u128::from(self.quota) * 100 / u128::from(self.period);
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        match rest {
            0 if whole == 0 => f.write_str("less than 0.01")?,
            0 => write!(f, "{whole}")?,
            tenths if tenths % 10 == 0 => write!(f, "{whole}.{}", tenths / 10)?,
            _ => write!(f, "{whole}.{rest:02}")?,
        }
        let (group, quota, period) = (self.group.display(), self.quota, self.period);
        match self.version {
            Version::One => write!(f, " at {group} (cpu.cfs_quota_us {quota}, cpu.cfs_period_us {period})"),
            Version::Two => write!(f, " at {group} (cpu.max {quota} {period})"),
        }
    }
}

/// Reads the quotas of this process from the files below `root`.
pub(super) fn read(root: &Path) -> Reading {
    let mut reader = Reader { root, reading: Reading::default() };
    reader.read();
    reader.reading
}

struct Reader<'a> {
    root: &'a Path,
    reading: Reading,
}

impl Reader<'_> {
    fn read(&mut self) {
        let Some(groups) = self.file(Path::new("/proc/self/cgroup")) else { return };
        let groups: Vec<_> = groups.split(|&byte| byte == b'\n').filter_map(group).collect();
        if groups.is_empty() {
            return;
        }
        let mounts = self.file(Path::new("/proc/self/mountinfo")).map_or_else(Vec::new, |mountinfo| mounts_of(&mountinfo));
        for (version, path) in groups {
            let mounts = || mounts.iter().filter(|mount| mount.version == version);
            let mut visible = false;
            for mount in mounts() {
                match place(path, &mount.root) {
                    GroupPlace::At(names) => {
                        visible = true;
                        self.walk(version, &mount.point, &names);
                    }
                    GroupPlace::SomewhereBelow => self.walk(version, &mount.point, &[]),
                    GroupPlace::Elsewhere => {}
                }
            }
            if !visible && mounts().next().is_some() {
                let path = PathBuf::from(text(path));
                self.reading.skipped.push(format!("the group {} cannot be seen from here", path.display()));
            }
        }
    }

    /// Asks the group `names` below the mount point and each one above it, the mount point
    /// included.
    fn walk(&mut self, version: Version, point: &Path, names: &[OsString]) {
        for depth in (0..=names.len()).rev() {
            let mut group = point.to_path_buf();
            group.extend(&names[..depth]);
            let quota = match version {
                Version::One => self.cfs_quota(&group),
                Version::Two => self.cpu_max(&group),
            };
            let Some((quota, period)) = quota else { continue };
            let quota = Quota { quota, period, group, version };
            let tighter = self.reading.tightest.as_ref().is_none_or(|tightest| quota.tightness(tightest) == Ordering::Less);
            if tighter {
                self.reading.tightest = Some(quota);
            }
        }
    }

    fn cpu_max(&mut self, group: &Path) -> Option<(u64, u64)> {
        let file = group.join("cpu.max");
        let content = self.file(&file)?;
        match parse_cpu_max(&content) {
            Ok(limit) => limit,
            Err(Malformed) => self.malformed(&file, &content),
        }
    }

    fn cfs_quota(&mut self, group: &Path) -> Option<(u64, u64)> {
        let (quota_file, period_file) = (group.join("cpu.cfs_quota_us"), group.join("cpu.cfs_period_us"));
        let content = self.file(&quota_file)?;
        let quota = match parse_cfs_quota(&content) {
            Ok(quota) => quota?,
            Err(Malformed) => return self.malformed(&quota_file, &content),
        };
        let Some(content) = self.file(&period_file) else {
            // A file that is there and unreadable has been named already.
            if !self.below_root(&period_file).exists() {
                self.reading.skipped.push(format!("{} is missing", period_file.display()));
            }
            return None;
        };
        match parse_number(&content) {
            Ok(period) => Some((quota, period)),
            Err(Malformed) => self.malformed(&period_file, &content),
        }
    }

    fn malformed<T>(&mut self, file: &Path, content: &[u8]) -> Option<T> {
        let start = String::from_utf8_lossy(&content[..content.len().min(40)]).into_owned();
        self.reading.skipped.push(format!("{} says {:?}", file.display(), start.trim_end()));
        None
    }

    /// A file's content; nothing where there is no such file, or none that can be read.
    fn file(&mut self, path: &Path) -> Option<Vec<u8>> {
        match fs::read(self.below_root(path)) {
            Ok(content) => Some(content),
            // A group without the controller, or a platform without cgroups; NotADirectory where
            // something else lies at the path.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(error) => {
                self.reading.skipped.push(format!("{} cannot be read ({error})", path.display()));
                None
            }
        }
    }

    fn below_root(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// A line of `/proc/self/cgroup`, if it is about CPU time: `HIERARCHY:CONTROLLERS:PATH`, where the
/// path may contain colons.
fn group(line: &[u8]) -> Option<(Version, &[u8])> {
    let mut fields = line.splitn(3, |&byte| byte == b':');
    let (hierarchy, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    if hierarchy == b"0" && controllers.is_empty() {
        Some((Version::Two, path))
    } else if has_cpu(controllers) {
        Some((Version::One, path))
    } else {
        None
    }
}

/// Is `cpu` in a list with commas?
fn has_cpu(list: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|name| name == b"cpu")
}

/// Where a hierarchy that limits CPU time is mounted.
struct Mount {
    version: Version,
    /// The group that is seen at the mount point.
    root: Vec<u8>,
    point: PathBuf,
}

/// Of several mounts at one place only the last is seen, of whatever kind it is.
fn mounts_of(mountinfo: &[u8]) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for line in mountinfo.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b' ');
        let (Some(root), Some(point)) = (fields.nth(3), fields.next()) else { continue };
        let point = PathBuf::from(text(&unescape(point)));
        mounts.retain(|earlier| earlier.point != point);
        if let Some(version) = hierarchy(fields) {
            mounts.push(Mount { version, root: unescape(root), point });
        }
    }
    mounts
}

/// The rest of a line of mountinfo, from the mount's options on:
/// `OPTIONS [TAGS…] - TYPE SOURCE SUPER_OPTIONS`.
fn hierarchy<'a>(rest: impl Iterator<Item = &'a [u8]>) -> Option<Version> {
    let mut kind = rest.skip_while(|&field| field != b"-").skip(1);
    match kind.next()? {
        b"cgroup2" => Some(Version::Two),
        b"cgroup" => kind.nth(1).is_some_and(has_cpu).then_some(Version::One),
        _ => None,
    }
}

/// Blanks, tabs, line ends and backslashes stand in mountinfo as a backslash and three octal
/// digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'\\' {
            if let Some((value, after)) = octal(after) {
                plain.push(value);
                rest = after;
                continue;
            }
        }
        plain.push(byte);
    }
    plain
}

fn octal(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = digits.split_at_checked(3)?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.contains('+'))?;
    let value = u8::from_str_radix(digits, 8).ok()?;
    Some((value, after))
}

/// Where a group is, seen from a mount.
#[derive(Debug, PartialEq, Eq)]
enum GroupPlace {
    /// These directories below the mount point.
    At(Vec<OsString>),
    /// Below the mount point, through groups whose names the namespace hides.
    SomewhereBelow,
    Elsewhere,
}

fn place(group: &[u8], root: &[u8]) -> GroupPlace {
    let (Some((group_above, group)), Some((root_above, root))) = (split(group), split(root)) else {
        return GroupPlace::Elsewhere;
    };
    if group_above == root_above {
        group
            .strip_prefix(&root[..])
            .map_or(GroupPlace::Elsewhere, |names| GroupPlace::At(names.iter().copied().map(text).collect()))
    } else if root_above > group_above && root.is_empty() {
        GroupPlace::SomewhereBelow
    } else {
        GroupPlace::Elsewhere
    }
}

/// How far a path climbs out of the namespace, and the names that follow. Nothing for a path that
/// climbs later on, which no kernel writes.
fn split(path: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
    let names = || path.split(|&byte| byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    let above = names().take_while(|name| *name == b"..").count();
    let names: Vec<_> = names().skip(above).collect();
    (!names.contains(&&b".."[..])).then_some((above, names))
}

#[derive(Debug, PartialEq, Eq)]
struct Malformed;

/// `150000 100000`, `max 100000`, and without a period the kernel's default of 100 ms.
fn parse_cpu_max(content: &[u8]) -> Result<Option<(u64, u64)>, Malformed> {
    let content = std::str::from_utf8(content).map_err(|_| Malformed)?;
    let mut fields = content.split_ascii_whitespace();
    let quota = fields.next().ok_or(Malformed)?;
    let period = fields.next().map_or(Ok(100_000), |period| parse_number(period.as_bytes()))?;
    if fields.next().is_some() {
        return Err(Malformed);
    }
    if quota == "max" { Ok(None) } else { parse_number(quota.as_bytes()).map(|quota| Some((quota, period))) }
}

fn parse_cfs_quota(content: &[u8]) -> Result<Option<u64>, Malformed> {
    if content.trim_ascii() == b"-1" { Ok(None) } else { parse_number(content).map(Some) }
}

/// Digits and no sign; not zero.
fn parse_number(content: &[u8]) -> Result<u64, Malformed> {
    let content = std::str::from_utf8(content).map_err(|_| Malformed)?.trim_ascii();
    if !content.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed);
    }
    content.parse().ok().filter(|&number| number > 0).ok_or(Malformed)
}

#[cfg(unix)]
fn text(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn text(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
