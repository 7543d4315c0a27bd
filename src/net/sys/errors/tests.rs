use super::*;

fn said(errno: Errno) -> io::Error {
    errno.into()
}

#[test]
fn errors_of_a_connection_are_told_from_those_of_the_listener_and_from_shortages() {
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
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert!(is_about_the_connection(&io::Error::from_raw_os_error(64)), "ENONET");
    }
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
#[test]
fn a_connect_that_was_not_begun_is_an_error() {
    for errno in [Errno::INPROGRESS, Errno::INTR] {
        begun(Err(errno)).unwrap();
    }
    begun(Ok(())).unwrap();
    assert_eq!(begun(Err(Errno::AGAIN)).unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
    assert_eq!(begun(Err(Errno::CONNREFUSED)).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}
