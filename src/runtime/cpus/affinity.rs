//! Which CPUs a thread may run on. What the process was given is never widened.
//!
//! The mask is the calling thread's. A new thread inherits its creator's, so the mask of the thread
//! that builds a runtime is what `taskset`, a service manager or a container's cpuset granted;
//! cores are pinned to CPUs of that mask and to no others.
//!
//! Linux and Android only. Elsewhere, in a model, and on a machine with more CPUs than the system's
//! set type has room for (1024), [`allowed`] is an error; the number alone is then std's.

#[cfg(all(any(target_os = "linux", target_os = "android"), not(wakeline_loom)))]
mod imp {
    use std::io;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    pub(crate) fn allowed() -> io::Result<Vec<usize>> {
        let set = sched_getaffinity(None)?;
        Ok((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect())
    }

    pub(crate) fn keep_this_thread_on(cpus: &[usize]) -> io::Result<()> {
        let mut set = CpuSet::new();
        for &cpu in cpus {
            if cpu >= CpuSet::MAX_CPU {
                let text = format!("CPU {cpu}: a set of CPUs has room for {}", CpuSet::MAX_CPU);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            set.set(cpu);
        }
        Ok(sched_setaffinity(None, &set)?)
    }
}

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(wakeline_loom))))]
mod imp {
    use std::io;

    pub(crate) fn allowed() -> io::Result<Vec<usize>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "threads have no CPU mask here"))
    }

    pub(crate) fn keep_this_thread_on(cpus: &[usize]) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, format!("a thread cannot be kept on CPUs {cpus:?} here")))
    }
}

/// The CPUs on which this thread may run, ascending; never empty.
pub(crate) fn allowed() -> std::io::Result<Vec<usize>> {
    imp::allowed()
}

/// From now on this thread, and those that it starts, run on `cpu` only.
pub(crate) fn pin_this_thread(cpu: usize) -> std::io::Result<()> {
    imp::keep_this_thread_on(&[cpu])
}

/// From now on this thread, and those that it starts, run on these CPUs: takes back a pinning that
/// was inherited.
pub(crate) fn keep_this_thread_on(cpus: &[usize]) -> std::io::Result<()> {
    imp::keep_this_thread_on(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn a_pinned_thread_may_run_on_its_cpu_alone_and_others_are_not_touched() {
        let before = allowed().unwrap();
        assert!(!before.is_empty());
        let last = *before.last().unwrap();
        let pinned = std::thread::spawn(move || {
            pin_this_thread(last).unwrap();
            allowed().unwrap()
        });
        assert_eq!(pinned.join().unwrap(), [last]);
        assert_eq!(allowed().unwrap(), before);
    }

    #[test]
    fn a_cpu_that_no_machine_has_is_an_error() {
        assert!(pin_this_thread(usize::MAX).is_err());
        assert!(pin_this_thread(1023).is_err() || allowed().is_ok_and(|cpus| cpus == [1023]));
    }
}
