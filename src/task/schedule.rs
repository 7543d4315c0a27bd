//! What a task asks of its executor.
//!
//! Tasks lie below executors, so a task cannot call one: an executor implements
//! [`Schedule`], and each task carries the functions in its vtable beside those of its future's
//! type.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::num::NonZero;
use std::ops::Deref;
use std::ptr::NonNull;

use super::cell::TaskRef;
use super::current;
use super::error::Payload;
use super::free_list::FreeList;
use super::refs::{Linked, Queued, Registered, TaskView};
use crate::sync::Arc;

/// What a task asks of its executor, whose memory is that of an `Arc`. Functions that take a
/// [`Here`] are called on the owner's thread, the others on any.
pub(crate) trait Schedule: Send + Sync + Sized + 'static {
    /// The task has become ready.
    fn ready(here: Here<'_, Self>, task: Queued);

    /// Puts the task into the inbox. Back when it is closed.
    fn push(&self, task: Linked) -> Result<(), Linked>;

    /// A task that waits in the inbox, or anywhere else outside, was ended before it was begun. Its
    /// link stays until somebody takes it out.
    fn abandoned(&self) {}

    /// Such a one was taken out.
    fn reclaimed(&self) {}

    /// The task is over: takes it out of the registry. One that is not there is never freed.
    fn forget(here: Here<'_, Self>, task: &TaskView) -> Option<Registered>;

    /// A panic that has no receiver.
    fn orphan_panic(here: Here<'_, Self>, payload: Payload);

    /// The number of a task that does not keep it itself.
    fn number(here: Here<'_, Self>, task: &TaskView) -> NonZero<u64>;

    /// Where the blocks of ended tasks wait for new ones; none for one that registers no tasks.
    fn blocks(here: Here<'_, Self>) -> Option<&RefCell<FreeList>>;
}

/// An executor, on its owner's thread [T7].
pub(crate) struct Here<'a, S> {
    executor: NonNull<S>,
    /// Not `Send`.
    borrowed: PhantomData<(&'a S, *const ())>,
}

impl<S> Clone for Here<'_, S> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Here<'_, S> {}

impl<'a, S: Schedule> Here<'a, S> {
    /// # Safety
    ///
    /// This is the owner's thread, and the one that calls this keeps the memory as [T7] says, and
    /// for `'a`. The pointer is that of an `Arc`.
    #[inline]
    pub(crate) unsafe fn new(executor: NonNull<S>) -> Self {
        Self { executor, borrowed: PhantomData }
    }

    /// The task's executor, as the type that its vtable was made with. The owner asks, or the one
    /// that asks only for what is everybody's.
    #[inline]
    pub(super) fn of(task: &'a TaskRef) -> Self {
        Self { executor: task.executor().cast(), borrowed: PhantomData }
    }

    /// What tasks know the executor by.
    #[inline]
    pub(super) fn address(self) -> NonNull<()> {
        self.executor.cast()
    }

    /// The executor itself.
    #[inline]
    pub(crate) fn get(self) -> &'a S {
        // SAFETY: [T4] the executor's memory lives as long as a task that can be asked, and [T7] as
        // long as who made this has said; only functions of a vtable made with `S` come here by way
        // of a task, or it would be read as another type.
        unsafe { self.executor.as_ref() }
    }

    /// The executor's memory.
    pub(crate) fn keep(self) -> Arc<S> {
        retain::<S>(self.address());
        // SAFETY: [T7] the pointer is that of an `Arc`, and the count was just taken for this one;
        // without it the executor's memory would be freed under others.
        unsafe { Arc::from_raw(self.executor.as_ptr().cast_const()) }
    }

    /// Is it the one that this thread has entered?
    #[inline]
    pub(crate) fn is_entered(self) -> bool {
        current::is_entered(self.address())
    }

    /// Runs `f` with the executor entered: a wake in there takes the owner's way.
    ///
    /// # Safety
    ///
    /// The one that asks this thread for [`Here::entered`] asks for this type.
    #[inline]
    pub(crate) unsafe fn enter<R>(self, f: impl FnOnce() -> R) -> R {
        current::enter(self.address(), f)
    }

    /// The executor that this thread has entered.
    ///
    /// # Safety
    ///
    /// The caller is done with it before it returns to the one that has entered it.
    #[inline]
    pub(crate) unsafe fn entered() -> Option<Self> {
        current::entered().map(|executor| Self { executor: executor.cast(), borrowed: PhantomData })
    }
}

impl<S: Schedule> Deref for Here<'_, S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        self.get()
    }
}

/// One more reference to the executor's memory.
pub(super) fn retain<S: Schedule>(executor: NonNull<()>) {
    // SAFETY: [T4] the memory is that of an `Arc<S>`, alive as of yet; a freed one would be
    // revived.
    unsafe { Arc::increment_strong_count(executor.cast::<S>().as_ptr().cast_const()) };
}

/// One less.
pub(super) fn release<S: Schedule>(executor: NonNull<()>) {
    // SAFETY: [T4] the reference was taken by `retain` and is given back once; twice would free the
    // memory under others.
    unsafe { Arc::decrement_strong_count(executor.cast::<S>().as_ptr().cast_const()) };
}
