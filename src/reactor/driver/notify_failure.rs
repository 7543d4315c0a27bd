//! What is done when an owner cannot be notified: the process ends with a message.
//!
//! The thread that notifies has found the owner asleep, perhaps without a limit. If the kernel
//! refuses the call, nothing else reaches that thread: its wait ends by an event of the very queue
//! that has just refused. So there is no limit that could be set afterwards; it would have had to
//! be there before, in each sleep of each owner, for an error that no working kernel gives. What
//! gives it is a descriptor that was closed behind the reactor's back, or a sandbox that forbids
//! the call, and both are bugs of the program that show at its first sleep. The process ends with a
//! message: a program that hangs says nothing.
//!
//! Not errors: `EINTR` is tried again, and `EAGAIN` means that the counter is full, so
//! the owner is notified already.
//! polling is not asked twice, whatever the error: it marks itself as notified before it asks the
//! kernel, so a second call would return at once and notify nobody.

use std::io::{self, Write};

/// Says why, and ends the process.
#[cold]
#[inline(never)]
pub(super) fn end_process(error: &io::Error) -> ! {
    // Not `eprintln`, which panics where standard error is closed, and a waker never panics.
    let _ = writeln!(
        io::stderr(),
        "wakeline: a sleeping executor cannot be notified, and nothing else would wake it: {error}; \
         the process ends. Was a descriptor of its reactor closed, or the call forbidden by a sandbox?"
    );
    std::process::abort();
}
