//! `epoll_pwait2`, called directly, by its number. Some kernels and sandboxes refuse it, so it is
//! never the only way to wait.
//!
//! It is `epoll_wait` with a timeout in nanoseconds, in Linux since 5.11. The C libraries that a
//! program may run on are older than that, so it is reached through `syscall`, which all of them
//! have; a refusal is an answer ([`Errno::NOSYS`], or [`Errno::PERM`] from a sandbox), after which
//! the caller stops asking.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::epoll;
use rustix::io::Errno;

/// Whether this target's number for the call is known: all architectures share it but the few with
/// offsets of their own (mips, alpha, x32).
pub(super) const AVAILABLE: bool = cfg!(all(
    not(miri),
    any(
        all(target_arch = "x86_64", target_pointer_width = "64"),
        target_arch = "x86",
        target_arch = "aarch64",
        target_arch = "arm",
        target_arch = "riscv64",
        target_arch = "powerpc64",
        target_arch = "s390x",
        target_arch = "loongarch64",
    )
));

mod libc {
    use std::ffi::c_long;

    unsafe extern "C" {
        pub(super) fn syscall(number: c_long, ...) -> c_long;
    }
}

/// `epoll_pwait2` in the table of system calls.
const NUMBER: std::ffi::c_long = 441;

/// The kernel's own timespec, 64 bits wide on every target.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
}

/// Waits for at most `timeout` and appends what happened to `events`, as much as its spare room
/// holds.
pub(super) fn wait(epoll: BorrowedFd<'_>, events: &mut Vec<epoll::Event>, timeout: Duration) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    let timeout =
        KernelTimespec { seconds: timeout.as_secs().try_into().unwrap_or(i64::MAX), nanoseconds: timeout.subsec_nanos().into() };
    let room = events.spare_capacity_mut();
    let capacity = i32::try_from(room.len()).unwrap_or(i32::MAX);
    // SAFETY: [R3] the kernel writes at most `capacity` events into `room` and reads one timespec
    // — both live until the call returns, and `epoll::Event` has the kernel's layout; no signal
    // mask is passed — a larger count would let it write past the buffer.
    let count = unsafe {
        libc::syscall(NUMBER, epoll.as_raw_fd(), room.as_mut_ptr(), capacity, &raw const timeout, std::ptr::null::<u8>(), 0_usize)
    };
    let Ok(count) = usize::try_from(count) else {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL));
    };
    let filled = events.len() + count;
    // SAFETY: [R3] the kernel said that it wrote `count` events behind the ones that were there,
    // and never says more than `capacity` — they are initialised — a count larger than what was
    // written would expose unwritten memory.
    unsafe { events.set_len(filled) };
    Ok(())
}
