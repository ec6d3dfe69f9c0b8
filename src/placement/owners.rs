//! Which shard owns which slot.

use serde::{Deserialize, Serialize};

use super::{SLOTS, SlotSet};
use crate::id::{ShardId, Slot};

/// The table of slots, sent and stored as runs of equal owners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u16, ShardId)>", into = "Vec<(u16, ShardId)>")]
pub struct Owners(Vec<ShardId>);

impl Owners {
    /// The first table: every shard owns one range, and the first ones own one slot more where they cannot all be equal.
    ///
    /// # Panics
    /// Without a shard.
    pub fn found(shards: u16) -> Self {
        let (size, longer) = (SLOTS / shards, SLOTS % shards);
        let range = |shard: u16| std::iter::repeat_n(ShardId(shard), usize::from(size + u16::from(shard < longer)));
        Self((0..shards).flat_map(range).collect())
    }

    /// The owner of a slot.
    pub fn get(&self, slot: Slot) -> ShardId {
        self.0[usize::from(slot.0)]
    }

    /// The slots of a shard.
    pub fn slots_of(&self, shard: ShardId) -> SlotSet {
        (0..SLOTS).map(Slot).filter(|slot| self.get(*slot) == shard).collect()
    }

    /// Whether a shard owns any slot.
    pub fn has(&self, shard: ShardId) -> bool {
        self.0.contains(&shard)
    }

    /// How many slots each of the first shards owns.
    pub fn sizes(&self, shards: u16) -> Vec<usize> {
        let mut sizes = vec![0; usize::from(shards)];
        for shard in &self.0 {
            if let Some(size) = sizes.get_mut(usize::from(shard.0)) {
                *size += 1;
            }
        }
        sizes
    }

    /// Gives slots to a shard.
    pub fn give(&mut self, slots: &SlotSet, shard: ShardId) {
        for slot in slots.slots() {
            self.0[usize::from(slot.0)] = shard;
        }
    }
}

impl TryFrom<Vec<(u16, ShardId)>> for Owners {
    type Error = &'static str;

    fn try_from(runs: Vec<(u16, ShardId)>) -> Result<Self, Self::Error> {
        let mut owners = Vec::with_capacity(usize::from(SLOTS));
        for (length, shard) in runs {
            if owners.len() + usize::from(length) > usize::from(SLOTS) {
                return Err("more slots than there are");
            }
            owners.extend(std::iter::repeat_n(shard, usize::from(length)));
        }
        if owners.len() == usize::from(SLOTS) { Ok(Self(owners)) } else { Err("fewer slots than there are") }
    }
}

impl From<Owners> for Vec<(u16, ShardId)> {
    fn from(owners: Owners) -> Self {
        let mut runs: Self = Vec::new();
        for shard in owners.0 {
            match runs.last_mut() {
                Some((length, last)) if *last == shard => *length += 1,
                _ => runs.push((1, shard)),
            }
        }
        runs
    }
}
