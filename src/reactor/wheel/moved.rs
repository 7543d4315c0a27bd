//! The keys of entries that were moved, in their order. What an entry is does not matter here.
//!
//! Rejected: the moved keys in a sorted list (to search 75 000 of them misses the cache at each of
//! the first ten steps, which was a fifth of all the time that a hundred thousand timers took).

/// Keys a group has: the bits of a `u64`.
const GROUP: u64 = u64::BITS as u64;

/// The keys of the moved entries, which lie in front in the order of their keys.
///
/// Keys were given out one after the other and many are left of them, so they are kept as bits of
/// groups: what is searched is a sixty-fourth of the keys at best, and as many at worst.
#[derive(Default)]
pub(super) struct Moved {
    /// The groups that have a key, in order: key / 64.
    groups: Vec<u64>,
    /// Of each group: bit `key % 64` of its keys, and how many keys lie before it.
    members: Vec<(u64, u32)>,
    len: u32,
}

impl Moved {
    /// Adds a key that is larger than those before.
    pub(super) fn push(&mut self, key: u64) {
        let (group, bit) = (key / GROUP, 1 << (key % GROUP));
        match self.members.last_mut() {
            Some((bits, _)) if self.groups.last() == Some(&group) => *bits |= bit,
            _ => {
                self.groups.push(group);
                self.members.push((bit, self.len));
            }
        }
        self.len += 1;
    }

    /// The place of a key among the others.
    pub(super) fn index(&self, key: u64) -> Option<u32> {
        let (bits, before) = self.members[self.groups.binary_search(&(key / GROUP)).ok()?];
        let bit = 1 << (key % GROUP);
        (bits & bit != 0).then(|| before + (bits & (bit - 1)).count_ones())
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        let members = self.groups.iter().zip(&self.members);
        members
            .flat_map(|(group, (bits, _))| (0..GROUP).filter(move |at| bits & (1 << at) != 0).map(move |at| group * GROUP + at))
    }

    /// How many entries are moved ones.
    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_found_at_its_place_and_no_other_is() {
        let side_by_side: Vec<u64> = (100..400).collect();
        let scattered: Vec<u64> = (0..300).map(|number| number * number * number).collect();
        let edges = vec![0, 63, 64, 127, 128, 1 << 40, (1 << 40) + 63, u64::MAX - 64, u64::MAX];
        for keys in [Vec::new(), side_by_side, scattered, edges] {
            let mut moved = Moved::default();
            keys.iter().for_each(|&key| moved.push(key));
            assert_eq!(moved.len() as usize, keys.len());
            assert!(moved.keys().eq(keys.iter().copied()));
            for key in keys.iter().flat_map(|key| [key.wrapping_sub(1), *key, key.wrapping_add(1)]) {
                assert_eq!(moved.index(key), keys.binary_search(&key).ok().map(|place| place as u32), "{key}");
            }
        }
    }
}
