//! Running an executor, for the time of a call. This module owns which calls may be nested. It must
//! never leave an executor entered that runs no more.

use std::thread;

use super::core::ExecutorCore;
use super::error::EnterError;
use super::hooks::Hooks;
use super::shared::Shared;
use crate::task::current::{self, Current, Entered};
use crate::task::discard;

/// May the thread be inside another executor?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Nesting {
    Allowed,
    Refused,
}

/// The executor is entered as long as this lives.
pub(super) struct Visit<'a, H: Hooks> {
    executor: &'a ExecutorCore<H>,
    _entered: Entered,
}

impl<H: Hooks> ExecutorCore<H> {
    /// Runs the executor as long as the visit lives.
    pub(super) fn begin_visit(&self, call: &'static str, nesting: Nesting) -> Result<Visit<'_, H>, EnterError> {
        if !self.is_of_this_process() {
            return Err(EnterError::forked());
        }
        let address = Shared::address(&self.shared).as_ptr().cast_const();
        let entered = current::with(Current::executor);
        if entered == address || (nesting == Nesting::Refused && !entered.is_null()) {
            return Err(EnterError::nested(call));
        }
        let visit = Visit { executor: self, _entered: Entered::new(address) };
        if self.hosts.get() > 0 {
            self.leave_to_nobody();
        }
        Ok(visit)
    }

    /// Enters for a call that does not block.
    #[track_caller]
    pub(super) fn visit(&self, call: &'static str) -> Visit<'_, H> {
        match self.begin_visit(call, Nesting::Allowed) {
            Ok(visit) => visit,
            Err(error) => panic!("{error}"),
        }
    }
}

impl<H: Hooks> Drop for Visit<'_, H> {
    fn drop(&mut self) {
        if self.executor.hosts.get() > 0 {
            self.executor.wait_for_host();
        } else {
            self.executor.notify_hosts();
        }
        if thread::panicking() {
            // The panic that unwinds is the first of several.
            let escaped = self.executor.shared.escaped.borrow_mut().take();
            escaped.into_iter().for_each(discard);
        }
    }
}
