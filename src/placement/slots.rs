//! Sets of slots, kept and sent as ranges: what a reshard moves is a few thousand slots in a few ranges.

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};

use super::SLOTS;
use crate::id::Slot;

/// A set of slots.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u16, u16)>", into = "Vec<(u16, u16)>")]
pub struct SlotSet {
    /// Sorted, apart from each other, none empty.
    ranges: Vec<Range<u16>>,
}

impl SlotSet {
    /// Every slot.
    pub fn all() -> Self {
        Self { ranges: std::iter::once(0..SLOTS).collect() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|range| usize::from(range.end - range.start)).sum()
    }

    /// Whether a slot is in it.
    pub fn contains(&self, slot: Slot) -> bool {
        let after = self.ranges.partition_point(|range| range.end <= slot.0);
        self.ranges.get(after).is_some_and(|range| range.contains(&slot.0))
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<u16>> + '_ {
        self.ranges.iter().cloned()
    }

    /// The slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.ranges.iter().cloned().flatten().map(Slot)
    }

    /// The part of the set within a range, as ranges.
    pub fn within(&self, bounds: Range<u16>) -> impl Iterator<Item = Range<u16>> + '_ {
        let cut = move |range: &Range<u16>| range.start.max(bounds.start)..range.end.min(bounds.end);
        self.ranges.iter().map(cut).filter(|range| !range.is_empty())
    }

    /// All slots of either.
    pub fn union(&self, other: &Self) -> Self {
        let mut slots: Vec<Slot> = self.slots().chain(other.slots()).collect();
        slots.sort_unstable();
        slots.dedup();
        slots.into_iter().collect()
    }
}

/// From slots in rising order; one that is not above the one before it is left out.
impl FromIterator<Slot> for SlotSet {
    fn from_iter<T: IntoIterator<Item = Slot>>(slots: T) -> Self {
        let mut ranges: Vec<Range<u16>> = Vec::new();
        for Slot(slot) in slots {
            match ranges.last_mut() {
                Some(last) if slot < last.end => {}
                Some(last) if slot == last.end => last.end += 1,
                _ => ranges.push(slot..slot + 1),
            }
        }
        Self { ranges }
    }
}

impl TryFrom<Vec<(u16, u16)>> for SlotSet {
    type Error = &'static str;

    fn try_from(pairs: Vec<(u16, u16)>) -> Result<Self, Self::Error> {
        let in_order = pairs.windows(2).all(|pair| pair[0].1 < pair[1].0);
        let in_bounds = pairs.iter().all(|(start, end)| start < end && *end <= SLOTS);
        if !in_order || !in_bounds {
            return Err("ranges of slots must rise, be apart and end within the slots");
        }
        Ok(Self { ranges: pairs.into_iter().map(|(start, end)| start..end).collect() })
    }
}

impl From<SlotSet> for Vec<(u16, u16)> {
    fn from(set: SlotSet) -> Self {
        set.ranges.into_iter().map(|range| (range.start, range.end)).collect()
    }
}

impl fmt::Display for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} slots", self.len())?;
        for range in self.ranges.iter().take(3) {
            write!(f, " {}-{}", range.start, range.end - 1)?;
        }
        f.write_str(if self.ranges.len() > 3 { " ..." } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_its_slots_whatever_ranges_they_make() {
        let set: SlotSet = [0, 1, 2, 7, 9, 10].map(Slot).into_iter().collect();
        assert_eq!(set.ranges().collect::<Vec<_>>(), vec![0..3, 7..8, 9..11]);
        assert_eq!((set.len(), set.contains(Slot(7)), set.contains(Slot(8)), set.contains(Slot(11))), (6, true, false, false));
        assert_eq!(set.slots().collect::<SlotSet>(), set);
        assert_eq!(set.within(1..10).collect::<Vec<_>>(), vec![1..3, 7..8, 9..10]);
        assert_eq!(SlotSet::all().len(), usize::from(SLOTS));
        assert_eq!(set.union(&[3, 8].map(Slot).into_iter().collect()).ranges().collect::<Vec<_>>(), vec![0..4, 7..11]);
    }

    #[test]
    fn ranges_from_outside_are_checked() {
        for pairs in [vec![(3, 3)], vec![(0, 2), (2, 4)], vec![(5, 6), (1, 2)], vec![(0, SLOTS + 1)]] {
            assert!(SlotSet::try_from(pairs.clone()).is_err(), "{pairs:?}");
        }
    }
}
