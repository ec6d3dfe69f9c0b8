//! Copies of this node's slots for peers that take them over.
//!
//! What goes out in a second can be bounded: then a part waits until what went out before it is paid for by the time that has passed,
//! and a taker that asks again meanwhile is told so, or it would give up. Takers get their turns as they asked.
//!
//! A copy is of one moment and stays as it is while it is sent part by part, for little: see [`Slots`]. It is dropped when nobody
//! asks for more of it, and when the config changes.

use std::collections::BTreeMap;

use super::{Node, taking::size_of, transfer::PART_PATIENCE_US};
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

/// With a bound, a part holds at most what may go out in this part of a second, or one slot.
const PARTS_PER_S: u64 = 8;

/// What peers take over.
#[derive(Debug, Default)]
pub(super) struct Giving {
    copies: BTreeMap<NodeId, Copy>,
    /// When what went out is paid for.
    paid_us: u64,
}

/// What a peer is taking over.
#[derive(Debug)]
struct Copy {
    /// Given by the taker.
    number: u64,
    slots: Slots,
    vector: VersionVector,
    copied: Option<Epoch>,
    operations: Vec<Remembered>,
    /// Actors whose records are not all here yet: the vector does not name them.
    hidden: Vec<ActorId>,
    /// What it was asked for and has not given.
    asked: Option<Asked>,
    until_us: u64,
}

/// A part that a peer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    since_us: u64,
    from: Slot,
    end: u16,
}

impl Giving {
    /// Drops all copies: another config is another moment.
    pub fn forget_copies(&mut self) {
        self.copies.clear();
    }

    /// Whose turn it is.
    fn next(&self) -> Option<(Asked, NodeId)> {
        let waiting = self.copies.iter().filter_map(|(node, copy)| Some((copy.asked?, *node)));
        waiting.min_by_key(|(asked, node)| (asked.since_us, *node))
    }
}

impl Node {
    pub(super) fn answer_snapshot_request(&mut self, from: NodeId, number: u64, slot: Slot, until: u16) {
        let end = until.min(SLOTS);
        if slot.0 >= end || !self.standing.serves() || !self.may_take(from, slot.0..end) {
            return;
        }
        let now_us = self.now.monotonic_us;
        let known =
            self.giving.copies.remove(&from).filter(|copy| copy.number == number && !planted(Mutant::TransferKeepsLastVector));
        let mut copy = match known {
            Some(copy) => copy,
            // What is not durable here may be gone tomorrow.
            None if self.is_ahead_of_its_vector() => return,
            None => self.copy_now(number),
        };
        let again = copy.asked.filter(|asked| (asked.from, asked.end) == (slot, end));
        if again.is_some() {
            self.send(from, Message::SnapshotPart(copy.put_off(slot)));
        }
        copy.asked = again.or(Some(Asked { since_us: now_us, from: slot, end }));
        copy.until_us = now_us + COPY_KEPT_US;
        self.giving.copies.insert(from, copy);
        self.give_parts();
    }

    /// Gives what may go out by now.
    fn give_parts(&mut self) {
        let bytes_per_s = self.plan.settings.transfer_bytes_per_s;
        let most = if bytes_per_s == 0 { u64::MAX } else { (bytes_per_s / PARTS_PER_S).max(1) };
        let now_us = self.now.monotonic_us;
        while let Some((asked, node)) = self.giving.next() {
            if now_us < self.giving.paid_us {
                self.next_tick_us = self.next_tick_us.min(self.giving.paid_us);
                return;
            }
            let Some(copy) = self.giving.copies.get_mut(&node) else { return };
            copy.asked = None;
            let part = copy.part(asked.from, asked.end, self.plan.settings.part_bytes.min(most));
            let bytes = size_of(&part).bytes + part.operations.iter().map(operation_bytes).sum::<u64>();
            self.counters.transfer_given_bytes += bytes;
            self.giving.paid_us = now_us + (1_000_000 * bytes).checked_div(bytes_per_s).unwrap_or_default();
            self.send(node, Message::SnapshotPart(part));
        }
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
            asked: None,
            until_us: 0,
        }
    }

    /// Drops the copies that nobody asks for, and gives what had to wait.
    pub(super) fn keep_giving(&mut self) {
        let now_us = self.now.monotonic_us;
        self.giving.copies.retain(|_, copy| now_us < copy.until_us);
        self.give_parts();
    }
}

impl Copy {
    /// What was asked for comes later.
    fn put_off(&self, from: Slot) -> SnapshotPart {
        let (vector, entries, operations) = (VersionVector::default(), Vec::new(), Vec::new());
        SnapshotPart { copy: self.number, from, until: from.0, vector, copied: None, entries, operations }
    }

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

/// About what an operation takes on its way: its names, and what a session has seen.
fn operation_bytes(remembered: &Remembered) -> u64 {
    64 + 16 * remembered.seen.entries().len() as u64
}
