//! loom's primitives, and what becomes of them when a model has failed: from then on loom is not
//! touched.
//!
//! A model fails by a panic: an assertion, two accesses that nothing orders, a deadlock. After a
//! deadlock loom knows no running thread, and whatever is done with one of its primitives panics.
//! But the thread that found the deadlock unwinds, so destructors run: handles, guards, executors.
//! One panic there would end the process, and a dependant could not write
//! `should_panic(expected = "deadlock")`.
//!
//! So each primitive keeps its value itself and asks loom only whether and when a thread may have
//! it. [`is_over`] says when loom must not be asked any more; from then on the primitive goes on
//! with its own value. That is enough: no other thread of the model runs again. What holds a user's
//! values is not dropped then at all ([`Arc`], and the destructors that ask [`is_over`]), because
//! those values may be loom's own.
//!
//! Rejected: skipping all of it while any panic unwinds. A task may panic in a model that has not
//! failed, and what it drops then has to close its channels and wake who waits.

mod over;

mod atomics;

mod locks;

#[allow(unsafe_code)]
mod memory;

mod threads;

pub(crate) use atomics::{AtomicPtr, AtomicUsize, fence};
pub(crate) use locks::{Condvar, Mutex, MutexGuard};
pub(crate) use loom::sync::atomic::Ordering;
pub(crate) use loom::thread;
pub(crate) use memory::{Arc, Canary, OwnerCell, RawCell};
pub(crate) use over::{catch_unwind, is_over, root};
pub(crate) use threads::{Kept, OwnerLocal, owner_local, start_thread};
