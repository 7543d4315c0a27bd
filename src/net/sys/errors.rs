//! What an error of a socket call means. An error that lasts is not taken for one that passes.

use std::io;

use rustix::io::Errno;

use super::platform;

/// Whether an error of `accept` is about the connection that was taken, and not about the listener:
/// the next one may be sound.
///
/// Windows reports a connection that was reset in the backlog.
pub(crate) fn is_about_the_connection(error: &io::Error) -> bool {
    let Some(errno) = Errno::from_io_error(error) else {
        // What `accept` above says of a connection without an address.
        return error.kind() == io::ErrorKind::ConnectionAborted;
    };
    matches!(
        errno,
        Errno::CONNABORTED
            | Errno::CONNRESET
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTUNREACH
            | Errno::HOSTDOWN
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
    ) || platform::ABOUT_THE_CONNECTION.contains(&errno)
}

/// Whether an error of `accept` says that the process or the system has run out of something, so
/// that a try a little later may succeed.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| [Errno::MFILE, Errno::NOBUFS].contains(&errno) || platform::SHORTAGES.contains(&errno))
}

/// Whether a connect is under way, or through.
pub(super) fn begun(outcome: Result<(), Errno>) -> io::Result<()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(errno) if platform::CONNECT_GOES_ON.contains(&errno) => Ok(()),
        Err(errno) if platform::CONNECT_NOT_BEGUN == Some(errno) => Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "the system has no port or no route left for a connection (EAGAIN)",
        )),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(all(test, unix))]
mod tests;
