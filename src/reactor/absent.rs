//! The kernel's side of the reactor in a model — owns nothing — must never exist.
//!
//! loom has no descriptors. The types are there so that the same reactor compiles; none of them has a value, so the executor under
//! test sleeps on the latch and whoever asks for a descriptor is told that there is none.

use std::io;
use std::sync::Arc;

use super::Limit;
use super::descriptor::Number;
use super::key::Key;
use super::readiness::{Report, Sides};
use super::source::Added;

pub(super) enum Bell {}

impl Bell {
    pub(super) fn ring(&self) {
        match *self {}
    }
}

pub(super) enum Kernel {}

impl Kernel {
    pub(super) const SHORT_MEANS_DRAINED: bool = false;

    pub(super) fn open() -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there is no I/O in a model"))
    }

    pub(super) fn bell(&self) -> Arc<Bell> {
        match *self {}
    }

    #[cfg(unix)]
    pub(super) fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        match *self {}
    }

    pub(super) fn add(&self, _: Number, _: Key, _: Sides) -> io::Result<Added> {
        match *self {}
    }

    pub(super) fn is_one_shot(&self) -> bool {
        match *self {}
    }

    pub(super) fn arm(&self, _: Number, _: Key, _: Sides) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn remove(&self, _: Number) {
        match *self {}
    }

    pub(super) fn wait(&self, _: Limit, _: impl FnMut(Key, Report)) -> io::Result<()> {
        match *self {}
    }
}
