//! The process's own pool, in a model — owns one pool for each execution of it — must never
//! keep a thread, which no model would see end.

use std::time::Duration;

use super::pool::{Pool, PoolOptions};

loom::lazy_static! {
    static ref DEFAULT: Pool = Pool::new(PoolOptions { threads: 2, idle: Duration::ZERO, name: "wakeline".into(), patience: Duration::ZERO });
}

/// The pool of this execution of the model.
pub(super) fn pool() -> Pool {
    DEFAULT.clone()
}
