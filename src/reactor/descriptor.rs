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

/// What can be said of a descriptor at a moment, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State(u8);

impl State {
    pub(crate) const READABLE: Self = Self(1);
    pub(crate) const WRITABLE: Self = Self(1 << 1);
    /// Urgent data.
    pub(crate) const PRIORITY: Self = Self(1 << 2);
    pub(crate) const ERROR: Self = Self(1 << 3);
    /// The peer has ended its side, and nothing will come any more.
    pub(crate) const READ_CLOSED: Self = Self(1 << 4);
    /// Nothing can be sent any more.
    pub(crate) const WRITE_CLOSED: Self = Self(1 << 5);

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn has_any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }
}

/// Asks the kernel, without waiting, whether `side` of a descriptor would do something now.
///
/// Errors and hang-ups count as *would do something*, because the call that follows reports them.
pub(crate) fn is_ready(descriptor: BorrowedDescriptor<'_>, side: Side) -> io::Result<bool> {
    let asked = match side {
        Side::Read => State::READABLE,
        Side::Write => State::WRITABLE,
    };
    Ok(state(descriptor, asked)?.has_any(asked.with(State::ERROR).with(State::READ_CLOSED).with(State::WRITE_CLOSED)))
}

/// Asks the kernel, without waiting, what can be said of a descriptor now. Errors and hang-ups are said unasked.
#[cfg(not(wakeline_loom))]
pub(crate) fn state(descriptor: BorrowedDescriptor<'_>, asked: State) -> io::Result<State> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut interest = PollFlags::empty();
    for (state, flags) in FLAGS {
        if asked.has_any(state) {
            interest |= flags;
        }
    }
    let mut polled = [PollFd::from_borrowed_fd(descriptor, interest)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        match poll(&mut polled, Some(&now)) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let said = polled[0].revents();
    if said.contains(PollFlags::NVAL) {
        return Err(rustix::io::Errno::BADF.into());
    }
    let with = |found: State, (state, flags): (State, PollFlags)| if said.intersects(flags) { found.with(state) } else { found };
    let mut found = FLAGS.into_iter().fold(State::default(), with);
    if said.contains(PollFlags::HUP) {
        found = found.with(State::READ_CLOSED).with(State::WRITE_CLOSED);
    }
    if said.contains(PollFlags::ERR) {
        found = found.with(State::ERROR);
        // Alone it is what the writer of a pipe hears whose reader has gone; with room to write, what a broken socket says.
        if said == PollFlags::ERR || said.contains(PollFlags::OUT) {
            found = found.with(State::WRITE_CLOSED);
        }
    }
    Ok(found)
}

/// What `poll` is asked for, and how it says so.
#[cfg(not(wakeline_loom))]
const FLAGS: [(State, rustix::event::PollFlags); 4] = {
    use rustix::event::PollFlags as Flags;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let (priority, ended) = (Flags::PRI, Flags::RDHUP);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let (priority, ended) = (Flags::empty(), Flags::empty());
    [(State::READABLE, Flags::IN), (State::WRITABLE, Flags::OUT), (State::PRIORITY, priority), (State::READ_CLOSED, ended)]
};

/// Asks nobody: a model has no kernel.
#[cfg(wakeline_loom)]
pub(crate) fn state(descriptor: BorrowedDescriptor<'_>, asked: State) -> io::Result<State> {
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("{asked:?} of {descriptor:?}: there is no I/O in a model")))
}
