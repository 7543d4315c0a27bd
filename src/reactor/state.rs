//! What the kernel says of a descriptor now. The descriptor need not be registered, and the call
//! does not wait.

use std::io;

use super::driver::descriptor::{BorrowedDescriptor, State};
use super::driver::{Chosen, Driver};
use super::readiness::Side;

/// Asks the kernel what can be said of a descriptor now. Errors and hang-ups are said unasked.
pub(crate) fn state(descriptor: BorrowedDescriptor<'_>, asked: State) -> io::Result<State> {
    Chosen::state(descriptor, asked)
}

/// Asks the kernel whether `side` of a descriptor would do something now.
///
/// Errors and hang-ups count as *would do something*, because the call that follows reports them.
pub(crate) fn is_ready(descriptor: BorrowedDescriptor<'_>, side: Side) -> io::Result<bool> {
    let asked = match side {
        Side::Read => State::READABLE,
        Side::Write => State::WRITABLE,
    };
    Ok(state(descriptor, asked)?.has_any(asked.with(State::ERROR).with(State::READ_CLOSED).with(State::WRITE_CLOSED)))
}
