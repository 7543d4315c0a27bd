//! The process's own pool, in a model: a new one for each execution. It keeps no idle thread,
//! because the model would wait for its end.

use std::time::Duration;

use super::pool::{Pool, PoolOptions};

loom::lazy_static! {
    static ref DEFAULT: Pool = Pool::new(PoolOptions { threads: 2, idle: Duration::ZERO, name: "wakeline".into(), patience: Duration::ZERO });
}

/// The pool of this execution of the model.
pub(super) fn pool() -> Pool {
    DEFAULT.clone()
}
