//! Where the platforms differ by a value: the BSDs, Apple and the rest of Unix.

use rustix::io::Errno;

/// Whether a new connection has the options of its listener.
pub(super) const OPTIONS_ARE_INHERITED: bool = false;
/// Whether SO_REUSEADDR lets a restarted server bind while its old connections linger, and nothing
/// more.
pub(super) const REUSE_ADDRESS: bool = true;
/// Errors of `accept`, beside those that every platform has, about the connection that was taken.
pub(super) const ABOUT_THE_CONNECTION: &[Errno] = &[Errno::PROTO];
/// Likewise those that say that something has run out.
pub(super) const SHORTAGES: &[Errno] = &[Errno::NFILE, Errno::NOMEM];
/// How `connect` says that it goes on. An interrupted one does all the same.
pub(super) const CONNECT_GOES_ON: &[Errno] = &[Errno::INPROGRESS, Errno::INTR];
/// How `connect` says that it was not begun for want of a port or a route, by a kind that otherwise
/// means *wait and try again*.
pub(super) const CONNECT_NOT_BEGUN: Option<Errno> = Some(Errno::AGAIN);
