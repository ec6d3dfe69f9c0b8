//! Which slots of a table a replica keeps, and what it counts of them.

use super::{Size, Table};
use crate::placement::SlotSet;

impl Table {
    /// What these slots hold.
    pub fn size_of(&self, slots: &SlotSet) -> Size {
        let mut size = Size::default();
        slots.slots().for_each(|slot| size += self.sizes.of(slot));
        size
    }

    /// Drops the contents of all other slots, at no cost by key but that of giving back their memory.
    pub fn keep_slots(&mut self, kept: &SlotSet) {
        for slot in SlotSet::all().without(kept).slots() {
            self.slots.clear(slot);
            self.sizes.subtract(slot, self.sizes.of(slot));
        }
    }
}
