//! The numbers of tasks: one counter behind every [`TaskId`](super::TaskId), which gives each
//! number once.
//!
//! A task's address would do as long as the task lives, and is given again after that. A number of
//! its own has no room in the header, and most tasks are never asked. So an executor numbers the
//! tasks of its own thread when one of them is asked for the first time, all that there are, and
//! from then on each that comes (`executor::registry`). A task that another thread spawned has its
//! number in its block, behind the future, because its handle asks from that thread.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};

/// The next number. At one for each nanosecond it wraps after 584 years.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// So many new numbers; the first of them.
pub(crate) fn take(count: u64) -> u64 {
    // Relaxed: a count, nothing is published by it.
    NEXT.fetch_add(count, Ordering::Relaxed)
}

/// One new number.
pub(crate) fn next() -> NonZero<u64> {
    NonZero::new(take(1)).expect("the count begins at one")
}
