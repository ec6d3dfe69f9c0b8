//! Requests that another node must answer, and answers on their way back.
//!
//! A forwarder tries another member only with what was provably not applied: a frame that never left, a refusal that says so, or
//! a read. A write that was sent on and stays unanswered has an unknown outcome. A hop limit ends loops between nodes whose
//! configs differ. A forward that comes twice is taken once: its copy would be a second write, with a larger order than whatever
//! was written since.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::rand_core::Rng;

use super::{Answer, Command, Effect, Node, Reply, Request};
use crate::{
    clock::Token,
    error::Refusal,
    id::{Incarnation, NodeId, RequestId, ShardId},
    mark::{Mark, reached},
    message::{Forward, Message},
    mutant::{Mutant, planted},
};

/// What a forwarder keeps of its patience for the way there and back.
const WAY_BACK_US: u64 = 50_000;

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client of this node.
    Client(RequestId),
    /// A node that passed a request on.
    Peer { node: NodeId, process: Incarnation, number: u64 },
}

/// A request on its way through this node.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub origin: Origin,
    pub request: Request,
    /// How many more times it may be passed on.
    pub hops: u8,
    /// When whoever asked stops waiting.
    pub expires_us: u64,
    pub waited: bool,
}

#[derive(Debug)]
struct Forwarded {
    ask: Ask,
    to: NodeId,
    shard: ShardId,
    tried: BTreeSet<NodeId>,
    until_us: u64,
    /// What the last member said that provably did not apply it.
    refusal: Refusal,
}

/// How many numbers of taken forwards are kept for each forwarder. A copy that comes after so many others is dropped unseen.
const TAKEN_LIMIT: usize = 1_024;

/// Which forwards of one process were taken.
#[derive(Debug, Default)]
struct Taken {
    /// Everything below counts as taken.
    floor: u64,
    numbers: BTreeSet<u64>,
}

impl Taken {
    /// Whether it was not taken before.
    fn take(&mut self, number: u64) -> bool {
        let new = number >= self.floor && self.numbers.insert(number);
        if self.numbers.len() > TAKEN_LIMIT
            && let Some(lowest) = self.numbers.pop_first()
        {
            self.floor = lowest + 1;
        }
        new
    }
}

/// Requests that other nodes are working on.
#[derive(Debug, Default)]
pub(super) struct Forwards {
    entries: BTreeMap<u64, Forwarded>,
    next: u64,
    taken: BTreeMap<NodeId, Taken>,
}

impl Forwards {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Another process of a node begins its numbers anew.
    pub fn forget_taken(&mut self, node: NodeId) {
        self.taken.remove(&node);
    }

    /// When the first of them has been waited for long enough.
    pub fn deadline_us(&self) -> Option<u64> {
        self.entries.values().map(|entry| entry.until_us).min()
    }
}

impl Node {
    /// Passes a request to a member of its shard.
    pub(super) fn forward(&mut self, ask: Ask, shard: ShardId) {
        self.try_member(ask, shard, BTreeSet::new(), Refusal::CannotForward);
    }

    /// Passes a request of this node's own shard to a peer, or refuses it when there is none.
    pub(super) fn forward_or(&mut self, ask: Ask, refusal: Refusal) {
        self.try_member(ask, self.shard, BTreeSet::new(), refusal);
    }

    /// Passes a request that has waited in vain to another replica. Says whether there was one.
    pub(super) fn failover(&mut self, ask: Ask) -> bool {
        let held_off = |node: &NodeId| self.view.holds_off(*node, self.now.monotonic_us);
        let tried: BTreeSet<NodeId> = self.shard_peers().filter(held_off).collect();
        let enough_time = self.now.monotonic_us + WAY_BACK_US < ask.expires_us;
        if !enough_time || ask.hops == 0 || self.pick_member(&ask, self.shard, &tried).is_none() {
            return false;
        }
        reached(Mark::Failover);
        self.try_member(ask, self.shard, tried, Refusal::NotSatisfied);
        true
    }

    fn try_member(&mut self, mut ask: Ask, shard: ShardId, mut tried: BTreeSet<NodeId>, refusal: Refusal) {
        let now_us = self.now.monotonic_us;
        let in_time = now_us + WAY_BACK_US < ask.expires_us;
        let member = self.pick_member(&ask, shard, &tried).filter(|_| in_time && ask.hops > 0);
        let Some(to) = member else {
            if refusal == Refusal::CannotForward && self.may_hold(&ask, shard) {
                return self.hold(ask, shard);
            }
            self.counters.cannot_forward += u64::from(refusal == Refusal::CannotForward);
            self.counters.not_satisfied += u64::from(refusal == Refusal::NotSatisfied);
            return self.answer(ask.origin, Err(refusal));
        };
        tried.insert(to);
        ask.hops -= 1;
        let attempt_us = 1_000 * self.plan.settings.attempt_ms();
        let until_us = if is_tried_once(&ask.request) { ask.expires_us } else { ask.expires_us.min(now_us + attempt_us) };
        let number = self.forwards.next;
        self.forwards.next += 1;
        let mut request = ask.request.clone();
        if let Request::Key(request) = &mut request
            && planted(Mutant::ForwardDropsToken)
        {
            request.token = Token::default();
        }
        let patience_ms = (until_us - now_us).saturating_sub(WAY_BACK_US) / 1_000;
        let forward = Forward { number, hops: ask.hops, patience_ms, request };
        self.counters.forwards += 1;
        self.forwards.entries.insert(number, Forwarded { ask, to, shard, tried, until_us, refusal });
        self.send(to, Message::Forward(forward));
    }

    /// A trusted member of the shard that can do what is asked, by lot.
    fn pick_member(&mut self, ask: &Ask, shard: ShardId, tried: &BTreeSet<NodeId>) -> Option<NodeId> {
        let asker = match ask.origin {
            Origin::Peer { node, .. } => Some(node),
            Origin::Client(_) => None,
        };
        let write = is_write(&ask.request);
        let fits = |node: &NodeId| {
            let Some(peer) = self.view.get(*node) else { return false };
            let able = if write { peer.heartbeat.takes_writes } else { peer.heartbeat.serves };
            Some(*node) != asker && !tried.contains(node) && !peer.suspected && able
        };
        let members: Vec<NodeId> = self.plan.config.replicas(shard).map(|member| member.node).filter(fits).collect();
        let lot = self.random.next_u32() as usize;
        members.get(lot.checked_rem(members.len())?).copied()
    }

    pub(super) fn receive_forward(&mut self, from: NodeId, forward: Forward) {
        let is_new = self.forwards.taken.entry(from).or_default().take(forward.number);
        if !is_new && !planted(Mutant::ForwardTakenTwice) {
            return reached(Mark::ForwardTwice);
        }
        let ask = Ask {
            origin: Origin::Peer { node: from, process: self.view.process(from), number: forward.number },
            request: forward.request,
            hops: forward.hops,
            expires_us: self.now.monotonic_us.saturating_add(forward.patience_ms.saturating_mul(1_000)),
            waited: false,
        };
        self.ask(ask);
    }

    pub(super) fn receive_forward_reply(&mut self, from: NodeId, number: u64, reply: Reply) {
        if self.forwards.entries.get(&number).is_none_or(|entry| entry.to != from) {
            return;
        }
        let Some(entry) = self.forwards.entries.remove(&number) else { return };
        match reply {
            Err(refusal) if another_may_do(refusal) => self.try_next(entry, refusal),
            reply => self.answer(entry.ask.origin, reply),
        }
    }

    /// The frame never left.
    pub(super) fn forward_not_sent(&mut self, to: NodeId, number: u64) {
        let Some(entry) = self.forwards.entries.remove(&number).filter(|entry| entry.to == to) else { return };
        let refusal = entry.refusal;
        self.try_next(entry, refusal);
    }

    /// The link to a node broke: reads are tried elsewhere, writes wait for an answer that may still come.
    pub(super) fn forwards_lost(&mut self, node: NodeId) {
        let lost = |entry: &Forwarded| entry.to == node && !is_tried_once(&entry.ask.request);
        self.retry_where(lost);
    }

    pub(super) fn expire_forwards(&mut self) {
        let now_us = self.now.monotonic_us;
        let due = |entry: &Forwarded| entry.until_us <= now_us;
        let silent: BTreeSet<NodeId> = self.forwards.entries.values().filter(|entry| due(entry)).map(|entry| entry.to).collect();
        for node in silent {
            let changes = self.view.unanswered(node);
            self.view_changed(changes);
        }
        self.retry_where(due);
    }

    fn retry_where(&mut self, lost: impl Fn(&Forwarded) -> bool) {
        let numbers = self.forwards.entries.iter().filter(|(_, entry)| lost(entry)).map(|(number, _)| *number);
        for number in numbers.collect::<Vec<_>>() {
            let Some(entry) = self.forwards.entries.remove(&number) else { continue };
            if is_tried_once(&entry.ask.request) {
                reached(Mark::WriteUnanswered);
                self.counters.outcome_unknown += 1;
                self.answer(entry.ask.origin, Err(Refusal::OutcomeUnknown));
            } else {
                let refusal = entry.refusal;
                self.try_next(entry, refusal);
            }
        }
    }

    fn try_next(&mut self, entry: Forwarded, refusal: Refusal) {
        reached(Mark::ForwardTriedNext);
        let mut ask = entry.ask;
        // A hop is what a request has travelled, not how often this node tried.
        ask.hops += 1;
        self.try_member(ask, entry.shard, entry.tried, refusal);
    }

    /// Gives an answer to whoever asked.
    pub(super) fn answer(&mut self, origin: Origin, reply: Reply) {
        if let Ok(Answer::Key(answer)) = &reply {
            debug_assert!(answer.token.entries().len() <= crate::clock::ENTRY_CAP, "I3: a token over its bound");
        }
        match origin {
            Origin::Client(id) => self.effects.push(Effect::Reply { id, reply }),
            Origin::Peer { node, process, number } => {
                self.send(node, Message::ForwardReply { number, asker: process, reply });
            }
        }
    }
}

fn is_write(request: &Request) -> bool {
    matches!(request, Request::Key(request) if matches!(request.command, Command::Write { .. }))
}

/// Whether it must not be tried again where it may have been applied.
fn is_tried_once(request: &Request) -> bool {
    is_write(request) && !planted(Mutant::WriteTriedTwice)
}

/// Whether another member may do what this one refused. All of these say that nothing was applied.
fn another_may_do(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NotSatisfied
            | Refusal::CannotForward
            | Refusal::Starting
            | Refusal::NoWriter
            | Refusal::Overloaded
            | Refusal::Stopping
    )
}
