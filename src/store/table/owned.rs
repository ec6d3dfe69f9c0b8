//! Which slots of a table a replica keeps, and what it counts of them.

use super::Table;
use crate::{
    id::Slot,
    placement::{SLOTS, SlotSet},
    store::Key,
};

impl Table {
    /// Live keys of these slots.
    pub fn live_in(&self, slots: &SlotSet) -> u64 {
        let entries = slots.slots().flat_map(|slot| self.slot(slot).values());
        entries.filter(|entry| !entry.winner.is_tombstone()).count() as u64
    }

    /// Drops the contents of all other slots.
    pub fn keep_slots(&mut self, kept: &SlotSet) {
        for slot in (0..SLOTS).map(Slot).filter(|slot| !kept.contains(*slot)) {
            let keys: Vec<Key> = self.slot(slot).keys().cloned().collect();
            keys.iter().for_each(|key| drop(self.take(key)));
        }
    }
}
