//! Running an executor, for the time of a call, and which calls may be nested.

use std::thread;

use super::core::ExecutorCore;
use super::error::EnterError;
use super::hooks::Hooks;
use crate::task::current::{self, Current};
use crate::task::discard;

/// May the thread be inside another executor?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Nesting {
    Allowed,
    Refused,
}

/// The end of a visit, however it ends.
struct Leaves<'a, H: Hooks>(&'a ExecutorCore<H>);

impl<H: Hooks> ExecutorCore<H> {
    /// Runs the executor as long as `f` runs.
    #[inline]
    pub(super) fn try_visit<R>(&self, call: &'static str, nesting: Nesting, f: impl FnOnce() -> R) -> Result<R, EnterError> {
        if !self.is_of_this_process() {
            return Err(EnterError::forked());
        }
        let is_nested = nesting == Nesting::Refused && current::with(Current::has_entered);
        if is_nested || self.shared.here().is_entered() {
            return Err(EnterError::nested(call));
        }
        Ok(self.shared.enter(|| {
            let leaves = Leaves(self);
            if self.hosts.get() > 0 {
                self.leave_to_nobody();
            }
            let result = f();
            drop(leaves);
            result
        }))
    }

    /// Enters for a call that does not block.
    #[track_caller]
    pub(super) fn visit<R>(&self, call: &'static str, f: impl FnOnce() -> R) -> R {
        match self.try_visit(call, Nesting::Allowed, f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }
}

impl<H: Hooks> Drop for Leaves<'_, H> {
    fn drop(&mut self) {
        if self.0.hosts.get() > 0 {
            self.0.wait_for_host();
        } else {
            self.0.notify_hosts();
        }
        if thread::panicking() {
            // The panic that unwinds is the first of several.
            let escaped = self.0.shared.escaped.borrow_mut().take();
            escaped.into_iter().for_each(discard);
        }
    }
}
