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

    use crate::executor::shared::{Mode, Shared};
    use crate::sync::{Arc, owner_local};

    owner_local! {
        /// The executors of this thread whose descriptor was asked for. They take themselves off the list when they are dropped.
        static HOSTED: RefCell<Vec<Arc<Shared>>> = RefCell::new(Vec::new())
    }

    /// A host watches the descriptor from now on. Without effect while the thread's locals are being destroyed: no host loop follows.
    pub(in crate::executor) fn add(executor: &Arc<Shared>) {
        let _ = HOSTED.try_with(|hosted| hosted.borrow_mut().push(executor.clone()));
    }

    /// The executor goes away.
    pub(in crate::executor) fn remove(executor: &Arc<Shared>) {
        let _ = HOSTED.try_with(|hosted| hosted.borrow_mut().retain(|other| !Arc::ptr_eq(other, executor)));
    }

    /// Has any executor that a host waits for something to do?
    pub(in crate::executor) fn has_work() -> bool {
        let waits_with_work = |executor: &Arc<Shared>| executor.mode.get() == Mode::Hosted && executor.has_work();
        HOSTED.try_with(|hosted| hosted.borrow().iter().any(waits_with_work)).unwrap_or(false)
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

pub(super) use imp::*;
