//! What a task is called by: the name and the number that lie in its block, behind the future. They
//! do not change, because every thread with a reference may read them.

use std::num::NonZero;

use super::number;

/// The name of a task, or nothing: a task without one has no room for it.
pub(crate) trait Label: 'static {
    /// Does the type hold a name?
    const NAMED: bool;

    fn name(&self) -> Option<&str>;

    /// The task's number, if it is kept here; else its executor knows it.
    fn number(&self) -> Option<NonZero<u64>> {
        None
    }
}

impl Label for () {
    const NAMED: bool = false;

    fn name(&self) -> Option<&str> {
        None
    }
}

impl Label for Box<str> {
    const NAMED: bool = true;

    fn name(&self) -> Option<&str> {
        Some(self)
    }
}

/// The label of a task that another thread spawned: a number, and the name that it may have.
pub(crate) struct Numbered<N> {
    number: NonZero<u64>,
    name: N,
}

impl<N: Label> Numbered<N> {
    pub(crate) fn new(name: N) -> Self {
        Self { number: number::next(), name }
    }
}

impl<N: Label> Label for Numbered<N> {
    const NAMED: bool = N::NAMED;

    fn name(&self) -> Option<&str> {
        self.name.name()
    }

    fn number(&self) -> Option<NonZero<u64>> {
        Some(self.number)
    }
}
