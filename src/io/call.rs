//! The loop of all I/O: note the edge, try the call, wait. No task waits where nobody would wake
//! it.

use std::io;
use std::task::{Context, Poll, ready};

use crate::executor::context;
use crate::reactor::{Drained, Edge, Side, Source};

/// The one loop of all I/O: a note, a try, and on *would block* the note goes back. The charge is
/// for a result alone, so that a task with many silent descriptors does not starve itself.
#[inline]
pub(super) fn poll_call<R>(
    source: &Source,
    context: &mut Context<'_>,
    side: Side,
    mut call: impl FnMut() -> io::Result<R>,
) -> Poll<io::Result<(R, Edge)>> {
    ready!(context::poll_budget(context));
    let mut last = LastTry::Left;
    loop {
        let edge = ready!(poll_edge(source, context, side, &mut last))?;
        source.count_call();
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if source.drained(side, edge) == Drained::Never {
                    return Poll::Ready(Err(error));
                }
            }
            result => {
                context::spend_budget();
                return Poll::Ready(result.map(|result| (result, edge)));
            }
        }
    }
}

/// A note to try a call with; keeps the task until there is one.
///
/// Where nobody turns the reactor there may be something all the same: `last` is the one try that
/// is left then.
#[inline]
pub(super) fn poll_edge(source: &Source, context: &mut Context<'_>, side: Side, last: &mut LastTry) -> Poll<io::Result<Edge>> {
    match source.ready(side) {
        Some(edge) => Poll::Ready(Ok(edge)),
        None => wait(source, context, side, last),
    }
}

/// Whether a call is still to be tried where nobody would wake the task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LastTry {
    Left,
    Used,
}

/// The rarer way of `poll_edge`, out of the way of the other.
#[inline(never)]
fn wait(source: &Source, context: &mut Context<'_>, side: Side, last: &mut LastTry) -> Poll<io::Result<Edge>> {
    match check_turned(source, side) {
        Ok(()) => source.park(context, side),
        Err(_) if *last == LastTry::Left => {
            *last = LastTry::Used;
            Poll::Ready(Ok(source.seen(side)))
        }
        Err(error) => Poll::Ready(Err(error)),
    }
}

/// Says so when nobody would wake the task that is about to wait: the reactor of this source is
/// turned by executors that are entered on its thread. What cannot be seen from here is somebody
/// else's `block_on` inside a task of ours.
#[inline]
pub(super) fn check_turned(source: &Source, side: Side) -> io::Result<()> {
    match context::turns(source.reactor()) {
        Some(true) => Ok(()),
        other => Err(nobody_turns(source, side, other.is_some())),
    }
}

#[cold]
fn nobody_turns(source: &Source, side: Side, entered: bool) -> io::Error {
    source.reactor().check_process().err().unwrap_or_else(|| not_turned(source.name(side), entered))
}

#[cold]
fn not_turned(what: &str, entered: bool) -> io::Error {
    io::Error::other(if entered {
        format!(
            "{what} has to wait under an executor with another reactor than the one under which the object was made, so nobody would wake \
             it; such an executor comes about in the destructor of a thread-local"
        )
    } else {
        format!(
            "{what} has to wait on a thread where no wakeline executor is entered, so nobody would wake it; \
             await it inside `wakeline::block_on`, `LocalExecutor::block_on` or a task spawned there"
        )
    })
}

/// Repeats a call that a signal interrupted; on a non-blocking descriptor that is rare, and it says
/// nothing about readiness.
#[inline]
pub(super) fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
