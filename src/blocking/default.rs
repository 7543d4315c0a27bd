//! The process's own pool, for threads outside of a runtime. A forked child gets a new one.
//!
//! A forked child has none of its parent's threads, and may find any of its parent's locks taken
//! for ever. So there is no lock around the static: it is the address of a pool, with the number of
//! the process that it was made in, and a thread that finds none or a parent's exchanges it for a
//! new one. Pools are never freed: one a process that uses `unblock`, empty while there is nothing
//! to do.
//!
//! Rule \[D1\]: the static holds null or the address of a leaked [`Made`].

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use super::pool::{PATIENCE, Pool, PoolOptions};
use crate::fork;

/// Jobs wait for something; few compute. A small bound would make them wait for each other, and a
/// thread that waits costs what its stack has been touched, some ten kilobytes. tokio has the same
/// number, smol has 500.
const THREADS: usize = 512;
/// So that work which comes every few seconds finds its thread, and a program that has none keeps
/// none.
const IDLE: Duration = Duration::from_secs(10);

struct Made {
    generation: u32,
    pool: Pool,
}

static DEFAULT: AtomicPtr<Made> = AtomicPtr::new(ptr::null_mut());

fn known(made: *mut Made) -> Option<&'static Made> {
    // SAFETY: [D1] it is null or was leaked, so it lives for ever and nobody has a `&mut` to it;
    // another address would dangle.
    unsafe { made.as_ref() }
}

/// The pool of this process.
pub(super) fn pool() -> Pool {
    fork::watch();
    // Acquire: pairs with the Release below, which publishes the pool.
    let mut found = DEFAULT.load(Ordering::Acquire);
    loop {
        if let Some(made) = known(found).filter(|made| made.generation == fork::generation()) {
            return made.pool.clone();
        }
        let options = PoolOptions { threads: THREADS, idle: IDLE, name: "wakeline".into(), patience: PATIENCE };
        let made = Box::into_raw(Box::new(Made { generation: fork::generation(), pool: Pool::new(options) }));
        // Release: publishes the pool to the Acquire above. Acquire: another thread's was faster,
        // and published it in the same way.
        match DEFAULT.compare_exchange(found, made, Ordering::Release, Ordering::Acquire) {
            Ok(_) => found = made,
            Err(faster) => found = faster,
        }
    }
}
