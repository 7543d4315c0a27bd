//! The flavor of a channel: its state lies in a lock, for all threads, or in a borrow, for one.
//! User code runs outside of both.
//!
//! Rejected: a queue of its own for "many senders, one receiver" in one thread (this one is as
//! quick, since with one receiver its list has one entry, which costs no allocation).

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::PoisonError;

use crate::sync::{Arc, Mutex};
use crate::task::LocalWaker;
use crate::wait_list::{KeptWaker, SharedWaker};

/// What keeps a channel's state, and the kind of waker that is kept in it.
pub(crate) trait Flavor {
    type Kept: KeptWaker;
    /// A state `S` that several handles share.
    type Shared<S>: Clone;

    fn share<S>(state: S) -> Self::Shared<S>;

    /// Runs `f` under the lock or borrow.
    fn enter<S, R>(shared: &Self::Shared<S>, f: impl FnOnce(&mut S) -> R) -> R;
}

/// For all threads: a mutex.
pub(crate) enum Threads {}

impl Flavor for Threads {
    type Kept = SharedWaker;
    type Shared<S> = Arc<Mutex<S>>;

    fn share<S>(state: S) -> Self::Shared<S> {
        Arc::new(Mutex::new(state))
    }

    #[inline]
    fn enter<S, R>(shared: &Self::Shared<S>, f: impl FnOnce(&mut S) -> R) -> R {
        f(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// For one thread: a `RefCell`, no atomic and no lock.
pub(crate) enum OneThread {}

impl Flavor for OneThread {
    type Kept = LocalWaker;
    type Shared<S> = Rc<RefCell<S>>;

    fn share<S>(state: S) -> Self::Shared<S> {
        Rc::new(RefCell::new(state))
    }

    #[inline]
    fn enter<S, R>(shared: &Self::Shared<S>, f: impl FnOnce(&mut S) -> R) -> R {
        f(&mut shared.borrow_mut())
    }
}
