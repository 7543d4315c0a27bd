//! The end of a runtime: as a core hears of it, as its owner goes through it, and what it has come
//! to.
//!
//! It owns the phases and the order of the end. It must never wait for a thread without a limit,
//! unless it was told to.

pub(super) mod order;
pub(super) mod phase;
pub(super) mod report;
