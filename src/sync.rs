//! The choice between std and loom — owns the names of every primitive that two threads share — must never be imported past.
//!
//! Nothing on the wake path names `std::sync` or `std::cell::UnsafeCell` itself; it names this module. With `--cfg wakeline_loom` the
//! same code then runs on loom's threads, and loom explores every interleaving and every value a weak memory may show.
//!
//! Two types are ours. [`OwnerCell`] is a cell that only the owner of a task may touch: a plain `Cell` in production, a tracked cell
//! under loom, so that a model in which a foreign thread reads an owner-only field fails. [`Canary`] is nothing in production; under
//! loom it says whether the memory it lies in has been given back, so that a use after free is a failed model instead of undefined
//! behaviour of the model itself.

#[cfg(not(wakeline_loom))]
mod imp {
    pub(crate) use std::cell::UnsafeCell as RawCell;
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
    pub(crate) use std::sync::{Arc, Condvar, Mutex};
    pub(crate) use std::thread_local;
}

#[cfg(wakeline_loom)]
mod imp {
    pub(crate) use loom::cell::UnsafeCell as RawCell;
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Arc, Condvar, Mutex};
    pub(crate) use loom::thread_local;
}

pub(crate) use imp::*;
