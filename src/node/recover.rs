//! What was on the disk, taken over when a node starts.

use super::{Effect, Event, Node, digest::Digests, tail::record_bytes};
use crate::{
    clock::{Hlc, VersionVector},
    id::ActorId,
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    placement::SLOTS,
    store::{Marks, Record, Recovered, Snapshot, Verdict, Write},
};

impl Node {
    /// Takes over what was on the disk.
    pub(super) fn recover(&mut self, recovered: Recovered) {
        if self.plan.config.parent().is_some() {
            let config = self.plan.config.clone();
            self.effects.push(Effect::Adopted(config.clone()));
            self.observe(|| Event::Adopted(config));
        }
        self.standing.started(self.now.monotonic_us);
        self.find_set_aside(&recovered);
        let Recovered { mut snapshot, mut records, marks, last, verdict, .. } = recovered;
        self.journal.last = last;
        self.journal.done = last;
        let mut marks = marks.unwrap_or_default();
        let is_ours = self.is_ours(marks.holds);
        if !is_ours || self.actor == ActorId::NONE {
            (snapshot, marks.applied) = (None, VersionVector::default());
            records.clear();
        }
        let Snapshot { head, entries } = snapshot.unwrap_or_default();
        for (actor, hlc) in head.applied.iter() {
            self.tail.cut(actor, hlc);
            self.digest.raise(actor, hlc);
        }
        self.applied = head.applied;
        for remembered in head.operations {
            self.operations.remember(remembered);
        }
        let mut own_in_snapshot = Hlc::ZERO;
        for (key, version) in entries.into_iter().flat_map(|(key, versions)| versions.into_iter().map(move |v| (key.clone(), v)))
        {
            self.clock.observe(version.dot.hlc);
            if version.dot.actor == self.actor {
                own_in_snapshot = own_in_snapshot.max(version.dot.hlc);
            }
            if !self.is_taken_beyond_cut(&key, version.dot) {
                self.table.insert(&key, version);
            }
        }
        self.replay_all(records);
        self.keep_recovered(&mut marks);
        self.keep_remains(verdict, own_in_snapshot);
        self.begin_with(verdict, is_ours, &marks);
        self.stability.durable = self.applied.clone();
        if !planted(Mutant::RestartWithoutLease) {
            self.clock.observe(marks.lease);
        }
        self.lease.durable = marks.lease;
        self.lease.finished_at = marks.finished_at;
        self.show_found();
        if is_ours || verdict == Verdict::Empty {
            self.adoption.found(self.actor, self.clock.last());
        }
        let (applied, lease, takes_writes) = (self.applied.clone(), marks.lease, self.standing.writes().is_ok());
        let epoch = self.plan.config.epoch();
        self.observe(|| Event::Recovered { applied, lease, takes_writes, epoch });
        if let Some(copied) = self.import.copied {
            self.observe(|| Event::Copied(copied));
        }
    }

    /// Tells who listens what the table holds.
    fn show_found(&mut self) {
        if self.plan.observed {
            for (key, versions) in self.table.slots().entries(0..SLOTS) {
                self.observe(|| Event::Found { key, versions });
            }
        }
    }

    /// What of the disk still counts under the config of the marks.
    fn keep_recovered(&mut self, marks: &mut Marks) {
        if self.plan.config.parent().is_none() {
            return;
        }
        self.import.copied = marks.copied;
        self.table.keep_slots(&self.kept);
        self.keep_recovered_imports(marks);
        let heard = self.heard_actors();
        self.applied = self.applied.iter().filter(|(actor, _)| heard.contains(actor)).collect();
        self.tail.keep(|actor| heard.contains(&actor));
        self.digest.keep(|actor| heard.contains(&actor));
    }

    /// Of a damaged disk no vector counts. Its snapshot may hold records of this node's own that the log behind it has lost: they can be given
    /// to nobody one by one, but with the whole, and a promise must not skip them.
    fn keep_remains(&mut self, verdict: Verdict, own_in_snapshot: Hlc) {
        if verdict == Verdict::Damaged {
            self.applied = VersionVector::default();
            self.digest = Digests::default();
        }
        let is_whole = matches!(verdict, Verdict::Complete | Verdict::Empty);
        if !is_whole && own_in_snapshot > self.applied.get(self.actor) && !planted(Mutant::SnapshotRemainsForgotten) {
            reached(Mark::SnapshotRemains);
            self.tail.cut(self.actor, own_in_snapshot);
        }
    }

    /// Applies the records of the log, in order. What the tail would drop again at once is not put there.
    fn replay_all(&mut self, records: Vec<Record>) {
        let first_kept = first_in_tail(&records, self.plan.settings.tail_bytes);
        let mut dropped = VersionVector::default();
        for (place, record) in records.into_iter().enumerate() {
            match record {
                Record::Write(write) if self.is_taken_beyond_cut(&write.key, write.dot) => self.clock.observe(write.dot.hlc),
                Record::Write(write) => {
                    self.replay(&write);
                    if place < first_kept {
                        dropped.raise(write.dot.actor, write.dot.hlc);
                        self.table.apply_owned(write);
                    } else {
                        self.table.apply(&write);
                        self.tail.insert(write);
                    }
                }
                Record::Applied(vector) => self.applied.join(&vector),
            }
        }
        for (actor, upto) in dropped.iter() {
            self.tail.cut(actor, upto);
        }
    }

    fn replay(&mut self, write: &Write) {
        self.clock.observe(write.dot.hlc);
        if write.dot.actor == self.actor {
            self.applied.raise(self.actor, write.dot.hlc);
        }
        self.digest.applied(write.dot);
        self.operations.remember_write(write);
    }
}

/// The place of the first of the last records that take so many bytes.
fn first_in_tail(records: &[Record], bound: u64) -> usize {
    let mut bytes = 0;
    let fits = |record: &&Record| {
        bytes += if let Record::Write(write) = record { record_bytes(write) } else { 0 };
        bytes <= bound
    };
    records.len() - records.iter().rev().take_while(fits).count()
}
