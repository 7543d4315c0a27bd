//! Where the platforms differ by a value: Linux and Android. What each means is said in
//! `platform.rs`.

use rustix::io::Errno;

pub(super) const OPTIONS_ARE_INHERITED: bool = true;
pub(super) const REUSE_ADDRESS: bool = true;
/// Linux hands a new connection's pending network errors to accept(2), whose manual has the list.
pub(super) const ABOUT_THE_CONNECTION: &[Errno] = &[Errno::PROTO, Errno::NONET];
pub(super) const SHORTAGES: &[Errno] = &[Errno::NFILE, Errno::NOMEM];
pub(super) const CONNECT_GOES_ON: &[Errno] = &[Errno::INPROGRESS, Errno::INTR];
pub(super) const CONNECT_NOT_BEGUN: Option<Errno> = Some(Errno::AGAIN);
