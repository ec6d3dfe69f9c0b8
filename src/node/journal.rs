//! What becomes durable, and only then is applied.
//!
//! Every record goes to the journal first. When the journal reports it durable, by whatever fsync policy, it is applied, answered,
//! acknowledged and pushed. So a crash, a full disk or a failed fsync never has anything to undo here.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{Effect, Event, JournalCommand, JournalEvent, Node, WhyNoWrites, session::OwnWrite};
use crate::{
    clock::{Dot, Hlc, VersionVector},
    error::Refusal,
    id::{ActorId, Epoch, Lsn, NodeId},
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    store::{Applied, Key, OperationId, Record, Write},
};

/// What waits for the journal.
#[derive(Debug)]
pub(super) enum Pending {
    /// A write accepted here.
    Own(Box<OwnWrite>),
    /// Records from a peer, and the promise that follows them.
    Run(Received),
    /// A peer has given all that it has: its runs are before this.
    PulledAll { from: NodeId, serves: bool },
    /// How far this replica had applied: feeds the stable time once it is durable.
    Applied(VersionVector),
}

/// A run of one actor's records, from a push or a pull.
#[derive(Debug)]
pub(super) struct Received {
    pub actor: ActorId,
    pub start: Hlc,
    pub writes: Vec<Arc<Write>>,
    pub upto: Hlc,
    /// What the actor had adopted before it could have made a record above `upto`.
    pub epoch: Epoch,
    /// Who sent it.
    pub from: NodeId,
    /// The push that waits for an acknowledgement, if it was one.
    pub acknowledge: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    first: Lsn,
    last: Lsn,
    pending: Pending,
}

/// What was appended and is not durable yet, in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub last: Lsn,
    pub done: Lsn,
    entries: VecDeque<Entry>,
    /// Per key, how many own writes are on their way, and whether the last of them is a put.
    keys: BTreeMap<Key, (usize, bool)>,
    /// Per operation, how many of its records are on their way, own ones and peers'.
    operations: BTreeMap<OperationId, usize>,
    /// Up to where records of each actor are applied or on their way.
    received: VersionVector,
    /// What the last marker in the log says.
    marked: VersionVector,
    marked_us: u64,
    /// A failed fsync: nothing is appended any more.
    pub failed: bool,
    /// The first own record that a failed fsync left in doubt.
    pub in_doubt: Option<Hlc>,
}

impl Queue {
    /// The first own hlc that is on its way or in doubt: promises stay below.
    pub fn first_own_hlc(&self) -> Option<Hlc> {
        let own = self.entries.iter().find_map(|entry| match &entry.pending {
            Pending::Own(own) => Some(own.write.dot.hlc),
            _ => None,
        });
        self.in_doubt.into_iter().chain(own).min()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether own writes of the key are on their way, and whether the last of them is a put.
    pub fn pending_put(&self, key: &Key) -> Option<bool> {
        self.keys.get(key).map(|(_, put)| *put)
    }

    /// Whether a record of the operation is on its way, own or a peer's: a second one would be made without need.
    pub fn has_operation(&self, id: OperationId) -> bool {
        self.operations.contains_key(&id)
    }

    /// Nothing is applied or on its way of anybody.
    pub fn forget_received(&mut self) {
        (self.received, self.marked) = (VersionVector::default(), VersionVector::default());
    }

    /// Nothing is applied or on its way of this actor.
    pub fn forget_received_of(&mut self, actor: ActorId) {
        self.received = without(&self.received, actor);
        self.marked = VersionVector::default();
    }

    fn note_own(&mut self, own: &OwnWrite) {
        let entry = self.keys.entry(own.write.key.clone()).or_default();
        *entry = (entry.0 + 1, own.write.value.is_some());
        self.note_operation(&own.write);
    }

    fn forget_own(&mut self, own: &OwnWrite) {
        if let Some((count, _)) = self.keys.get_mut(&own.write.key) {
            *count -= 1;
            if *count == 0 {
                self.keys.remove(&own.write.key);
            }
        }
        self.forget_operation(&own.write);
    }

    fn note_operation(&mut self, write: &Write) {
        if let Some(operation) = write.operation {
            *self.operations.entry(operation.id).or_default() += 1;
        }
    }

    fn forget_operation(&mut self, write: &Write) {
        let Some(operation) = write.operation else { return };
        if let Some(count) = self.operations.get_mut(&operation.id) {
            *count -= 1;
            if *count == 0 {
                self.operations.remove(&operation.id);
            }
        }
    }

    fn forget_run(&mut self, run: &Received) {
        run.writes.iter().for_each(|write| self.forget_operation(write));
    }
}

impl Node {
    fn append(&mut self, record: Record) -> Lsn {
        self.journal.last = self.journal.last.next();
        let lsn = self.journal.last;
        self.effects.push(Effect::Journal(JournalCommand::Append { lsn, record }));
        lsn
    }

    /// Logs a write of this node.
    pub(super) fn log_own(&mut self, own: OwnWrite) {
        let lsn = self.append(Record::Write(own.write.clone()));
        self.journal.note_own(&own);
        self.journal.entries.push_back(Entry { first: lsn, last: lsn, pending: Pending::Own(Box::new(own)) });
    }

    /// Up to where records of an actor are applied, or on their way to the disk.
    pub(super) fn received(&self, actor: ActorId) -> Hlc {
        self.journal.received.get(actor).max(self.applied.get(actor))
    }

    /// Logs a run of a peer's records. One that does not connect with what is here is refused: false.
    pub(super) fn log_run(&mut self, mut run: Received) -> bool {
        if self.takes_over() || self.adoption.needs_base() || !self.hears(run.actor) {
            return false;
        }
        let Some(upto) = self.within_cut(run.actor, run.upto) else { return false };
        if upto < run.upto {
            run.writes.retain(|write| write.dot.hlc <= upto);
            run.upto = upto;
        }
        let known = self.received(run.actor);
        if run.start > known && !planted(Mutant::GapAccepted) {
            return false;
        }
        if !planted(Mutant::ReapplyBelowVector) {
            run.writes.retain(|write| write.dot.hlc > known);
            // What was left out is on its way to the disk: should it find no room there, this run no longer connects.
            run.start = run.start.max(known);
        }
        self.clock.observe(run.upto);
        self.journal.received.raise(run.actor, run.upto);
        if self.journal.failed {
            run.acknowledge = None;
            self.apply_run(run);
            return true;
        }
        let first = self.journal.last.next();
        for write in &run.writes {
            self.append(Record::Write(write.clone()));
        }
        let last = self.journal.last;
        if last <= self.journal.done {
            self.apply_run(run);
        } else {
            let first = first.min(last);
            run.writes.iter().for_each(|write| self.journal.note_operation(write));
            self.journal.entries.push_back(Entry { first, last, pending: Pending::Run(run) });
        }
        true
    }

    /// A peer has given all that it has; that counts once its records are applied.
    pub(super) fn log_pulled_all(&mut self, from: NodeId, serves: bool) {
        let last = self.journal.last;
        if last <= self.journal.done || self.journal.failed {
            self.pulled_all(from, serves);
        } else {
            self.journal.entries.push_back(Entry { first: last, last, pending: Pending::PulledAll { from, serves } });
        }
    }

    /// Logs how far this replica has applied, when that has moved on and something else is on its way to the disk anyway.
    pub(super) fn mark_applied(&mut self) {
        let due = self.now.monotonic_us >= self.journal.marked_us + 1_000 * self.plan.settings.busy_interval_ms;
        let busy = self.now.monotonic_us < self.busy_until_us;
        if !due || !busy || self.journal.failed || self.journal.marked == self.applied {
            return;
        }
        self.journal.marked_us = self.now.monotonic_us;
        self.journal.marked = self.applied.clone();
        let lsn = self.append(Record::Applied(self.applied.clone()));
        let pending = Pending::Applied(self.applied.clone());
        self.journal.entries.push_back(Entry { first: lsn, last: lsn, pending });
    }

    pub(super) fn journal_event(&mut self, event: JournalEvent) {
        match event {
            JournalEvent::Durable(lsn) => self.durable(lsn),
            JournalEvent::Refused { first, last } => self.refused(first, last),
            JournalEvent::Failed { durable } => self.fsync_failed(durable),
            JournalEvent::Marked { .. } => self.marked(),
            JournalEvent::MarkFailed => self.mark_failed(),
            JournalEvent::SnapshotDue => self.snapshot_due(),
            JournalEvent::SnapshotPartDone => self.snapshot_part_done(),
            JournalEvent::SnapshotDone => self.snapshot_done(),
            JournalEvent::SnapshotGivenUp => self.snapshot_given_up(),
            JournalEvent::SetAside(actor) => self.aside_durable(actor),
            JournalEvent::NotSetAside(actor) => self.aside_failed(actor),
        }
    }

    fn durable(&mut self, upto: Lsn) {
        self.journal.done = self.journal.done.max(upto);
        while self.journal.entries.front().is_some_and(|entry| entry.last <= upto) {
            let Some(entry) = self.journal.entries.pop_front() else { break };
            match entry.pending {
                Pending::Own(own) => {
                    self.journal.forget_own(&own);
                    self.apply_own(*own);
                }
                Pending::Run(run) => {
                    self.journal.forget_run(&run);
                    self.apply_run(run);
                }
                Pending::PulledAll { from, serves } => self.pulled_all(from, serves),
                Pending::Applied(vector) => self.raise_durable(&vector),
            }
        }
        self.snapshot_may_go_on();
    }

    /// The disk is full: what found no room was never applied, and what depended on it is dropped.
    fn refused(&mut self, first: Lsn, last: Lsn) {
        for entry in std::mem::take(&mut self.journal.entries) {
            if entry.last < first || entry.first > last {
                self.journal.entries.push_back(entry);
                continue;
            }
            self.drop_pending(entry.pending, Refusal::DiskFull);
        }
        self.journal.done = self.journal.done.max(last);
        self.snapshot_may_go_on();
    }

    fn drop_pending(&mut self, pending: Pending, refusal: Refusal) {
        match pending {
            Pending::Own(own) => {
                self.journal.forget_own(&own);
                self.progressed = true;
                self.answer(own.origin, Err(refusal));
            }
            Pending::Run(run) => {
                self.journal.forget_run(&run);
                self.progressed = true;
                self.journal.received = without(&self.journal.received, run.actor);
            }
            Pending::PulledAll { .. } => {}
            Pending::Applied(_) => self.journal.marked = VersionVector::default(),
        }
    }

    /// The actor is finished: it never writes again, its promises go on once it is durable that what is in doubt does not count.
    fn fsync_failed(&mut self, durable: Lsn) {
        self.durable(durable);
        self.journal.in_doubt = self.journal.first_own_hlc();
        self.journal.failed = true;
        // The first failure counts: what it left in doubt lies below where later promises stand.
        let finished_at = Dot { actor: self.actor, hlc: self.applied.get(self.actor) };
        self.lease.finished_at.get_or_insert(finished_at);
        for entry in std::mem::take(&mut self.journal.entries) {
            self.drop_pending(entry.pending, Refusal::OutcomeUnknown);
        }
        self.stop_writing(WhyNoWrites::FsyncFailed);
        self.write_marks();
    }

    /// Whether this replica takes records of an actor: of its shard, or of one that gives it slots of which it has the base.
    pub(super) fn hears(&self, actor: ActorId) -> bool {
        let config = &self.plan.config;
        let own = config.actor(actor).is_some_and(|found| found.shard == self.shard);
        own || (self.import_sources().contains(&actor) && (self.has_copied() || self.applied.get(actor) > Hlc::ZERO))
    }

    /// Notes the epoch that came with a promise, once all up to it is applied.
    pub(super) fn heard_epoch_of(&mut self, actor: ActorId, upto: Hlc, epoch: Epoch) {
        if self.applied.get(actor) >= upto {
            self.heard_epoch(actor, epoch);
        }
    }

    fn apply_run(&mut self, run: Received) {
        let applied = self.applied.get(run.actor);
        if !self.hears(run.actor) || self.adoption.needs_base() {
            return;
        }
        if self.takes_over() || (run.start > applied && !planted(Mutant::GapAccepted)) {
            self.progressed = true;
            self.journal.received = without(&self.journal.received, run.actor);
            return;
        }
        for write in &run.writes {
            if self.takes(write) && (write.dot.hlc > applied || planted(Mutant::ReapplyBelowVector)) {
                self.apply(write.clone());
            }
        }
        if self.applied.raise(run.actor, run.upto) {
            self.progressed = true;
            self.observe(|| Event::Promised { actor: run.actor, upto: run.upto });
        }
        self.heard_epoch_of(run.actor, run.upto, run.epoch);
        if !run.writes.is_empty() && run.actor == self.actor {
            reached(Mark::OwnRecordsPulled);
        } else if !run.writes.is_empty() && self.actor_of(run.from) != Some(run.actor) {
            reached(Mark::PulledFromThird);
        }
        if let Some(number) = run.acknowledge {
            self.acknowledge(run.from, number);
        }
    }

    /// Makes a durable record readable.
    pub(super) fn apply(&mut self, write: Arc<Write>) {
        self.clock.observe(write.dot.hlc);
        self.tail.insert(write.clone());
        self.operations.remember_write(&write);
        self.keep_for_backup(&write);
        let winner = match self.table.apply(&write) {
            Applied::New(order) => order,
            Applied::Known => return,
        };
        self.digest.applied(write.dot);
        self.counters.applied += 1;
        self.now_busy();
        self.observe(|| Event::Applied { write, winner });
    }

    fn apply_own(&mut self, own: OwnWrite) {
        let dot = own.write.dot;
        if dot.actor != self.actor {
            // The actor was cut off, and what it held is void: somebody else may have the record, or nobody.
            return self.answer(own.origin, Err(Refusal::OutcomeUnknown));
        }
        self.apply(own.write.clone());
        self.applied.raise(dot.actor, dot.hlc);
        self.progressed = true;
        self.counters.writes += 1;
        self.written(own);
    }
}

fn without(vector: &VersionVector, actor: ActorId) -> VersionVector {
    vector.iter().filter(|(named, _)| *named != actor).collect()
}
