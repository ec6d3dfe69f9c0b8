//! The slots of a table, of which a copy of one moment costs next to nothing.
//!
//! A slot is shared between the table and the copies that were taken of it until the table changes it: only then is it copied. So
//! a copy takes memory for what has changed since.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::Entry;
use crate::{
    id::Slot,
    placement::SLOTS,
    store::{Key, Version},
};

/// The contents of all slots as they were at one moment.
#[derive(Debug, Clone)]
pub struct Slots(Vec<Arc<BTreeMap<Key, Entry>>>);

impl Default for Slots {
    fn default() -> Self {
        Self(vec![Arc::default(); usize::from(SLOTS)])
    }
}

impl Slots {
    /// Every key of the slots with its versions, the winner first.
    pub fn entries(&self, slots: Range<u16>) -> Vec<(Key, Vec<Version>)> {
        self.range(slots).map(|(key, entry)| (key.clone(), entry.versions())).collect()
    }

    /// The first slot after `from` where the slots between hold about `bytes`, or the number of slots.
    pub fn until(&self, from: Slot, bytes: u64) -> u16 {
        let mut sum = 0;
        for slot in from.0..SLOTS {
            sum += self.slot(Slot(slot)).iter().map(|(key, entry)| entry.bytes(key)).sum::<u64>();
            if sum >= bytes {
                return slot + 1;
            }
        }
        SLOTS
    }

    pub(super) fn slot(&self, slot: Slot) -> &BTreeMap<Key, Entry> {
        &self.0[usize::from(slot.0)]
    }

    pub(super) fn range(&self, slots: Range<u16>) -> impl Iterator<Item = (&Key, &Entry)> {
        self.0[usize::from(slots.start)..usize::from(slots.end)].iter().flat_map(|slot| slot.iter())
    }

    pub(super) fn clear(&mut self, slot: Slot) {
        if !self.slot(slot).is_empty() {
            self.0[usize::from(slot.0)] = Arc::default();
        }
    }

    pub(super) fn slot_mut(&mut self, slot: Slot) -> &mut BTreeMap<Key, Entry> {
        Arc::make_mut(&mut self.0[usize::from(slot.0)])
    }
}
