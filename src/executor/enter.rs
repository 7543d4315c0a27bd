//! Executors that are entered without being run. Each thread has a list of them. When a guard or
//! its executor goes, its pointer leaves the list.
//!
//! A running executor is entered by a stack frame, and frames end in order; guards are values and
//! may be dropped in any order, outlive the call in which they were made, or never be dropped at
//! all. So they do not touch the thread-local by which wakers know the running executor: they stand
//! in a list of their own, which holds the executor's memory, and which is asked where no executor
//! runs. The executor that runs comes first: what is spawned inside it belongs to it.
//!
//! A guard lets things be *made*. What waits under it, with no executor that runs, would wait for
//! ever; so the leaves ask for the running executor, and say so where there is none.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use super::shared::{LocalShared, Shared, with_entered_or};
use crate::sync::owner_local;
use crate::task::Here;

owner_local! {
    /// One for each guard, in the order in which they were made. An executor that is dropped takes
    /// its own out.
    static ENTERED: RefCell<Vec<GuardEntry>> = RefCell::new(Vec::new())
}

struct GuardEntry {
    /// Larger than those before it.
    number: u64,
    executor: LocalShared,
}

/// The executor whose guard was made last.
#[cold]
#[inline(never)]
pub(super) fn innermost() -> Option<LocalShared> {
    let last = ENTERED.try_with(|entered| entered.borrow().last().map(|entry| entry.executor.clone()));
    last.ok().flatten()
}

/// The executor goes away; a guard of it was forgotten.
pub(super) fn remove(executor: &LocalShared) {
    change(|list| list.retain(|entry| !entry.executor.ptr_eq(executor)));
}

/// While the thread's locals are being destroyed nothing is entered.
fn change<R>(change: impl FnOnce(&mut Vec<GuardEntry>) -> R) -> Option<R> {
    ENTERED.try_with(|entered| change(&mut entered.borrow_mut())).ok()
}

/// Runs `f` with the executor that this thread runs, else with the one that it has entered.
#[inline]
pub(super) fn with_current<R>(f: impl FnOnce(Here<'_, Shared>) -> R) -> Option<R> {
    with_entered_or(innermost, f)
}

/// The executor is entered as long as this lives; made by
/// [`LocalExecutor::enter`](crate::LocalExecutor::enter).
#[must_use = "the executor is left when the guard is dropped"]
pub struct EnterGuard<'a> {
    /// Its entry's.
    number: Option<u64>,
    /// It borrows the executor, and stays on its thread as the executor does.
    executor: PhantomData<(&'a (), *const ())>,
}

impl EnterGuard<'_> {
    /// The caller sees to it that the guard borrows the executor.
    pub(super) fn new(executor: &LocalShared) -> Self {
        let number = change(|list| {
            let number = list.last().map_or(0, |last| last.number + 1);
            list.push(GuardEntry { number, executor: executor.clone() });
            number
        });
        Self { number, executor: PhantomData }
    }
}

impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {
        let number = self.number;
        // The executor is borrowed until here, so this frees nothing.
        change(|list| list.retain(|entry| Some(entry.number) != number));
    }
}

impl fmt::Debug for EnterGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterGuard").finish_non_exhaustive()
    }
}
