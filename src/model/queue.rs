//! The balanced queue without a runtime around it, to be stepped through by a model.

use std::rc::Rc;
use std::task::Waker;

use crate::executor::{Injector, Unstarted};
use crate::runtime::{InjectorQueue, WorkerInjector};
use crate::sync::Arc;
use crate::task::Site;
use crate::{LocalExecutor, PanicPolicy, RemoteTask, Spawner};

/// The queue that all cores of a runtime share.
#[derive(Clone)]
pub struct Queue(Arc<InjectorQueue>);

impl Queue {
    /// For so many cores.
    pub fn new(cores: usize) -> Self {
        Self(InjectorQueue::new(cores))
    }

    /// The executor of a core, on its thread.
    pub fn executor(&self, core: usize) -> LocalExecutor {
        self.executor_with(Rc::new(WorkerInjector::new(self.0.clone(), core)))
    }

    /// One that goes to sleep without putting itself on the list.
    pub fn unlisted_executor(&self, core: usize) -> LocalExecutor {
        let share = WorkerInjector::new(self.0.clone(), core);
        // It is known to the queue, which has been opened.
        let _ = share.take_or_wait(Waker::noop());
        self.executor_with(Rc::new(Unlisted(share)))
    }

    fn executor_with(&self, injector: Rc<dyn Injector>) -> LocalExecutor {
        LocalExecutor::builder().panic_policy(PanicPolicy::Propagate).build_with(injector)
    }

    /// `spawn_balanced`; `home` is any of the cores. `None` when the queue is closed.
    pub fn spawn<C, F>(&self, home: &Spawner, make: C) -> Option<RemoteTask<F::Output>>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let (number, place) = InjectorQueue::place(&self.0);
        let make = move || {
            place.leave();
            make()
        };
        let (unstarted, handle) = home.prepare(make, (), Site::caller());
        self.0.add(number, unstarted).ok().map(|()| handle)
    }

    /// Drops what no core has taken, and says how much that was.
    pub fn close(&self) -> usize {
        self.0.close().len()
    }
}

/// Trusts its last look.
struct Unlisted(WorkerInjector);

impl Injector for Unlisted {
    fn take(&self) -> Option<Unstarted> {
        self.0.take()
    }

    fn take_or_wait(&self, _: &Waker) -> Option<Unstarted> {
        self.0.take()
    }
}
