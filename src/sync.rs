//! The choice between std and loom, for every primitive that two threads share.
//!
//! Nothing on the wake path names `std::sync` or `std::cell::UnsafeCell` itself; it names this
//! module. With `--cfg wakeline_loom` the same code then runs on loom's threads, and loom explores
//! every interleaving and every value that a weak memory may show.
//!
//! These names are ours:
//!
//! - [`OwnerCell`] is a cell that only the owner of a task may touch. It is a plain `Cell` in
//!   production and a tracked one under loom, so that a model in which a foreign thread reads an
//!   owner-only field fails.
//! - [`RawCell`] is an `UnsafeCell` with loom's `with`/`with_mut` face.
//! - [`Canary`] is nothing in production. Under loom it says whether the memory it lies in has been
//!   given back, so that a use after free is a failed model (the memory itself is kept) instead of
//!   undefined behaviour of the model. It lies in each task and in each inbox.
//! - [`start_thread`] starts a thread that nobody joins.
//! - [`is_over`] is false in production. Under loom it says that the model has failed and is
//!   unwinding: then what could run a user's code, or wait, is left undone. [`catch_unwind`] hands
//!   such an end on, and [`root`] keeps the future of a `block_on` from being dropped by it.
//!
//! Rejected: a cargo feature as the switch, because features unify and one crate's test would
//! change every other crate's build; and the global name `loom`, which switches half of the
//! ecosystem at the same time.

#[cfg(not(wakeline_loom))]
mod imp {
    pub(crate) use std::cell::Cell as OwnerCell;
    pub(crate) use std::panic::catch_unwind;
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

    /// Starts a thread that ends by itself.
    pub(crate) fn start_thread(name: String, run: Box<dyn FnOnce() + Send>) -> std::io::Result<()> {
        thread::Builder::new().name(name).spawn(run).map(drop)
    }

    /// Has a model failed, so that nothing of it may be touched any more? Here there are no models.
    #[inline(always)]
    pub(crate) const fn is_over() -> bool {
        false
    }

    /// The root of a `block_on`.
    #[inline(always)]
    pub(crate) fn root<F: Future>(future: F) -> F {
        future
    }
}

#[cfg(wakeline_loom)]
mod modelled;

#[cfg(not(wakeline_loom))]
pub(crate) use imp::*;
#[cfg(wakeline_loom)]
pub(crate) use modelled::*;
