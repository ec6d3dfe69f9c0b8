//! Whole slots from a peer, where its log no longer reaches back to what this replica lacks.
//!
//! The parts are taken one after the other while the peer goes on, so each has a vector of its own. What is known for certain at
//! the end is the vector of the first part: every later part has at least that much. The rest follows by pulls from there.
//! A part is installed with authority: see [`Table::install`](crate::store::Table::install).
//! A copy of a part that was asked for in an earlier try has less, and is dropped. Should the source forget more between
//! two parts (see [`Horizon`]), the pulls from the first part's vector on would bring what a forgotten tombstone had hidden: then all
//! is taken over anew. That ends, since a replica that lacks something holds the stable time back.
//!
//! While slots are taken over, no runs of records are applied: one that was asked for before could bring back a version whose
//! successor, a tombstone, the source has collected, and the vector that is then raised would skip the tombstone for ever.
//!
//! What was installed is not in this node's log, so it counts as applied only once a snapshot of it is on this node's own disk.

use std::{collections::VecDeque, ops::Range};

use super::{Event, Node};
use crate::{
    clock::{Dot, Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId, ShardId, Slot},
    mark::{Mark, reached},
    message::{Message, SnapshotPart},
    mutant::{Mutant, planted},
    placement::{SLOTS, SlotSet, slot_of},
    store::{Horizon, Key, Version},
};

/// A part that does not come for this long is asked for again; after the second time the transfer is given up.
const PART_PATIENCE_US: u64 = 1_000_000;

/// What slots are taken over for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The log no longer reaches back: all slots.
    CatchUp,
    /// A range of slots differs from what two peers agree on.
    Repair(u16),
    /// This shard is to get slots of another one.
    Import(ShardId),
}

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Transfer {
    pub purpose: Purpose,
    peer: NodeId,
    /// What is still to come, in order.
    ranges: VecDeque<Range<u16>>,
    /// The first part's vector, and what the source may have forgotten by then.
    base: Option<(VersionVector, Horizon)>,
    /// What the source said in the first part of its own import.
    copied: Option<Epoch>,
    until_us: u64,
    asked_again: bool,
    /// All parts are installed; this node's own snapshot is under way.
    installed: bool,
}

impl Node {
    /// Begins to take over slots from a peer, unless a transfer is under way.
    pub(super) fn begin_transfer(&mut self, peer: NodeId, purpose: Purpose) {
        if self.transfer.is_some() {
            return;
        }
        reached(Mark::TransferBegun);
        let ranges = self.ranges_of(purpose, peer);
        self.transfer =
            Some(Transfer { purpose, peer, ranges, base: None, copied: None, until_us: 0, asked_again: false, installed: false });
        self.ask_for_part();
    }

    fn ranges_of(&self, purpose: Purpose, peer: NodeId) -> VecDeque<Range<u16>> {
        match purpose {
            Purpose::CatchUp => std::iter::once(0..SLOTS).collect(),
            Purpose::Repair(range) => std::iter::once(super::digest::slots_of(range)).collect(),
            Purpose::Import(_) => {
                let migration = self.plan.config.migration();
                let from = self.plan.config.seat(peer).map(|seat| seat.shard);
                let moves = migration.into_iter().flat_map(|migration| migration.into_shard(self.shard));
                moves.filter(|one| Some(one.from) == from).flat_map(|one| one.slots.ranges()).collect()
            }
        }
    }

    fn ask_for_part(&mut self) {
        let Some(transfer) = &mut self.transfer else { return };
        let Some(range) = transfer.ranges.front() else { return };
        transfer.until_us = self.now.monotonic_us + PART_PATIENCE_US;
        let (peer, from, until) = (transfer.peer, Slot(range.start), range.end);
        self.send(peer, Message::SnapshotRequest { from, until });
    }

    pub(super) fn keep_transferring(&mut self) {
        let now_us = self.now.monotonic_us;
        let Some(transfer) = &mut self.transfer else { return };
        if transfer.installed || now_us < transfer.until_us {
            return;
        }
        if std::mem::replace(&mut transfer.asked_again, true) || !self.view.repairs(transfer.peer, now_us) {
            self.transfer = None;
            return reached(Mark::TransferGivenUp);
        }
        self.ask_for_part();
    }

    pub(super) fn answer_snapshot_request(&mut self, from: NodeId, slot: Slot, until: u16) {
        let end = until.min(SLOTS);
        if slot.0 >= end || !self.standing.serves() {
            return;
        }
        let given = self.given_to(from);
        let is_given = given.within(slot.0..end).map(|range| range.len()).sum::<usize>() == usize::from(end - slot.0);
        if !is_given && !self.links.contains_key(&from) {
            return;
        }
        let until = self.table.until(slot, self.plan.settings.part_bytes).min(end);
        let (mut vector, horizon) = (self.vector_for_peers(), self.table.horizon());
        if self.standing.promises() {
            // An actor that has written nothing for long is at its promise, or who takes over would ask for more than any log holds.
            vector.raise(self.actor, self.own_promise(Hlc::ZERO));
        }
        let operations = if until == end { self.operations.all() } else { Vec::new() };
        let entries = self.table.entries(slot.0..until);
        let copied = self.import.copied;
        self.send(from, Message::SnapshotPart(SnapshotPart { from: slot, until, vector, copied, horizon, entries, operations }));
    }

    pub(super) fn receive_snapshot_part(&mut self, from: NodeId, part: SnapshotPart) {
        let Some(transfer) = &mut self.transfer else { return };
        let next = transfer.ranges.front().cloned().unwrap_or_default();
        let expected = transfer.peer == from && next.start == part.from.0 && !transfer.installed;
        if !expected || part.until <= part.from.0 || part.until > next.end {
            return;
        }
        if transfer.base.as_ref().is_some_and(|(first, _)| !part.vector.covers(first)) {
            return reached(Mark::OldPartDropped);
        }
        let (_, horizon) = transfer.base.get_or_insert_with(|| (part.vector.clone(), part.horizon));
        if *horizon != part.horizon && !matches!(transfer.purpose, Purpose::Repair(_)) {
            reached(Mark::TransferAnew);
            let (purpose, peer) = (transfer.purpose, transfer.peer);
            self.transfer = None;
            return self.begin_transfer(peer, purpose);
        }
        if transfer.ranges.len() == 1 || transfer.copied.is_none() {
            transfer.copied = part.copied;
        }
        if planted(Mutant::TransferKeepsLastVector) {
            transfer.base = Some((part.vector.clone(), part.horizon));
        }
        match transfer.ranges.front_mut() {
            Some(range) if part.until < range.end => range.start = part.until,
            _ => drop(transfer.ranges.pop_front()),
        }
        transfer.asked_again = false;
        let last = transfer.ranges.is_empty();
        transfer.installed = last;
        let base = transfer.base.as_ref().map(|(vector, _)| vector.clone()).unwrap_or_default();
        let purpose = transfer.purpose;
        self.install_part(part, purpose, &base);
        if last {
            self.counters.snapshots_installed += 1;
            self.snapshot_due();
        } else {
            reached(Mark::TransferInParts);
            self.ask_for_part();
        }
    }

    fn install_part(&mut self, part: SnapshotPart, purpose: Purpose, base: &VersionVector) {
        if let Purpose::Repair(_) = purpose {
            part.entries.iter().for_each(|(key, versions)| self.table.correct(key, versions));
        }
        self.clock.observe(part.vector.iter().map(|(_, hlc)| hlc).max().unwrap_or_default());
        let (config, shard, heard) = (self.plan.config.clone(), self.shard, self.heard_actors());
        let begun = config.migration().map(|migration| migration.begun);
        let imports = matches!(purpose, Purpose::Import(_));
        // A peer that has not yet taken over what this shard gets tells nothing by what it lacks of that.
        let untold = if imports || part.copied == begun { SlotSet::default() } else { self.coming_slots() };
        // What this shard wrote when it had the slot before came back with its new owner's, or was superseded there.
        let is_from_before = |version: &Version| {
            let is_ours = config.actor(version.dot.actor).is_some_and(|actor| actor.shard == shard);
            imports && is_ours && version.dependencies.as_ref().map(|token| token.epoch()) < begun
        };
        // Who is heard no more, retired or of a former owner, is in no vector, and whole at everybody who serves.
        let has = |vector: &VersionVector, dot: Dot| vector.contains(dot) || !heard.contains(&dot.actor);
        let applied = |key: &Key, version: &Version| {
            (has(&part.vector, version.dot) || is_from_before(version)) && !untold.contains(slot_of(key))
        };
        // A peer that works by another config may have slots that are none of this replica's.
        let mut entries = part.entries;
        entries.retain(|(key, _)| self.kept.contains(slot_of(key)));
        for (key, versions) in self.table.install(part.from.0..part.until, applied, &entries) {
            for version in &versions {
                self.clock.observe(version.dot.hlc);
            }
            self.observe(|| Event::Installed { key, versions });
        }
        // A record above the vector may be of a slot that was taken over before it: then it comes with the pull that follows.
        for remembered in part.operations.into_iter().filter(|remembered| has(base, remembered.dot)) {
            self.operations.remember(remembered);
        }
    }

    /// This node's own snapshot is on its disk: what was taken over before it counts as applied.
    pub(super) fn transfer_durable(&mut self) {
        if !self.has_installed() {
            return;
        }
        let base = self.taken_over();
        let Some(transfer) = self.transfer.take() else { return };
        self.observe(|| Event::Kept);
        match transfer.purpose {
            Purpose::CatchUp => {
                reached(Mark::TransferFinished);
                self.raise_to(&base);
                self.import_with(transfer.copied);
                self.based();
            }
            Purpose::Import(source) => {
                self.raise_to(&base);
                self.import_based(source);
            }
            Purpose::Repair(range) => {
                reached(Mark::RangeRepaired);
                self.digest.repaired(range);
            }
        }
        self.progressed = true;
        self.write_marks();
        self.pull_from(transfer.peer, Hlc::ZERO);
    }

    /// How far slots that are wholly taken over, and not yet durable here, raise this replica.
    pub(super) fn taken_over(&self) -> VersionVector {
        let is_whole = |transfer: &&Transfer| transfer.installed && !matches!(transfer.purpose, Purpose::Repair(_));
        let whole = self.transfer.as_ref().filter(is_whole);
        let base = whole.and_then(|transfer| transfer.base.as_ref()).into_iter().flat_map(|(vector, _)| vector.iter());
        base.filter(|(actor, _)| self.is_raised_by_transfer(*actor)).collect()
    }

    /// Whether nobody can tell this node more of an actor than it knows itself.
    fn speaks_for(&self, actor: ActorId) -> bool {
        actor == self.actor && self.standing.promises()
    }

    /// Whether the contents that were taken over hold all of an actor up to their vector that this replica is to keep.
    fn is_raised_by_transfer(&self, actor: ActorId) -> bool {
        let heard = match self.transfer.as_ref().map(|transfer| transfer.purpose) {
            // Of a former owner's own peers its slots tell nothing beyond what this shard gets.
            Some(Purpose::Import(source)) => self.plan.config.actor(actor).is_some_and(|found| found.shard == source),
            _ => self.heard_actors().contains(&actor),
        };
        heard && !self.speaks_for(actor)
    }

    fn raise_to(&mut self, base: &VersionVector) {
        for (actor, hlc) in base.iter() {
            if hlc > self.applied.get(actor) {
                if !planted(Mutant::LogReachesTooFar) {
                    self.tail.cut(actor, hlc);
                }
                self.applied.raise(actor, hlc);
                self.digest.raise(actor, hlc);
                self.observe(|| Event::Promised { actor, upto: hlc });
            }
        }
    }

    /// Whether all slots are being taken over: runs of records wait until that is done, and are asked for again.
    pub(super) fn takes_over(&self) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.purpose == Purpose::CatchUp)
    }

    pub(super) fn has_installed(&self) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.installed)
    }
}
