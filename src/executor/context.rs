//! What code finds that runs inside an executor. This is how a leaf future gets to its reactor.
//! Nothing here keeps an executor alive.

use std::cell::RefCell;
use std::io;
use std::rc::{Rc, Weak};

use super::enter::with_current;
use super::shared::with_entered_or;
use crate::fork;
use crate::reactor::Reactor;
use crate::sync::owner_local;
pub(crate) use crate::task::current::{poll_budget, spend_budget};

owner_local! {
    /// The reactor of this thread, for as long as an executor or a source of the thread needs it.
    static REACTOR: RefCell<Weak<Reactor>> = RefCell::new(Weak::new())
}

/// The reactor that this thread's executors share. A forked child gets one of its own, and so does
/// an executor that is made while the thread-local is being destroyed.
pub(super) fn thread_reactor() -> Rc<Reactor> {
    fork::watch();
    let shared = REACTOR.try_with(|reactor| {
        let known = reactor.borrow().upgrade();
        known.filter(|reactor| reactor.is_of_this_process()).unwrap_or_else(|| {
            let new = Rc::new(Reactor::new());
            *reactor.borrow_mut() = Rc::downgrade(&new);
            new
        })
    });
    shared.unwrap_or_else(|_| Rc::new(Reactor::new()))
}

/// Runs `f` with the reactor of the executor that this thread runs; `None` where none runs, so that
/// nobody would turn it.
#[inline]
pub(crate) fn with_reactor<R>(f: impl FnOnce(&Rc<Reactor>) -> R) -> Option<R> {
    with_entered_or(|| None, |here| here.reactor()).flatten().map(|reactor| f(&reactor))
}

/// Whether the executor that this thread runs turns `reactor`; `None` where none runs.
#[inline]
pub(crate) fn turns(reactor: &Rc<Reactor>) -> Option<bool> {
    // No clone: the comparison runs nobody's code under the borrow.
    let is_it = |entered: &Rc<Reactor>| Rc::ptr_eq(entered, reactor);
    with_entered_or(|| None, |here| here.with_reactor(is_it)).flatten()
}

/// The reactor of the executor that this thread runs or has entered, for `what`, which cannot do
/// without.
pub(crate) fn reactor(what: &str) -> io::Result<Rc<Reactor>> {
    let reactor = with_current(|here| here.reactor()).flatten();
    reactor.ok_or_else(|| io::Error::other(outside(what)))
}

/// What to say when something is used where no executor is entered.
pub(crate) fn outside(what: &str) -> String {
    format!(
        "{what} was used on a thread that is not running a wakeline executor; \
         use it inside `wakeline::block_on`, `LocalExecutor::block_on` or a spawned task"
    )
}
