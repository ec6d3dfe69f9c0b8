//! Which shard owns which slot.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{SLOTS, SlotSet};
use crate::id::{ShardId, Slot};

/// The table of slots, kept, sent and stored as runs of equal owners: a handful after each reshard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u16, ShardId)>", into = "Vec<(u16, ShardId)>")]
pub struct Owners {
    /// Each run's end and owner, rising; the last one ends with the slots, neighbours have different owners.
    runs: Vec<(u16, ShardId)>,
}

impl Owners {
    /// The first table: every shard owns one range, and the first ones own one slot more where they cannot all be equal.
    ///
    /// # Panics
    /// Without a shard.
    pub fn found(shards: u16) -> Self {
        let (size, longer) = (SLOTS / shards, SLOTS % shards);
        let mut owners = Self { runs: Vec::new() };
        for shard in 0..shards {
            owners.push(size + u16::from(shard < longer), ShardId(shard));
        }
        owners
    }

    /// The owner of a slot.
    pub fn get(&self, slot: Slot) -> ShardId {
        self.runs[self.runs.partition_point(|(end, _)| *end <= slot.0)].1
    }

    /// The slots of a shard.
    pub fn slots_of(&self, shard: ShardId) -> SlotSet {
        self.runs().filter(|(_, owner)| *owner == shard).map(|(range, _)| range).collect()
    }

    /// Whether a shard owns any slot.
    pub fn has(&self, shard: ShardId) -> bool {
        self.runs.iter().any(|(_, owner)| *owner == shard)
    }

    /// The highest shard that owns a slot.
    pub fn highest(&self) -> ShardId {
        self.runs.iter().map(|(_, owner)| *owner).max().unwrap_or(ShardId(0))
    }

    /// How many slots each of the first shards owns.
    pub fn sizes(&self, shards: u16) -> Vec<usize> {
        let mut sizes = vec![0; usize::from(shards)];
        for (range, shard) in self.runs() {
            if let Some(size) = sizes.get_mut(usize::from(shard.0)) {
                *size += range.len();
            }
        }
        sizes
    }

    /// Gives slots to a shard.
    pub fn give(&mut self, slots: &SlotSet, shard: ShardId) {
        let before = std::mem::take(&mut self.runs);
        let mut start = 0;
        for (end, owner) in before {
            let mut at = start;
            for given in slots.within(start..end) {
                self.push(given.start - at, owner);
                self.push(given.end - given.start, shard);
                at = given.end;
            }
            self.push(end - at, owner);
            start = end;
        }
    }

    fn runs(&self) -> impl Iterator<Item = (Range<u16>, ShardId)> + '_ {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|(end, _)| *end));
        starts.zip(&self.runs).map(|(start, (end, shard))| (start..*end, *shard))
    }

    /// The next slots belong to this shard.
    fn push(&mut self, length: u16, shard: ShardId) {
        let end = self.runs.last().map_or(0, |(end, _)| *end) + length;
        match self.runs.last_mut() {
            _ if length == 0 => {}
            Some(last) if last.1 == shard => last.0 = end,
            _ => self.runs.push((end, shard)),
        }
    }
}

/// From each run's length and owner.
impl TryFrom<Vec<(u16, ShardId)>> for Owners {
    type Error = &'static str;

    fn try_from(runs: Vec<(u16, ShardId)>) -> Result<Self, Self::Error> {
        let total: u64 = runs.iter().map(|(length, _)| u64::from(*length)).sum();
        if total != u64::from(SLOTS) {
            return Err("the runs are not as long as there are slots");
        }
        let mut owners = Self { runs: Vec::with_capacity(runs.len()) };
        for (length, shard) in runs {
            owners.push(length, shard);
        }
        Ok(owners)
    }
}

impl From<Owners> for Vec<(u16, ShardId)> {
    fn from(owners: Owners) -> Self {
        owners.runs().map(|(range, shard)| (range.end - range.start, shard)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[Range<u16>]) -> SlotSet {
        ranges.iter().cloned().collect()
    }

    #[test]
    fn slots_belong_to_whom_they_were_given_last() {
        let mut owners = Owners::found(3);
        assert_eq!(
            (owners.get(Slot(0)), owners.get(Slot(SLOTS - 1)), owners.sizes(3)),
            (ShardId(0), ShardId(2), vec![5462, 5461, 5461])
        );
        owners.give(&set(&[0..10, 5000..6000, 16_383..16_384]), ShardId(3));
        assert_eq!(owners.slots_of(ShardId(3)), set(&[0..10, 5000..6000, 16_383..16_384]));
        assert_eq!(owners.sizes(4), vec![4990, 4923, 5460, 1011]);
        assert_eq!((owners.get(Slot(9)), owners.get(Slot(10)), owners.get(Slot(5999)), owners.get(Slot(6000))), {
            (ShardId(3), ShardId(0), ShardId(3), ShardId(1))
        });
        owners.give(&SlotSet::all(), ShardId(1));
        assert_eq!((owners.has(ShardId(3)), owners.highest(), owners.slots_of(ShardId(1))), (false, ShardId(1), SlotSet::all()));
    }

    #[test]
    fn a_table_comes_back_from_its_runs() {
        let mut owners = Owners::found(4);
        owners.give(&set(&[1..2, 9_000..12_000]), ShardId(0));
        let runs: Vec<(u16, ShardId)> = owners.clone().into();
        assert_eq!(Owners::try_from(runs.clone()), Ok(owners));
        assert!(Owners::try_from(runs[1..].to_vec()).is_err(), "too short");
    }
}
