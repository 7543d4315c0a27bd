//! The end of a runtime: as a core hears of it, as its owner goes through it, and what it has come
//! to.
//!
//! No wait in here is without a limit, unless the caller asked for that.

pub(super) mod order;
pub(super) mod phase;
pub(super) mod report;
