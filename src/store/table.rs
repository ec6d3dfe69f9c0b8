//! The versions of a replica's keys, by slot.
//!
//! A key keeps its winner. It keeps superseded versions too while any of its versions may still turn out to be the second record
//! of an operation, since joining the two lowers the version's order and another may win then; the [`Horizon`] ends that.
//!
//! Once a write is stable, its dependencies are dropped, and a tombstone that wins goes with its key.

mod install;
mod owned;
mod size;
mod slots;

pub use size::Size;
use size::Sizes;
pub use slots::Slots;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, btree_map::Entry as MapEntry},
    hash::Hasher,
    ops::Range,
    sync::Arc,
};

use xxhash_rust::xxh3::Xxh3Default;

use super::{Horizon, Key, OperationId, Order, Remembered, Version, Write};
use crate::{
    clock::Hlc,
    id::{ActorId, Epoch, Slot},
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    placement::{SLOTS, slot_of},
};

/// Estimated bytes of a version beside its key and value: tree node share, headers of allocations.
const VERSION_BYTES: u64 = 160;

/// What applying a version did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The version's key has this winner now.
    New(Order),
    /// The version was there already, or is superseded for good.
    Known,
}

#[derive(Debug, Clone)]
struct Entry {
    winner: Version,
    /// In no order. Empty but for keys with a retriable operation above the horizon.
    superseded: Vec<Version>,
}

/// The versions of a replica's keys.
#[derive(Debug, Clone, Default)]
pub struct Table {
    slots: Slots,
    /// By hlc: versions that carry dependencies, and tombstones.
    unstable: BinaryHeap<Reverse<(Hlc, Key)>>,
    /// By hlc: stable versions that a second record of their operation may still join.
    joinable: BinaryHeap<Reverse<(Hlc, Key)>>,
    horizon: Horizon,
    sizes: Sizes,
}

impl Table {
    /// The winner of a key; a tombstone where the key was deleted not long ago.
    pub fn get(&self, key: &str) -> Option<&Version> {
        self.slot(slot_of(key)).get(key).map(|entry| &entry.winner)
    }

    /// Whether the key holds a value.
    pub fn holds(&self, key: &str) -> bool {
        self.get(key).is_some_and(|version| !version.is_tombstone())
    }

    /// Keys that hold a value.
    pub fn live(&self) -> u64 {
        self.sizes.all.keys
    }

    /// Keys that are deleted and not yet collected.
    pub fn tombstones(&self) -> u64 {
        self.sizes.all.tombstones
    }

    /// Versions that wait for the horizon.
    pub fn unstable(&self) -> u64 {
        (self.unstable.len() + self.joinable.len()) as u64
    }

    /// Up to where the table has begun to forget.
    pub fn horizon(&self) -> Horizon {
        self.horizon
    }

    /// What the key's versions still tell of an operation.
    pub fn operation(&self, key: &str, id: OperationId, epoch: Epoch) -> Option<Remembered> {
        let entry = self.slot(slot_of(key)).get(key)?;
        std::iter::once(&entry.winner).chain(&entry.superseded).find_map(|version| {
            let operation = version.operation.filter(|operation| operation.id == id)?;
            Some(Remembered { operation, dot: version.dot, seen: version.seen(epoch) })
        })
    }

    /// Estimated bytes of all of it.
    pub fn bytes(&self) -> u64 {
        self.sizes.all.bytes
    }

    /// Applies a write's version.
    pub fn apply(&mut self, write: &Write) -> Applied {
        if write.value.is_none() && planted(Mutant::DeleteWithoutTombstone) {
            self.take(&write.key);
            return Applied::New(write.dot.into());
        }
        self.insert(&write.key, write.version())
    }

    /// Applies the version of a write that nobody else needs, which saves copying it.
    pub fn apply_owned(&mut self, write: Arc<Write>) -> Applied {
        match Arc::try_unwrap(write) {
            Ok(write) if write.value.is_some() => {
                let key = write.key.clone();
                self.insert(&key, write.into_version())
            }
            Ok(write) => self.apply(&write),
            Err(write) => self.apply(&write),
        }
    }

    /// Adds a version to a key and keeps what must be kept.
    pub fn insert(&mut self, key: &Key, version: Version) -> Applied {
        let slot = slot_of(key);
        match self.slots.slot_mut(slot).entry(key.clone()) {
            MapEntry::Vacant(place) => {
                let order = version.order();
                if version.is_unsettled() {
                    self.unstable.push(Reverse((order.hlc, key.clone())));
                }
                let entry = place.insert(Entry { winner: version, superseded: Vec::new() });
                self.sizes.add(slot, Size::entry(key, entry));
                Applied::New(order)
            }
            MapEntry::Occupied(mut place) if is_plain(place.get(), &version) => {
                let (order, winner) = (version.order(), place.get().winner.order());
                if order == winner {
                    return Applied::Known;
                }
                self.unstable.push(Reverse((order.hlc, key.clone())));
                if order < winner && !(order.hlc == winner.hlc && planted(Mutant::TieByArrival)) {
                    return Applied::New(winner);
                }
                self.sizes.subtract(slot, Size::entry(key, place.get()));
                place.get_mut().winner = version;
                self.sizes.add(slot, Size::entry(key, place.get()));
                Applied::New(order)
            }
            MapEntry::Occupied(_) => self.insert_beside(key, version),
        }
    }

    /// Adds a version to others of which some may be its twin.
    fn insert_beside(&mut self, key: &Key, version: Version) -> Applied {
        let mut versions = self.take(key);
        if versions.iter().any(|known| known.dot == version.dot) {
            self.put(key, versions);
            return Applied::Known;
        }
        self.unstable.push(Reverse((version.dot.hlc, key.clone())));
        merge(&mut versions, version);
        retain_needed(&mut versions);
        let winner = self.put(key, versions);
        winner.map_or(Applied::Known, Applied::New)
    }

    /// The contents as they are now; what the table changes later is not in them.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// The contents as they are now, to be changed apart from these. Forgets nothing of them later.
    pub fn copy(&self) -> Self {
        let (slots, sizes) = (self.slots.clone(), self.sizes.clone());
        Self { slots, sizes, horizon: self.horizon, ..Self::default() }
    }

    /// Forgets what the horizon allows: dependencies, the names of operations, winning tombstones; at most `limit` versions of
    /// each kind. Gives the tombstones that were collected. A horizon only moves on: each of its times is the largest given yet.
    pub fn stabilise(&mut self, horizon: Horizon, limit: usize) -> Vec<(Key, Order)> {
        self.horizon.stable = self.horizon.stable.max(horizon.stable);
        self.horizon.no_twins = self.horizon.no_twins.max(horizon.no_twins);
        let stable = if planted(Mutant::TombstoneCollectedEarly) { Hlc(u64::MAX) } else { self.horizon.stable };
        let mut collected = Vec::new();
        for (hlc, key) in pop_until(&mut self.unstable, stable, limit) {
            collected.extend(self.settle(&key).map(|order| (key.clone(), order)));
            if self.slot(slot_of(&key)).get(&key).is_some_and(|entry| entry.is_joinable(hlc)) {
                self.joinable.push(Reverse((hlc, key)));
            }
        }
        for (_, key) in pop_until(&mut self.joinable, self.horizon.no_twins, limit) {
            collected.extend(self.settle(&key).map(|order| (key, order)));
        }
        collected
    }

    /// A hash of the live keys of slots: equal at replicas that have applied the same records.
    pub fn digest(&self, slots: Range<u16>) -> u64 {
        let mut hasher = Xxh3Default::new();
        for (key, entry) in self.slots.range(slots) {
            if let Some(value) = &entry.winner.value {
                hasher.write(key.as_bytes());
                hasher.write_u64(entry.winner.dot.hlc.0);
                hasher.write_u32(entry.winner.dot.actor.0);
                hasher.write(&value.bytes);
            }
        }
        hasher.finish()
    }

    /// Whether any version was written by this actor.
    pub fn has_version_of(&self, actor: ActorId) -> bool {
        self.slots.range(0..SLOTS).any(|(_, entry)| entry.versions().iter().any(|version| version.dot.actor == actor))
    }

    fn settle(&mut self, key: &Key) -> Option<Order> {
        let Horizon { stable, no_twins } = self.horizon;
        let slot = slot_of(key);
        if let Some(entry) = self.slots.slot_mut(slot).get_mut(key)
            && entry.is_plain()
            && !entry.winner.is_tombstone()
        {
            // The common case: a value that stays where it is.
            if entry.winner.dot.hlc <= stable {
                self.sizes.subtract(slot, Size::entry(key, entry));
                entry.winner.dependencies = None;
                self.sizes.add(slot, Size::entry(key, entry));
            }
            return None;
        }
        let mut versions = self.take(key);
        for version in versions.iter_mut().filter(|version| version.dot.hlc <= stable) {
            version.dependencies = None;
        }
        for version in versions.iter_mut().filter(|version| version.dot.hlc <= no_twins) {
            if version.operation.take().is_some() {
                reached(Mark::NameForgotten);
            }
        }
        retain_needed(&mut versions);
        if let [only] = versions.as_slice()
            && only.is_tombstone()
            && only.operation.is_none()
            && (only.dot.hlc <= stable || planted(Mutant::TombstoneCollectedEarly))
        {
            reached(Mark::TombstoneCollected);
            return Some(only.order());
        }
        self.put(key, versions);
        None
    }

    fn slot(&self, slot: Slot) -> &BTreeMap<Key, Entry> {
        self.slots.slot(slot)
    }

    fn take(&mut self, key: &Key) -> Vec<Version> {
        let slot = slot_of(key);
        let Some(entry) = self.slots.slot_mut(slot).remove(key) else { return Vec::new() };
        self.sizes.subtract(slot, Size::entry(key, &entry));
        entry.versions()
    }

    /// Puts a key's versions back, the largest order as the winner.
    fn put(&mut self, key: &Key, mut versions: Vec<Version>) -> Option<Order> {
        let last = versions.len().checked_sub(1)?;
        if !planted(Mutant::LastArrivalWins) {
            versions.sort_by_key(Version::order);
        }
        let winner = versions.swap_remove(last);
        let order = winner.order();
        let entry = Entry { winner, superseded: versions };
        let slot = slot_of(key);
        self.sizes.add(slot, Size::entry(key, &entry));
        self.slots.slot_mut(slot).insert(key.clone(), entry);
        Some(order)
    }
}

impl Entry {
    /// Whether it is a single version that no second record of an operation can join.
    fn is_plain(&self) -> bool {
        self.superseded.is_empty() && self.winner.operation.is_none()
    }

    /// Whether the version of this time can still be joined by a second record of its operation.
    fn is_joinable(&self, hlc: Hlc) -> bool {
        let mut versions = std::iter::once(&self.winner).chain(&self.superseded);
        versions.any(|version| version.dot.hlc == hlc && version.operation.is_some())
    }

    fn versions(&self) -> Vec<Version> {
        std::iter::once(&self.winner).chain(&self.superseded).cloned().collect()
    }

    fn bytes(&self, key: &Key) -> u64 {
        let versions = std::iter::once(&self.winner).chain(&self.superseded);
        versions.map(|version| version_bytes(key, version)).sum()
    }
}

/// Whether the new version decides with the one that is there by their order alone: neither can have a twin.
fn is_plain(entry: &Entry, version: &Version) -> bool {
    entry.is_plain() && version.operation.is_none() && !planted(Mutant::LastArrivalWins)
}

fn pop_until(heap: &mut BinaryHeap<Reverse<(Hlc, Key)>>, upto: Hlc, limit: usize) -> Vec<(Hlc, Key)> {
    let mut popped = Vec::new();
    while popped.len() < limit && heap.peek().is_some_and(|Reverse((hlc, _))| *hlc <= upto) {
        popped.extend(heap.pop().map(|Reverse(entry)| entry));
    }
    popped
}

fn version_bytes(key: &Key, version: &Version) -> u64 {
    let value = version.value.as_ref().map_or(0, |value| value.bytes.len());
    let entries = version.dependencies.as_ref().map_or(0, |token| 32 + 16 * token.entries().len());
    (key.len() + value + entries) as u64 + VERSION_BYTES
}

/// Adds a version. Two records of one operation become one version with the smaller order and what either depends on.
fn merge(versions: &mut Vec<Version>, version: Version) {
    let Some(twin) = versions.iter_mut().find(|known| are_twins(known, &version)) else { return versions.push(version) };
    reached(Mark::TwinsJoined);
    if version.order() < twin.order() {
        twin.dot = version.dot;
        twin.operation = version.operation;
    }
    match (&mut twin.dependencies, &version.dependencies) {
        (Some(mine), Some(theirs)) => mine.join(theirs),
        (mine, theirs) => *mine = mine.take().or_else(|| theirs.clone()),
    }
}

/// Whether two versions come from records of one operation, as every replica will judge it, whenever it does.
fn are_twins(a: &Version, b: &Version) -> bool {
    let (first, second) = if a.order() < b.order() { (a, b) } else { (b, a) };
    match (first.operation, second.operation) {
        (Some(named), Some(again)) => named.id == again.id && first.dot.hlc > again.apart_from,
        _ => false,
    }
}

/// Drops what can never win again: all but the largest order, unless a version may still be joined with its twin.
fn retain_needed(versions: &mut Vec<Version>) {
    if versions.iter().any(|version| version.operation.is_some()) || versions.len() < 2 {
        return;
    }
    let winner = match planted(Mutant::LastArrivalWins) {
        true => versions.last().map(Version::order),
        false => versions.iter().map(Version::order).max(),
    };
    versions.retain(|version| Some(version.order()) == winner);
}
