//! The versions of a replica's keys, by slot.
//!
//! A key keeps its winner. It keeps superseded versions too while any of its versions may still turn out to be the second record
//! of an operation, since joining the two lowers the version's order and another may win then; the stable time ends that.
//!
//! Once a write is stable, its dependencies are dropped, and a tombstone that wins goes with its key.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    hash::Hasher,
    ops::Range,
};

use xxhash_rust::xxh3::Xxh3Default;

use super::{Key, Order, Version, Write};
use crate::{
    clock::{Hlc, VersionVector},
    id::{ActorId, Slot},
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
    /// In no order. Empty but for keys with a retriable operation that is not stable yet.
    superseded: Vec<Version>,
}

/// The versions of a replica's keys.
#[derive(Debug, Clone)]
pub struct Table {
    slots: Vec<BTreeMap<Key, Entry>>,
    /// By hlc: versions that carry dependencies, and tombstones.
    unstable: BinaryHeap<Reverse<(Hlc, Key)>>,
    stable: Hlc,
    live: u64,
    tombstones: u64,
    bytes: u64,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            slots: vec![BTreeMap::new(); usize::from(SLOTS)],
            unstable: BinaryHeap::new(),
            stable: Hlc::ZERO,
            live: 0,
            tombstones: 0,
            bytes: 0,
        }
    }
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
        self.live
    }

    /// Keys that are deleted and not yet collected.
    pub fn tombstones(&self) -> u64 {
        self.tombstones
    }

    /// Versions that wait for the stable time.
    pub fn unstable(&self) -> u64 {
        self.unstable.len() as u64
    }

    /// Estimated bytes of all of it.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Applies a write's version.
    pub fn apply(&mut self, write: &Write) -> Applied {
        if write.value.is_none() && planted(Mutant::DeleteWithoutTombstone) {
            self.remove(&write.key);
            return Applied::New(write.dot.into());
        }
        self.insert(&write.key, write.version())
    }

    /// Adds a version to a key and keeps what must be kept.
    pub fn insert(&mut self, key: &Key, version: Version) -> Applied {
        let plain = version.operation.is_none() && self.slot(slot_of(key)).get(key).is_some_and(Entry::is_plain);
        if plain && !planted(Mutant::LastArrivalWins) {
            return self.insert_plain(key, version);
        }
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

    /// The common case: one version was there, and neither it nor the new one can have a twin.
    fn insert_plain(&mut self, key: &Key, version: Version) -> Applied {
        let order = version.order();
        let slot = &mut self.slots[usize::from(slot_of(key).0)];
        let Some(entry) = slot.get_mut(key) else { return Applied::Known };
        let winner = entry.winner.order();
        if order == winner {
            return Applied::Known;
        }
        self.unstable.push(Reverse((order.hlc, key.clone())));
        if order < winner {
            return Applied::New(winner);
        }
        self.bytes += version_bytes(key, &version);
        self.bytes -= version_bytes(key, &entry.winner);
        match (entry.winner.is_tombstone(), version.is_tombstone()) {
            (true, false) => (self.tombstones, self.live) = (self.tombstones - 1, self.live + 1),
            (false, true) => (self.tombstones, self.live) = (self.tombstones + 1, self.live - 1),
            _ => {}
        }
        entry.winner = version;
        Applied::New(order)
    }

    /// Every key of the slots with its versions, the winner first.
    pub fn entries(&self, slots: Range<u16>) -> Vec<(Key, Vec<Version>)> {
        let slots = &self.slots[usize::from(slots.start)..usize::from(slots.end)];
        slots.iter().flatten().map(|(key, entry)| (key.clone(), entry.versions())).collect()
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

    /// Takes over the contents of slots from a replica that had applied `vector`. A local version in `vector` that the replica
    /// lacks was superseded or collected there and goes. Gives the keys that changed, with their versions now.
    pub fn install(
        &mut self,
        slots: Range<u16>,
        vector: &VersionVector,
        entries: &[(Key, Vec<Version>)],
    ) -> Vec<(Key, Vec<Version>)> {
        let theirs: BTreeMap<&Key, &Vec<Version>> = entries.iter().map(|(key, versions)| (key, versions)).collect();
        let mine: Vec<Key> = self.entries(slots).into_iter().map(|(key, _)| key).collect();
        let mut keys: Vec<Key> = theirs.keys().map(|key| (*key).clone()).chain(mine).collect();
        keys.sort();
        keys.dedup();
        let mut changed = Vec::new();
        for key in keys {
            let before = self.take(&key);
            let incoming = theirs.get(&key).map(|versions| versions.as_slice()).unwrap_or_default();
            let mut versions = before.clone();
            versions.retain(|mine| !vector.contains(mine.dot) || incoming.iter().any(|version| version.dot == mine.dot));
            for version in incoming {
                if !versions.iter().any(|mine| mine.dot == version.dot) {
                    self.unstable.push(Reverse((version.dot.hlc, key.clone())));
                    merge(&mut versions, version.clone());
                }
            }
            retain_needed(&mut versions);
            let differs = versions != before;
            self.put(&key, versions);
            if differs {
                let now = self.slot(slot_of(&key)).get(&key).map(Entry::versions).unwrap_or_default();
                changed.push((key, now));
            }
        }
        changed
    }

    /// Everything up to `stable` is applied at every replica: dependencies up to there are dropped and winning tombstones
    /// collected, at most `limit` of them. Gives the collected ones.
    pub fn stabilise(&mut self, stable: Hlc, limit: usize) -> Vec<(Key, Order)> {
        self.stable = self.stable.max(stable);
        let mut collected = Vec::new();
        for _ in 0..limit {
            match self.unstable.peek() {
                Some(Reverse((hlc, _))) if *hlc <= self.stable || planted(Mutant::TombstoneCollectedEarly) => {}
                _ => break,
            }
            let Some(Reverse((_, key))) = self.unstable.pop() else { break };
            if let Some(order) = self.settle(&key) {
                collected.push((key, order));
            }
        }
        collected
    }

    /// Whether something below the stable time still waits for [`stabilise`](Self::stabilise).
    pub fn has_unsettled(&self) -> bool {
        self.unstable.peek().is_some_and(|Reverse((hlc, _))| *hlc <= self.stable)
    }

    /// A hash of the live keys of slots: equal at replicas that have applied the same records.
    pub fn digest(&self, slots: Range<u16>) -> u64 {
        let mut hasher = Xxh3Default::new();
        for (key, entry) in self.slots[usize::from(slots.start)..usize::from(slots.end)].iter().flatten() {
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
        self.slots.iter().flatten().any(|(_, entry)| entry.versions().iter().any(|version| version.dot.actor == actor))
    }

    fn settle(&mut self, key: &Key) -> Option<Order> {
        let mut versions = self.take(key);
        for version in versions.iter_mut().filter(|version| version.dot.hlc <= self.stable) {
            version.dependencies = None;
            version.operation = None;
        }
        retain_needed(&mut versions);
        let stable = self.stable;
        if let [only] = versions.as_slice()
            && only.is_tombstone()
            && (only.dot.hlc <= stable || planted(Mutant::TombstoneCollectedEarly))
        {
            return Some(only.order());
        }
        self.put(key, versions);
        None
    }

    fn slot(&self, slot: Slot) -> &BTreeMap<Key, Entry> {
        &self.slots[usize::from(slot.0)]
    }

    fn remove(&mut self, key: &Key) {
        self.take(key);
    }

    fn take(&mut self, key: &Key) -> Vec<Version> {
        let Some(entry) = self.slots[usize::from(slot_of(key).0)].remove(key) else { return Vec::new() };
        self.bytes -= entry.bytes(key);
        match entry.winner.is_tombstone() {
            true => self.tombstones -= 1,
            false => self.live -= 1,
        }
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
        self.bytes += entry.bytes(key);
        match entry.winner.is_tombstone() {
            true => self.tombstones += 1,
            false => self.live += 1,
        }
        self.slots[usize::from(slot_of(key).0)].insert(key.clone(), entry);
        Some(order)
    }
}

impl Entry {
    /// Whether it is a single version that no second record of an operation can join.
    fn is_plain(&self) -> bool {
        self.superseded.is_empty() && self.winner.operation.is_none()
    }

    fn versions(&self) -> Vec<Version> {
        std::iter::once(&self.winner).chain(&self.superseded).cloned().collect()
    }

    fn bytes(&self, key: &Key) -> u64 {
        let versions = std::iter::once(&self.winner).chain(&self.superseded);
        versions.map(|version| version_bytes(key, version)).sum()
    }
}

fn version_bytes(key: &Key, version: &Version) -> u64 {
    let value = version.value.as_ref().map_or(0, |value| value.bytes.len());
    let entries = version.dependencies.as_ref().map_or(0, |token| 32 + 16 * token.entries().len());
    (key.len() + value + entries) as u64 + VERSION_BYTES
}

/// Adds a version. Two records of one operation become one version with the smaller order and what either depends on.
fn merge(versions: &mut Vec<Version>, version: Version) {
    let twin = versions.iter_mut().find(|known| version.operation.is_some() && known.operation == version.operation);
    let Some(twin) = twin else { return versions.push(version) };
    if version.order() < twin.order() {
        twin.dot = version.dot;
    }
    match (&mut twin.dependencies, &version.dependencies) {
        (Some(mine), Some(theirs)) => mine.join(theirs),
        (mine, theirs) => *mine = mine.take().or_else(|| theirs.clone()),
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
