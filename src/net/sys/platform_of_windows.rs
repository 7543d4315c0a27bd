//! Where the platforms differ by a value: Windows. What each means is said in `platform.rs`.

use rustix::io::Errno;

pub(super) const OPTIONS_ARE_INHERITED: bool = false;
/// Here the option would let another process take the port away.
pub(super) const REUSE_ADDRESS: bool = false;
pub(super) const ABOUT_THE_CONNECTION: &[Errno] = &[];
pub(super) const SHORTAGES: &[Errno] = &[];
pub(super) const CONNECT_GOES_ON: &[Errno] = &[Errno::INPROGRESS, Errno::INTR, Errno::WOULDBLOCK];
pub(super) const CONNECT_NOT_BEGUN: Option<Errno> = None;
