//! Who guards a core that comes late to its backlog. Two guards of one core take turns: what they
//! take is taken under the entrance's lock.

use super::{ArrivalQueue, BalancePolicy, Members, Membership, Ordering};
use crate::reactor::meter::WHOLE;

/// A core whose busy share is larger comes late to its listener, so that another one guards it.
const OVERLOADED: u64 = WHOLE / 4 * 3;

impl<T> Members<T> {
    /// Does the core come late to its backlog, as `by` sees it, which would be there at once?
    pub(super) fn needs_guard(&self, core: usize, by: usize, now: u64) -> bool {
        let (view, own) = (self.view(core, by, now), self.view(by, by, now));
        let is_overloaded = self.rules.policy == BalancePolicy::Busy && view.share > OVERLOADED;
        self.has_joined(core) && (view.is_stuck || is_overloaded && own.is_less_busy_than(&view))
    }

    /// Makes `by` the guard of a core that has none which could do it.
    pub(super) fn take_guard(&self, core: usize, by: usize, now: u64) -> bool {
        let guard = &self.members[core].guard;
        // Relaxed: says who bothers. Two guards take turns at the backlog's lock.
        let known = guard.load(Ordering::Relaxed);
        let is_guarded = known.checked_sub(1).is_some_and(|guard| {
            guard == by || (self.has_joined(guard) && self.needs_guard(core, guard, now) && !self.view(guard, by, now).is_stuck)
        });
        // Relaxed: as above.
        !is_guarded && guard.compare_exchange(known, by + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl<T> Membership<T> {
    /// What a guard of `core` watches.
    pub(crate) fn arrivals_of(&self, core: usize) -> Option<ArrivalQueue> {
        self.members.members[core].lock().as_ref()?.arrivals.clone()
    }

    /// Shall this core go on guarding that one?
    pub(crate) fn keeps_guarding(&self, core: usize, now: u64) -> bool {
        // Relaxed: as in `take_guard`.
        let is_mine = self.members.members[core].guard.load(Ordering::Relaxed) == self.core + 1;
        let goes_on = is_mine && self.members.needs_guard(core, self.core, now);
        if !goes_on {
            self.stop_guarding(core);
        }
        goes_on
    }

    /// Leaves that core to another guard.
    pub(crate) fn stop_guarding(&self, core: usize) {
        let guard = &self.members.members[core].guard;
        // Relaxed: as in `take_guard`. Another one that has become the guard meanwhile stays it.
        let _ = guard.compare_exchange(self.core + 1, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Takes something out of the backlog of a core that this one guards.
    pub(crate) fn accept_for(&self, core: usize) -> Option<T> {
        self.members.accept_for(core)
    }

    /// Finds a core for what was accepted for another one. It may be this core, which fetches it
    /// like anything that is handed to it.
    pub(crate) fn pass_on(&self, from: usize, what: T, now: u64) {
        self.members.hand_on_or_close(from, self.core, what, now);
    }
}
