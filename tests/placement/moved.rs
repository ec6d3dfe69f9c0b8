//! What a reshard moves, in slots and in keys, beside the least that it could move.

use causeway::{
    id::Slot,
    placement::{Owners, SLOTS, SlotSet, moves, slot_of},
};

/// So many keys the contract speaks of.
pub const KEYS: usize = 100_000;

/// How many of the keys are in each slot.
pub struct Keys(Vec<usize>);

impl Keys {
    /// Short keys that differ only in a trailing number.
    pub fn numbered() -> Self {
        let mut keys = vec![0; usize::from(SLOTS)];
        (0..KEYS).for_each(|number| keys[usize::from(slot_of(&format!("key-{number}")).0)] += 1);
        Self(keys)
    }

    fn within(&self, slots: &SlotSet) -> usize {
        slots.slots().map(|slot| self.0[usize::from(slot.0)]).sum()
    }

    /// How many keys each of the first shards has.
    pub fn of_shards(&self, owners: &Owners, shards: u16) -> Vec<usize> {
        let mut counts = vec![0; usize::from(shards)];
        for (slot, count) in (0..SLOTS).zip(&self.0) {
            counts[usize::from(owners.get(Slot(slot)).0)] += count;
        }
        counts
    }
}

/// What one reshard moved.
pub struct Moved {
    /// Slots that changed their owner.
    pub slots: usize,
    /// How many must, so that all shares are equal.
    pub least_slots: usize,
    /// Keys that changed their owner.
    pub keys: usize,
}

impl Moved {
    /// Reshards.
    pub fn by_reshard(owners: &mut Owners, before: u16, after: u16, keys: &Keys) -> Self {
        let planned = moves(owners, after);
        let moved = Self {
            slots: planned.values().map(SlotSet::len).sum(),
            least_slots: least_moves(owners, before, after),
            keys: planned.values().map(|slots| keys.within(slots)).sum(),
        };
        for ((from, to), slots) in &planned {
            assert!(slots.slots().all(|slot| owners.get(slot) == *from), "{from} gives what it has");
            owners.give(slots, *to);
        }
        moved
    }

    /// Keys moved for each that the least number of slots holds, were all slots equal.
    pub fn keys_ratio(&self) -> f64 {
        let least = KEYS as f64 * self.least_slots as f64 / f64::from(SLOTS);
        if least == 0.0 { 1.0 } else { self.keys as f64 / least }
    }
}

/// The least number of slots that must change their owner so that all shares are equal, by another way than `moves` takes: the
/// largest shards keep the larger shares.
pub fn least_moves(owners: &Owners, before: u16, after: u16) -> usize {
    let sizes = owners.sizes(before.max(after));
    let (share, longer) = (usize::from(SLOTS / after), usize::from(SLOTS % after));
    let (staying, vanishing) = sizes.split_at(usize::from(after));
    let mut staying = staying.to_vec();
    staying.sort_unstable();
    staying.reverse();
    let kept: usize = staying.iter().enumerate().map(|(place, size)| (*size).min(share + usize::from(place < longer))).sum();
    staying.iter().chain(vanishing).sum::<usize>() - kept
}

/// Numbers of shards that follow each other at random, the same each time.
pub fn random_counts() -> impl Iterator<Item = u16> {
    let steps = std::iter::successors(Some(12_345u32), |state| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)));
    steps.skip(1).map(|state| (state >> 16) as u16 % 16 + 1)
}
