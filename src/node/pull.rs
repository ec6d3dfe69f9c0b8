//! Pulls: a replica asks for what it lacks, by its vector, from the origin or from any peer that has it.
//!
//! On demand, when a request waits: then the actor asked also raises its promise to what is needed. In the background, so that
//! records of an actor that is gone spread from whoever has them. And after a lost disk, for the node's own records too.

use std::{collections::BTreeMap, sync::Arc};

use rand_chacha::rand_core::Rng;

use super::{Node, journal::Received, transfer::Purpose};
use crate::{
    clock::{Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId},
    message::{Message, Pull, PullAnswer, Run},
    mutant::{Mutant, planted},
    placement::slot_of,
    store::Write,
};

/// The most records of one answer.
const PULL_RECORDS: usize = 2_000;
/// A pull that stays unanswered for this long may be repeated.
const PULL_PATIENCE_US: u64 = 150_000;
/// Between pulls in the background.
const BACKGROUND_US: u64 = 250_000;

/// Pulls on their way.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    /// Per peer: until when to wait for its answer, and what was needed.
    asked: BTreeMap<NodeId, (u64, Hlc)>,
    background_us: u64,
}

impl Pulls {
    pub fn forget(&mut self, node: NodeId) {
        self.asked.remove(&node);
    }
}

impl Node {
    /// Asks for what waiting requests lack: the actors themselves, and other peers for actors that cannot be asked.
    pub(super) fn pull_lacking(&mut self, lacking: &[(ActorId, Hlc)]) {
        for (actor, need) in lacking {
            let origin = self.plan.config.actor(*actor).map(|actor| actor.node);
            let peers = self.repairable_peers();
            let asked = |node: &NodeId| peers.contains(node) || self.gets_from(*node).is_some();
            match origin.filter(asked) {
                Some(node) => self.pull_from(node, *need),
                None => peers.into_iter().for_each(|node| self.pull_from(node, Hlc::ZERO)),
            }
        }
    }

    /// Asks one peer for all that it has and this node lacks.
    pub(super) fn pull_from(&mut self, node: NodeId, need: Hlc) {
        let now_us = self.now.monotonic_us;
        if !self.view.repairs(node, now_us) {
            return;
        }
        if self.pulls.asked.get(&node).is_some_and(|(until_us, asked)| now_us < *until_us && need <= *asked) {
            return;
        }
        self.pulls.asked.insert(node, (now_us + PULL_PATIENCE_US, need));
        self.counters.pulls += 1;
        let own = !self.standing.promises();
        self.send(node, Message::Pull(Pull { vector: self.applied.clone(), need, own }));
    }

    pub(super) fn keep_pulling(&mut self) {
        if self.standing.is_founding() || self.now.monotonic_us < self.pulls.background_us {
            return;
        }
        self.pulls.background_us = self.now.monotonic_us + BACKGROUND_US;
        let peers = self.repairable_peers();
        if self.standing.promises() && self.standing.caught_up() {
            let lot = self.random.next_u32() as usize;
            if let Some(node) = lot.checked_rem(peers.len()).map(|lot| peers[lot]) {
                self.pull_from(node, Hlc::ZERO);
            }
        } else {
            peers.into_iter().for_each(|node| self.pull_from(node, Hlc::ZERO));
        }
    }

    pub(super) fn answer_pull(&mut self, from: NodeId, pull: Pull) {
        let Some(asker) = self.actor_of(from) else { return };
        let given = self.given_to(from);
        if self.standing.is_founding() || (given.is_empty() && !self.links.contains_key(&from)) {
            return;
        }
        let is_asked = |write: &&Arc<Write>| given.is_empty() || given.contains(slot_of(&write.key));
        let mut actors: Vec<ActorId> = self.plan.config.writers_of(self.shard).map(|member| member.actor).collect();
        if given.is_empty() {
            actors.extend(self.passed_on(asker, &pull.vector));
        }
        let process = self.view.process(from);
        let mut answer = PullAnswer { asker: process, runs: Vec::new(), cut: false, more: false, serves: self.standing.serves() };
        let mut room = PULL_RECORDS;
        for actor in actors.into_iter().filter(|actor| *actor != asker || pull.own) {
            let upto = match actor == self.actor {
                true => self.own_promise(pull.need),
                false if planted(Mutant::PullPromisesReceived) => self.received(actor),
                // What the asker has lost itself may be among what a damaged log left here, above all that counts.
                false if actor == asker => self.applied.get(actor).max(self.tail.last(actor)),
                false => self.applied.get(actor),
            };
            let start = pull.vector.get(actor);
            let epoch = self.epoch_of_run(actor, upto);
            let news = upto > start || (upto == start && self.in_flux() && epoch > Epoch::default());
            if !news {
                continue;
            }
            if !self.tail.reaches(actor, start) {
                answer.cut = true;
                continue;
            }
            let skipped = usize::from(planted(Mutant::PullSkipsRecord));
            let writes: Vec<_> =
                self.tail.range(actor, start, upto).filter(is_asked).skip(skipped).take(room + 1).cloned().collect();
            answer.runs.push(run_within(Run { actor, start, writes, upto, epoch }, &mut room));
            answer.more |= answer.runs.last().is_some_and(|run| run.upto < upto);
        }
        self.send(from, Message::PullAnswer(answer));
    }

    /// Actors of former owners that were cut off, of which a peer that has their base lacks something: their shard's own replicas may
    /// have less.
    fn passed_on(&self, peer: ActorId, vector: &VersionVector) -> Vec<ActorId> {
        let has_base = self.is_said_to_have_copied(peer);
        let lacks = |actor: &ActorId| {
            let has = vector.get(*actor);
            (has_base || has > Hlc::ZERO)
                && self.cut_here(*actor).is_some_and(|upto| has < upto)
                && !planted(Mutant::CutNotPassedOn)
        };
        self.import_sources().into_iter().filter(lacks).collect()
    }

    /// Records of slots that this shard gets, after their base.
    fn receive_given(&mut self, from: NodeId, cut: bool, more: bool, connected: bool) {
        match (cut, more) {
            (true, _) => self.import_anew(),
            (false, true) => self.pull_from(from, Hlc::ZERO),
            (false, false) if connected => self.import_is_close(),
            (false, false) => {}
        }
    }

    pub(super) fn receive_pulled(&mut self, from: NodeId, answer: PullAnswer) {
        if answer.asker != self.plan.incarnation && !planted(Mutant::ReplyToAnotherProcess) {
            self.counters.stale_messages += 1;
            return;
        }
        let source = self.gets_from(from);
        if source.is_none() && !self.links.contains_key(&from) {
            return;
        }
        self.pulls.forget(from);
        let mut connected = true;
        for Run { actor, start, writes, upto, epoch } in answer.runs {
            // A peer may believe that this replica has a base which it has lost.
            if (actor == self.actor && self.standing.promises()) || (source.is_none() && !self.hears(actor)) {
                continue;
            }
            connected &= self.log_run(Received { actor, start, writes, upto, epoch, from, acknowledge: None });
        }
        if source.is_some() {
            return self.receive_given(from, answer.cut, answer.more, connected);
        }
        if self.takes_over() {
            return;
        }
        if (answer.cut && !planted(Mutant::CutNotTransferred)) || self.adoption.asks_for_base() {
            self.begin_transfer(from, Purpose::CatchUp);
        } else if answer.more {
            self.pull_from(from, Hlc::ZERO);
        } else if connected {
            self.log_pulled_all(from, answer.serves);
        }
    }
}

/// A run that fits: one that is cut short promises no more than its last record.
fn run_within(mut run: Run, room: &mut usize) -> Run {
    if run.writes.len() > *room {
        run.writes.truncate(*room);
        (run.upto, run.epoch) = (run.writes.last().map_or(run.start, |write| write.dot.hlc), Epoch::default());
    }
    *room -= run.writes.len();
    run
}
