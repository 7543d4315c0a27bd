//! The way up — owns the trait by which a task reaches whoever runs it — must never name its implementor.
//!
//! Tasks lie below executors, so a task cannot call one. The executor implements [`Schedule`], and each task carries the functions in its
//! vtable beside those of its future's type.

use std::any::Any;
use std::cell::RefCell;
use std::ptr::NonNull;

use super::blocks::Blocks;
use super::cell::TaskRef;

/// What a task asks of whoever runs it.
///
/// # Safety
///
/// `push`, `retain` and `release` work on any thread. `release` frees the executor's memory no earlier than the last reference says.
/// Callers of all of them have a valid address of the executor's memory; callers of the others are on the owner's thread.
pub(crate) unsafe trait Schedule {
    /// Owner: the task has become ready; its flag QUEUED has just been set.
    unsafe fn ready(executor: NonNull<()>, task: TaskRef);

    /// Any thread: puts the task into the inbox. False when it is closed.
    unsafe fn push(executor: NonNull<()>, task: TaskRef) -> bool;

    /// Owner: the task is over; take it out of the registry.
    unsafe fn forget(executor: NonNull<()>, task: TaskRef);

    /// Owner: a panic that has no receiver.
    unsafe fn orphan_panic(executor: NonNull<()>, payload: Box<dyn Any + Send>);

    /// Owner: where the blocks of ended tasks wait for new ones.
    unsafe fn blocks<'a>(executor: NonNull<()>) -> &'a RefCell<Blocks>;

    /// Any thread: one more reference to the executor's memory.
    unsafe fn retain(executor: NonNull<()>);

    /// Any thread: one less.
    unsafe fn release(executor: NonNull<()>);
}
