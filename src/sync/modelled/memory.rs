//! Memory that threads share. A user's value in it is not dropped when the model is over.
//!
//! Rule \[M1\]: loom runs one of its threads at a time, and changes to another one within its own
//! operations only.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;

use super::over::{is_over, step};

/// loom's, and in a model that is over never dropped: what it holds may be a user's.
#[derive(Debug)]
pub(crate) struct Arc<T>(Option<loom::sync::Arc<T>>);

impl<T> Arc<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        Self(Some(loom::sync::Arc::new(value)))
    }

    fn arc(&self) -> &loom::sync::Arc<T> {
        self.0.as_ref().expect("it is there until the drop")
    }

    pub(crate) fn as_ptr(this: &Self) -> *const T {
        loom::sync::Arc::as_ptr(this.arc())
    }

    pub(crate) fn ptr_eq(this: &Self, other: &Self) -> bool {
        loom::sync::Arc::ptr_eq(this.arc(), other.arc())
    }

    /// # Safety
    ///
    /// As for std's.
    #[track_caller]
    pub(crate) unsafe fn from_raw(value: *const T) -> Self {
        // SAFETY: [T4] the caller's duty is the same, word for word; an address that no `Arc` has
        // would be followed.
        Self(Some(unsafe { loom::sync::Arc::from_raw(value) }))
    }

    /// # Safety
    ///
    /// As for std's.
    #[track_caller]
    pub(crate) unsafe fn increment_strong_count(value: *const T) {
        if !is_over() {
            // SAFETY: [T4] the caller's duty is the same, word for word; an address that no `Arc`
            // has would be followed.
            unsafe { loom::sync::Arc::increment_strong_count(value) };
        }
    }

    /// # Safety
    ///
    /// As for std's.
    #[track_caller]
    pub(crate) unsafe fn decrement_strong_count(value: *const T) {
        if !is_over() {
            // SAFETY: [T4] the caller's duty is the same, word for word; a count given back twice
            // would free under others.
            unsafe { loom::sync::Arc::decrement_strong_count(value) };
        }
    }
}

impl<T> Clone for Arc<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self(Some(self.arc().clone()))
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.arc()
    }
}

impl<T> Drop for Arc<T> {
    #[track_caller]
    fn drop(&mut self) {
        let arc = self.0.take();
        if is_over() {
            std::mem::forget(arc);
        }
    }
}

/// loom's cell of nothing says who may have the value; the value lies beside it.
#[derive(Debug)]
struct Tracked(Option<loom::cell::UnsafeCell<()>>);

impl Tracked {
    #[track_caller]
    fn new() -> Self {
        Self(step(|| loom::cell::UnsafeCell::new(())))
    }

    fn cell(&self) -> Option<&loom::cell::UnsafeCell<()>> {
        self.0.as_ref().filter(|_| !is_over())
    }

    #[track_caller]
    fn read<R>(&self, f: impl FnOnce() -> R) -> R {
        match self.cell() {
            Some(cell) => cell.with(|_| f()),
            None => f(),
        }
    }

    #[track_caller]
    fn write<R>(&self, f: impl FnOnce() -> R) -> R {
        match self.cell() {
            Some(cell) => cell.with_mut(|_| f()),
            None => f(),
        }
    }
}

pub(crate) struct OwnerCell<T> {
    tracked: Tracked,
    value: Cell<T>,
}

impl<T> OwnerCell<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        Self { tracked: Tracked::new(), value: Cell::new(value) }
    }

    #[track_caller]
    pub(crate) fn get(&self) -> T
    where
        T: Copy,
    {
        self.tracked.read(|| self.value.get())
    }

    #[track_caller]
    pub(crate) fn set(&self, value: T) {
        drop(self.replace(value));
    }

    #[track_caller]
    pub(crate) fn replace(&self, value: T) -> T {
        self.tracked.write(|| self.value.replace(value))
    }

    #[track_caller]
    pub(crate) fn take(&self) -> T
    where
        T: Default,
    {
        self.replace(T::default())
    }
}

impl<T> fmt::Debug for OwnerCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerCell").finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) struct RawCell<T> {
    tracked: Tracked,
    value: std::cell::UnsafeCell<T>,
}

impl<T> RawCell<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        Self { tracked: Tracked::new(), value: std::cell::UnsafeCell::new(value) }
    }

    #[track_caller]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.tracked.read(|| f(self.value.get()))
    }

    #[track_caller]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.tracked.write(|| f(self.value.get()))
    }
}

/// Says whether the memory it lies in has been given back, and lets loom count it as leaked when it
/// never is.
#[derive(Debug)]
pub(crate) struct Canary {
    freed: OwnerCell<bool>,
    tracked: RefCell<Option<loom::alloc::Track<()>>>,
}

// SAFETY: [M1] a canary is asked and freed in one go, and says itself when nothing orders that; on
// two threads of the machine at once its cells would race.
unsafe impl Send for Canary {}
// SAFETY: [M1] as above.
unsafe impl Sync for Canary {}

impl Canary {
    pub(crate) fn new() -> Self {
        Self { freed: OwnerCell::new(false), tracked: RefCell::new(step(|| loom::alloc::Track::new(()))) }
    }

    /// An access to the memory: fails the model when the memory was freed, or when nothing orders
    /// the access before the free.
    pub(crate) fn check(&self) {
        assert!(!self.freed.get() || is_over(), "use after free: this memory has been given back");
    }

    /// The free: fails the model when an access is not ordered before it, or when it is the second.
    pub(crate) fn free(&self) {
        assert!(!self.freed.replace(true), "double free");
        let tracked = self.tracked.take();
        if is_over() {
            std::mem::forget(tracked);
        }
    }
}

/// The end of what is dropped in the ordinary way. A task's block is not: it is kept, and `free` is
/// called in its stead.
impl Drop for Canary {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::mem::forget(self.tracked.take());
        } else {
            self.free();
        }
    }
}
