//! The bytes of one file, and what of them a crash may take back.
//!
//! The file holds what reads return. Beside it stand *layers* of undo: what each sector held before it was first written since the
//! sync before. A sync closes the open layer when it starts, and drops it when it succeeds: what was written meanwhile is in the
//! next layer and not durable. A crash goes through the layers from the newest to the oldest and decides for each sector by chance
//! whether the write survived; a sector that survived in a newer layer is not touched by an older one.

use std::collections::BTreeMap;

use crate::streams::Chance;

/// What a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// Stands for the size among the sectors, where chance is drawn.
const SIZE: u64 = u64::MAX;

/// One file.
#[derive(Default)]
pub(super) struct Contents {
    bytes: Vec<u8>,
    open: Layer,
    /// Oldest first.
    closed: Vec<Layer>,
    next_number: u64,
}

#[derive(Default)]
struct Layer {
    number: u64,
    fate: Fate,
    /// What sectors held before.
    sectors: BTreeMap<usize, Vec<u8>>,
    /// The size before, if it changed.
    size: Option<usize>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A sync may still make it durable.
    #[default]
    Pending,
    /// Its sync failed: no later one makes it durable, though reads show it.
    Doomed,
}

/// What a crash did to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// Sectors with writes that were not synced and survived.
    pub kept: u64,
    /// Sectors with writes that were not synced and are gone.
    pub lost: u64,
}

impl Contents {
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes from an offset; `None` where the file ends before.
    pub fn read(&self, offset: usize, length: usize) -> Option<&[u8]> {
        self.bytes.get(offset..offset.checked_add(length)?)
    }

    pub fn write(&mut self, offset: usize, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let end = offset + data.len();
        self.remember(offset.min(self.bytes.len()), end);
        if end > self.bytes.len() {
            self.remember_size();
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(data);
    }

    pub fn resize(&mut self, size: usize) {
        if size == self.bytes.len() {
            return;
        }
        self.remember(size.min(self.bytes.len()), size.max(self.bytes.len()));
        self.remember_size();
        self.bytes.resize(size, 0);
    }

    /// A sync starts: what was written so far is what it will make durable.
    pub fn close_layer(&mut self) -> u64 {
        self.next_number += 1;
        let next = Layer { number: self.next_number, ..Layer::default() };
        let closed = std::mem::replace(&mut self.open, next);
        let number = closed.number;
        self.closed.push(closed);
        number
    }

    /// The sync that closed this layer succeeded.
    pub fn settle(&mut self, number: u64) {
        let (durable, rest): (Vec<Layer>, Vec<Layer>) =
            std::mem::take(&mut self.closed).into_iter().partition(|layer| layer.number <= number && layer.fate == Fate::Pending);
        self.closed = rest;
        for layer in &durable {
            for older in self.closed.iter_mut().filter(|older| older.number < layer.number) {
                older.sectors.retain(|sector, _| !layer.sectors.contains_key(sector));
                if layer.size.is_some() {
                    older.size = None;
                }
            }
        }
        self.closed.retain(|layer| !layer.sectors.is_empty() || layer.size.is_some());
    }

    /// The sync that closed this layer failed.
    pub fn doom(&mut self, number: u64) {
        for layer in self.closed.iter_mut().filter(|layer| layer.number <= number) {
            layer.fate = Fate::Doomed;
        }
    }

    /// The machine loses power: each write that is not durable survives by the chance of its sector. The size has a chance of its own.
    pub fn crash(&mut self, chance: impl Fn(u64) -> Chance, survival: f64) -> Damage {
        let mut damage = Damage::default();
        // Of each sector that was written: its chance, and whether a newer write of it survived.
        let mut fates: BTreeMap<usize, (Chance, bool)> = BTreeMap::new();
        let mut size = self.bytes.len();
        let (mut size_chance, mut size_survived) = (chance(SIZE), false);
        let open = std::mem::take(&mut self.open);
        self.closed.push(open);
        for layer in std::mem::take(&mut self.closed).into_iter().rev() {
            for (sector, before) in layer.sectors {
                let (chance, survived) = fates.entry(sector).or_insert_with(|| (chance(sector as u64), false));
                if *survived {
                    continue;
                }
                *survived = chance.happens(survival);
                if *survived {
                    damage.kept += 1;
                } else {
                    self.restore(sector, &before);
                    damage.lost += 1;
                }
            }
            if let Some(before) = layer.size.filter(|_| !size_survived) {
                size_survived = size_chance.happens(survival);
                size = if size_survived { size } else { before };
            }
        }
        self.bytes.resize(size, 0);
        damage
    }

    /// Writes to other sectors than it should: what is there is replaced, and where it should go stays as it was, but for zeros where
    /// the file grows. Returns whether there are other sectors.
    pub fn write_astray(&mut self, offset: usize, data: &[u8], mut chance: Chance) -> bool {
        let size = self.bytes.len().max(offset + data.len());
        let others = size.div_ceil(SECTOR_BYTES).saturating_sub(1);
        if others == 0 || data.is_empty() {
            return false;
        }
        let home = offset / SECTOR_BYTES;
        let sector = chance.below(others as u64) as usize;
        let sector = if sector < home { sector } else { sector + 1 };
        let start = sector * SECTOR_BYTES + offset % SECTOR_BYTES;
        self.resize(size);
        self.write(start, &data[..data.len().min(size.saturating_sub(start))]);
        true
    }

    /// Flips a bit of a durable sector. Returns its offset, or `None` when nothing of the file is durable.
    pub fn flip_bit(&mut self, mut chance: Chance) -> Option<usize> {
        let sector = *chance.pick(&self.durable_sectors())?;
        let start = sector * SECTOR_BYTES;
        let end = self.bytes.len().min(start + SECTOR_BYTES);
        let offset = start + chance.below((end - start) as u64) as usize;
        self.bytes[offset] ^= 1 << chance.below(8);
        Some(offset)
    }

    /// Overwrites a durable sector with what another holds, as a write to the wrong place does. Returns its offset, or `None` when
    /// there are no two that are whole.
    pub fn misdirect(&mut self, mut chance: Chance) -> Option<usize> {
        let mut sectors = self.durable_sectors();
        sectors.retain(|sector| (sector + 1) * SECTOR_BYTES <= self.bytes.len());
        let target = *chance.pick(&sectors)?;
        sectors.retain(|sector| *sector != target);
        let source = *chance.pick(&sectors)? * SECTOR_BYTES;
        self.bytes.copy_within(source..source + SECTOR_BYTES, target * SECTOR_BYTES);
        Some(target * SECTOR_BYTES)
    }

    fn durable_sectors(&self) -> Vec<usize> {
        let at_risk = |sector: &usize| self.closed.iter().chain([&self.open]).any(|layer| layer.sectors.contains_key(sector));
        (0..self.bytes.len().div_ceil(SECTOR_BYTES)).filter(|sector| !at_risk(sector)).collect()
    }

    /// Keeps what the sectors between two offsets hold, unless the open layer has it already.
    fn remember(&mut self, from: usize, until: usize) {
        for sector in from / SECTOR_BYTES..until.div_ceil(SECTOR_BYTES) {
            let bytes = &self.bytes;
            self.open.sectors.entry(sector).or_insert_with(|| {
                let end = bytes.len().min((sector + 1) * SECTOR_BYTES);
                bytes.get(sector * SECTOR_BYTES..end).unwrap_or_default().to_vec()
            });
        }
    }

    fn remember_size(&mut self) {
        let size = self.bytes.len();
        self.open.size.get_or_insert(size);
    }

    fn restore(&mut self, sector: usize, before: &[u8]) {
        let start = sector * SECTOR_BYTES;
        if self.bytes.len() < start + before.len() {
            self.bytes.resize(start + before.len(), 0);
        }
        let end = self.bytes.len().min(start + SECTOR_BYTES);
        if let Some(now) = self.bytes.get_mut(start..end) {
            now.fill(0);
            now[..before.len()].copy_from_slice(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::streams::{Purpose, Streams};

    fn chance(seed: u64) -> Chance {
        Streams::new(seed).keyed(Purpose::Disk, [])
    }

    fn by_sector(seed: u64) -> impl Fn(u64) -> Chance {
        move |sector| Streams::new(seed).keyed(Purpose::Disk, [sector])
    }

    fn synced(bytes: &[u8]) -> Contents {
        let mut contents = Contents::default();
        contents.write(0, bytes);
        let layer = contents.close_layer();
        contents.settle(layer);
        contents
    }

    fn all(contents: &Contents) -> &[u8] {
        contents.read(0, contents.size()).expect("a file holds its own size")
    }

    #[test]
    fn a_crash_takes_back_all_that_was_not_synced_when_nothing_survives() {
        let mut contents = synced(b"durable");
        contents.write(3, b"ABCDEFGH");
        assert_eq!(all(&contents), b"durABCDEFGH");
        contents.crash(by_sector(1), 0.0);
        assert_eq!(all(&contents), b"durable");
        contents.resize(2);
        contents.crash(by_sector(1), 0.0);
        assert_eq!(all(&contents), b"durable");
    }

    #[test]
    fn what_was_written_during_a_sync_is_not_durable_by_it() {
        let mut contents = synced(b"one");
        contents.write(0, b"two");
        let layer = contents.close_layer();
        contents.write(0, b"six");
        contents.settle(layer);
        contents.crash(by_sector(1), 0.0);
        assert_eq!(all(&contents), b"two");
    }

    #[test]
    fn a_write_may_survive_in_some_sectors_only() {
        let mut torn = 0;
        for seed in 0..100 {
            let mut contents = synced(&[1; 4 * SECTOR_BYTES]);
            contents.write(0, &[2; 4 * SECTOR_BYTES]);
            let damage = contents.crash(by_sector(seed), 0.5);
            let sectors: Vec<&[u8]> = all(&contents).chunks(SECTOR_BYTES).collect();
            assert!(sectors.iter().all(|sector| *sector == [1; SECTOR_BYTES] || *sector == [2; SECTOR_BYTES]));
            assert_eq!(sectors.iter().filter(|sector| sector[0] == 2).count() as u64, damage.kept);
            torn += u32::from(damage.kept > 0 && damage.lost > 0);
        }
        assert!(torn > 50, "torn in {torn} of 100");
    }

    #[test]
    fn after_a_failed_sync_a_later_one_does_not_make_the_write_durable() {
        let mut contents = synced(&[1; 2 * SECTOR_BYTES]);
        contents.write(0, &[2; SECTOR_BYTES]);
        let failed = contents.close_layer();
        contents.doom(failed);
        contents.write(SECTOR_BYTES, &[3; SECTOR_BYTES]);
        let good = contents.close_layer();
        contents.settle(good);
        assert_eq!(all(&contents)[0], 2, "reads still show it");
        contents.crash(by_sector(1), 0.0);
        assert_eq!((all(&contents)[0], all(&contents)[SECTOR_BYTES]), (1, 3));
    }

    #[test]
    fn a_synced_rewrite_of_a_doomed_sector_is_durable() {
        let mut contents = synced(b"old");
        contents.write(0, b"bad");
        let failed = contents.close_layer();
        contents.doom(failed);
        contents.write(0, b"new");
        let good = contents.close_layer();
        contents.settle(good);
        contents.crash(by_sector(1), 0.0);
        assert_eq!(all(&contents), b"new");
    }

    #[test]
    fn size_and_data_of_an_append_survive_apart() {
        let mut outcomes = BTreeSet::new();
        for seed in 0..100 {
            let mut contents = synced(b"head");
            contents.write(4, &[7; 2 * SECTOR_BYTES]);
            contents.crash(by_sector(seed), 0.5);
            let bytes = all(&contents);
            outcomes.insert((bytes.len(), bytes.last().copied()));
        }
        let full = 4 + 2 * SECTOR_BYTES;
        assert!(outcomes.contains(&(4, Some(b'd'))), "the append is gone");
        assert!(outcomes.contains(&(full, Some(7))), "the end survived");
        assert!(outcomes.contains(&(full, Some(0))), "the size survived without the data");
    }

    #[test]
    fn a_misdirected_write_copies_one_durable_sector_over_another() {
        assert_eq!(synced(&[1; 2 * SECTOR_BYTES - 1]).misdirect(chance(1)), None, "one whole sector is too few");
        let mut contents = synced(&[[1; SECTOR_BYTES], [2; SECTOR_BYTES], [3; SECTOR_BYTES]].concat());
        contents.write(0, &[4; SECTOR_BYTES]);
        let offset = contents.misdirect(chance(1)).expect("two sectors are durable");
        let expected = if offset == SECTOR_BYTES { [4, 3, 3] } else { [4, 2, 2] };
        assert_eq!(all(&contents), expected.map(|byte| [byte; SECTOR_BYTES]).concat());
    }

    #[test]
    fn a_flipped_bit_is_in_a_durable_sector() {
        assert_eq!(Contents::default().flip_bit(chance(1)), None);
        let mut contents = synced(&[0; 3 * SECTOR_BYTES]);
        contents.write(0, &[0; 2 * SECTOR_BYTES]);
        for seed in 0..20 {
            let offset = contents.flip_bit(chance(seed)).expect("one sector is durable");
            assert!(offset >= 2 * SECTOR_BYTES);
        }
    }

    #[test]
    fn a_write_astray_replaces_other_sectors_and_leaves_its_own() {
        assert!(!synced(&[1; SECTOR_BYTES]).write_astray(0, &[9], chance(1)), "there is no other sector");
        let mut places = BTreeSet::new();
        for seed in 0..50 {
            let mut contents = synced(&[1; 3 * SECTOR_BYTES]);
            assert!(contents.write_astray(SECTOR_BYTES + 5, &[9; 2], chance(seed)));
            let hit: Vec<usize> = (0..contents.size()).filter(|at| all(&contents)[*at] == 9).collect();
            assert_eq!(hit.len(), 2);
            places.insert(hit[0]);
        }
        assert_eq!(places, [5, 2 * SECTOR_BYTES + 5].into());
        let mut contents = synced(&[1; SECTOR_BYTES]);
        assert!(contents.write_astray(SECTOR_BYTES, &[9; 4], chance(1)));
        assert_eq!(all(&contents), [[9; 4].as_slice(), &[1; SECTOR_BYTES - 4], &[0; 4]].concat());
    }

    #[test]
    fn the_fate_of_a_sector_is_its_own() {
        let survivors = |written: &[usize]| -> Vec<bool> {
            let mut contents = synced(&[0; 8 * SECTOR_BYTES]);
            written.iter().for_each(|sector| contents.write(sector * SECTOR_BYTES, &[1]));
            contents.crash(by_sector(3), 0.5);
            written.iter().map(|sector| all(&contents)[sector * SECTOR_BYTES] == 1).collect()
        };
        let whole = survivors(&[0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(whole.contains(&true) && whole.contains(&false));
        assert_eq!(survivors(&[1, 2, 3, 4, 5, 6, 7]), whole[1..], "one write less changes no other's fate");
    }
}
