//! What is remembered of operations with an idempotency key, so that a retry is answered and not applied again.
//!
//! Source of the rule that two records of one operation are one write: a retry may reach a replica that has not yet heard of the
//! first attempt. Which of the two counts is the smaller order; see [`Table`](crate::store::Table).

use std::collections::{BTreeMap, BTreeSet};

use super::Node;
use crate::{
    clock::Hlc,
    store::{OperationId, Order, Remembered, Write},
};

/// The remembered operations, bounded by age and number.
#[derive(Debug, Default)]
pub(super) struct Operations {
    by_id: BTreeMap<OperationId, Remembered>,
    by_age: BTreeSet<(Hlc, OperationId)>,
}

impl Operations {
    /// What is remembered of an operation.
    pub fn get(&self, id: OperationId) -> Option<&Remembered> {
        self.by_id.get(&id)
    }

    /// Remembers the operation of an applied write, if it has one.
    pub fn remember_write(&mut self, write: &Write) {
        if let Some(operation) = write.operation {
            self.remember(Remembered { operation, dot: write.dot, seen: write.seen() });
        }
    }

    /// Remembers an operation; of two records the smaller order's name stands, and what either depends on.
    pub fn remember(&mut self, mut new: Remembered) {
        let id = new.operation.id;
        if let Some(old) = self.by_id.remove(&id) {
            self.by_age.remove(&(old.dot.hlc, id));
            if Order::from(old.dot) < Order::from(new.dot) {
                new.dot = old.dot;
                new.operation.existed = old.operation.existed;
            }
            new.seen.join(&old.seen);
        }
        self.by_age.insert((new.dot.hlc, id));
        self.by_id.insert(id, new);
    }

    /// Forgets what is older than `oldest` or above the number, the oldest first.
    pub fn forget(&mut self, oldest: Hlc, limit: usize) {
        while let Some((hlc, id)) = self.by_age.first().copied() {
            if hlc >= oldest && self.by_age.len() <= limit {
                return;
            }
            self.by_age.remove(&(hlc, id));
            self.by_id.remove(&id);
        }
    }

    /// All of them, for a snapshot.
    pub fn all(&self) -> Vec<Remembered> {
        self.by_id.values().cloned().collect()
    }
}

impl Node {
    /// Forgets operations that are old, or too many.
    pub(super) fn forget_operations(&mut self) {
        let settings = &self.plan.settings;
        let ttl = Hlc::from_millis(settings.operation_ttl_ms).0;
        self.operations.forget(Hlc(self.clock.last().0.saturating_sub(ttl)), settings.operation_limit);
    }
}
