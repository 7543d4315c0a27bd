//! One executor per core — owns how many cores there are and where their threads may run — must never move a task that has been polled.

#[cfg_attr(not(test), allow(dead_code))]
mod affinity;
mod cgroup;
#[cfg_attr(not(test), allow(dead_code))]
mod cores;

pub use cores::Cores;
