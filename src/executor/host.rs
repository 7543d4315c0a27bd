//! Executors in somebody else's loop. Each thread has a list of those that a host watches. An
//! executor that has nothing to do does not notify its host, which would never sleep otherwise.
//!
//! A host calls `turn`, which does one bounded pass, and the descriptor of its `Host` is readable
//! when the next pass would find something. Between two passes the inbox stays ASLEEP, so that a
//! remote wake notifies, and local wakes notify as well.
//!
//! All executors of a thread share one descriptor. The notification of one may be taken off it in
//! the turn of another: a callback of the host calls `block_on`, or two executors are hosted. So
//! each call that leaves an executor asks whether a hosted one has work, and notifies again. One
//! that gets work afterwards notifies by itself, because its inbox is ASLEEP and its mode says that
//! a host waits.
//!
//! Rejected: a descriptor for each executor (a reactor for each, and sockets that belong to one of
//! them).

use super::core::ExecutorCore;
use super::hooks::Hooks;
use super::shared::Mode;
use crate::inbox::Notify;
use crate::reactor::meter::Meter;

#[cfg(all(unix, not(wakeline_loom)))]
mod imp {
    use std::cell::RefCell;
    use std::fmt;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    use crate::executor::core::ExecutorCore;
    use crate::executor::shared::{LocalShared, Mode};
    use crate::reactor::Wait;
    use crate::sync::owner_local;

    owner_local! {
        /// The executors of this thread that have a host. They are taken off the list when the last
        /// one goes.
        static HOSTED: RefCell<Vec<LocalShared>> = RefCell::new(Vec::new())
    }

    /// A host watches the descriptor from now on. Without effect while the thread's locals are
    /// being destroyed: no host loop follows.
    fn add(executor: &LocalShared) {
        let _ = HOSTED.try_with(|hosted| hosted.borrow_mut().push(executor.clone()));
    }

    /// Its last host goes away, or the executor does.
    pub(crate) fn remove(executor: &LocalShared) {
        let _ = HOSTED.try_with(|hosted| hosted.borrow_mut().retain(|other| !other.ptr_eq(executor)));
    }

    /// Has any executor that a host waits for something to do?
    pub(super) fn has_work() -> bool {
        let waits_with_work = |executor: &LocalShared| executor.mode.get() == Mode::Hosted && executor.here().has_work();
        HOSTED.try_with(|hosted| hosted.borrow().iter().any(waits_with_work)).unwrap_or(false)
    }

    /// An executor in somebody else's loop; made by
    /// [`LocalExecutor::host`](crate::LocalExecutor::host).
    ///
    /// Its descriptor is to be watched for reading. It is one for all executors of the thread, so
    /// it may be readable when another one has work; and it may be readable once for nothing. It
    /// belongs to the thread: nothing but waiting may be done with it. In a forked child it is the
    /// parent's.
    #[must_use = "local wakes notify as long as this lives"]
    pub struct Host<'a> {
        core: &'a ExecutorCore<()>,
    }

    impl<'a> Host<'a> {
        pub(crate) fn new(core: &'a ExecutorCore<()>) -> io::Result<Self> {
            core.open_reactor()?;
            if core.reactor.as_fd().is_none() {
                let text = "this system's event queue has no descriptor for a host loop to watch";
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            }
            if core.hosts.get() == 0 {
                // What notified an earlier host, and was not looked at, would make the descriptor
                // readable for nothing, and again and again: an executor that nobody hosts and that
                // waits for nothing does not look.
                core.reactor.turn(Wait::Look)?;
                add(&core.shared);
                core.reactor.set_hosted();
            }
            core.hosts.set(core.hosts.get() + 1);
            if !core.shared.here().is_entered() {
                core.wait_for_host();
            }
            Ok(Self { core })
        }
    }

    impl AsFd for Host<'_> {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.core.reactor.as_fd().expect("it was there when the host was made, and is kept open")
        }
    }

    impl AsRawFd for Host<'_> {
        fn as_raw_fd(&self) -> RawFd {
            self.as_fd().as_raw_fd()
        }
    }

    impl Drop for Host<'_> {
        fn drop(&mut self) {
            let core = self.core;
            core.hosts.set(core.hosts.get() - 1);
            if core.hosts.get() > 0 {
                return;
            }
            remove(&core.shared);
            if !core.shared.here().is_entered() {
                core.leave_to_nobody();
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
    use crate::executor::shared::LocalShared;

    pub(crate) fn remove(_: &LocalShared) {}

    pub(super) fn has_work() -> bool {
        false
    }
}

#[cfg(all(unix, not(wakeline_loom)))]
pub use imp::Host;
use imp::has_work;
pub(super) use imp::remove;

impl<H: Hooks> ExecutorCore<H> {
    /// A host loop is about to wait: what becomes ready from now on notifies it, and so does what
    /// is ready already.
    #[cold]
    pub(super) fn wait_for_host(&self) {
        self.shared.mode.set(Mode::Hosted);
        self.reactor.measure(Meter::parks);
        // Not armed when a task is there already, and then there is work.
        let _armed = self.shared.inbox().arm();
        self.notify_hosts();
    }

    /// No host waits: what becomes ready notifies nobody any more.
    #[cold]
    pub(super) fn leave_to_nobody(&self) {
        self.shared.mode.set(Mode::Plain);
        self.reactor.measure(Meter::unparks);
        self.admit(self.shared.inbox().take_all());
    }

    /// A turn may have taken a notification that was for another executor of this thread.
    #[inline]
    pub(super) fn notify_hosts(&self) {
        if self.reactor.was_hosted() && has_work() {
            self.reactor.notifier().notify();
        }
    }
}
