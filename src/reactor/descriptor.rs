//! What a platform calls a descriptor — owns the choice between Unix descriptors and Windows sockets — must never do I/O.
//!
//! The one home of this `cfg`: the rest of the crate says [`AsDescriptor`] and [`BorrowedDescriptor`]. rustix knows both kinds under its
//! own names, so that setting a descriptor non-blocking and asking `poll` about it need no second version.

use std::io;

#[cfg(unix)]
pub(crate) use std::os::fd::{
    AsFd as AsDescriptor, AsRawFd as AsRawDescriptor, BorrowedFd as BorrowedDescriptor, RawFd as RawDescriptor,
};
#[cfg(windows)]
pub(crate) use std::os::windows::io::{
    AsRawSocket as AsRawDescriptor, AsSocket as AsDescriptor, BorrowedSocket as BorrowedDescriptor, RawSocket as RawDescriptor,
};

use super::readiness::Side;

/// Borrows the descriptor of `object`, whatever the platform calls that.
pub(crate) fn borrow<T: AsDescriptor>(object: &T) -> BorrowedDescriptor<'_> {
    #[cfg(unix)]
    return object.as_fd();
    #[cfg(windows)]
    return object.as_socket();
}

/// The number of a registered descriptor, kept by its source and the reactor's table. It exists no longer than the source does.
#[derive(Clone, Copy)]
pub(super) struct Number(RawDescriptor);

impl Number {
    pub(super) fn of(descriptor: BorrowedDescriptor<'_>) -> Self {
        #[cfg(unix)]
        return Self(descriptor.as_raw_fd());
        #[cfg(windows)]
        return Self(descriptor.as_raw_socket());
    }

    pub(super) fn borrow(&self) -> BorrowedDescriptor<'_> {
        // SAFETY: [R1] the descriptor is open — numbers are kept by sources and by the table's entries for them, and a source is dropped
        // before its descriptor — a closed number would let the kernel's list say things about somebody else's descriptor.
        unsafe { BorrowedDescriptor::borrow_raw(self.0) }
    }
}

/// Makes a descriptor non-blocking: one that blocks would stop the whole thread on its first empty read.
pub(super) fn set_nonblocking(descriptor: BorrowedDescriptor<'_>) -> io::Result<()> {
    #[cfg(not(wakeline_loom))]
    return rustix::io::ioctl_fionbio(descriptor, true).map_err(io::Error::from);
    #[cfg(wakeline_loom)]
    return Err(io::Error::new(io::ErrorKind::Unsupported, format!("descriptor {descriptor:?}: there is no I/O in a model")));
}

/// Asks the kernel, without waiting, whether `side` of a descriptor would do something now.
///
/// Errors and hang-ups count as *would do something*, because the call that follows reports them.
pub(super) fn is_ready(descriptor: BorrowedDescriptor<'_>, side: Side) -> io::Result<bool> {
    #[cfg(not(wakeline_loom))]
    {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let interest = match side {
            Side::Read => PollFlags::IN,
            Side::Write => PollFlags::OUT,
        };
        let mut asked = [PollFd::from_borrowed_fd(descriptor, interest)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            match poll(&mut asked, Some(&now)) {
                Ok(_) if asked[0].revents().contains(PollFlags::NVAL) => return Err(rustix::io::Errno::BADF.into()),
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    #[cfg(wakeline_loom)]
    return Err(io::Error::new(io::ErrorKind::Unsupported, format!("{side:?} of {descriptor:?}: there is no I/O in a model")));
}
