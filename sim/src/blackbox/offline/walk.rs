//! One walk over a history, causes first: each read is judged by the clock of its transaction, and what it tells of the order
//! of writes is noted.
//!
//! For a read of key `x` that returned the write `w` and each session, let `v` be the session's last write of `x` in the read's
//! past. If `w` is the initial state, or an older write of `v`'s session, the read is stale. If `v` is in `w`'s past, nothing is
//! learned. Else `v` is before `w` in the order of writes; if `w` is also in the past of `v`, that shows as a cycle.

use std::collections::BTreeMap;

use super::{
    super::{Action, History, Rule, Rules},
    Assigned, Edges, Finding, Graph, Groups, Open, Sources, Timelines,
    clocks::{Clocks, join},
    sightings::{Reader, Sighting, Sightings},
    sources::{INITIAL, OPEN, last_writes},
    tombstones::Guesses,
};

/// What a walk is over.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The history.
    pub history: &'a History,
    /// What each read saw.
    pub sources: &'a Sources,
    /// Sessions and their transactions.
    pub timelines: &'a Timelines,
    /// By which rules.
    pub rules: Rules,
}

impl<'a> Ground<'a> {
    /// All edges but those of the order of writes.
    pub fn graph(self, assigned: &'a Assigned) -> Graph<'a> {
        let Self { history, sources, timelines, .. } = self;
        Graph { history, sources, timelines, assigned, order: &[] }
    }
}

/// What a walk learned.
#[derive(Debug, Default)]
pub struct Learned {
    /// What is wrong.
    pub failed: Option<Finding>,
    /// The order of writes.
    pub order: Edges,
    /// Which tombstone from outside of its past a read is taken to have seen.
    pub assumed: Assigned,
    /// Other reads that found nothing and need an explanation.
    pub opens: Vec<Open>,
}

/// See the module.
pub struct Walk<'a> {
    pub(super) ground: Ground<'a>,
    pub(super) groups: Groups,
    pub(super) clocks: Clocks,
    pub(super) sightings: Sightings,
    /// The past of the transaction at hand.
    pub(super) past: Vec<u32>,
    pub(super) learned: Learned,
    pub(super) guesses: Option<&'a Guesses>,
    /// The deletes that were visited, by key.
    pub(super) deletes: BTreeMap<u32, Vec<u32>>,
    assigned: &'a Assigned,
    /// The pasts of all sessions.
    sessions: Vec<u32>,
    /// How many reads of each transaction are still to come.
    unread: Vec<u32>,
}

impl<'a> Walk<'a> {
    /// At the beginning.
    pub fn new(ground: Ground<'a>, assigned: &'a Assigned, guesses: Option<&'a Guesses>) -> Self {
        let (sessions, transactions) = (ground.history.sessions(), ground.history.transactions());
        let mut unread = ground.sources.readers.clone();
        for writer in assigned.values() {
            unread[*writer as usize] += 1;
        }
        Self {
            ground,
            groups: Groups::of(ground.history),
            clocks: Clocks::new(sessions, transactions),
            sightings: Sightings::default(),
            past: vec![0; sessions],
            learned: Learned::default(),
            guesses,
            deletes: BTreeMap::new(),
            assigned,
            sessions: vec![0; sessions * sessions],
            unread,
        }
    }

    /// Judges all, in this order, up to the first finding.
    pub fn run(mut self, mut order: impl Iterator<Item = u32>) -> Learned {
        let failed = order.find_map(|transaction| self.visit(transaction).err());
        Learned { failed, ..self.learned }
    }

    fn visit(&mut self, transaction: u32) -> Result<(), Finding> {
        let Ground { history, rules, .. } = self.ground;
        let session = history.session_of(transaction) as usize;
        let own = session * self.past.len()..(session + 1) * self.past.len();
        let is_known = !history.is_unknown(transaction);
        let place = history.place_of(transaction);
        if rules.has(Rule::SessionsRemember) {
            self.past.copy_from_slice(&self.sessions[own.clone()]);
            self.past[session] = place + u32::from(is_known);
        } else {
            self.past.fill(0);
        }
        let reads = || history.operations_of(transaction).filter(|at| history.action(*at) == Action::Read);
        if rules.has(Rule::WholeTransactions) {
            reads().for_each(|read| self.take_in(read, transaction));
            while reads().any(|read| self.assume(read, transaction)) {}
            reads().try_for_each(|read| self.judge(read))?;
        } else {
            reads().try_for_each(|read| {
                self.take_in(read, transaction);
                self.assume(read, transaction);
                self.judge(read)
            })?;
        }
        self.past[session] = place + u32::from(is_known);
        if is_known {
            for operation in history.operations_of(transaction) {
                self.groups.publish(operation);
            }
            self.sessions[own].copy_from_slice(&self.past);
        }
        self.settle(transaction);
        Ok(())
    }

    /// Keeps the clock of a transaction that is read from, and drops those that nobody will read from any more. What open reads
    /// may have seen is asked for at any time, so the clocks of all writes of keys that are ever deleted are kept.
    fn settle(&mut self, transaction: u32) {
        let Ground { history, sources, .. } = self.ground;
        let is_asked_for = |writer: u32| {
            let is_asked_for = |at: usize| history.action(at) != Action::Read && sources.is_deleted(history.key(at));
            sources.have_deletes() && history.operations_of(writer).any(is_asked_for)
        };
        let kept = is_asked_for(transaction);
        if self.unread[transaction as usize] > 0 || kept {
            self.clocks.keep(transaction, &self.past);
        }
        if kept {
            for delete in last_writes(history, transaction).filter(|at| history.action(*at) == Action::Delete) {
                self.deletes.entry(history.key(delete)).or_default().push(transaction);
            }
        }
        for writer in history.operations_of(transaction).filter_map(|at| sources.writer(at)) {
            self.unread[writer as usize] -= 1;
            if self.unread[writer as usize] == 0 && !is_asked_for(writer) {
                self.clocks.release(writer);
            }
        }
    }

    /// The transaction at hand, that of this read.
    pub(super) fn reader(&self, read: usize) -> Reader<'_> {
        let history = self.ground.history;
        let transaction = history.transaction_of(read);
        let (session, place) = (history.session_of(transaction) as usize, history.place_of(transaction));
        Reader { past: &self.past, session, place }
    }

    pub(super) fn writer_of(&self, read: usize) -> Option<u32> {
        self.ground.sources.writer(read).or_else(|| self.taken(read))
    }

    fn taken(&self, read: usize) -> Option<u32> {
        self.assigned.get(&read).or_else(|| self.learned.assumed.get(&read)).copied()
    }

    pub(super) fn take_in(&mut self, read: usize, reader: u32) {
        let Ground { history, sources, rules, .. } = self.ground;
        let Some(writer) = self.writer_of(read) else { return };
        let (session, place) = (history.session_of(writer), history.place_of(writer));
        let is_known = !history.is_unknown(writer);
        if !is_known || self.past[session as usize] <= place {
            if rules.has(Rule::ReadsBringThePast) {
                join(&mut self.past, self.clocks.of(writer));
            } else if is_known {
                self.past[session as usize] = self.past[session as usize].max(place + 1);
            }
        }
        if is_known || !rules.has(Rule::UnknownOnceSeen) {
            return;
        }
        for write in last_writes(history, writer) {
            let sighting = Sighting {
                writer,
                place: history.place_of(reader),
                rules_out_older: history.key(write) == history.key(read) && sources.writer(read).is_some(),
                is_tombstone: history.action(write) == Action::Delete,
            };
            self.sightings.note(history.key(write), history.session_of(reader), sighting);
        }
    }

    fn judge(&mut self, read: usize) -> Result<(), Finding> {
        match (self.ground.sources.of[read], self.taken(read)) {
            (INITIAL, _) => self.judge_initial(read),
            (OPEN, Some(delete)) => {
                self.order_tombstone(read, delete);
                Ok(())
            }
            (OPEN, None) => {
                self.judge_open(read);
                Ok(())
            }
            (writer, _) if writer < OPEN => self.judge_version(read, writer),
            _ => Ok(()),
        }
    }

    fn judge_initial(&self, read: usize) -> Result<(), Finding> {
        let Ground { history, timelines, rules, .. } = self.ground;
        let key = history.key(read);
        if !rules.has(Rule::InitialReads) {
            return Ok(());
        }
        let mut groups = self.groups.range(key);
        let write = groups.find_map(|group| Some((group, self.groups.visible_in(group, &self.past, &[])?)));
        if let Some((group, write)) = write {
            let newer = timelines.at(self.groups.session(group), write.place());
            return Err(Finding::Initial { read, newer });
        }
        if self.sightings.is_empty() { Ok(()) } else { self.sightings.check_initial(key, self.reader(read), read) }
    }

    fn judge_version(&mut self, read: usize, writer: u32) -> Result<(), Finding> {
        let Ground { history, timelines, rules, .. } = self.ground;
        let (key, count) = (history.key(read), history.transactions());
        let writer_session = if history.is_unknown(writer) { u32::MAX } else { history.session_of(writer) };
        let known = self.clocks.of(writer);
        for group in self.groups.range(key) {
            let Some(write) = self.groups.visible_in(group, &self.past, known) else { continue };
            let session = self.groups.session(group);
            let newer = timelines.at(session, write.place());
            if session == writer_session {
                if rules.has(Rule::NewerOfOneSession) {
                    return Err(Finding::Overwritten { read, newer });
                }
            } else if rules.has(Rule::OneOrder) && self.groups.draw(group, write, writer) {
                self.learned.order.push(newer, writer, count);
            }
        }
        if !self.sightings.is_empty() && rules.has(Rule::OneOrder) {
            let mut seen = Vec::new();
            self.sightings.visible(key, self.reader(read), known, |sighting| seen.push(sighting.writer));
            for earlier in seen.into_iter().filter(|earlier| *earlier != writer) {
                self.learned.order.push(earlier, writer, count);
            }
        }
        Ok(())
    }
}
