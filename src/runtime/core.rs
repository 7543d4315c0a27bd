//! One core of a runtime, for code that runs on it. A core is a thread with an executor, pinned to
//! a CPU or not. The handle keeps nothing running.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use futures_core::FusedFuture;

use super::handle::Handle;
use super::index::{CoreIndex, SealedIndex};
use super::shared::Shared;
use super::shutdown::phase::Phase;
use crate::sync::{Arc, owner_local};
use crate::wait_list::WaitKey;

owner_local! {
    /// The core whose thread this is, while its executor lives.
    static CURRENT: RefCell<Option<Core>> = RefCell::new(None)
}

owner_local! {
    /// The runtime whose thread this is, to the thread's very end: it has no destructor, so it can
    /// be asked in those of others.
    static RUNTIME: Cell<*const ()> = Cell::new(ptr::null())
}

/// One core of a [`Runtime`](super::Runtime): which one it is, and the way to the others.
///
/// Can be cloned and sent anywhere; it does not keep the runtime running.
///
/// # Examples
///
/// ```
/// use wakeline::{Core, Cores, Runtime};
///
/// let runtime = Runtime::builder().cores(Cores::exactly(2)).build()?;
/// let indices = runtime.run(|core| async move {
///     assert_eq!(Core::current().unwrap().index(), core.index());
///     core.index()
/// });
/// assert_eq!(indices, [0, 1]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Core {
    handle: Handle,
    index: usize,
}

impl Core {
    pub(super) fn new(handle: Handle, index: usize) -> Self {
        Self { handle, index }
    }

    /// Its number, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The way to the runtime's other cores.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The core whose thread this is; `None` on all other threads.
    pub fn current() -> Option<Core> {
        // While the thread's locals are being destroyed there is no executor left to speak of.
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// Waits until the runtime's shutdown has begun.
    ///
    /// It is the cooperative part of a shutdown: a loop that accepts connections ends when this
    /// resolves, and so lets the runtime end before its deadline, with nothing cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use wakeline::{Core, Cores, Runtime};
    ///
    /// let runtime = Runtime::builder().cores(Cores::exactly(2)).build()?;
    /// runtime.spawn_on(1, || async { Core::current().unwrap().stopping().await }).detach();
    /// let report = runtime.shutdown(Duration::from_secs(10));
    /// assert!(report.is_clean());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does nothing; another one resolves as well.
    pub fn stopping(&self) -> Stopping {
        Stopping { core: self.clone(), place: None, has_resolved: false }
    }

    /// Has the runtime's shutdown begun?
    pub fn is_stopping(&self) -> bool {
        self.handle.shared().worker(self.index).stop.phase() != Phase::Running
    }
}

impl AsRef<Handle> for Core {
    fn as_ref(&self) -> &Handle {
        &self.handle
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("index", &self.index).finish_non_exhaustive()
    }
}

/// The future of [`Core::stopping`].
///
/// Once it has resolved it stays so: it may be polled again, and is ready each time.
#[must_use = "futures do nothing until they are awaited"]
pub struct Stopping {
    core: Core,
    place: Option<WaitKey>,
    has_resolved: bool,
}

impl Future for Stopping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { core, place, has_resolved } = &mut *self;
        let stop = &core.handle.shared().worker(core.index).stop;
        let polled = stop.poll(place, cx, |phase| (phase != Phase::Running).then_some(()));
        *has_resolved = polled.is_ready();
        polled
    }
}

impl FusedFuture for Stopping {
    fn is_terminated(&self) -> bool {
        self.has_resolved
    }
}

impl Drop for Stopping {
    fn drop(&mut self) {
        let Self { core, place, .. } = self;
        core.handle.shared().worker(core.index).stop.leave(place);
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stopping").field("core", &self.core.index).finish_non_exhaustive()
    }
}

/// [`Core::current`] says `core` as long as this lives.
pub(super) struct CurrentCore(());

impl CurrentCore {
    pub(super) fn enter(core: Core) -> Self {
        RUNTIME.with(|runtime| runtime.set(Arc::as_ptr(core.handle.shared()).cast()));
        let old = CURRENT.try_with(|current| current.replace(Some(core)));
        debug_assert!(old.is_ok_and(|old| old.is_none()), "a thread is one core's");
        Self(())
    }
}

impl Drop for CurrentCore {
    fn drop(&mut self) {
        let core = CURRENT.try_with(|current| current.take());
        drop(core);
    }
}

/// Is this one of the runtime's own threads?
pub(super) fn is_on_core_of(shared: &Arc<Shared>) -> bool {
    RUNTIME.with(|runtime| ptr::eq(runtime.get(), Arc::as_ptr(shared).cast()))
}

impl SealedIndex for Core {}

impl CoreIndex for Core {
    fn number(&self) -> usize {
        self.index
    }
}

impl SealedIndex for &Core {}

impl CoreIndex for &Core {
    fn number(&self) -> usize {
        self.index
    }
}
