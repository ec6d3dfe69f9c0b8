//! How much a table holds, in all and by slot, counted as it changes.

use std::ops::{AddAssign, SubAssign};

use serde::{Deserialize, Serialize};

use super::{Entry, version_bytes};
use crate::{
    id::Slot,
    placement::SLOTS,
    store::{Key, Version},
};

/// A number of keys and what they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Size {
    /// Keys that hold a value.
    pub keys: u64,
    /// Keys that are deleted and not yet collected.
    pub tombstones: u64,
    /// Estimated bytes of keys, values and versions in memory.
    pub bytes: u64,
}

/// What a table holds.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    pub all: Size,
    by_slot: Vec<Size>,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { all: Size::default(), by_slot: vec![Size::default(); usize::from(SLOTS)] }
    }
}

impl Sizes {
    pub fn of(&self, slot: Slot) -> Size {
        self.by_slot[usize::from(slot.0)]
    }

    pub fn add(&mut self, slot: Slot, size: Size) {
        self.all += size;
        self.by_slot[usize::from(slot.0)] += size;
    }

    pub fn subtract(&mut self, slot: Slot, size: Size) {
        self.all -= size;
        self.by_slot[usize::from(slot.0)] -= size;
    }
}

impl Size {
    /// A key whose versions take so much, with this winner.
    fn key(winner: &Version, bytes: u64) -> Self {
        let tombstones = u64::from(winner.is_tombstone());
        Self { keys: 1 - tombstones, tombstones, bytes }
    }

    /// A key with its versions, the winner first.
    pub fn versions(key: &Key, versions: &[Version]) -> Self {
        let bytes = versions.iter().map(|version| version_bytes(key, version)).sum();
        versions.first().map_or(Self::default(), |winner| Self::key(winner, bytes))
    }

    pub(super) fn entry(key: &Key, entry: &Entry) -> Self {
        Self::key(&entry.winner, entry.bytes(key))
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.keys += other.keys;
        self.tombstones += other.tombstones;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Size {
    fn sub_assign(&mut self, other: Self) {
        self.keys -= other.keys;
        self.tombstones -= other.tombstones;
        self.bytes -= other.bytes;
    }
}
