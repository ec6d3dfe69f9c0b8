//! This replica's part of a backup: what its shard held at one hlc, while it goes on.
//!
//! A backup of the cluster takes one replica of each shard, all at the same hlc, a moment ahead of every clock. A write has a larger hlc
//! than all that its session had seen, so the writes up to one hlc hold no effect without its cause; and once the stable time has
//! reached that hlc, none of them is still to come. Until then the first record above it makes the replica keep its contents as they
//! were, for little (see [`Slots`](crate::store::Slots)), and a record up to it that comes later goes to both.
//!
//! Source: the consistent snapshots of Kulkarni, Demirbas, Madappa, Avva, Leone, 'Logical Physical Clocks', OPODIS 2014, section 5.
//!
//! Another config, or a transfer into this replica, ends a backup: who asked for it begins anew.

use thiserror::Error;

use super::{Node, Now};
use crate::{
    clock::Hlc,
    id::{NodeId, ShardId, Slot},
    mutant::{Mutant, planted},
    placement::SLOTS,
    store::{Key, Table, Value, Write},
};

/// A backup that nobody asks for is kept for this long.
const KEPT_US: u64 = 30_000_000;

/// Why a node gives no backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoBackup {
    /// The time is not ahead of the node's clock: what is written up to it may be replaced already. A later time will do.
    #[error("the time is not ahead of the node's clock")]
    Late,
    /// Somebody takes another one, at this time.
    #[error("a backup of {0} is under way")]
    Busy(Hlc),
    /// Slots move, or the node has not caught up. It may give one later.
    #[error("slots move or the node has not caught up")]
    Unsettled,
    /// Nothing was begun at this time, or it ended: with a change of the config, a transfer, or for want of questions.
    #[error("no such backup")]
    Unknown,
    /// Writes up to its time may still come; the node whose report holds the stable time back, if one does.
    #[error("writes up to its time may still come")]
    TooEarly(Option<NodeId>),
}

/// Some of the slots of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupPart {
    /// The shard that they belong to.
    pub shard: ShardId,
    /// The first slot that is not in it; none when this was the last part.
    pub next: Option<Slot>,
    /// The keys that held a value, with it, by slot.
    pub entries: Vec<(Key, Value)>,
}

/// What is kept for a backup.
#[derive(Debug)]
pub(super) struct Backup {
    at: Hlc,
    /// The contents up to `at`, once the table holds more than those.
    kept: Option<Table>,
    until_us: u64,
}

impl Node {
    /// Begins a backup at a time ahead of this node's clock, or goes on with the one that was begun at it.
    ///
    /// # Errors
    /// Not now, or not at this time.
    pub fn begin_backup(&mut self, now: Now, at: Hlc) -> Result<ShardId, NoBackup> {
        self.now = now;
        self.keep_backup();
        let until_us = now.monotonic_us + KEPT_US;
        if let Some(backup) = &mut self.backup {
            if backup.at != at {
                return Err(NoBackup::Busy(backup.at));
            }
            backup.until_us = until_us;
        } else if !self.may_give_backup() {
            return Err(NoBackup::Unsettled);
        } else if at <= self.clock.read(now.wall_ms) {
            return Err(NoBackup::Late);
        } else {
            self.backup = Some(Backup { at, kept: None, until_us });
        }
        Ok(self.shard)
    }

    /// The slots from one on, with about `bytes` bytes.
    ///
    /// # Errors
    /// Not yet, or no more.
    pub fn backup_part(&mut self, now: Now, at: Hlc, from: Slot, bytes: u64) -> Result<BackupPart, NoBackup> {
        self.now = now;
        self.keep_backup();
        let is_complete = self.settled() >= at || planted(Mutant::BackupTooEarly);
        let culprit = self.stable_culprit();
        let backup = self.backup.as_mut().filter(|backup| backup.at == at).ok_or(NoBackup::Unknown)?;
        backup.until_us = now.monotonic_us + KEPT_US;
        if !is_complete {
            return Err(NoBackup::TooEarly(culprit));
        }
        // Nothing up to it comes any more: without a later record the table is what it was.
        let slots = backup.kept.get_or_insert_with(|| self.table.copy()).slots();
        let until = slots.until(from, bytes);
        let winners = slots.entries(from.0.min(until)..until).into_iter();
        let entries = winners.filter_map(|(key, versions)| Some((key, versions.into_iter().next()?.value?))).collect();
        Ok(BackupPart { shard: self.shard, next: Some(Slot(until)).filter(|next| next.0 < SLOTS), entries })
    }

    /// Lets go what is kept for a backup.
    pub fn end_backup(&mut self, at: Hlc) {
        self.backup.take_if(|backup| backup.at == at);
    }

    /// Before a record is applied: what a backup is to hold is kept apart from what it is not.
    pub(super) fn keep_for_backup(&mut self, write: &Write) {
        let Some(backup) = &mut self.backup else { return };
        let is_in_it = write.dot.hlc <= backup.at;
        match &mut backup.kept {
            Some(kept) if is_in_it => {
                kept.apply(write);
            }
            None if !is_in_it && !planted(Mutant::BackupOfNow) => backup.kept = Some(self.table.copy()),
            _ => {}
        }
    }

    /// The contents change in another way than by records.
    pub(super) fn drop_backup(&mut self) {
        self.backup = None;
    }

    /// Drops a backup that nobody asks for.
    pub(super) fn keep_backup(&mut self) {
        let now_us = self.now.monotonic_us;
        self.backup.take_if(|backup| now_us >= backup.until_us);
    }

    fn may_give_backup(&self) -> bool {
        let is_settled = !self.is_moving() && !self.takes_over() && !self.adoption.needs_base() && !self.is_ahead_of_its_vector();
        self.standing.serves() && self.standing.caught_up() && !self.is_leaving() && is_settled
    }
}
