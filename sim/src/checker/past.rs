//! What a session has seen, by the checker's own account: never by the protocol's tokens.
//!
//! A vector clock over sessions: entry `s` stands for the first so many acknowledged writes of session `s`. A write whose outcome
//! its own session does not know is in nobody's past until somebody reads it; such writes are kept by name, beside the clock.
//! Two summaries make the common questions cheap: the largest stamp in the past, and for each actor the largest hlc.

use std::collections::BTreeSet;

use causeway::{clock::VersionVector, store::Order};

use crate::history::{OpId, Operation, SessionId};

/// The writes that causally precede something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    acknowledged: Vec<u32>,
    by_name: BTreeSet<OpId>,
    newest: Option<Order>,
    dots: VersionVector,
}

impl Past {
    /// Whether a write is in it.
    pub fn contains(&self, write: &Operation) -> bool {
        let acknowledged = write.outcome.is_acknowledged() && write.sequence <= self.writes_of(write.invocation.session);
        acknowledged || self.by_name.contains(&write.id)
    }

    /// How many writes of a session are in it for certain.
    pub fn writes_of(&self, session: SessionId) -> u32 {
        self.acknowledged.get(usize::from(session.0)).copied().unwrap_or_default()
    }

    /// The largest stamp in it.
    pub fn newest(&self) -> Option<Order> {
        self.newest
    }

    /// For each actor, the largest hlc of its writes in it. Without writes that were sent more than once: which of their records
    /// answered cannot be known.
    pub fn dots(&self) -> &VersionVector {
        &self.dots
    }

    /// Whether seeing a write would add nothing: it and everything before it is in here.
    pub fn has_all_of(&self, write: &Operation) -> bool {
        let past = &write.past;
        let is_named = |id: &OpId| self.by_name.contains(id);
        let is_before = |(mine, theirs): (&u32, &u32)| mine >= theirs;
        let is_counted = write.sequence <= self.writes_of(write.invocation.session);
        let is_in = if write.outcome.is_acknowledged() { is_counted } else { is_named(&write.id) };
        is_in
            && past.acknowledged.len() <= self.acknowledged.len()
            && self.acknowledged.iter().zip(&past.acknowledged).all(is_before)
            && past.by_name.iter().all(is_named)
            && self.newest >= past.newest.max(write.smallest())
            && self.dots.covers(&past.dots)
            && (write.attempts > 1 || write.dots.iter().all(|dot| self.dots.contains(*dot)))
    }

    /// Adds a write and everything before it.
    pub fn see(&mut self, write: &Operation) {
        let past = &write.past;
        if past.acknowledged.len() > self.acknowledged.len() {
            self.acknowledged.resize(past.acknowledged.len(), 0);
        }
        for (mine, theirs) in self.acknowledged.iter_mut().zip(&past.acknowledged) {
            *mine = (*mine).max(*theirs);
        }
        self.by_name.extend(&past.by_name);
        self.newest = self.newest.max(past.newest).max(write.smallest());
        self.dots.join(&past.dots);
        if write.attempts == 1 {
            for dot in &write.dots {
                self.dots.raise(dot.actor, dot.hlc);
            }
        }
        self.see_alone(write);
    }

    /// Forgets writes by name that were forgotten everywhere.
    pub fn retain(&mut self, is_kept: impl Fn(OpId) -> bool) {
        self.by_name.retain(|id| is_kept(*id));
    }

    fn see_alone(&mut self, write: &Operation) {
        if !write.outcome.is_acknowledged() {
            self.by_name.insert(write.id);
            return;
        }
        let session = usize::from(write.invocation.session.0);
        if session >= self.acknowledged.len() {
            self.acknowledged.resize(session + 1, 0);
        }
        self.acknowledged[session] = self.acknowledged[session].max(write.sequence);
    }
}
