//! The signals of the process, as the system and its registry of handlers know them. An action that
//! is registered here keeps [S1].

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::process::Signal as Number;
use signal_hook_registry::FORBIDDEN;
pub(super) use signal_hook_registry::SigId as ActionId;

use super::self_pipe::{SelfPipe, WriteEnd};

pub(super) const INTERRUPT: i32 = Number::INT.as_raw();
pub(super) const TERMINATE: i32 = Number::TERM.as_raw();
pub(super) const HANGUP: i32 = Number::HUP.as_raw();
pub(super) const QUIT: i32 = Number::QUIT.as_raw();
pub(super) const PIPE: i32 = Number::PIPE.as_raw();
pub(super) const ALARM: i32 = Number::ALARM.as_raw();
pub(super) const CHILD: i32 = Number::CHILD.as_raw();
pub(super) const WINDOW_CHANGE: i32 = Number::WINCH.as_raw();
pub(super) const IO: i32 = Number::IO.as_raw();
pub(super) const USER_DEFINED1: i32 = Number::USR1.as_raw();
pub(super) const USER_DEFINED2: i32 = Number::USR2.as_raw();

/// What cannot be caught, or not by going on afterwards.
pub(super) const UNCATCHABLE: [(i32, &str); 5] = [
    (Number::KILL.as_raw(), "SIGKILL"),
    (Number::STOP.as_raw(), "SIGSTOP"),
    (Number::ILL.as_raw(), "SIGILL"),
    (Number::FPE.as_raw(), "SIGFPE"),
    (Number::SEGV.as_raw(), "SIGSEGV"),
];

/// The writing end of a socket pair that does not block.
impl WriteEnd for UnixStream {
    fn write_byte(&self) {
        #[cfg(not(target_vendor = "apple"))]
        let flags = rustix::net::SendFlags::NOSIGNAL;
        #[cfg(target_vendor = "apple")]
        let flags = rustix::net::SendFlags::empty();
        // A socket that is full wakes its reader already. One whose reading end is closed, as in a
        // child that a fork has just made, raises no signal.
        let _ = rustix::net::send(self, &[0], flags);
    }
}

/// Whether a write raises a signal is a property of the socket there. Elsewhere each write says so
/// itself.
pub(super) fn without_sigpipe(writer: &UnixStream) -> io::Result<()> {
    #[cfg(target_vendor = "apple")]
    rustix::net::sockopt::set_socket_nosigpipe(writer, true)?;
    let _ = writer;
    Ok(())
}

/// Lets the signal raise `pipe` from now on.
pub(super) fn register(signal: i32, pipe: Arc<SelfPipe<UnixStream>>) -> io::Result<ActionId> {
    if FORBIDDEN.contains(&signal) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let action = move || pipe.raise();
    // SAFETY: [S1] `raise` loads an atomic, swaps one, and calls send(2) on a descriptor that does
    // not block and that the action keeps open; the registry frees the action outside the handler
    // — an action that locked or allocated could meet itself.
    unsafe { signal_hook_registry::register(signal, action) }
}

pub(super) fn unregister(action: ActionId) {
    signal_hook_registry::unregister(action);
}
