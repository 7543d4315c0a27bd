//! Which process this is: a counter that a forked child finds raised. It cannot tell two children
//! of one parent apart.
//!
//! A forked child inherits descriptors, not kernel objects: its epoll descriptor *is* its parent's
//! epoll object, its notifier is its parent's notifier. A child that used them would take its
//! parent's wakes and strike its parent's sockets off the list. So the reactor remembers the
//! generation in which it was made and refuses to work in any other.
//!
//! The counter is raised by a `pthread_atfork` handler, which runs in the child before `fork`
//! returns there. It is registered once, by the first reactor of the process, and from then on the
//! question costs one relaxed load.
//!
//! Rule \[F1\]: the handler that runs in the child touches one static atomic and nothing else.
//!
//! Rejected: asking `getpid` on every turn (a system call a turn); a page mapped with
//! `MADV_WIPEONFORK` (Linux only, and a page a process). A child made with a bare `clone` system
//! call runs no handler and is not noticed; a program that does that replaces libc as well.

#[cfg(all(unix, not(miri), not(wakeline_loom)))]
mod imp {
    use std::ffi::c_int;
    use std::sync::Once;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Raised in each forked child, by the handler alone; read by everybody.
    static GENERATION: AtomicU32 = AtomicU32::new(0);

    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
    }

    extern "C" fn in_the_child() {
        // Relaxed: the child has one thread, and what a parent's thread wrote before `fork` is in
        // the copied memory.
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn watch() {
        static WATCHING: Once = Once::new();
        WATCHING.call_once(|| {
            // SAFETY: [F1] the handler may run between any two instructions of a process with other
            // threads — it only adds to a static atomic, which takes no lock and allocates
            // nothing — a handler that locked or allocated could hang the child.
            let failure = unsafe { pthread_atfork(None, None, Some(in_the_child)) };
            assert_eq!(failure, 0, "pthread_atfork: no memory for one handler");
        });
    }

    pub(crate) fn generation() -> u32 {
        // Relaxed: only this process's own copy is ever read, and `fork` orders the handler before
        // everything in the child.
        GENERATION.load(Ordering::Relaxed)
    }
}

#[cfg(not(all(unix, not(miri), not(wakeline_loom))))]
mod imp {
    pub(crate) fn watch() {}

    pub(crate) fn generation() -> u32 {
        0
    }
}

/// Starts counting forks; the first call registers the handler, every other one is a load.
pub(crate) fn watch() {
    imp::watch();
}

/// How many forks lie between the process that first called [`watch`] and this one. One relaxed
/// load.
pub(crate) fn generation() -> u32 {
    imp::generation()
}
