//! The number under which the kernel knows a source. Slot and generation share one word; it is no
//! pointer.
//!
//! A key says *which place in the table* and *which source in that place*. A place is used again;
//! the generation tells a late event for the old source from one for the new, and the late one is
//! dropped ([R2]).
//!
//! On 64-bit targets each half has 32 bits: the same key comes round after 4 294 967 296
//! registrations. On 32-bit targets polling's keys have 32 bits in all: 20 for the slot, which is
//! more descriptors than such a process can open, and 12 for the generation.

/// Bits of a key that name the slot.
const SLOT_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };
/// The slot that no source gets: its keys belong to the driver's notifier and, all ones, to
/// polling.
const RESERVED_SLOT: usize = (1 << SLOT_BITS) - 1;

/// Which source an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::reactor) struct Key(usize);

impl Key {
    /// Under which the driver's notifier is registered, where it is a descriptor of ours.
    #[allow(dead_code)]
    pub(super) const NOTIFIER: Self = Self(RESERVED_SLOT);

    /// No source's: what one has that is not registered.
    pub(in crate::reactor) const NONE: Self = Self(usize::MAX);

    /// The key of the source in `slot`; `None` when the slot has no name.
    pub(in crate::reactor) fn new(slot: usize, generation: u32) -> Option<Self> {
        (slot < RESERVED_SLOT).then_some(Self(slot | (generation as usize) << SLOT_BITS))
    }

    pub(in crate::reactor) fn slot(self) -> usize {
        self.0 & RESERVED_SLOT
    }

    pub(in crate::reactor) fn number(self) -> usize {
        self.0
    }

    pub(super) fn from_number(number: usize) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_slot_and_generation() {
        let (first, second) = (Key::new(7, 1).unwrap(), Key::new(7, 2).unwrap());
        assert_eq!((first.slot(), second.slot()), (7, 7));
        assert_ne!(first, second);
        assert_eq!(Key::from_number(first.number()), first);
    }

    #[test]
    fn no_source_gets_a_reserved_key() {
        assert_eq!(Key::new(RESERVED_SLOT, 0), None);
        assert_eq!(Key::NOTIFIER.slot(), RESERVED_SLOT);
        assert_eq!(Key::from_number(usize::MAX).slot(), RESERVED_SLOT, "polling's own key");
        assert_eq!(Key::NONE.slot(), RESERVED_SLOT);
    }
}
