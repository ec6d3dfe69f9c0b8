//! Requests that cannot be executed here yet: they wait for a bounded time, while what they lack is pulled; then another replica is
//! tried, and then they are refused. Nothing of them has been logged.

use std::collections::BTreeMap;

use super::{Node, Request, forward::Ask};
use crate::{
    clock::Hlc,
    error::Refusal,
    id::ActorId,
    mark::{Mark, reached},
    placement::slot_of,
};

/// Between pulls for what waiting requests lack.
const PULL_AGAIN_US: u64 = 30_000;

/// What keeps a request from being executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The token names times further ahead than the allowed drift: some clock is wrong.
    TokenAhead,
    /// The token names more of these actors than is applied here.
    Lacking(Vec<(ActorId, Hlc)>),
    /// The token stands for writes of an epoch that this node has not adopted.
    NewerEpoch,
    /// A write of the same operation is on its way to the disk.
    SameOperation,
    /// A delete of the same key is on its way to the disk.
    SameDelete,
}

#[derive(Debug)]
struct Entry {
    ask: Ask,
    until_us: u64,
    pulled_us: u64,
}

/// The requests that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: BTreeMap<u64, Entry>,
    next: u64,
}

impl Waiting {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// When the first of them has waited for long enough.
    pub fn deadline_us(&self) -> Option<u64> {
        self.entries.values().map(|entry| entry.until_us).min()
    }
}

impl Node {
    /// Lets a request wait for as long as it may.
    pub(super) fn wait(&mut self, mut ask: Ask, obstacle: Obstacle) {
        if self.waiting.len() >= self.plan.settings.waiting_limit {
            return self.answer(ask.origin, Err(Refusal::Overloaded));
        }
        reached(match obstacle {
            Obstacle::TokenAhead => Mark::TokenAhead,
            Obstacle::NewerEpoch => Mark::NewerEpoch,
            Obstacle::Lacking(_) => Mark::Waited,
            Obstacle::SameOperation => Mark::SameOperation,
            Obstacle::SameDelete => Mark::SameDelete,
        });
        let now_us = self.now.monotonic_us;
        if !ask.waited {
            self.counters.waits += 1;
            self.counters.tokens_ahead += u64::from(obstacle == Obstacle::TokenAhead);
            ask.waited = true;
        }
        let until_us = match obstacle {
            Obstacle::TokenAhead | Obstacle::NewerEpoch | Obstacle::Lacking(_) => {
                now_us + 1_000 * self.plan.settings.causal_wait_ms
            }
            // Ended by the journal, one way or another.
            Obstacle::SameOperation | Obstacle::SameDelete => ask.expires_us,
        };
        let until_us = until_us.min(ask.expires_us);
        if until_us <= now_us {
            return self.give_up_waiting(ask);
        }
        match &obstacle {
            Obstacle::Lacking(lacking) => self.pull_lacking(lacking),
            Obstacle::NewerEpoch => self.ask_all_for_config(),
            _ => {}
        }
        self.waiting.entries.insert(self.waiting.next, Entry { ask, until_us, pulled_us: now_us });
        self.waiting.next += 1;
    }

    /// Something was applied: looks again at who waits.
    pub(super) fn retry_waiting(&mut self) {
        for (number, entry) in std::mem::take(&mut self.waiting.entries) {
            let Request::Key(request) = &entry.ask.request else { continue };
            if self.is_of_newer_epoch(&request.token) {
                self.waiting.entries.insert(number, entry);
                continue;
            }
            if self.is_elsewhere(&request.key) {
                self.ask(entry.ask);
                continue;
            }
            match self.obstacle(request) {
                Some(_) => {
                    self.waiting.entries.insert(number, entry);
                }
                None => {
                    reached(Mark::WaitServed);
                    self.execute(entry.ask);
                }
            }
        }
    }

    /// Refuses or passes on who has waited for long enough, and pulls again for the others.
    pub(super) fn expire_waiting(&mut self) {
        let now_us = self.now.monotonic_us;
        let (mut due, mut again) = (Vec::new(), Vec::new());
        for (number, entry) in &mut self.waiting.entries {
            if entry.until_us <= now_us {
                due.push(*number);
            } else if now_us >= entry.pulled_us + PULL_AGAIN_US {
                entry.pulled_us = now_us;
                again.push(entry.ask.request.clone());
            }
        }
        for number in due {
            if let Some(entry) = self.waiting.entries.remove(&number) {
                self.give_up_waiting(entry.ask);
            }
        }
        for request in again {
            let Request::Key(request) = request else { continue };
            if self.is_of_newer_epoch(&request.token) {
                self.ask_all_for_config();
            } else if !self.is_elsewhere(&request.key) {
                let lacking = self.lacking(&request);
                self.pull_lacking(&lacking);
            }
        }
    }

    /// Whether a key is no longer, or not yet, this node's to answer for.
    fn is_elsewhere(&self, key: &str) -> bool {
        let serves = self.standing.serves() && !self.is_leaving();
        self.plan.config.shard_of(key) != self.shard || !serves || !self.holds_slot(slot_of(key))
    }

    /// Another replica may have what is lacking here.
    fn give_up_waiting(&mut self, ask: Ask) {
        if !self.failover(ask.clone()) {
            reached(Mark::WaitedInVain);
            self.counters.not_satisfied += 1;
            self.answer(ask.origin, Err(Refusal::NotSatisfied));
        }
    }

    /// Refuses all that waits: the process is stopping.
    pub(super) fn refuse_waiting(&mut self) {
        for (_, entry) in std::mem::take(&mut self.waiting.entries) {
            self.answer(entry.ask.origin, Err(Refusal::Stopping));
        }
    }
}
