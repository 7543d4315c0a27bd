//! The choice between std and loom — owns the name of every primitive that two threads share — must never be imported past.
//!
//! Nothing on the wake path names `std::sync` or `std::cell::UnsafeCell` itself; it names this module. With `--cfg wakeline_loom` the
//! same code then runs on loom's threads, and loom explores every interleaving and every value that a weak memory may show.
//!
//! Four names are ours:
//!
//! - [`OwnerCell`] is a cell that only the owner of a task may touch. It is a plain `Cell` in production and a tracked one under loom, so
//!   that a model in which a foreign thread reads an owner-only field fails.
//! - [`RawCell`] is an `UnsafeCell` with loom's `with`/`with_mut` face.
//! - [`Canary`] is nothing in production. Under loom it says whether the memory it lies in has been given back, so that a use after free
//!   is a failed model (the memory itself is kept) instead of undefined behaviour of the model. It lies in each task and in each inbox.
//! - [`start_thread`] starts a thread that nobody joins.
//!
//! Rejected: a cargo feature as the switch, because features unify and one crate's test would change every other crate's build; and the
//! global name `loom`, which switches half of the ecosystem at the same time.

#[cfg(not(wakeline_loom))]
mod imp {
    pub(crate) use std::cell::Cell as OwnerCell;
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
    pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use std::thread;

    /// `UnsafeCell` with loom's face.
    #[derive(Debug)]
    pub(crate) struct RawCell<T>(std::cell::UnsafeCell<T>);

    impl<T> RawCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// Nothing: loom's builds only.
    #[derive(Debug)]
    pub(crate) struct Canary;

    impl Canary {
        pub(crate) const fn new() -> Self {
            Self
        }

        pub(crate) fn check(&self) {}
    }

    /// A thread-local that starts as a constant, so that reading it needs no first-use check.
    macro_rules! owner_local {
        ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr) => {
            std::thread_local! { $(#[$doc])* static $name: $type = const { $value } }
        };
    }
    pub(crate) use owner_local;
}

#[cfg(wakeline_loom)]
mod imp {
    pub(crate) use loom::cell::{Cell as OwnerCell, UnsafeCell as RawCell};
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use loom::thread;

    /// Says whether the memory it lies in has been given back, and lets loom count it as leaked when it never is.
    #[derive(Debug)]
    pub(crate) struct Canary {
        freed: loom::cell::Cell<bool>,
        tracked: loom::cell::Cell<Option<loom::alloc::Track<()>>>,
    }

    impl Canary {
        pub(crate) fn new() -> Self {
            Self { freed: loom::cell::Cell::new(false), tracked: loom::cell::Cell::new(Some(loom::alloc::Track::new(()))) }
        }

        /// An access to the memory: fails the model when the memory was freed, or when nothing orders the access before the free.
        pub(crate) fn check(&self) {
            assert!(!self.freed.get(), "use after free: this memory has been given back");
        }

        /// The free: fails the model when an access is not ordered before it, or when it is the second.
        pub(crate) fn free(&self) {
            assert!(!self.freed.replace(true), "double free");
            drop(self.tracked.take());
        }
    }

    /// The end of what is dropped in the ordinary way. A task's block is not: it is kept, and `free` is called in its stead.
    impl Drop for Canary {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                self.free();
            }
        }
    }

    /// A thread-local of loom's threads. std's has no destructor when its type has none, and can be asked until the thread is gone; loom's
    /// cannot, so `with` then lends a value that nobody else sees.
    pub(crate) struct OwnerLocal<T: 'static> {
        pub(crate) key: &'static loom::thread::LocalKey<Kept<T>>,
        pub(crate) first: fn() -> T,
    }

    /// What a thread-local holds. A model that has failed drops it when there is no model any more, and what of loom's is in it would panic
    /// in a drop and hide why the model has failed.
    pub(crate) struct Kept<T>(pub(crate) Option<T>);

    impl<T> Kept<T> {
        fn get(&self) -> &T {
            self.0.as_ref().expect("it is there until the drop")
        }
    }

    impl<T> Drop for Kept<T> {
        fn drop(&mut self) {
            let value = self.0.take();
            if std::thread::panicking() {
                std::mem::forget(value);
            }
        }
    }

    impl<T> OwnerLocal<T> {
        pub(crate) fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
            let mut f = Some(f);
            let mut once = |value: &T| f.take().map(|f| f(value));
            let known = self.key.try_with(|kept| once(kept.get())).ok().flatten();
            known.or_else(|| once(&(self.first)())).expect("one of the two calls is the first")
        }

        pub(crate) fn try_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, loom::thread::AccessError> {
            self.key.try_with(|kept| f(kept.get()))
        }
    }

    macro_rules! owner_local {
        ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr) => {
            $(#[$doc])*
            static $name: $crate::sync::OwnerLocal<$type> = {
                loom::thread_local! { static KEY: $crate::sync::Kept<$type> = $crate::sync::Kept(Some($value)) }
                $crate::sync::OwnerLocal { key: &KEY, first: || $value }
            };
        };
    }
    pub(crate) use owner_local;
}

pub(crate) use imp::*;

/// Starts a thread that ends by itself.
pub(crate) fn start_thread(name: String, run: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
    thread::Builder::new().name(name).spawn(run).map(drop)
}
