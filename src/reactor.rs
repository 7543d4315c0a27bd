//! Stand-in until the reactor lands.
pub(crate) mod timers;
pub(crate) mod wheel;
