//! The lease: an upper bound, durable ahead of time, of every promise that this node gives out. A restart begins there, so no hlc
//! is ever used twice and no record comes below an old promise, whatever the wall clock does meanwhile.

use super::{Effect, JournalCommand, Node, WhyNoWrites};
use crate::{
    clock::{Dot, Hlc},
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    store::Marks,
};

/// The lease runs at most this part of the allowed drift ahead of the clock.
const PART_OF_DRIFT: u64 = 4;

/// How far this node may promise.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// Durable: promises may go up to here.
    pub durable: Hlc,
    /// Marks with this lease are on their way to the disk.
    pub asked: Option<Marks>,
    /// After a failed fsync: own records above are in doubt, and promises stay below until that is durable.
    pub finished_at: Option<Dot>,
}

impl Node {
    /// Asks for a longer lease when less than half of it is left.
    pub(super) fn renew_lease(&mut self) {
        if self.standing.is_founding() {
            return;
        }
        let ahead_ms = self.plan.settings.drift_ms / PART_OF_DRIFT;
        let now = self.clock.read(self.now.wall_ms);
        if now.plus_millis(ahead_ms / 2) >= self.lease.durable {
            self.write_marks();
        }
    }

    /// Writes the marks as they should be now, unless some are on their way.
    pub(super) fn write_marks(&mut self) {
        if self.lease.asked.is_some() {
            return;
        }
        let ahead_ms = self.plan.settings.drift_ms / PART_OF_DRIFT;
        let lease = self.clock.read(self.now.wall_ms).plus_millis(ahead_ms).max(self.lease.durable);
        let may_write = match self.standing.writes() {
            Ok(()) | Err(WhyNoWrites::ClockAhead) => true,
            Err(WhyNoWrites::Starting) => self.standing.is_founding(),
            Err(WhyNoWrites::TakingOver) => true,
            Err(WhyNoWrites::NoSeat) => !self.standing.unused.is_sought(),
            Err(WhyNoWrites::NeedsNewActor | WhyNoWrites::FsyncFailed) => false,
        };
        // Behind a failed fsync records are applied in memory only: that must not count as durable.
        let applied = if self.journal.failed { &self.stability.durable } else { &self.applied };
        let marks = Marks {
            lease,
            applied: applied.clone(),
            may_write,
            finished_at: self.lease.finished_at,
            config: self.config_to_keep(),
            holds: self.config_to_keep().and(self.aside.unsaved().or(self.adoption.holds())),
            copied: self.import.copied,
        };
        self.lease.asked = Some(marks.clone());
        self.effects.push(Effect::Journal(JournalCommand::Mark(marks)));
    }

    pub(super) fn marked(&mut self) {
        let Some(marks) = self.lease.asked.take() else { return };
        self.lease.durable = self.lease.durable.max(marks.lease);
        self.raise_durable(&marks.applied);
        if marks.finished_at.is_some() {
            self.journal.in_doubt = None;
        }
        self.progressed = true;
        self.marks_durable(&marks);
        if let Some(config) = marks.config {
            self.config_durable(config);
        }
        self.import.durable = marks.copied;
        self.base_marked(marks.holds);
    }

    pub(super) fn mark_failed(&mut self) {
        self.lease.asked = None;
    }

    /// Up to where this node has no other record of its own and will make none, raised to `need` where that can be.
    pub(super) fn own_promise(&mut self, need: Hlc) -> Hlc {
        if !self.standing.promises() {
            return self.applied.get(self.actor);
        }
        self.clock.observe(need);
        let now = self.clock.read(self.now.wall_ms);
        if now > self.lease.durable {
            reached(Mark::LeaseRanOut);
            self.write_marks();
        }
        let bound = if planted(Mutant::LeaseAfterUse) { now } else { self.lease.durable };
        let promise = now.min(bound).max(self.applied.get(self.actor));
        match self.journal.first_own_hlc() {
            Some(pending) if !planted(Mutant::PromiseOverPending) => promise.min(pending.previous()),
            _ => promise,
        }
    }
}
