//! Executors in somebody else's loop — owns the list of those that a host of this thread watches — must never ring for one that has nothing
//! to do, or the host would never sleep.
//!
//! All executors of a thread share one descriptor. The ring for one of them may be taken off it in the turn of another: a callback of the
//! host calls `block_on`, or two executors are hosted. So whoever leaves an executor asks whether any hosted one has work, and rings again.
//! One that gets work afterwards rings by itself, because its inbox is ASLEEP and its mode says that a host waits.
//!
//! Rejected: a descriptor for each executor (a reactor for each, and sockets that belong to one of them).

#[cfg(all(unix, not(wakeline_loom)))]
mod imp {
    use std::cell::RefCell;
    use std::fmt;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    use crate::executor::LocalExecutor;
    use crate::executor::shared::{Mode, Shared};
    use crate::reactor::Wait;
    use crate::sync::{Arc, owner_local};
    use crate::task::owner;

    owner_local! {
        /// The executors of this thread that have a host. They are taken off the list when the last one goes.
        static HOSTED: RefCell<Vec<Arc<Shared>>> = RefCell::new(Vec::new())
    }

    /// A host watches the descriptor from now on. Without effect while the thread's locals are being destroyed: no host loop follows.
    fn add(executor: &Arc<Shared>) {
        let _ = HOSTED.try_with(|hosted| hosted.borrow_mut().push(executor.clone()));
    }

    /// Its last host goes away, or the executor does.
    pub(in crate::executor) fn remove(executor: &Arc<Shared>) {
        let _ = HOSTED.try_with(|hosted| hosted.borrow_mut().retain(|other| !Arc::ptr_eq(other, executor)));
    }

    /// Has any executor that a host waits for something to do?
    pub(in crate::executor) fn has_work() -> bool {
        let waits_with_work = |executor: &Arc<Shared>| executor.mode.get() == Mode::Hosted && executor.has_work();
        HOSTED.try_with(|hosted| hosted.borrow().iter().any(waits_with_work)).unwrap_or(false)
    }

    impl LocalExecutor {
        /// The face that the executor shows to somebody else's loop: a descriptor that is readable when
        /// [`turn`](Self::turn) would find something.
        ///
        /// As long as a `Host` lives, whatever makes work for the executor between two turns rings, also
        /// a spawn or a wake on this thread; so the executor pays for it only while somebody watches.
        /// Several may live at once, one for each loop that watches, and the last one that is dropped
        /// ends it. The host's loop waits no longer than [`next_deadline`](Self::next_deadline), calls
        /// `turn`, and need not ask the descriptor first.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::time::Duration;
        /// use rustix::event::{PollFd, PollFlags, poll};
        ///
        /// let executor = wakeline::LocalExecutor::new();
        /// let host = executor.host()?;
        /// let task = executor.spawn(async { 7 });
        /// while !task.is_finished() {
        ///     poll(&mut [PollFd::new(&host, PollFlags::IN)], None)?;
        ///     executor.turn(Some(Duration::ZERO))?;
        /// }
        /// # Ok::<(), std::io::Error>(())
        /// ```
        ///
        /// # Errors
        ///
        /// The kernel's, when descriptors have run out; on systems that have neither epoll nor kqueue; in
        /// a forked child.
        pub fn host(&self) -> io::Result<Host<'_>> {
            self.open_reactor()?;
            if self.reactor.as_fd().is_none() {
                let text = "this system's event queue has no descriptor for a host loop to watch";
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            }
            if self.hosts.get() == 0 {
                // What rang for an earlier host, and was not looked at, would make the descriptor readable
                // for nothing, and again and again: an executor that nobody hosts and that waits for
                // nothing does not look.
                self.reactor.turn(Wait::Look)?;
                add(&self.shared);
            }
            self.hosts.set(self.hosts.get() + 1);
            if !owner::is_entered(Shared::address(&self.shared).as_ptr()) {
                self.wait_for_host();
            }
            Ok(Host { executor: self })
        }
    }

    /// An executor in somebody else's loop; made by [`LocalExecutor::host`].
    ///
    /// Its descriptor is to be watched for reading. It is one for all executors of the thread, so it may be
    /// readable when another one has work; and it may be readable once for nothing. It belongs to the
    /// thread: nothing but waiting may be done with it. In a forked child it is the parent's.
    #[must_use = "the executor rings as long as this lives"]
    pub struct Host<'a> {
        executor: &'a LocalExecutor,
    }

    impl AsFd for Host<'_> {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.executor.reactor.as_fd().expect("it was there when the host was made, and is kept open")
        }
    }

    impl AsRawFd for Host<'_> {
        fn as_raw_fd(&self) -> RawFd {
            self.as_fd().as_raw_fd()
        }
    }

    impl Drop for Host<'_> {
        fn drop(&mut self) {
            let executor = self.executor;
            executor.hosts.set(executor.hosts.get() - 1);
            if executor.hosts.get() > 0 {
                return;
            }
            remove(&executor.shared);
            if !owner::is_entered(Shared::address(&executor.shared).as_ptr()) {
                executor.leave_to_nobody();
            }
        }
    }

    impl fmt::Debug for Host<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Host").field("descriptor", &self.as_raw_fd()).finish_non_exhaustive()
        }
    }
}

/// Where there is no descriptor to watch, nobody hosts.
#[cfg(not(all(unix, not(wakeline_loom))))]
mod imp {
    use crate::executor::shared::Shared;
    use crate::sync::Arc;

    pub(in crate::executor) fn remove(_: &Arc<Shared>) {}

    pub(in crate::executor) fn has_work() -> bool {
        false
    }
}

#[cfg(all(unix, not(wakeline_loom)))]
pub use imp::Host;
pub(super) use imp::{has_work, remove};
