//! All checkers over one run: each observation is shown to those that it concerns, then noted in the books.

mod changes;
mod contents;

use std::collections::BTreeMap;

use causeway::{
    clock::{Dot, TokenKeys, VersionVector},
    id::NodeId,
    node::{Event, Settings, WhyNoWrites},
    placement::Config,
    store::{Key, Order, Version, Write},
};

use super::{
    Answer, Asked, Books, Configs, IsTombstone, Known, Reading, Replicas, Violation, a1_stamps, a2_reads, answers, applied_once,
    convergence, cut_holds, durability, epoch_gate, evicted_by_many, promises, records_are_asked_for, same_set_same_state, seals,
    set_aside, stable_time, stamps_never_go_back, takes_no_writes, token_covers_past, tombstones, write_concern,
};
use crate::{
    history::{Invocation, OpId, Outcome},
    plan::Losses,
};

/// How long a node counts as catching up after it has started or taken something over, in microseconds.
const CATCHING_UP_US: u64 = 2_000_000;

/// Judges one run. Every method that learns something fails with the first violation that it shows; the run ends there.
#[derive(Debug)]
pub struct Judge {
    books: Books,
    replicas: Replicas,
    configs: Configs,
    keys: TokenKeys,
    longest_token: usize,
    losses: Losses,
    now_us: u64,
    /// When nodes started or took over slots last, in simulated microseconds; none for their first start.
    changed_us: BTreeMap<NodeId, Option<u64>>,
    /// What starting nodes find on spoilt disks, until they say whether they believe it.
    doubted: BTreeMap<NodeId, Vec<(Key, Vec<Version>)>>,
    aside: set_aside::Aside,
    beliefs: evicted_by_many::Beliefs,
    /// A checker that is not listened to.
    without: Option<&'static str>,
}

impl Judge {
    /// A judge of a run with that many sessions, on nodes of this config, whose tokens are sealed with these keys.
    pub fn new(config: &Config, sessions: usize, keys: TokenKeys) -> Self {
        Self {
            books: Books::new(sessions),
            replicas: Replicas::new(config),
            configs: Configs::new(config),
            keys,
            longest_token: 0,
            losses: Losses::None,
            now_us: 0,
            changed_us: BTreeMap::new(),
            doubted: BTreeMap::new(),
            aside: set_aside::Aside::default(),
            beliefs: evicted_by_many::Beliefs::new(Settings::default().evict_after_ms),
            without: None,
        }
    }

    /// Asks nothing about durability from now on: faults may destroy every copy of an acknowledged write.
    pub fn allow_losses(&mut self) {
        self.losses = Losses::Allowed;
    }

    /// A node is evicted once a majority has believed it down for that long, in milliseconds; 5 minutes, if nothing is said.
    pub fn evicts_after(&mut self, after_ms: u64) {
        self.beliefs = evicted_by_many::Beliefs::new(after_ms);
    }

    /// Does not listen to one checker, to see who else catches what it catches.
    pub fn ignore(&mut self, checker: &'static str) {
        self.without = Some(checker);
    }

    /// What happens from now on happens at this time, in simulated microseconds.
    pub fn pass_time(&mut self, now_us: u64) {
        self.now_us = now_us;
    }

    /// Whether some node started again, or took over slots, not long ago.
    pub fn is_catching_up(&self, now_us: u64) -> bool {
        self.changed_us.values().flatten().any(|changed_us| now_us < changed_us + CATCHING_UP_US)
    }

    fn heed(&self, judged: Result<(), Violation>) -> Result<(), Violation> {
        judged.or_else(|violation| if self.without == Some(violation.property.checker()) { Ok(()) } else { Err(violation) })
    }

    /// What is known of sessions and their operations.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// What is known of replicas and their records.
    pub fn replicas(&self) -> &Replicas {
        &self.replicas
    }

    /// The most characters that a token had.
    pub fn longest_token(&self) -> usize {
        self.longest_token
    }

    /// A session begins an operation.
    pub fn invoke(&mut self, invocation: Invocation) -> OpId {
        self.books.invoke(invocation)
    }

    /// A session begins an operation that has a name.
    pub fn invoke_as(&mut self, op: OpId, invocation: Invocation) {
        self.books.invoke_as(op, invocation);
    }

    /// So many replicas must hold a write before it is answered; one, if nothing is said.
    pub fn require(&mut self, op: OpId, concern: u8) {
        self.books.require(op, concern);
    }

    /// Keeps the whole history from now on, however long it gets.
    pub fn archive(&mut self) {
        self.books.archive();
    }

    /// A session sends an operation once more, under the same idempotency key.
    pub fn retry(&mut self, op: OpId) {
        self.books.retry(op);
    }

    /// No answer came: the operation may have happened, or may happen yet.
    pub fn gave_up(&mut self, op: OpId, at_us: u64) {
        self.books.answer(op, Outcome::Unknown, at_us, None);
    }

    /// No process took the request: this attempt never takes effect.
    ///
    /// # Errors
    /// There is a record of the operation all the same.
    pub fn refused_connection(&mut self, op: OpId, at_us: u64) -> Result<(), Violation> {
        self.books.answer(op, Outcome::NotApplied, at_us, None);
        self.heed(self.books.history().get(op).map_or(Ok(()), records_are_asked_for::check_refusal))
    }

    /// An answer came. Says what it means for the operation.
    ///
    /// # Errors
    /// The answer is not in the contract, is stale, or carries a token that does not stand for it.
    pub fn answered(&mut self, op: OpId, answer: &Answer, at_us: u64) -> Result<Outcome, Violation> {
        self.check_answer(op, answer, at_us).map_err(|violation| violation.of(op))
    }

    fn check_answer(&mut self, op: OpId, answer: &Answer, at_us: u64) -> Result<Outcome, Violation> {
        let Some(operation) = self.books.history().get(op) else { return Ok(Outcome::Unknown) };
        let session = operation.invocation.session;
        let kind = operation.invocation.kind;
        let may_shrink = operation.concern > 1 && self.configs.have_changed();
        let judged = if may_shrink && answers::is_too_large_a_concern(kind, answer) {
            Ok(Outcome::NotApplied)
        } else {
            answers::outcome_of(kind, answer)
        };
        self.heed(judged.clone().map(|_| ()))?;
        let outcome = judged.unwrap_or(Outcome::Unknown);
        self.heed(a2_reads::check(&self.books, op, outcome))?;
        let settled = self.replicas.settled(self.books.key_of(op));
        self.books.answer(op, outcome, at_us, settled);
        if let Some(operation) = self.books.history().get(op) {
            self.heed(records_are_asked_for::check_refusal(operation))?;
            self.heed(write_concern::check(&self.replicas, operation))?;
        }
        if let Some(token) = &answer.token {
            self.longest_token = self.longest_token.max(token.len());
            let past = &self.books.session(session).past;
            let opened = token_covers_past::check_text(&self.keys, token, past, &format_args!("{session} after {op}"));
            let node = operation_node(&self.books, op);
            self.heed(opened.clone().map(|_| ()))?;
            if let Some((node, token)) = node.zip(opened.ok()) {
                self.heed(epoch_gate::check_answer(&self.replicas, node, &token))?;
            }
        }
        Ok(outcome)
    }

    /// The answer to a request with a forged token came.
    ///
    /// # Errors
    /// It is anything but a refusal of the token.
    pub fn answered_forged(&self, answer: &Answer) -> Result<(), Violation> {
        self.heed(answers::check_forged(answer))
    }

    /// A node's disk is gone, or what it had not synced may count: its next start may find less.
    pub fn may_lose(&mut self, node: NodeId) {
        self.aside.excuse(node);
        if let Some(replica) = self.replicas.get_mut(node) {
            replica.may_lose = true;
        }
    }

    /// What a node's disk holds, or gives, is wrong from now on.
    pub fn damage(&mut self, node: NodeId) {
        self.aside.excuse(node);
        if let Some(replica) = self.replicas.get_mut(node) {
            replica.is_damaged = true;
        }
    }

    /// All that a node has is destroyed.
    pub fn destroy(&mut self, node: NodeId) {
        self.may_lose(node);
        for op in self.replicas.destroy(node) {
            self.books.lose(op);
        }
    }

    /// A node says that something happened.
    ///
    /// # Errors
    /// It should not have.
    pub fn happened(&mut self, node: NodeId, event: &Event) -> Result<(), Violation> {
        self.check_event(node, event).map_err(|violation| violation.at(node))
    }

    fn check_event(&mut self, node: NodeId, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Recovered { applied, takes_writes, epoch, .. } => {
                self.replicas.start_in(node, *epoch);
                // Who takes writes believes all of it: what was spoilt was none that it needed.
                for (key, versions) in self.doubted.remove(&node).into_iter().flatten().filter(|_| *takes_writes) {
                    self.learn_versions(&key, &versions)?;
                }
                self.recovered(node, applied, *takes_writes)?;
            }
            Event::Found { key, versions } => {
                self.learn_found(node, key, versions)?;
                if let Some(replica) = self.replicas.get_mut(node) {
                    replica.found.insert(key.clone(), versions.iter().map(|version| version.dot).collect());
                }
            }
            Event::Applied { write, winner } => self.applied(node, write, *winner)?,
            Event::Promised { actor, upto } => {
                self.heed(promises::check_promise(&self.replicas, node, *actor, *upto))?;
                if let Some(replica) = self.replicas.get_mut(node) {
                    replica.promised.raise(*actor, *upto);
                }
            }
            Event::Installed { key, versions } => self.installed(node, key, versions)?,
            Event::Kept => self.replicas.keep_installed(node),
            Event::Collected { key, order } => {
                self.heed(tombstones::check(&self.replicas, node, key, *order))?;
                self.replicas.note_collected(key, *order);
            }
            Event::Acknowledged(dot) => {
                self.heed(durability::check_answer(&self.replicas, node, *dot))?;
                if let Some(replica) = self.replicas.get_mut(node).filter(|replica| replica.actor == dot.actor) {
                    replica.answered = replica.answered.max(dot.hlc);
                }
            }
            Event::Stable(hlc) => {
                self.heed(stable_time::check(&self.replicas, node, *hlc))?;
                self.replicas.note_stable(*hlc);
            }
            Event::StoppedWriting(why) => self.stopped_writing(node, *why),
            Event::TakesWrites => {
                self.note_writing(node, None);
                if let Some(replica) = self.replicas.get_mut(node) {
                    replica.is_new = false;
                }
            }
            Event::Adopted(config) => self.adopted(node, config)?,
            Event::Copied(begun) => self.copied(node, *begun)?,
            Event::ImportsAnew { dropped } => self.replicas.import_anew(node, dropped),
            Event::Forgot => self.replicas.begin_anew(node),
            Event::SetAside { actor, dots, left_out } => self.aside.keep(*actor, dots, *left_out),
            Event::Suspected(_) | Event::Trusted(_) | Event::Down(_) | Event::Up(_) => {
                self.beliefs.hear(node, event, self.now_us)
            }
        }
        Ok(())
    }

    fn recovered(&mut self, node: NodeId, applied: &VersionVector, takes_writes: bool) -> Result<(), Violation> {
        if self.losses == Losses::None {
            self.heed(durability::check_recovery(&self.replicas, node, applied))?;
        }
        self.beliefs.begin(node, self.now_us);
        self.note_change(node);
        for op in self.replicas.recover(node, applied) {
            self.books.lose(op);
        }
        self.note_writing(node, (!takes_writes).then_some(self.now_us));
        if let Some(replica) = self.replicas.get_mut(node).filter(|_| takes_writes) {
            replica.is_new = false;
        }
        Ok(())
    }

    /// The run is quiet and every replica was asked for every key.
    ///
    /// # Errors
    /// The replicas disagree, or an acknowledged write is gone.
    pub fn quiescent(&self, readings: &[Reading]) -> Result<(), Violation> {
        self.heed(self.agreed(readings))?;
        self.heed(self.aside.check(&self.replicas))?;
        match self.losses {
            Losses::None => self.heed(convergence::check_nothing_lost(&self.books, readings)),
            Losses::Allowed => Ok(()),
        }
    }

    /// Whether all replicas said the same. A run waits for this, whoever is listened to.
    ///
    /// # Errors
    /// They did not.
    pub fn agreed(&self, readings: &[Reading]) -> Result<(), Violation> {
        convergence::check_agreement(readings)
    }

    fn applied(&mut self, node: NodeId, write: &Write, winner: Order) -> Result<(), Violation> {
        self.heed(epoch_gate::check_applied(&self.replicas, node, write))?;
        self.heed(a1_stamps::check_known(&self.replicas, write))?;
        if self.replicas.record(write.dot).is_none() {
            self.learn(write)?;
        }
        self.heed(applied_once::check(&self.replicas, node, write.dot))?;
        self.heed(cut_holds::check_applied(&self.replicas, node, &write.key, write.dot))?;
        self.replicas.apply(node, write.dot);
        self.heed(stamps_never_go_back::check(&self.replicas, node, &write.key, Some(winner)))?;
        self.heed(same_set_same_state::check(&self.replicas, node, write, winner))?;
        self.replicas.note_winner(node, &write.key, Dot { actor: winner.actor, hlc: winner.hlc });
        Ok(())
    }

    fn learn(&mut self, write: &Write) -> Result<(), Violation> {
        let asked = self.books.asked_for(write);
        self.heed(records_are_asked_for::check_new(&self.books, &self.replicas, write, asked))?;
        let op = if let Asked::By(op) = asked { Some(op) } else { None };
        let is_tombstone = if write.value.is_none() { IsTombstone::Yes } else { IsTombstone::No };
        let operation = write.operation.map(|operation| operation.id);
        let known = Known::new(write.key.clone(), operation, op, is_tombstone, write.epoch);
        self.heed(promises::check_new_record(&self.replicas, write.dot, &known))?;
        self.heed(stable_time::check_new_record(&self.replicas, write.dot))?;
        self.heed(seals::check(&self.configs, write))?;
        let counts = self.replicas.learn(write.dot, known);
        let Some(op) = op else { return Ok(()) };
        self.books.record(op, write.dot);
        if !counts {
            self.books.lose(op);
        }
        let Some(operation) = self.books.history().get(op) else { return Ok(()) };
        self.heed(takes_no_writes::check(&self.replicas, write, operation))?;
        self.heed(records_are_asked_for::check_number(operation))?;
        self.heed(a1_stamps::check_new(&self.books, operation, write.dot))?;
        self.heed(token_covers_past::check(&write.seen(), &operation.past, write))
    }

    fn stopped_writing(&mut self, node: NodeId, why: WhyNoWrites) {
        if why == WhyNoWrites::TakingOver {
            self.replicas.begin_anew(node);
        }
        self.note_writing(node, Some(self.now_us));
    }

    /// Notes whether a node takes writes: `None` when it does, or since when it does not.
    fn note_writing(&mut self, node: NodeId, no_writes_since_us: Option<u64>) {
        if let Some(replica) = self.replicas.get_mut(node) {
            replica.no_writes_since_us = no_writes_since_us.map(|since_us| replica.no_writes_since_us.unwrap_or(since_us));
        }
    }
}

/// The node that answered an operation, if it was sent only once.
fn operation_node(books: &Books, op: OpId) -> Option<NodeId> {
    books.history().get(op).filter(|operation| operation.attempts == 1).map(|operation| operation.invocation.node)
}
