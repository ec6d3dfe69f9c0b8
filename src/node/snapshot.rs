//! Snapshots on this node's own disk, so that the log can be cut: taken part by part while the node goes on.
//!
//! The parts are newer than the point that the snapshot stands for, never older: the log from that point on is replayed over them,
//! and replaying is idempotent. They are read only once every record before that point has been applied.

use super::{Effect, JournalCommand, Node};
use crate::{
    id::{Lsn, Slot},
    mutant::{Mutant, planted},
    placement::SLOTS,
    store::SnapshotHead,
};

/// How far the snapshot has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    under_way: Option<UnderWay>,
    /// Another one is due when this one is done.
    again: bool,
}

impl Progress {
    /// Whether one is being written.
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }
}

#[derive(Debug)]
struct UnderWay {
    /// Parts may be read once this record is applied.
    from: Lsn,
    next: Slot,
    part_written: bool,
    ended: bool,
    /// It began after a transfer was installed, so it has that.
    covers_transfer: bool,
    /// It began after a new actor began with nothing, so it has none of what was there before.
    covers_nothing: bool,
}

impl Node {
    /// Begins a snapshot, now or when the one under way is done.
    pub(super) fn snapshot_due(&mut self) {
        if self.snapshot.under_way.is_some() || self.is_installing() {
            self.snapshot.again = true;
            return;
        }
        self.snapshot.again = false;
        self.move_horizon();
        // What was taken over is in no log: it must count from the head on, or a restart would believe its log to reach back so far.
        let mut applied = self.applied.clone();
        applied.join(&self.taken_over());
        let head = SnapshotHead { applied, operations: self.operations.all() };
        self.snapshot.under_way = Some(UnderWay {
            from: self.journal.last,
            next: Slot(0),
            part_written: true,
            ended: false,
            covers_transfer: self.has_installed(),
            covers_nothing: self.adoption.begins_with_nothing(),
        });
        self.effects.push(Effect::Journal(JournalCommand::SnapshotBegin(head)));
        self.snapshot_may_go_on();
    }

    pub(super) fn snapshot_part_done(&mut self) {
        if let Some(snapshot) = &mut self.snapshot.under_way {
            snapshot.part_written = true;
        }
        self.snapshot_may_go_on();
    }

    /// Writes the next part when the one before is written and what it stands for is applied.
    pub(super) fn snapshot_may_go_on(&mut self) {
        let done = self.journal.done;
        let Some(snapshot) = &mut self.snapshot.under_way else { return };
        let applied = done >= snapshot.from || planted(Mutant::SnapshotBeforeApplied);
        if !snapshot.part_written || snapshot.ended || !applied || self.aside.unsaved().is_some() {
            return;
        }
        snapshot.part_written = false;
        if snapshot.next.0 >= SLOTS {
            snapshot.ended = true;
            self.effects.push(Effect::Journal(JournalCommand::SnapshotEnd));
            return;
        }
        let until = self.table.slots().until(snapshot.next, self.plan.settings.part_bytes);
        let entries = self.table.slots().entries(snapshot.next.0..until);
        snapshot.next = Slot(until);
        self.effects.push(Effect::Journal(JournalCommand::SnapshotPart(entries)));
    }

    pub(super) fn snapshot_done(&mut self) {
        let Some(UnderWay { covers_transfer, covers_nothing, .. }) = self.snapshot.under_way.take() else { return };
        if covers_transfer {
            self.transfer_durable();
        }
        if covers_nothing && self.adoption.begins_with_nothing() {
            self.based();
        }
        self.begin_next_snapshot();
    }

    pub(super) fn snapshot_given_up(&mut self) {
        self.snapshot.under_way = None;
        self.begin_next_snapshot();
    }

    fn begin_next_snapshot(&mut self) {
        if std::mem::take(&mut self.snapshot.again) {
            self.snapshot_due();
        }
    }
}
