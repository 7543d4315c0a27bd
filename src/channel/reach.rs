//! How far a channel reaches: to all threads or within one — owns the lock and the borrow that its
//! machine lies in — must never be held while anything of a user's runs.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::PoisonError;

use crate::sync::{Arc, Mutex};
use crate::task::LocalWaker;
use crate::wait_list::{Kept, SharedWaker};

/// What keeps a machine, and the kind of waker that it keeps.
pub(crate) trait Reach {
    type Waker: Kept;
    /// A shared machine.
    type Home<M>: Clone;

    fn home<M>(machine: M) -> Self::Home<M>;

    /// Runs `f` under the lock or borrow.
    fn enter<M, R>(home: &Self::Home<M>, f: impl FnOnce(&mut M) -> R) -> R;
}

/// Seen from all threads.
pub(crate) enum Threads {}

impl Reach for Threads {
    type Waker = SharedWaker;
    type Home<M> = Arc<Mutex<M>>;

    fn home<M>(machine: M) -> Self::Home<M> {
        Arc::new(Mutex::new(machine))
    }

    #[inline]
    fn enter<M, R>(home: &Self::Home<M>, f: impl FnOnce(&mut M) -> R) -> R {
        f(&mut home.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Seen from one: no atomic, no lock.
pub(crate) enum OneThread {}

impl Reach for OneThread {
    type Waker = LocalWaker;
    type Home<M> = Rc<RefCell<M>>;

    fn home<M>(machine: M) -> Self::Home<M> {
        Rc::new(RefCell::new(machine))
    }

    #[inline]
    fn enter<M, R>(home: &Self::Home<M>, f: impl FnOnce(&mut M) -> R) -> R {
        f(&mut home.borrow_mut())
    }
}
