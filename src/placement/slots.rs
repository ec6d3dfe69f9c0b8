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
        let mut ranges: Vec<Range<u16>> = self.ranges().chain(other.ranges()).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.into_iter().collect()
    }

    /// The slots that are not in another set.
    pub fn without(&self, other: &Self) -> Self {
        let ends = std::iter::once(0).chain(other.ranges().map(|range| range.end));
        let starts = other.ranges().map(|range| range.start).chain([SLOTS]);
        ends.zip(starts).flat_map(|(end, start)| self.within(end..start)).collect()
    }

    /// The highest slots, so many of them.
    pub fn last(&self, count: usize) -> Self {
        let mut above = self.len().saturating_sub(count);
        let cut = |range: Range<u16>| {
            let left_out = above.min(range.len());
            above -= left_out;
            range.start + left_out as u16..range.end
        };
        self.ranges().map(cut).collect()
    }

    /// Takes out the lowest slots, so many of them.
    pub fn take_first(&mut self, count: usize) -> Self {
        let rest = self.last(self.len().saturating_sub(count));
        let bound = rest.ranges.first().map_or(SLOTS, |range| range.start);
        let taken = self.within(0..bound).collect();
        *self = rest;
        taken
    }
}

/// From ranges whose starts rise. What is empty is left out, and what meets is one.
impl FromIterator<Range<u16>> for SlotSet {
    fn from_iter<T: IntoIterator<Item = Range<u16>>>(all: T) -> Self {
        let mut ranges: Vec<Range<u16>> = Vec::new();
        for range in all.into_iter().filter(|range| !range.is_empty()) {
            match ranges.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => ranges.push(range),
            }
        }
        Self { ranges }
    }
}

/// From slots in rising order.
impl FromIterator<Slot> for SlotSet {
    fn from_iter<T: IntoIterator<Item = Slot>>(slots: T) -> Self {
        slots.into_iter().map(|slot| slot.0..slot.0 + 1).collect()
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
        assert_eq!(
            set.without(&[1, 2, 8, 10].map(Slot).into_iter().collect()).ranges().collect::<Vec<_>>(),
            vec![0..1, 7..8, 9..10]
        );
        assert_eq!((set.without(&SlotSet::all()), set.without(&SlotSet::default())), (SlotSet::default(), set.clone()));
        assert_eq!(SlotSet::all().without(&set).ranges().collect::<Vec<_>>(), vec![3..7, 8..9, 11..SLOTS]);
        assert_eq!(set.last(3).ranges().collect::<Vec<_>>(), vec![7..8, 9..11]);
        assert_eq!((set.last(0).len(), set.last(9)), (0, set.clone()));
        let mut rest = set.clone();
        assert_eq!(rest.take_first(4).ranges().collect::<Vec<_>>(), vec![0..3, 7..8]);
        assert_eq!(rest.ranges().collect::<Vec<_>>(), vec![9..11]);
        assert_eq!((rest.take_first(7).len(), rest.len()), (2, 0));
    }

    #[test]
    fn ranges_from_outside_are_checked() {
        for pairs in [vec![(3, 3)], vec![(0, 2), (2, 4)], vec![(5, 6), (1, 2)], vec![(0, SLOTS + 1)]] {
            assert!(SlotSet::try_from(pairs.clone()).is_err(), "{pairs:?}");
        }
    }
}
