//! A balance without sockets, to be stepped through by a model.

use std::time::Duration;

use crate::clock;
use crate::net::members::{self, BalancePolicy, Rules};
use crate::sync::Arc;

/// No time passes in a model, so no share differs.
const BY_NUMBER: Rules = Rules { policy: BalancePolicy::Connections, slack: 0, stuck_after: Duration::from_millis(10) };

/// Cores that share out whatever a model likes.
pub struct BalanceMembers<T>(Arc<members::Members<T>>);

impl<T> BalanceMembers<T> {
    /// So many cores, none of which has joined.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(members::Members::new(count, BY_NUMBER)))
    }

    /// Another handle on the same cores.
    pub fn again(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Sits down on a free seat.
    pub fn join(&self, core: usize) -> BalanceMembership<T> {
        self.join_before(core, None)
    }

    /// The same, with something that may wait in front of the core.
    pub fn join_with_backlog(&self, core: usize, backlog: impl FnMut() -> Option<T> + Send + 'static) -> BalanceMembership<T> {
        self.join_before(core, Some(Box::new(backlog)))
    }

    fn join_before(&self, core: usize, backlog: Option<members::BacklogSource<T>>) -> BalanceMembership<T> {
        let joining = members::Joining { core, cpu: None, backlog, arrivals: None };
        BalanceMembership(members::Members::join(&self.0, joining).ok().expect("the core has not joined"))
    }

    /// To all others the core is stuck from now on: awake since the clock's beginning.
    pub fn seems_stuck(&self, core: usize) {
        self.0.load(core).meter().begin(core + 1, 0);
    }

    /// It sleeps, as far as the others can tell.
    pub fn seems_well(&self, core: usize) {
        self.0.load(core).meter().parks(0);
    }

    /// What each core has to serve.
    pub fn live(&self) -> Vec<usize> {
        (0..self.0.count()).map(|core| self.0.load(core).live()).collect()
    }
}

/// The place of a core. Dropping it is leaving.
pub struct BalanceMembership<T>(members::Membership<T>);

impl<T> BalanceMembership<T> {
    /// Decides who serves what this core has accepted; `None` when it was handed away.
    pub fn place(&self, what: T) -> Option<Served<T>> {
        match self.0.place(what, None, clock::now()) {
            members::Placed::Here(what, counted) => Some(Served { what, _counted: counted }),
            members::Placed::Away => None,
        }
    }

    /// Takes back what waits for cores that are stuck.
    pub fn watch(&self) {
        self.0.watch(clock::now(), drop);
    }

    /// The next one that another core has handed over.
    pub async fn recv(&self) -> Served<T> {
        let (what, counted) = self.0.recv().await;
        Served { what, _counted: counted }
    }
}

/// What a core serves; counts there until it is dropped.
pub struct Served<T> {
    /// What was handed.
    pub what: T,
    _counted: members::Counted,
}
