//! Questions about one descriptor, asked by `poll` and `ioctl`. None of them waits.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::descriptor::{BorrowedDescriptor, State};

/// [`Driver::set_nonblocking`](super::Driver::set_nonblocking) of a real kernel.
pub(super) fn set_nonblocking(descriptor: BorrowedDescriptor<'_>) -> io::Result<()> {
    rustix::io::ioctl_fionbio(descriptor, true).map_err(io::Error::from)
}

/// [`Driver::state`](super::Driver::state) of a real kernel.
pub(super) fn state(descriptor: BorrowedDescriptor<'_>, asked: State) -> io::Result<State> {
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
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let said = polled[0].revents();
    if said.contains(PollFlags::NVAL) {
        return Err(Errno::BADF.into());
    }
    let with = |found: State, (state, flags): (State, PollFlags)| if said.intersects(flags) { found.with(state) } else { found };
    let mut found = FLAGS.into_iter().fold(State::default(), with);
    if said.contains(PollFlags::HUP) {
        found = found.with(State::READ_CLOSED).with(State::WRITE_CLOSED);
    }
    if said.contains(PollFlags::ERR) {
        found = found.with(State::ERROR);
        // Alone it is what the writer of a pipe is told whose reader has gone; with room to write,
        // what a broken socket says.
        if said == PollFlags::ERR || said.contains(PollFlags::OUT) {
            found = found.with(State::WRITE_CLOSED);
        }
    }
    Ok(found)
}

/// What `poll` is asked for, and how it says so.
const FLAGS: [(State, PollFlags); 4] = {
    use PollFlags as Flags;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let (priority, ended) = (Flags::PRI, Flags::RDHUP);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let (priority, ended) = (Flags::empty(), Flags::empty());
    [(State::READABLE, Flags::IN), (State::WRITABLE, Flags::OUT), (State::PRIORITY, priority), (State::READ_CLOSED, ended)]
};
