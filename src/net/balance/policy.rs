//! By what a core is chosen: the names of the policies, and their numbers.

use std::time::Duration;

/// By what a [`Balance`](super::Balance) chooses the core that serves a connection; see
/// [`BalanceBuilder::policy`](super::BalanceBuilder::policy).
///
/// With every policy a core that is stuck in a poll is given nothing: see
/// [`stuck_after`](super::BalanceBuilder::stuck_after).
///
/// # Examples
///
/// ```
/// use wakeline::net::{Balance, BalancePolicy};
///
/// let balance = Balance::builder(4).policy(BalancePolicy::Connections).build();
/// # drop(balance);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BalancePolicy {
    /// The less busy of two random cores, if it is less busy than the one that has accepted. Where
    /// both are about as busy, and that is within an eighth of a CPU, the number of connections
    /// decides as for [`Connections`](BalancePolicy::Connections), between these cores.
    ///
    /// A core is busy while its thread is awake: it polls tasks, of this server or of anything
    /// else, or the system lets another thread run in its place. It is not while it sleeps, or
    /// spins before it sleeps. What counts is the share of the last moments, in which what was 65
    /// ms ago counts half. A connection that waits to be accepted by a core takes a sixteenth of a
    /// CPU from its advantage, so that a burst does not all go to the core that was idle before it.
    ///
    /// Two cores are looked at and not all, so that several cores which accept at the same moment
    /// do not all choose the same one.
    #[default]
    Busy,
    /// The core with the fewest live connections, if the one that has accepted has more than the
    /// average of all. For connections that all cost the same; the numbers are then as equal as can
    /// be.
    Connections,
    /// The core on whose CPU the system has received the connection (`SO_INCOMING_CPU`): what came
    /// in is in that CPU's cache. Where no core has that CPU, or the one that has it is stuck, as
    /// [`Busy`](BalancePolicy::Busy).
    ///
    /// Linux only. Each core has to be pinned to one CPU. The listener is marked with that CPU when
    /// it joins, so that of several listeners on one port the system prefers the one of the right
    /// core, and nothing needs to be handed over. It pays where a network card spreads its
    /// interrupts over the CPUs.
    IncomingCpu,
}

/// How a balance decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) policy: BalancePolicy,
    /// Connections above the average that are left alone.
    pub(crate) slack: usize,
    /// A core that is awake and silent for so long is stuck.
    pub(crate) stuck_after: Duration,
}

impl Rules {
    pub(crate) const DEFAULT: Self = Self { policy: BalancePolicy::Busy, slack: 0, stuck_after: Duration::from_millis(10) };

    /// Connections stay where they were accepted.
    pub(crate) fn hand_nothing_on(&self) -> bool {
        self.slack == usize::MAX
    }
}
