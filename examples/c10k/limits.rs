//! Room for the descriptors, and what threads would have asked for.

use wakeline::LocalExecutor;

/// Descriptors that each side needs besides its connections: standard streams, listeners, the
/// reactor, what a library opens.
pub const SPARE: usize = 64;

/// What one thread of execution reserves for its stack where nothing says otherwise.
#[cfg(not(unix))]
pub fn stack_bytes() -> u64 {
    1 << 20
}

/// What one thread reserves for its stack: the soft `RLIMIT_STACK`, or the usual 8 MiB where there
/// is no limit.
#[cfg(unix)]
pub fn stack_bytes() -> u64 {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Stack).current.unwrap_or(8 << 20)
}

/// Raises the soft descriptor limit as far as both ends of `conns` connections need, and returns
/// what it is now.
#[cfg(unix)]
pub fn raise_descriptors(conns: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let need = 2 * (conns + SPARE) as u64;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_some_and(|soft| soft < need) {
        // A privileged process may raise the hard limit as well; for the others it is what there
        // is.
        let maximum = now.maximum.map(|hard| hard.max(need));
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(need), maximum });
        if raised.is_err() {
            let current = now.maximum.map_or(need, |hard| hard.min(need));
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: now.maximum });
        }
    }
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |soft| soft as usize)
}

/// There is no descriptor limit to raise here.
#[cfg(not(unix))]
pub fn raise_descriptors(_conns: usize) -> usize {
    usize::MAX
}

/// Opens the descriptors by which other threads wake this one, which an executor otherwise does
/// when it first needs them.
///
/// To be called on both threads before their tables part: the two notify each other, and a
/// notification is a write to a descriptor.
#[cfg(unix)]
pub fn open_notifier(executor: &LocalExecutor) {
    // The notifier is the thread's: a second executor opens it for the first one.
    LocalExecutor::builder().try_build().expect("there are descriptors left");
    let _alive = executor;
}

/// The tables never part here.
#[cfg(not(unix))]
pub fn open_notifier(_executor: &LocalExecutor) {}

/// Gives the calling thread a descriptor table of its own where the system can; true when it did.
///
/// The limit counts one table. With two of them, each side of the connections has the whole limit
/// for itself.
#[cfg(target_os = "linux")]
pub fn own_descriptor_table() -> bool {
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    // SAFETY: the only descriptors that one thread uses for the sake of the other are the two
    // notifiers; both are open by now, so they have the same number in both tables. One opened
    // later would name another file, or none, on the other side.
    unsafe { unshare_unsafe(UnshareFlags::FILES) }.is_ok()
}

/// Both sides share one table here.
#[cfg(not(target_os = "linux"))]
pub fn own_descriptor_table() -> bool {
    false
}

/// How many connections fit under `limit`, which one table has.
pub fn connections_under(limit: usize, own_table: bool) -> usize {
    let room = limit.saturating_sub(SPARE);
    if own_table { room } else { room.saturating_sub(SPARE) / 2 }
}
