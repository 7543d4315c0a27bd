//! SKELETON: the real one is being written; the interface below is final.

/// What the thread that finds the owner asleep does: the one call that ends the sleep.
pub(crate) trait Notify {
    fn notify(&self);
}
