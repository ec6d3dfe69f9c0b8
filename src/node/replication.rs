//! Pushes: a node's own records, in order, to every peer of its shard, and the promise that follows them.
//!
//! One push is in flight per peer: a write leaves at once when the link is idle, and batches form while one is in flight. Only the
//! acknowledgement of that push ends it: a copy of an older one must not set another free, or each copy would make more. A push
//! names where it starts, and is refused when the receiver lacks something before that: hlcs have gaps, so a lost frame must not
//! look like silence. The promise is part of the same message as the records, so it can never overtake them.

use super::{Node, journal::Received};
use crate::{
    clock::Hlc,
    id::{ActorId, NodeId},
    mark::{Mark, reached},
    message::{Message, Push},
    mutant::{Mutant, planted},
};

/// The most records of one push.
const PUSH_RECORDS: usize = 512;
/// A push is sent again when it stays unacknowledged for this long, or for four round trips.
const RESEND_US: u64 = 200_000;

#[derive(Debug)]
struct InFlight {
    number: u64,
    sent_us: u64,
    resend_us: u64,
}

/// What is known of a shard peer's copy of this node's records.
#[derive(Debug)]
pub(super) struct Link {
    /// Whose copy.
    pub actor: ActorId,
    /// Up to where the peer holds them durably; unknown until it has said so.
    acknowledged: Option<Hlc>,
    in_flight: Option<InFlight>,
    /// How many pushes there were.
    pushes: u64,
    /// The last of them that was acknowledged.
    answered: u64,
    /// How many there were when the peer was last asked for what it has of this node's own records.
    asked_after: u64,
    /// What the last push promised.
    promised: Hlc,
    last_sent_us: u64,
    round_trip_us: u64,
}

impl Link {
    /// Nothing is known of this actor's copy.
    pub fn to(actor: ActorId) -> Self {
        Self {
            actor,
            acknowledged: None,
            in_flight: None,
            pushes: 0,
            answered: 0,
            asked_after: 0,
            promised: Hlc::ZERO,
            last_sent_us: 0,
            round_trip_us: 0,
        }
    }

    /// The peer's answers of before say nothing any more of what it holds of this node's own records.
    pub fn ask_anew(&mut self) {
        self.asked_after = self.pushes;
    }

    /// Whether the peer has said since it was asked that it holds nothing of this node's own actor above this.
    pub fn holds_no_more_than(&self, hlc: Hlc) -> bool {
        self.answered > self.asked_after && self.acknowledged.is_some_and(|acknowledged| acknowledged <= hlc)
    }

    /// Whether the peer has said that it holds a record.
    pub fn holds(&self, hlc: Hlc) -> bool {
        self.acknowledged.is_some_and(|acknowledged| acknowledged >= hlc)
    }
}

impl Node {
    /// Pushes to every peer that has something to get and no push in flight.
    pub(super) fn push_all(&mut self) {
        for node in self.repairable_peers() {
            let own_last = self.tail.last(self.actor);
            let link = &self.links[&node];
            if link.in_flight.is_none() && link.acknowledged.is_some_and(|acknowledged| acknowledged < own_last) {
                self.push_to(node);
            }
        }
    }

    /// Sends again what stays unacknowledged, and promises where nothing was sent for an interval.
    pub(super) fn keep_links(&mut self) {
        let now_us = self.now.monotonic_us;
        let interval_us = self.interval_us();
        for node in self.repairable_peers() {
            let Some(link) = self.links.get_mut(&node) else { continue };
            if link.in_flight.as_ref().is_some_and(|push| push.resend_us <= now_us) {
                reached(Mark::PushResent);
                link.in_flight = None;
            }
            if link.in_flight.is_none() && now_us >= link.last_sent_us + interval_us {
                self.push_to(node);
            }
        }
    }

    fn push_to(&mut self, node: NodeId) {
        let own_last = self.applied.get(self.actor);
        let start = self.links[&node].acknowledged.unwrap_or(own_last);
        let mut promise = self.own_promise(Hlc::ZERO);
        let mut writes = Vec::new();
        if planted(Mutant::PromiseAheadOfData) && self.links[&node].promised < own_last {
            promise = self.clock.read(self.now.wall_ms);
        } else if self.tail.reaches(self.actor, start) {
            let sent = if planted(Mutant::PushSkipsUnacknowledged) { self.links[&node].promised } else { Hlc::ZERO };
            writes.extend(self.tail.range(self.actor, start.max(sent), own_last).take(PUSH_RECORDS).cloned());
            if writes.len() == PUSH_RECORDS {
                promise = writes[PUSH_RECORDS - 1].dot.hlc;
            }
        }
        let start = if self.tail.reaches(self.actor, start) { start } else { own_last };
        let now_us = self.now.monotonic_us;
        let mut number = 0;
        if let Some(link) = self.links.get_mut(&node) {
            link.pushes += 1;
            number = link.pushes;
            let wait_us = RESEND_US.max(4 * link.round_trip_us);
            link.in_flight = Some(InFlight { number, sent_us: now_us, resend_us: now_us + wait_us });
            link.last_sent_us = now_us;
            link.promised = promise;
        }
        let promise = promise.max(start);
        let epoch = self.epoch_of_promise(promise);
        self.send(node, Message::Push(Push { number, start, writes, promise, epoch }));
    }

    pub(super) fn receive_push(&mut self, from: NodeId, push: Push) {
        let Some(actor) = self.actor_of(from).filter(|_| self.links.contains_key(&from)) else { return };
        if self.standing.is_founding() {
            // A log without marks would look like a lost disk at the next start.
            return;
        }
        if push.promise <= self.applied.get(actor) && push.start <= self.applied.get(actor) {
            self.heard_epoch_of(actor, push.promise, push.epoch);
            return self.acknowledge(from, push.number);
        }
        if planted(Mutant::AckBeforeDurable) && push.start <= self.received(actor) {
            self.send(from, Message::PushAck { number: push.number, applied: push.promise });
        }
        let Push { number, start, writes, promise: upto, epoch } = push;
        let run = Received { actor, start, writes, upto, epoch, from, acknowledge: Some(number) };
        if !self.log_run(run) && !self.takes_over() {
            reached(Mark::PushRefused);
            self.acknowledge(from, number);
            self.pull_from(from, Hlc::ZERO);
        }
    }

    /// Tells a peer how far its records are durable here.
    pub(super) fn acknowledge(&mut self, node: NodeId, number: u64) {
        let Some(actor) = self.actor_of(node) else { return };
        let applied = if self.journal.failed { self.stability.durable.get(actor) } else { self.applied.get(actor) };
        self.send(node, Message::PushAck { number, applied });
    }

    pub(super) fn receive_ack(&mut self, from: NodeId, number: u64, applied: Hlc) {
        let now_us = self.now.monotonic_us;
        let Some(link) = self.links.get_mut(&from) else { return };
        if let Some(push) = link.in_flight.take_if(|push| push.number == number) {
            let round_trip_us = now_us.saturating_sub(push.sent_us);
            link.round_trip_us = (7 * link.round_trip_us + round_trip_us) / 8;
            if link.acknowledged.is_some_and(|before| applied <= before && before < link.promised) {
                // It was refused: the peer catches up in another way, and is left alone for an interval.
                let resend_us = now_us + 1_000 * self.plan.settings.idle_interval_ms;
                link.in_flight = Some(InFlight { resend_us, ..push });
            }
        }
        link.acknowledged = link.acknowledged.max(Some(applied));
        link.answered = link.answered.max(number);
        self.replicated(from, applied);
        self.own_records_found();
    }

    /// A push certainly never left: the link is left alone for an interval, or one that refuses would be tried without end.
    pub(super) fn push_not_sent(&mut self, to: NodeId) {
        let resend_us = self.now.monotonic_us + 1_000 * self.plan.settings.idle_interval_ms;
        if let Some(push) = self.links.get_mut(&to).and_then(|link| link.in_flight.as_mut()) {
            push.resend_us = resend_us;
        }
    }

    /// Forgets what was in flight, and what a peer's former process held.
    pub(super) fn reset_link(&mut self, node: NodeId) {
        if let Some(link) = self.links.get_mut(&node) {
            link.in_flight = None;
            link.acknowledged = None;
        }
    }
}
