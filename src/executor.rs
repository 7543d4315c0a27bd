//! SKELETON: the real one is being written; the interface below is final.
pub(crate) mod context {
    use std::task::{Context, Poll};
    // use crate::reactor::Reactor; use std::{io, rc::Rc};
    //
    // /// The reactor of the executor that this thread is in; the error says that there is none, and what to do.
    // pub(crate) fn reactor(what: &'static str) -> io::Result<Rc<Reactor>>;
    // /// Runs `f` with the reactor of the entered executor; None when no executor is entered.
    // pub(crate) fn with_reactor<T>(f: impl FnOnce(&Rc<Reactor>) -> T) -> Option<T>;

    /// Pending (and already re-woken) when the running task has used up its per-poll budget. Leaf futures ask before their first attempt.
    pub(crate) fn poll_budget(_cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
    /// Takes one unit; leaf futures call it when they return Ready with progress made.
    pub(crate) fn spend_budget() {}
}
