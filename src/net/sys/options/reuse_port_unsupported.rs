//! Where there is no SO_REUSEPORT.

use std::io;

use rustix::fd::OwnedFd;

pub(crate) fn set_reuse_port(_: &OwnedFd) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this platform has no SO_REUSEPORT"))
}
