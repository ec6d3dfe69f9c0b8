//! Whole slots from a peer, where its log no longer reaches back to what this replica lacks.
//!
//! The parts are taken one after the other while the peer goes on, so each has a vector of its own. What is known for certain at
//! the end is the vector of the first part: every later part has at least that much. The rest follows by pulls from there.
//! A copy of a part that was asked for in an earlier try has less, and is dropped.
//! A part is installed with authority: see [`Table::install`](crate::store::Table::install). Should the source forget more between
//! two parts (see [`Horizon`]), the pulls from the first part's vector on would bring what a forgotten tombstone had hidden: then all
//! is taken over anew. That ends, since a replica that lacks something holds the stable time back.
//!
//! While slots are taken over, no runs of records are applied: one that was asked for before could bring back a version whose
//! successor, a tombstone, the source has collected, and the vector that is then raised would skip the tombstone for ever.
//!
//! What was installed is not in this node's log, so it counts as applied only once a snapshot of it is on this node's own disk.

use super::{Event, Node};
use crate::{
    clock::VersionVector,
    id::{ActorId, NodeId, Slot},
    mark::{Mark, reached},
    message::{Message, SnapshotPart},
    mutant::{Mutant, planted},
    placement::SLOTS,
    store::Horizon,
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
}

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Transfer {
    purpose: Purpose,
    peer: NodeId,
    next: Slot,
    until: u16,
    /// The first part's vector, and what the source may have forgotten by then.
    base: Option<(VersionVector, Horizon)>,
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
        let slots = match purpose {
            Purpose::CatchUp => 0..SLOTS,
            Purpose::Repair(range) => super::digest::slots_of(range),
        };
        self.transfer = Some(Transfer {
            purpose,
            peer,
            next: Slot(slots.start),
            until: slots.end,
            base: None,
            until_us: 0,
            asked_again: false,
            installed: false,
        });
        self.ask_for_part();
    }

    fn ask_for_part(&mut self) {
        let Some(transfer) = &mut self.transfer else { return };
        transfer.until_us = self.now.monotonic_us + PART_PATIENCE_US;
        let (peer, from, until) = (transfer.peer, transfer.next, transfer.until);
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
        if slot.0 >= end || !self.links.contains_key(&from) || !self.standing.serves() {
            return;
        }
        let until = self.table.until(slot, self.plan.settings.part_bytes).min(end);
        let (vector, horizon) = (self.applied.clone(), self.table.horizon());
        let operations = if until == end { self.operations.all() } else { Vec::new() };
        let entries = self.table.entries(slot.0..until);
        self.send(from, Message::SnapshotPart(SnapshotPart { from: slot, until, vector, horizon, entries, operations }));
    }

    pub(super) fn receive_snapshot_part(&mut self, from: NodeId, part: SnapshotPart) {
        let Some(transfer) = &mut self.transfer else { return };
        let expected = transfer.peer == from && transfer.next == part.from && !transfer.installed;
        if !expected || part.until <= part.from.0 || part.until > SLOTS {
            return;
        }
        if transfer.base.as_ref().is_some_and(|(first, _)| !part.vector.covers(first)) {
            return reached(Mark::OldPartDropped);
        }
        let (_, horizon) = transfer.base.get_or_insert_with(|| (part.vector.clone(), part.horizon));
        if *horizon != part.horizon && transfer.purpose == Purpose::CatchUp {
            reached(Mark::TransferAnew);
            (transfer.base, transfer.next) = (None, Slot(0));
            return self.ask_for_part();
        }
        if planted(Mutant::TransferKeepsLastVector) {
            transfer.base = Some((part.vector.clone(), part.horizon));
        }
        transfer.next = Slot(part.until);
        transfer.asked_again = false;
        let last = part.until >= transfer.until;
        transfer.installed = last;
        let base = transfer.base.as_ref().map(|(vector, _)| vector.clone()).unwrap_or_default();
        if let Purpose::Repair(_) = transfer.purpose {
            part.entries.iter().for_each(|(key, versions)| self.table.correct(key, versions));
        }
        self.clock.observe(part.vector.iter().map(|(_, hlc)| hlc).max().unwrap_or_default());
        for (key, versions) in self.table.install(part.from.0..part.until, &part.vector, &part.entries) {
            for version in &versions {
                self.clock.observe(version.dot.hlc);
            }
            self.observe(|| Event::Installed { key, versions });
        }
        // A record above the vector may be of a slot that was taken over before it: then it comes with the pull that follows.
        for remembered in part.operations.into_iter().filter(|remembered| base.contains(remembered.dot)) {
            self.operations.remember(remembered);
        }
        if last {
            self.counters.snapshots_installed += 1;
            self.snapshot_due();
        } else {
            reached(Mark::TransferInParts);
            self.ask_for_part();
        }
    }

    /// This node's own snapshot is on its disk: what was taken over before it counts as applied.
    pub(super) fn transfer_durable(&mut self) {
        let Some(transfer) = self.transfer.take_if(|transfer| transfer.installed) else { return };
        match transfer.purpose {
            Purpose::CatchUp => {
                reached(Mark::TransferFinished);
                self.raise_to(&transfer.base.unwrap_or_default().0);
            }
            Purpose::Repair(range) => {
                reached(Mark::RangeRepaired);
                self.digest.repaired(range);
            }
        }
        self.progressed = true;
        self.write_marks();
        self.pull_from(transfer.peer, crate::clock::Hlc::ZERO);
    }

    /// How far slots that are wholly taken over, and not yet durable here, raise this replica.
    pub(super) fn taken_over(&self) -> VersionVector {
        let whole = self.transfer.as_ref().filter(|transfer| transfer.installed && transfer.purpose == Purpose::CatchUp);
        let base = whole.and_then(|transfer| transfer.base.as_ref()).into_iter().flat_map(|(vector, _)| vector.iter());
        base.filter(|(actor, _)| !self.speaks_for(*actor)).collect()
    }

    /// Whether nobody can tell this node more of an actor than it knows itself.
    fn speaks_for(&self, actor: ActorId) -> bool {
        actor == self.actor && self.standing.promises()
    }

    fn raise_to(&mut self, base: &VersionVector) {
        for (actor, hlc) in base.iter() {
            if !self.speaks_for(actor) && hlc > self.applied.get(actor) {
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
