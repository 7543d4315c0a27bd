//! Where no listener has a queue of arrivals: what comes to another core's is found by looking
//! there.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::task::{Context, Poll};

use crate::io::Async;

#[derive(Clone, Debug)]
pub(crate) struct ArrivalQueue(Infallible);

impl ArrivalQueue {
    pub(super) fn of(_: &TcpListener) -> io::Result<Option<Self>> {
        Ok(None)
    }

    pub(super) fn forget(&self, _: &TcpListener) {
        match self.0 {}
    }
}

pub(super) struct BacklogGuard(ArrivalQueue);

impl BacklogGuard {
    pub(super) fn new<T>(_: usize, arrivals: ArrivalQueue, _: &Async<T>) -> Self {
        Self(arrivals)
    }

    pub(super) fn core(&self) -> usize {
        match self.0.0 {}
    }

    pub(super) fn poll_take<T>(&self, _: &mut Context<'_>, _: impl FnMut() -> Option<T>) -> Poll<io::Result<T>> {
        match self.0.0 {}
    }
}
