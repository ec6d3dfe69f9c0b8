//! Writes that are answered only when more replicas than this one hold them durably.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Event, KeyAnswer, Node, forward::Origin};
use crate::{
    clock::{Dot, Hlc},
    error::Refusal,
    id::NodeId,
    mark::{Mark, reached},
    mutant::{Mutant, planted},
};

#[derive(Debug)]
struct Entry {
    origin: Origin,
    answer: KeyAnswer,
    dot: Dot,
    /// How many more replicas must hold it.
    lacking: usize,
    holders: BTreeSet<NodeId>,
    until_us: u64,
}

/// The writes that wait for replicas.
#[derive(Debug, Default)]
pub(super) struct Concerns {
    entries: BTreeMap<u64, Entry>,
    next: u64,
}

impl Concerns {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn deadline_us(&self) -> Option<u64> {
        self.entries.values().map(|entry| entry.until_us).min()
    }
}

impl Node {
    /// Answers once `write_concern` serving members hold the write durably, this one included.
    pub(super) fn when_replicated(&mut self, origin: Origin, answer: KeyAnswer, dot: Dot, write_concern: u8) {
        let mut holders: BTreeSet<NodeId> = BTreeSet::new();
        if dot.actor == self.actor {
            holders.extend(self.links.iter().filter(|(_, link)| link.holds(dot.hlc)).map(|(node, _)| *node));
        } else {
            // Recognised retry of a write that its own actor made durable before it sent it here.
            holders.extend(self.plan.config.actor(dot.actor).map(|actor| actor.node));
        }
        if planted(Mutant::ConcernCountsItself) {
            holders.insert(self.plan.me);
        }
        let lacking = usize::from(write_concern).saturating_sub(1);
        if holders.len() >= lacking {
            return self.acknowledge_to(origin, answer, dot);
        }
        let until_us = self.now.monotonic_us + 1_000 * self.plan.settings.write_concern_wait_ms;
        self.concerns.entries.insert(self.concerns.next, Entry { origin, answer, dot, lacking, holders, until_us });
        self.concerns.next += 1;
    }

    /// A shard peer holds this node's records up to here durably.
    pub(super) fn replicated(&mut self, node: NodeId, upto: Hlc) {
        let actor = self.actor;
        let mut done = Vec::new();
        for (number, entry) in &mut self.concerns.entries {
            if entry.dot.actor == actor
                && entry.dot.hlc <= upto
                && entry.holders.insert(node)
                && entry.holders.len() >= entry.lacking
            {
                done.push(*number);
            }
        }
        for number in done {
            if let Some(entry) = self.concerns.entries.remove(&number) {
                reached(Mark::ConcernMetLate);
                self.acknowledge_to(entry.origin, entry.answer, entry.dot);
            }
        }
    }

    /// Too few in time: the write is applied here, so its outcome is unknown and never 'not applied'.
    pub(super) fn expire_concerns(&mut self) {
        let now_us = self.now.monotonic_us;
        let due = self.concerns.entries.iter().filter(|(_, entry)| entry.until_us <= now_us).map(|(number, _)| *number);
        for number in due.collect::<Vec<_>>() {
            if let Some(entry) = self.concerns.entries.remove(&number) {
                reached(Mark::ConcernMissed);
                let refuses = planted(Mutant::RefusedAfterApplied);
                self.counters.outcome_unknown += 1;
                self.answer(entry.origin, Err(if refuses { Refusal::NotSatisfied } else { Refusal::OutcomeUnknown }));
            }
        }
    }

    fn acknowledge_to(&mut self, origin: Origin, answer: KeyAnswer, dot: Dot) {
        self.observe(|| Event::Acknowledged(dot));
        self.answer(origin, Ok(Answer::Key(answer)));
    }
}
