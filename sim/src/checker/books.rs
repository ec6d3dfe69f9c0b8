//! The books of the client side: operations by session, key and dot, and what each session has seen.
//!
//! Memory is bounded by what may still be read: a write is forgotten once every session has a newer one of the key in its past
//! (the *stable frontier*). Who reads a forgotten write has read something stale.

use std::{collections::BTreeMap, sync::Arc};

use causeway::{
    clock::Dot,
    store::{Key, OperationId, Order, Write},
};

use super::Past;
use crate::history::{History, Invocation, Kind, OpId, Operation, Outcome, Row, SessionId};

/// Operations between two sweeps for what can be forgotten.
const SWEEP_OPERATIONS: u32 = 256;

/// What is known of one session.
#[derive(Debug, Default)]
pub struct Session {
    /// All that it has seen.
    pub past: Arc<Past>,
    /// The largest stamp of its own acknowledged writes.
    pub newest_own: Option<Order>,
    /// For each session, the last of its writes that this one read itself.
    pub read_from: BTreeMap<SessionId, u32>,
    /// For each key, the largest stamp that this session read itself.
    pub read: BTreeMap<Key, Order>,
    writes: u32,
}

/// Who asked for a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// This operation.
    By(OpId),
    /// An operation that is forgotten.
    Once,
    /// Nobody.
    ByNobody,
}

/// See the module.
#[derive(Debug)]
pub struct Books {
    history: History,
    sessions: Vec<Session>,
    /// The writes of each key in the order in which they began.
    writes_by_key: BTreeMap<Key, Vec<Row>>,
    by_operation: BTreeMap<OperationId, OpId>,
    next_sweep: u32,
}

impl Books {
    /// Books for a run with that many sessions. All are known from the start: one that has seen nothing holds everything back
    /// from being forgotten.
    pub fn new(sessions: usize) -> Self {
        Self {
            history: History::default(),
            sessions: (0..sessions).map(|_| Session::default()).collect(),
            writes_by_key: BTreeMap::new(),
            by_operation: BTreeMap::new(),
            next_sweep: SWEEP_OPERATIONS,
        }
    }

    /// All operations that are kept.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// One session.
    pub fn session(&self, id: SessionId) -> &Session {
        &self.sessions[usize::from(id.0)]
    }

    /// The writes of a key that are kept, but not those that were refused and left no record.
    pub fn writes_of(&self, key: &str) -> impl Iterator<Item = &Operation> {
        let refused =
            |write: &&Operation| matches!(write.outcome, Outcome::NotApplied | Outcome::Absent) && write.dots.is_empty();
        let rows = self.writes_by_key.get(key).into_iter().flatten();
        rows.filter_map(|row| self.history.at(*row)).filter(move |write| !refused(write))
    }

    /// Keeps what is forgotten from now on, for [`History::whole`].
    pub fn archive(&mut self) {
        self.history.archive();
    }

    /// The key of an operation, unless it is forgotten.
    pub fn key_of(&self, id: OpId) -> Option<&Key> {
        self.history.get(id).map(|operation| &operation.invocation.key)
    }

    /// Notes a new operation, under the next free name.
    pub fn invoke(&mut self, invocation: Invocation) -> OpId {
        let id = self.history.bound();
        self.invoke_as(id, invocation);
        id
    }

    /// Notes a new operation that has a name.
    pub fn invoke_as(&mut self, id: OpId, invocation: Invocation) {
        let session = &mut self.sessions[usize::from(invocation.session.0)];
        let sequence = match invocation.kind {
            Kind::Get => 0,
            Kind::Put | Kind::Delete => {
                session.writes += 1;
                session.writes
            }
        };
        let past = session.past.clone();
        let (key, idempotency) = (invocation.key.clone(), invocation.idempotency);
        let row = self.history.invoke(id, invocation, sequence, past);
        if sequence > 0 {
            self.writes_by_key.entry(key).or_default().push(row);
            if let Some(operation) = idempotency {
                self.by_operation.insert(operation, id);
            }
        }
    }

    /// Notes how many replicas must hold a write before it is answered.
    pub fn require(&mut self, id: OpId, concern: u8) {
        if let Some(operation) = self.history.get_mut(id) {
            operation.concern = concern;
        }
    }

    /// Notes that an operation is sent once more.
    pub fn retry(&mut self, id: OpId) {
        let Some(operation) = self.history.get_mut(id) else { return };
        operation.attempts = operation.attempts.saturating_add(1);
        operation.in_doubt |= operation.outcome == Outcome::Unknown;
        if !operation.outcome.is_acknowledged() {
            operation.outcome = Outcome::Pending;
        }
    }

    /// Notes what a session was told. The answer to a retry never takes back what an earlier answer said.
    ///
    /// A tombstone up to `settled` may be collected: who reads 'absent' then need not have seen it.
    pub fn answer(&mut self, id: OpId, outcome: Outcome, at_us: u64, settled: Option<Order>) {
        let Some(operation) = self.history.get_mut(id) else { return };
        operation.returned_us = Some(at_us);
        if operation.outcome.is_acknowledged() {
            return;
        }
        operation.outcome = if operation.in_doubt && !outcome.is_acknowledged() { Outcome::Unknown } else { outcome };
        let session = operation.invocation.session;
        match operation.outcome {
            Outcome::Created | Outcome::Overwrote => self.see(session, id, How::Wrote),
            Outcome::Found(write) => self.see(session, write, How::Read),
            Outcome::Absent => {
                let key = operation.invocation.key.clone();
                if let Some(tombstone) = self.only_tombstone(session, &key, settled) {
                    self.see(session, tombstone, How::Read);
                }
            }
            Outcome::Pending | Outcome::NotApplied | Outcome::Unknown => {}
        }
        if self.history.invoked() >= self.next_sweep {
            self.next_sweep = self.history.invoked() + SWEEP_OPERATIONS;
            self.sweep();
        }
    }

    /// The operation that asked for a write, as far as it can be told: by its value, by its idempotency key, or, for a delete
    /// without one, as the only unanswered delete of the key.
    pub fn asked_for(&self, write: &Write) -> Asked {
        let id = match (&write.value, &write.operation) {
            (Some(value), _) => OpId::of_value(&value.bytes),
            (None, Some(operation)) => self.by_operation.get(&operation.id).copied(),
            (None, None) => self.nameless_delete(&write.key),
        };
        match id.filter(|id| *id < self.history.bound()) {
            Some(id) if self.history.get(id).is_some() => Asked::By(id),
            Some(_) => Asked::Once,
            None => Asked::ByNobody,
        }
    }

    /// A delete of the key that is told from others by nothing but its key. The workload sends no two such deletes at once.
    pub fn nameless_delete(&self, key: &str) -> Option<OpId> {
        let open = |op: &&Operation| {
            op.invocation.kind == Kind::Delete
                && op.invocation.idempotency.is_none()
                && op.dots.is_empty()
                && matches!(op.outcome, Outcome::Pending | Outcome::Unknown)
        };
        self.writes_of(key).find(open).map(|op| op.id)
    }

    /// Notes that every copy of what an operation wrote was destroyed.
    pub fn lose(&mut self, id: OpId) {
        if let Some(operation) = self.history.get_mut(id) {
            operation.is_lost = true;
        }
    }

    /// Notes the dot of an operation's record.
    pub fn record(&mut self, id: OpId, dot: Dot) {
        if let Some(operation) = self.history.get_mut(id).filter(|operation| !operation.dots.contains(&dot)) {
            operation.dots.push(dot);
        }
    }

    fn see(&mut self, session: SessionId, write: OpId, how: How) {
        let Some(write) = self.history.get(write) else { return };
        let session = &mut self.sessions[usize::from(session.0)];
        if !session.past.has_all_of(write) {
            Arc::make_mut(&mut session.past).see(write);
        }
        match how {
            How::Wrote => session.newest_own = session.newest_own.max(write.smallest()),
            How::Read => {
                let last = session.read_from.entry(write.invocation.session).or_default();
                *last = (*last).max(write.sequence);
                if let Some(order) = write.smallest() {
                    let newest = session.read.entry(write.invocation.key.clone()).or_insert(order);
                    *newest = (*newest).max(order);
                }
            }
        }
    }

    /// The tombstone that a read of 'absent' saw, where only one can be it: the session's past holds a value, and of the deletes
    /// only one is not older. Where several can be it none is assumed, so the check is weaker there, never wrong. A value that was
    /// destroyed in every copy need not have been deleted.
    fn only_tombstone(&self, session: SessionId, key: &str, settled: Option<Order>) -> Option<OpId> {
        let past = &self.session(session).past;
        let is_seen = |write: &&Operation| !write.is_lost && past.contains(write);
        let seen = self.writes_of(key).filter(is_seen).filter_map(Operation::smallest).max()?;
        let mut candidates = self
            .writes_of(key)
            .filter(|write| write.invocation.kind == Kind::Delete && write.largest().is_none_or(|order| order >= seen));
        match (candidates.next(), candidates.next()) {
            (Some(only), None) if only.largest().is_some_and(|order| Some(order) > settled) => Some(only.id),
            _ => None,
        }
    }

    fn sweep(&mut self) {
        let mut forgotten = Vec::new();
        for rows in self.writes_by_key.values_mut() {
            let writes = || rows.iter().filter_map(|row| self.history.at(*row));
            let is_everywhere = |write: &Operation| self.sessions.iter().all(|session| session.past.contains(write));
            // From the last on: most of the others are below it then, and need not be looked for.
            let stable = writes().rev().fold(None, |stable: Option<Order>, write| {
                let is_newer = write.smallest() > stable && is_everywhere(write);
                if is_newer { write.smallest() } else { stable }
            });
            // Where nobody tells the stamps, a write is older for certain only if it is in a newer one's past.
            let newest = writes().rev().find(|write| is_everywhere(write));
            let is_stale = |write: &Operation| {
                let is_older = match write.largest() {
                    Some(order) => stable.is_some_and(|stable| order < stable),
                    None => newest.is_some_and(|newest| newest.past.contains(write)),
                };
                write.outcome != Outcome::Pending && is_older
            };
            forgotten.extend(writes().filter(|write| is_stale(write)).map(|write| write.id));
            let history = &self.history;
            rows.retain(|row| history.at(*row).is_some_and(|write| !is_stale(write)));
        }
        let newest = self.history.bound().0.saturating_sub(SWEEP_OPERATIONS);
        let closed = |op: &&Operation| !op.is_write() && op.outcome != Outcome::Pending && op.id.0 < newest;
        forgotten.extend(self.history.iter().filter(closed).map(|op| op.id));
        for id in forgotten {
            self.history.forget(id);
        }
        let history = &self.history;
        for session in &mut self.sessions {
            Arc::make_mut(&mut session.past).retain(|id| history.get(id).is_some());
        }
    }
}

enum How {
    Wrote,
    Read,
}
