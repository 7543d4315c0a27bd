//! What an error of a socket call means.
//!
//! It owns the lists. It must never take what is lasting for something that passes.

use std::io;

use rustix::io::Errno;

/// Whether an error of `accept` is about the connection that was taken, and not about the listener:
/// the next one may be sound.
///
/// Linux hands a new connection's pending network errors to accept(2), whose manual has the list;
/// Windows reports a connection that was reset in the backlog.
pub(crate) fn is_about_the_connection(error: &io::Error) -> bool {
    let Some(errno) = Errno::from_io_error(error) else {
        // What `accept` above says of a connection without an address.
        return error.kind() == io::ErrorKind::ConnectionAborted;
    };
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if errno == Errno::NONET {
        return true;
    }
    #[cfg(not(windows))]
    if errno == Errno::PROTO {
        return true;
    }
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
    )
}

/// Whether an error of `accept` says that the process or the system has run out of something, so
/// that a try a little later may succeed.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    #[cfg(not(windows))]
    let others = [Errno::NFILE, Errno::NOMEM];
    #[cfg(windows)]
    let others = [];
    Errno::from_io_error(error).is_some_and(|errno| [Errno::MFILE, Errno::NOBUFS].contains(&errno) || others.contains(&errno))
}

/// Whether a connect is under way, or through.
pub(super) fn begun(outcome: Result<(), Errno>) -> io::Result<()> {
    match outcome {
        // A connect that a signal interrupts goes on all the same.
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(()),
        // How Windows says INPROGRESS.
        #[cfg(windows)]
        Err(Errno::WOULDBLOCK) => Ok(()),
        // Elsewhere nothing was begun, and nothing will be reported. Not by its own kind, which
        // says *wait and try again*.
        #[cfg(not(windows))]
        Err(Errno::AGAIN) => Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "the system has no port or no route left for a connection (EAGAIN)",
        )),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(errno: Errno) -> io::Error {
        errno.into()
    }

    #[cfg(unix)]
    #[test]
    fn errors_of_a_connection_are_told_from_those_of_the_listener_and_from_shortages() {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        assert!(is_about_the_connection(&said(Errno::NONET)));
        let about = [
            Errno::CONNABORTED,
            Errno::CONNRESET,
            Errno::NETDOWN,
            Errno::NETUNREACH,
            Errno::HOSTUNREACH,
            Errno::HOSTDOWN,
            Errno::PROTO,
            Errno::NOPROTOOPT,
            Errno::OPNOTSUPP,
        ];
        let shortage = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        let neither = [Errno::BADF, Errno::INVAL, Errno::NOTSOCK, Errno::AGAIN, Errno::PERM];
        for errno in about {
            assert!(is_about_the_connection(&said(errno)) && !is_shortage(&said(errno)), "{errno:?}");
        }
        for errno in shortage {
            assert!(is_shortage(&said(errno)) && !is_about_the_connection(&said(errno)), "{errno:?}");
        }
        for errno in neither {
            assert!(!is_shortage(&said(errno)) && !is_about_the_connection(&said(errno)), "{errno:?}");
        }
        assert!(is_about_the_connection(&io::ErrorKind::ConnectionAborted.into()), "one without an address");
    }

    // EAGAIN taken for *in progress* was a connect without an end, and its kind would send a caller
    // waiting.
    #[cfg(unix)]
    #[test]
    fn a_connect_that_was_not_begun_is_an_error() {
        for errno in [Errno::INPROGRESS, Errno::INTR] {
            begun(Err(errno)).unwrap();
        }
        begun(Ok(())).unwrap();
        assert_eq!(begun(Err(Errno::AGAIN)).unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
        assert_eq!(begun(Err(Errno::CONNREFUSED)).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
