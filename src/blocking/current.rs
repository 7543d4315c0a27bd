//! Which pool this thread's jobs go to: never one whose threads are in another process.

use std::cell::Cell;
use std::marker::PhantomData;

use super::default;
use super::pool::Pool;
use crate::sync::owner_local;

owner_local! {
    /// The pool that was entered last.
    static CURRENT: Cell<Option<Pool>> = Cell::new(None)
}

/// Exchanges the entered pool; while the thread-local is being destroyed there is none.
fn exchange(pool: Option<Pool>) -> Option<Pool> {
    CURRENT.try_with(|current| current.replace(pool)).ok().flatten()
}

/// The pool for a job of this thread.
pub(super) fn pool() -> Pool {
    let entered = exchange(None);
    if let Some(pool) = &entered {
        exchange(Some(pool.clone()));
    }
    entered.filter(Pool::is_of_this_process).unwrap_or_else(default::pool)
}

/// Jobs of this thread go to one pool as long as this lives.
#[derive(Debug)]
#[must_use = "the pool is left when this is dropped"]
pub(crate) struct PoolEntered {
    before: Option<Pool>,
    /// Not `Send`: it restores a thread-local.
    local: PhantomData<*const ()>,
}

impl Pool {
    /// From here on jobs of this thread go to this pool.
    pub(crate) fn enter(&self) -> PoolEntered {
        PoolEntered { before: exchange(Some(self.clone())), local: PhantomData }
    }
}

impl Drop for PoolEntered {
    fn drop(&mut self) {
        exchange(self.before.take());
    }
}
