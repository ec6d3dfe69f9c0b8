//! What is counted of transfers, for operators: how much of the one under way has come, and of each shard that slots come from.

use std::{collections::BTreeMap, ops::Range};

use super::{Counters, Node, TransferStatus, transfer::Purpose};
use crate::{
    id::ShardId,
    message::SnapshotPart,
    placement::{Taken, Taking},
    store::Size,
};

/// What has come of one transfer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    /// How many slots are to come in all.
    pub slots: u16,
    pub taken: Taken,
    began_us: u64,
}

/// What has come of the slots that a shard is to get.
#[derive(Debug, Default)]
pub(super) struct Imported {
    by_source: BTreeMap<ShardId, Taken>,
    bytes_per_s: u64,
}

impl Count {
    /// Of a transfer that begins, of these slots.
    pub fn of<'a>(ranges: impl IntoIterator<Item = &'a Range<u16>>, now_us: u64) -> Self {
        let slots = ranges.into_iter().map(|range| range.end - range.start).sum();
        Self { slots, taken: Taken::default(), began_us: now_us }
    }

    /// A part has come.
    pub fn add(&mut self, part: &SnapshotPart, counters: &mut Counters) {
        let size = size_of(part);
        counters.transfer_taken_bytes += size.bytes;
        self.taken.slots += part.until - part.from.0;
        self.taken.keys += size.keys;
        self.taken.bytes += size.bytes;
    }
}

/// What a part holds.
pub(super) fn size_of(part: &SnapshotPart) -> Size {
    let mut size = Size::default();
    part.entries.iter().for_each(|(key, versions)| size += Size::versions(key, versions));
    size
}

impl Imported {
    /// So much has come by now of what a shard gives.
    pub fn note(&mut self, source: ShardId, count: &Count, now_us: u64) {
        self.by_source.insert(source, count.taken);
        let elapsed_us = now_us.saturating_sub(count.began_us).max(1_000);
        self.bytes_per_s = count.taken.bytes.saturating_mul(1_000_000) / elapsed_us;
    }
}

impl Node {
    /// How much of what its shard is to get has come.
    pub(super) fn taking(&self) -> Taking {
        let migration = self.plan.config.migration();
        let moves = migration.into_iter().flat_map(|migration| migration.into_shard(self.shard));
        let Imported { by_source, bytes_per_s } = &self.import.imported;
        let moves: Vec<Taken> = moves.map(|one| by_source.get(&one.from).copied().unwrap_or_default()).collect();
        if moves.is_empty() {
            return Taking::default();
        }
        Taking { told: self.gossip.beat(), bytes_per_s: *bytes_per_s, moves }
    }

    /// The transfer under way.
    pub(super) fn transfer_status(&self) -> Option<TransferStatus> {
        let transfer = self.transfer.as_ref()?;
        let import = if let Purpose::Import(source) = transfer.purpose { Some(source) } else { None };
        let Count { slots, taken, .. } = transfer.count;
        Some(TransferStatus { peer: transfer.peer, import, slots, taken })
    }

    /// What the moves out of this node's shard hold, by the shard that gets it.
    pub(super) fn sizes_moving(&self) -> Vec<(ShardId, Size)> {
        let migration = self.plan.config.migration();
        let moves = migration.into_iter().flat_map(|migration| migration.out_of_shard(self.shard));
        moves.map(|one| (one.to, self.table.size_of(&one.slots))).collect()
    }
}
