//! Names for signals. That a signal has a name does not say that it can be caught.

use std::fmt;

use super::sys;

/// A signal to wait for: one of those that programs usually catch, or any by its number.
///
/// # Examples
///
/// ```
/// use wakeline::signal::SignalKind;
///
/// assert_eq!(SignalKind::interrupt().to_string(), "SIGINT");
/// assert_eq!(SignalKind::from_raw(SignalKind::hangup().as_raw()), SignalKind::hangup());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(i32);

impl SignalKind {
    /// The signal of this number, which depends on the platform. Whether it exists and can be
    /// caught is said by [`Signal::new`](super::Signal::new).
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The signal's number on this platform.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// `SIGINT`: Ctrl-C in a terminal. Ends a process that does not catch it.
    pub const fn interrupt() -> Self {
        Self(sys::INTERRUPT)
    }

    /// `SIGTERM`: the polite request to end, of service managers and `kill`. Ends a process that
    /// does not catch it.
    pub const fn terminate() -> Self {
        Self(sys::TERMINATE)
    }

    /// `SIGHUP`: the terminal has gone; daemons take it as the request to read their configuration
    /// again. Ends a process that does not catch it.
    pub const fn hangup() -> Self {
        Self(sys::HANGUP)
    }

    /// `SIGQUIT`: Ctrl-\ in a terminal. Ends a process that does not catch it, with a core dump.
    pub const fn quit() -> Self {
        Self(sys::QUIT)
    }

    /// `SIGUSR1`: whatever programs agree on. Ends a process that does not catch it.
    pub const fn user_defined1() -> Self {
        Self(sys::USER_DEFINED1)
    }

    /// `SIGUSR2`: whatever programs agree on. Ends a process that does not catch it.
    pub const fn user_defined2() -> Self {
        Self(sys::USER_DEFINED2)
    }

    /// `SIGCHLD`: a child process has ended or stopped. Ignored by a process that does not catch
    /// it.
    pub const fn child() -> Self {
        Self(sys::CHILD)
    }

    /// `SIGPIPE`: a write to what nobody reads. Rust programs start with it ignored and see the
    /// write fail.
    pub const fn pipe() -> Self {
        Self(sys::PIPE)
    }

    /// `SIGWINCH`: the terminal has changed its size. Ignored by a process that does not catch it.
    pub const fn window_change() -> Self {
        Self(sys::WINDOW_CHANGE)
    }

    /// `SIGALRM`: a timer of `alarm` or `setitimer` is due. Ends a process that does not catch it.
    pub const fn alarm() -> Self {
        Self(sys::ALARM)
    }

    /// `SIGIO`: a descriptor that was asked to send signals is ready. Ends a process that does not
    /// catch it.
    pub const fn io() -> Self {
        Self(sys::IO)
    }

    /// What to say when it cannot be caught.
    pub(super) fn refusal(self) -> String {
        match self.name() {
            Some(name) => format!("{name} cannot be caught"),
            None => {
                format!("signal {} cannot be caught: there is none of this number, or the system keeps it for itself", self.0)
            }
        }
    }

    fn name(self) -> Option<&'static str> {
        let caught = [
            (sys::INTERRUPT, "SIGINT"),
            (sys::TERMINATE, "SIGTERM"),
            (sys::HANGUP, "SIGHUP"),
            (sys::QUIT, "SIGQUIT"),
            (sys::PIPE, "SIGPIPE"),
            (sys::ALARM, "SIGALRM"),
            (sys::CHILD, "SIGCHLD"),
            (sys::WINDOW_CHANGE, "SIGWINCH"),
            (sys::IO, "SIGIO"),
            (sys::USER_DEFINED1, "SIGUSR1"),
            (sys::USER_DEFINED2, "SIGUSR2"),
        ];
        caught.into_iter().chain(sys::UNCATCHABLE).find(|(number, _)| *number == self.0).map(|(_, name)| name)
    }
}

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignalKind({self})")
    }
}
