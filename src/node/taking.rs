//! What is counted of transfers, for operators: how much of the one under way has come, and of each shard that slots come from.

use std::collections::BTreeMap;

use super::{Node, TransferStatus};
use crate::{
    id::{NodeId, ShardId},
    placement::{Taken, Taking},
    store::Size,
};

/// The counts of this node as a taker.
#[derive(Debug, Default)]
pub(super) struct Counts {
    current: Option<Current>,
    /// Of what the shard is to get, by where it comes from.
    imported: BTreeMap<ShardId, Taken>,
}

/// The transfer under way, or the last one.
#[derive(Debug)]
struct Current {
    peer: NodeId,
    /// Where slots come from that the shard is to get; none where a replica of its own shard gives.
    import: Option<ShardId>,
    slots: u16,
    taken: Taken,
    began_us: u64,
    came_us: u64,
}

impl Counts {
    /// A transfer of so many slots begins.
    pub fn begin(&mut self, peer: NodeId, import: Option<ShardId>, slots: u16, now_us: u64) {
        let taken = Taken::default();
        if let Some(source) = import {
            self.imported.insert(source, taken);
        }
        self.current = Some(Current { peer, import, slots, taken, began_us: now_us, came_us: now_us });
    }

    /// A part of it came.
    pub fn part(&mut self, slots: u16, size: Size, now_us: u64) {
        let Some(current) = &mut self.current else { return };
        current.came_us = now_us;
        let taken = &mut current.taken;
        (taken.slots, taken.keys, taken.bytes) = (taken.slots + slots, taken.keys + size.keys, taken.bytes + size.bytes);
        if let Some(source) = current.import {
            self.imported.insert(source, *taken);
        }
    }

    /// What is to come, comes anew.
    pub fn forget_imports(&mut self) {
        self.imported.clear();
    }

    fn bytes_per_s(&self) -> u64 {
        let Some(current) = &self.current else { return 0 };
        let elapsed_us = current.came_us.saturating_sub(current.began_us).max(1_000);
        current.taken.bytes.saturating_mul(1_000_000) / elapsed_us
    }
}

impl Node {
    /// How much of what its shard is to get has come.
    pub(super) fn taking(&self) -> Taking {
        let migration = self.plan.config.migration();
        let moves = migration.into_iter().flat_map(|migration| migration.into_shard(self.shard));
        let moves: Vec<Taken> = moves.map(|one| self.counts.imported.get(&one.from).copied().unwrap_or_default()).collect();
        if moves.is_empty() {
            return Taking::default();
        }
        Taking { told: self.gossip.beat(), bytes_per_s: self.counts.bytes_per_s(), moves }
    }

    /// The transfer under way.
    pub(super) fn transfer_status(&self) -> Option<TransferStatus> {
        let current = self.counts.current.as_ref().filter(|_| self.transfer.is_some())?;
        Some(TransferStatus { peer: current.peer, import: current.import, slots: current.slots, taken: current.taken })
    }

    /// What the moves out of this node's shard hold, by the shard that gets it.
    pub(super) fn sizes_moving(&self) -> Vec<(ShardId, Size)> {
        let migration = self.plan.config.migration();
        let moves = migration.into_iter().flat_map(|migration| migration.out_of_shard(self.shard));
        moves.map(|one| (one.to, self.table.size_of(&one.slots))).collect()
    }
}
