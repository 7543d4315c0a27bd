//! The driver of a model, which has none: a type without a value.
//!
//! loom has no descriptors. The type is there so that the same reactor compiles: the executor under
//! test sleeps on its parker, and who asks for a descriptor is told that there is none.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::descriptor::{BorrowedDescriptor, Number, State};
use super::{Added, Driver, Key, Limit};
use crate::inbox::Notify;
use crate::reactor::readiness::{Report, Sides};

pub(in crate::reactor) use Unsupported as Chosen;

pub(in crate::reactor) enum Unsupported {}

impl Notify for Unsupported {
    fn notify(&self) {
        match *self {}
    }
}

impl Driver for Unsupported {
    type NotifyHandle = Self;

    const SHORT_MEANS_DRAINED: bool = false;

    fn open() -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there is no I/O in a model"))
    }

    fn notifier(&self) -> Arc<Self> {
        match *self {}
    }

    fn add(&self, _: Number, _: Key, _: Sides) -> io::Result<Added> {
        match *self {}
    }

    fn remove(&self, _: Number) {
        match *self {}
    }

    fn wait(&self, _: Limit, _: impl FnMut(Key, Report)) -> io::Result<()> {
        match *self {}
    }

    fn set_nonblocking(descriptor: BorrowedDescriptor<'_>) -> io::Result<()> {
        refuse(format_args!("descriptor {descriptor:?}"))
    }

    fn state(descriptor: BorrowedDescriptor<'_>, asked: State) -> io::Result<State> {
        refuse(format_args!("{asked:?} of {descriptor:?}"))
    }
}

fn refuse<T>(what: fmt::Arguments<'_>) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("{what}: there is no I/O in a model")))
}
