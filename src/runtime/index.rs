//! What names a core: its number, or a value that knows it.

/// What names a core: its number, or a [`Core`](super::Core).
///
/// Only the number of a `Core` counts, so that of one runtime names the core of the same number in
/// another.
pub trait CoreIndex: SealedIndex {
    /// The core's number.
    #[doc(hidden)]
    fn number(&self) -> usize;
}

/// Keeps others from naming cores, so that a number alone is enough to know which type is meant.
pub trait SealedIndex {}

impl SealedIndex for usize {}

impl CoreIndex for usize {
    fn number(&self) -> usize {
        *self
    }
}
