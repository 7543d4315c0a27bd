//! What a platform calls a descriptor: Unix has descriptors, Windows has sockets. There is no I/O
//! in here.
//!
//! The one home of this `cfg`: the rest of the crate says [`AsDescriptor`] and
//! [`BorrowedDescriptor`]. rustix knows both kinds under its own names.

#[cfg(unix)]
mod platform {
    use std::os::fd::AsRawFd;
    pub(crate) use std::os::fd::{AsFd as AsDescriptor, BorrowedFd as BorrowedDescriptor, RawFd as RawDescriptor};

    pub(crate) fn borrow<T: AsDescriptor>(object: &T) -> BorrowedDescriptor<'_> {
        object.as_fd()
    }

    pub(super) fn number(descriptor: BorrowedDescriptor<'_>) -> RawDescriptor {
        descriptor.as_raw_fd()
    }
}

#[cfg(windows)]
mod platform {
    use std::os::windows::io::AsRawSocket;
    pub(crate) use std::os::windows::io::{
        AsSocket as AsDescriptor, BorrowedSocket as BorrowedDescriptor, RawSocket as RawDescriptor,
    };

    pub(crate) fn borrow<T: AsDescriptor>(object: &T) -> BorrowedDescriptor<'_> {
        object.as_socket()
    }

    pub(super) fn number(descriptor: BorrowedDescriptor<'_>) -> RawDescriptor {
        descriptor.as_raw_socket()
    }
}

// `borrow` borrows the descriptor of an object, whatever the platform calls that.
use platform::RawDescriptor;
pub(crate) use platform::{AsDescriptor, BorrowedDescriptor, borrow};

/// The number of a registered descriptor, kept by its source and the reactor's table. It exists no
/// longer than the source does.
#[derive(Clone, Copy)]
pub(in crate::reactor) struct Number(RawDescriptor);

impl Number {
    pub(in crate::reactor) fn of(descriptor: BorrowedDescriptor<'_>) -> Self {
        Self(platform::number(descriptor))
    }

    pub(super) fn borrow(&self) -> BorrowedDescriptor<'_> {
        // SAFETY: [R1] the descriptor is open — numbers are kept by sources and by the table's
        // entries for them, and a source is dropped before its descriptor — a closed number would
        // let the kernel's list say things about somebody else's descriptor.
        unsafe { BorrowedDescriptor::borrow_raw(self.0) }
    }
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
