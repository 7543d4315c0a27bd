//! Hearing of another core's connections.
//!
//! The kernel tells one thread of what comes to another one's listener. That does not keep the
//! listener open.
//!
//! A core that is busy or stuck comes late to its listener. So an idle one guards it: what comes
//! there wakes the guard, which accepts in its place. The guard's reactor cannot watch the listener
//! itself: with a descriptor of its own it would keep the port in use after its owner has left, and
//! without one the number might be somebody else's by then. So each listener has an
//! [`ArrivalQueue`]: an event queue that watches the listener and nothing else, and whose
//! descriptor is what guards watch. A core that leaves takes its listener off that queue, which
//! then stays silent.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::io::Async;
use crate::reactor::{Kind, Sides};
use crate::sync::Arc;

static ARRIVALS: Kind =
    Kind { sides: Sides::READ, read: "BalancedListener::accept", write: "a queue of arrivals, which is never written to," };

/// Is readable when a connection waits in a listener's backlog.
#[derive(Clone, Debug)]
pub(crate) struct ArrivalQueue(Arc<OwnedFd>);

impl ArrivalQueue {
    /// A queue for this listener.
    ///
    /// # Errors
    ///
    /// The kernel's, when descriptors or memory have run out.
    pub(super) fn of(listener: &TcpListener) -> io::Result<Option<Self>> {
        let queue = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&queue, listener, EventData::new_u64(0), EventFlags::IN)?;
        Ok(Some(Self(Arc::new(queue))))
    }

    /// Says nothing any more. `listener` is the one that it was made for.
    pub(super) fn forget(&self, listener: &TcpListener) {
        // Fails only for what is not on the list.
        let _ = epoll::delete(&*self.0, listener);
    }
}

impl AsFd for ArrivalQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The arrivals of one core in the reactor of another.
pub(super) struct BacklogGuard {
    core: usize,
    arrivals: Async<ArrivalQueue>,
}

impl BacklogGuard {
    /// On the thread of `beside`.
    pub(super) fn new<T: AsFd>(core: usize, arrivals: ArrivalQueue, beside: &Async<T>) -> Self {
        Self { core, arrivals: beside.beside(arrivals, &ARRIVALS) }
    }

    /// The core that comes late.
    pub(super) fn core(&self) -> usize {
        self.core
    }

    /// What `take` gives; when it gives nothing, the task is woken by the next arrival. An error
    /// when the queue cannot be watched.
    pub(super) fn poll_take<T>(&self, cx: &mut Context<'_>, mut take: impl FnMut() -> Option<T>) -> Poll<io::Result<T>> {
        self.arrivals.poll_read_with(cx, |_| take().ok_or_else(|| io::ErrorKind::WouldBlock.into()))
    }
}
