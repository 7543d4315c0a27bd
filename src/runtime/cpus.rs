//! The CPUs that a runtime may use: how many cores there are, and where their threads may run.
//!
//! It owns the number and the reasons for it, and the calls that ask the system. It must never
//! promise more than the machine grants.

pub(super) mod affinity;
mod cgroup;
mod cores;

pub use cores::Cores;
