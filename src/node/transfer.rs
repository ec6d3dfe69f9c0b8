//! Whole slots from a peer, where its log no longer reaches back to what this replica lacks.
//!
//! The source copies its slots at one moment (see [`give`](super::give)) and sends that copy in parts, so all of them have one vector.
//! The parts are kept aside until the last is here, and only then installed, with authority: see
//! [`Table::install`](crate::store::Table::install). Should the source be lost before, nothing of it is in the table: a record that nobody
//! else has would be above what counts for ever. The rest follows by pulls from the vector on.
//!
//! While slots are taken over, no runs of records are applied: one that was asked for before could bring back a version whose
//! successor, a tombstone, the source has collected, and the vector that is then raised would skip the tombstone for ever.
//!
//! What was installed is not in this node's log, so it counts as applied only once a snapshot of it is on this node's own disk. Until
//! then the table holds what does not count: nobody gets a copy of it, no other snapshot is taken, and nothing is said of what is
//! here of actors that are gone.

use std::{collections::VecDeque, ops::Range};

use rand_chacha::rand_core::Rng;

use super::{Event, Node, taking::Count};
use crate::{
    clock::{Dot, Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId, ShardId, Slot},
    mark::{Mark, reached},
    message::{Message, SnapshotPart},
    mutant::{Mutant, planted},
    placement::{SLOTS, SlotSet, slot_of},
    store::{Key, Version},
};

/// A part that does not come for this long is asked for again; after the second time the transfer is given up.
pub(super) const PART_PATIENCE_US: u64 = 1_000_000;
/// Between two parts that are installed: others are heard meanwhile.
const INSTALL_NEXT_US: u64 = 1_000;
/// Between snapshots of what was installed, when the disk has no room for one.
const SNAPSHOT_AGAIN_US: u64 = 500_000;

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
    pub peer: NodeId,
    /// What has come.
    pub count: Count,
    /// Names the copy that the source makes for it.
    copy: u64,
    /// What is still to come, in order.
    ranges: VecDeque<Range<u16>>,
    /// What has come and is not installed.
    parts: VecDeque<SnapshotPart>,
    /// What the copy stands for.
    base: Option<Base>,
    stage: Stage,
    until_us: u64,
    asked_again: bool,
}

/// What all parts of a copy have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Base {
    vector: VersionVector,
    /// The migration of which the source has everything.
    copied: Option<Epoch>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Parts are still to come.
    Coming,
    /// All parts are here, and none is in the table.
    Whole,
    /// Some parts are in the table.
    Installing,
    /// All parts are in the table; this node's own snapshot is under way.
    Installed,
}

impl Node {
    /// Begins to take over slots from a peer, unless a transfer is under way.
    pub(super) fn begin_transfer(&mut self, peer: NodeId, purpose: Purpose) {
        if self.transfer.is_some() {
            return;
        }
        reached(Mark::TransferBegun);
        let ranges = self.ranges_of(purpose, peer);
        self.transfer = Some(Transfer {
            purpose,
            peer,
            count: Count::of(&ranges, self.now.monotonic_us),
            copy: self.random.next_u64(),
            ranges,
            parts: VecDeque::new(),
            base: None,
            stage: Stage::Coming,
            until_us: 0,
            asked_again: false,
        });
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
        let (peer, copy, from, until) = (transfer.peer, transfer.copy, Slot(range.start), range.end);
        self.send(peer, Message::SnapshotRequest { copy, from, until });
    }

    /// Goes on with a transfer under way, and with what others take over.
    pub(super) fn keep_transferring(&mut self) {
        self.keep_giving();
        let now_us = self.now.monotonic_us;
        let Some(transfer) = &mut self.transfer else { return };
        let is_due = now_us >= transfer.until_us;
        match transfer.stage {
            Stage::Whole => self.begin_installing(),
            Stage::Installing => self.install_next(),
            Stage::Coming if is_due => self.ask_again(),
            // A sync failed since: no snapshot will ever be done, and what is here counts in memory.
            Stage::Installed if self.journal.failed && !planted(Mutant::TransferWaitsForFailedDisk) => self.transfer_durable(),
            Stage::Installed if is_due => {
                transfer.until_us = now_us + SNAPSHOT_AGAIN_US;
                if !self.snapshot.is_under_way() && !planted(Mutant::SnapshotNotTriedAgain) {
                    reached(Mark::SnapshotTriedAgain);
                    self.snapshot_due();
                }
            }
            Stage::Coming | Stage::Installed => {}
        }
    }

    fn ask_again(&mut self) {
        let now_us = self.now.monotonic_us;
        let Some(transfer) = &mut self.transfer else { return };
        if std::mem::replace(&mut transfer.asked_again, true) || !self.view.repairs(transfer.peer, now_us) {
            self.transfer = None;
            return reached(Mark::TransferGivenUp);
        }
        self.ask_for_part();
    }

    /// Under another config the source makes another copy.
    pub(super) fn drop_coming(&mut self) {
        self.transfer.take_if(|transfer| transfer.stage < Stage::Installing);
    }

    pub(super) fn receive_snapshot_part(&mut self, from: NodeId, part: SnapshotPart) {
        let Some(transfer) = &mut self.transfer else { return };
        if (transfer.peer, transfer.copy) != (from, part.copy) {
            return reached(Mark::OldPartDropped);
        }
        let next = transfer.ranges.front().cloned().unwrap_or_default();
        if part.is_put_off() {
            transfer.asked_again &= next.start != part.from.0;
            return;
        }
        if next.start != part.from.0 || part.until <= part.from.0 || part.until > next.end {
            return;
        }
        let base = Base { vector: part.vector.clone(), copied: part.copied };
        if transfer.base.as_ref().is_some_and(|first| *first != base) && !planted(Mutant::TransferKeepsLastVector) {
            // The source had dropped its copy and made another.
            reached(Mark::TransferAnew);
            let (purpose, peer) = (transfer.purpose, transfer.peer);
            self.transfer = None;
            return self.begin_transfer(peer, purpose);
        }
        match transfer.ranges.front_mut() {
            Some(range) if part.until < range.end => range.start = part.until,
            _ => drop(transfer.ranges.pop_front()),
        }
        (transfer.base, transfer.asked_again) = (Some(base), false);
        transfer.count.add(&part, &mut self.counters);
        if let Purpose::Import(source) = transfer.purpose {
            self.import.imported.note(source, &transfer.count, self.now.monotonic_us);
        }
        transfer.parts.push_back(part);
        if transfer.ranges.is_empty() {
            transfer.stage = Stage::Whole;
            self.begin_installing();
        } else {
            reached(Mark::TransferInParts);
            self.ask_for_part();
        }
    }

    fn begin_installing(&mut self) {
        // A snapshot under way stands for what is here without the transfer.
        if self.may_count()
            && !self.snapshot.is_under_way()
            && let Some(transfer) = &mut self.transfer
        {
            transfer.stage = Stage::Installing;
            self.install_next();
        }
    }

    /// Whether all that came may be taken. Of an actor that is being cut off nothing more is; once it is settled how far it counts, all
    /// is asked for anew.
    pub(super) fn may_count(&self) -> bool {
        let base = self.transfer.as_ref().and_then(|transfer| transfer.base.as_ref());
        let mut said = base.into_iter().flat_map(|base| base.vector.iter());
        planted(Mutant::TransferAboveCut)
            || said.all(|(actor, hlc)| hlc <= self.applied.get(actor) || self.within_cut(actor, hlc) == Some(hlc))
    }

    /// Installs one part. The next follows soon, or the whole is made durable.
    fn install_next(&mut self) {
        let Some(transfer) = &mut self.transfer else { return };
        let (part, purpose) = (transfer.parts.pop_front(), transfer.purpose);
        let is_last = transfer.parts.is_empty();
        if let Some(part) = part {
            self.install_part(part, purpose);
        }
        if !is_last {
            self.next_tick_us = self.next_tick_us.min(self.now.monotonic_us + INSTALL_NEXT_US);
            return;
        }
        if let Some(transfer) = &mut self.transfer {
            (transfer.stage, transfer.until_us) = (Stage::Installed, self.now.monotonic_us + SNAPSHOT_AGAIN_US);
        }
        self.counters.snapshots_installed += 1;
        match self.journal.failed {
            // Nothing here will be durable any more.
            true => self.transfer_durable(),
            false => self.snapshot_due(),
        }
    }

    fn install_part(&mut self, part: SnapshotPart, purpose: Purpose) {
        self.drop_backup();
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
            let epoch = version.dependencies.as_ref().map(|token| token.epoch());
            imports && config.is_from_before(shard, version.dot.actor, epoch)
        };
        // Who is heard no more, retired or of a former owner, is in no vector, and whole at everybody who serves.
        let has = |dot: Dot| part.vector.contains(dot) || !heard.contains(&dot.actor);
        let applied =
            |key: &Key, version: &Version| (has(version.dot) || is_from_before(version)) && !untold.contains(slot_of(key));
        // A peer that works by another config may have slots that are none of this replica's.
        let mut entries = part.entries;
        entries.retain(|(key, _)| self.kept.contains(slot_of(key)));
        for (key, versions) in self.table.install(part.from.0..part.until, applied, &entries) {
            for version in &versions {
                self.clock.observe(version.dot.hlc);
            }
            self.observe(|| Event::Installed { key, versions });
        }
        for remembered in part.operations.into_iter().filter(|remembered| has(remembered.dot)) {
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
                self.import_with(transfer.base.and_then(|base| base.copied));
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
        self.drop_what_was_cut();
        self.progressed = true;
        self.write_marks();
        self.pull_from(transfer.peer, Hlc::ZERO);
    }

    /// How far slots that are wholly taken over, and not yet durable here, raise this replica.
    pub(super) fn taken_over(&self) -> VersionVector {
        let raises = |transfer: &&Transfer| transfer.stage == Stage::Installed && !matches!(transfer.purpose, Purpose::Repair(_));
        let base = self.transfer.as_ref().filter(raises).and_then(|transfer| transfer.base.as_ref());
        let said = base.into_iter().flat_map(|base| base.vector.iter());
        said.filter(|(actor, _)| self.is_raised_by_transfer(*actor)).collect()
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

    /// Whether all of a transfer is in the table, and not durable yet.
    pub(super) fn has_installed(&self) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.stage == Stage::Installed)
    }

    /// Whether the table holds what does not count yet.
    pub(super) fn is_ahead_of_its_vector(&self) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.stage >= Stage::Installing)
    }

    /// Whether parts go into the table now.
    pub(super) fn is_installing(&self) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.stage == Stage::Installing)
    }
}
