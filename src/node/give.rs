//! Copies of this node's slots for peers that take them over.
//!
//! A copy is of one moment and stays as it is while it is sent part by part, for little: see [`Slots`]. It is dropped when nobody
//! asks for more of it, and when the config changes.

use super::{Node, transfer::PART_PATIENCE_US};
use crate::{
    clock::{Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId, Slot},
    message::{Message, SnapshotPart},
    mutant::{Mutant, planted},
    placement::SLOTS,
    store::{Remembered, Slots},
};

/// A copy that nobody asks for is kept for this long: longer than a taker has patience.
const COPY_KEPT_US: u64 = 3 * PART_PATIENCE_US;

/// What a peer is taking over.
#[derive(Debug)]
pub(super) struct Copy {
    /// Given by the taker.
    number: u64,
    slots: Slots,
    vector: VersionVector,
    copied: Option<Epoch>,
    operations: Vec<Remembered>,
    /// Actors whose records are not all here yet: the vector does not name them.
    hidden: Vec<ActorId>,
    until_us: u64,
}

impl Node {
    pub(super) fn answer_snapshot_request(&mut self, from: NodeId, number: u64, slot: Slot, until: u16) {
        let end = until.min(SLOTS);
        if slot.0 >= end || !self.standing.serves() || !self.may_take(from, slot.0..end) {
            return;
        }
        let known = self.copies.remove(&from).filter(|copy| copy.number == number && !planted(Mutant::TransferKeepsLastVector));
        let copy = match known {
            Some(copy) => copy,
            // What is not durable here may be gone tomorrow.
            None if self.is_ahead_of_its_vector() => return,
            None => self.copy_now(number),
        };
        let part = copy.part(slot, end, self.plan.settings.part_bytes);
        self.send(from, Message::SnapshotPart(part));
        self.copies.insert(from, Copy { until_us: self.now.monotonic_us + COPY_KEPT_US, ..copy });
    }

    /// Whether a node may have these slots: all of them go to its shard, or it is of this one.
    fn may_take(&self, node: NodeId, slots: std::ops::Range<u16>) -> bool {
        let given = self.given_to(node).within(slots.clone()).map(|range| range.len()).sum::<usize>();
        given == slots.len() || self.links.contains_key(&node)
    }

    fn copy_now(&mut self, number: u64) -> Copy {
        let mut vector = self.vector_for_peers();
        if self.standing.promises() {
            // An actor that has written nothing for long is at its promise, or who takes over would ask for more than any log holds.
            vector.raise(self.actor, self.own_promise(Hlc::ZERO));
        }
        Copy {
            number,
            slots: self.table.slots().clone(),
            vector,
            copied: self.import.copied,
            operations: self.operations.all(),
            hidden: if self.has_copied() { Vec::new() } else { self.import_sources() },
            until_us: 0,
        }
    }

    /// Drops the copies that nobody asks for.
    pub(super) fn keep_copies(&mut self) {
        let now_us = self.now.monotonic_us;
        self.copies.retain(|_, copy| now_us < copy.until_us);
    }
}

impl Copy {
    fn part(&self, from: Slot, end: u16, bytes: u64) -> SnapshotPart {
        let until = self.slots.until(from, bytes).min(end);
        let mut entries = self.slots.entries(from.0..until);
        if !self.hidden.is_empty() {
            entries.iter_mut().for_each(|(_, versions)| versions.retain(|version| !self.hidden.contains(&version.dot.actor)));
            entries.retain(|(_, versions)| !versions.is_empty());
        }
        SnapshotPart {
            copy: self.number,
            from,
            until,
            vector: self.vector.clone(),
            copied: self.copied,
            entries,
            operations: if until == end { self.operations.clone() } else { Vec::new() },
        }
    }
}
