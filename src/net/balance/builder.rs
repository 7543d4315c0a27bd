//! The options of a balance, and their defaults. The builder refuses none: what a platform does not
//! have shows when a core joins.

use std::time::Duration;

use super::policy::{BalancePolicy, Rules};

/// Options of a [`Balance`](super::Balance); made by [`Balance::builder`](super::Balance::builder).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct BalanceBuilder {
    pub(super) cores: usize,
    pub(super) rules: Rules,
}

impl BalanceBuilder {
    pub(super) fn new(cores: usize) -> Self {
        Self { cores, rules: Rules::DEFAULT }
    }

    /// By what the core is chosen that serves a connection. [`BalancePolicy::Busy`] by default.
    ///
    /// A policy that the platform does not have is refused when a core
    /// [joins](super::Balance::join).
    pub fn policy(mut self, policy: BalancePolicy) -> Self {
        self.rules.policy = policy;
        self
    }

    /// By how many live connections a core may be above the average before their number makes it
    /// hand new ones on. 0 by default, which keeps the cores as equal as can be; `usize::MAX` hands
    /// nothing on, for any reason, and takes nothing back from a core that is stuck.
    ///
    /// With connections that are short, or many on every core, a few percent of a core's usual
    /// number saves most of the handing over.
    pub fn slack(mut self, connections: usize) -> Self {
        self.rules.slack = connections;
        self
    }

    /// How long a core may be awake without a look at its sockets before the others take it to be
    /// stuck in a poll. 10 ms by default; `Duration::MAX` means that no core is ever taken to be
    /// stuck.
    ///
    /// A core that is stuck is given no connections, and those that wait for it are taken back: see
    /// [`Balance`](super::Balance). What is shorter than the platform's slices of CPU time takes
    /// cores to be stuck whose thread only waits for a CPU; that costs some handing over, and loses
    /// nothing.
    pub fn stuck_after(mut self, silence: Duration) -> Self {
        self.rules.stuck_after = silence;
        self
    }
}
