//! The CPUs that a runtime may use: how many cores there are, and where their threads may run.

pub(super) mod affinity;
mod cgroup;
mod cores;

pub use cores::Cores;
