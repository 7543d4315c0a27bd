//! The way up — owns the trait by which a task reaches whoever runs it — must never name its implementor.
//!
//! Tasks lie below executors, so a task cannot call one. The executor implements [`Schedule`], and each task carries the functions in its
//! vtable beside those of its future's type.

use std::cell::RefCell;

use super::blocks::Blocks;
use super::cell::{Payload, TaskRef};

/// What a task asks of whoever runs it, whose memory is that of an `Arc`.
pub(crate) trait Schedule: 'static {
    /// Owner: the task has become ready; its flag QUEUED has just been set.
    fn ready(&self, task: TaskRef);

    /// Any thread: puts the task into the inbox. False when it is closed.
    fn push(&self, task: TaskRef) -> bool;

    /// Owner: the task is over; take it out of the registry.
    fn forget(&self, task: TaskRef);

    /// Owner: a panic that has no receiver.
    fn orphan_panic(&self, payload: Payload);

    /// Owner: where the blocks of ended tasks wait for new ones.
    fn blocks(&self) -> &RefCell<Blocks>;
}
