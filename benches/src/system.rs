//! What the kernel knows about this process and its threads — owns nothing — must never be
//! asked inside a measured stretch.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, UnshareFlags, gettid, sched_setaffinity, unshare_unsafe};

/// Resident bytes of this process.
pub fn resident_bytes() -> u64 {
    resident_bytes_of(std::process::id()).expect("this process is there, and statm has a second field")
}

/// Resident bytes of a process; `None` when it is not there.
pub fn resident_bytes_of(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// A thread, as others may watch it.
#[derive(Clone, Debug)]
pub struct Watched {
    task: PathBuf,
}

/// How often a thread, or several together, have been switched out, and how long they have run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// It went to sleep by itself.
    pub voluntary: u64,
    /// It was taken off the processor.
    pub involuntary: u64,
    /// Nanoseconds on a processor, exact while the thread sleeps and a scheduler tick behind while
    /// it runs.
    pub cpu_ns: u64,
}

impl Activity {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            voluntary: self.voluntary + other.voluntary,
            involuntary: self.involuntary + other.involuntary,
            cpu_ns: self.cpu_ns + other.cpu_ns,
        }
    }
}

impl Watched {
    /// The calling thread.
    pub fn this_thread() -> Self {
        Self { task: PathBuf::from(format!("/proc/self/task/{}", gettid().as_raw_nonzero())) }
    }

    /// All threads of a process.
    pub fn threads_of(process: u32) -> io::Result<Vec<Self>> {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task"))?;
        tasks.map(|task| Ok(Self { task: task?.path() })).collect()
    }

    /// What the thread has done so far.
    pub fn activity(&self) -> io::Result<Activity> {
        let status = std::fs::read_to_string(self.task.join("status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|value| value.trim().parse().ok()).ok_or_else(|| io::Error::other(format!("no {name} in status")))
        };
        let schedstat = std::fs::read_to_string(self.task.join("schedstat"))?;
        let cpu = schedstat.split_whitespace().next().and_then(|value| value.parse().ok());
        Ok(Activity {
            voluntary: field("voluntary_ctxt_switches")?,
            involuntary: field("nonvoluntary_ctxt_switches")?,
            cpu_ns: cpu.ok_or_else(|| io::Error::other("schedstat is empty"))?,
        })
    }
}

/// Pins the calling thread to one processor; silently leaves it free where that processor does not
/// exist.
pub fn pin_to(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    let _ = sched_setaffinity(None, &set);
}

/// Raises the soft descriptor limit to the hard one and returns it.
pub fn raise_descriptor_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Gives the calling thread a descriptor table of its own, so that both ends of ten thousand
/// connections fit under one limit.
///
/// To be called before the thread opens anything: from then on a number means one thing here and
/// another thing there.
pub fn own_descriptor_table() -> io::Result<()> {
    // SAFETY: threads of this crate hand each other socket addresses, not descriptors; the one
    // exception is the notifier of an executor, which is open before its thread calls this and so
    // has the same number in both tables. One opened later would name another file.
    Ok(unsafe { unshare_unsafe(UnshareFlags::FILES) }?)
}

/// A port of 127.0.0.1 that others may listen on together (`SO_REUSEPORT`) as long as the
/// descriptor is open.
///
/// The descriptor itself does not listen, so no connection comes to it.
pub fn reserve_port() -> io::Result<(SocketAddr, OwnedFd)> {
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    Ok((SocketAddr::try_from(net::getsockname(&socket)?)?, socket))
}
