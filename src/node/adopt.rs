//! Configs: how a node learns of a newer one, makes it durable, and goes on under it.
//!
//! The gate: nothing that is said in an epoch is heard in an older one. A message of a newer epoch waits while the node asks its
//! sender for that config. A config is adopted once it is durable in the marks, which a full disk cannot stop.
//!
//! The newest config is enough, those between need not be seen: every change that needs a node's part waits for that node, so none
//! that a node could miss asks anything of it (see [`next()`](crate::placement::next())).
//!
//! A new actor begins with nothing but what its node's clock knows, unless it holds the same shard as the one before: then it
//! keeps what is there. A node without an actor keeps nothing and passes on what it is asked.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{Effect, Event, Node, WhyNoWrites, digest::Digests, replication::Link, tail::Tail};
use crate::{
    clock::{Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId, ShardId},
    mark::{Mark, reached},
    message::{Envelope, Message},
    mutant::{Mutant, planted},
    placement::{Config, Standing},
    store::Table,
};

/// In clusters up to this size every node is judged by what comes straight from it.
const SMALL_CLUSTER: usize = 16;
/// How many messages of a newer epoch wait for its config; more are dropped, as the network may do.
const HELD_LIMIT: usize = 1_000;
/// Between questions for a newer config.
const ASK_AGAIN_US: u64 = 50_000;

/// What is known of configs beside the one in use.
#[derive(Debug, Default)]
pub(super) struct Adoption {
    /// A newer config, not durable yet.
    newer: Option<Arc<Config>>,
    held: VecDeque<(NodeId, Envelope)>,
    asked_us: u64,
    /// What this node's own actor made before it adopted the config is at most this.
    spoken: Hlc,
    /// The last epoch that each actor is known to have adopted before what is applied of it.
    heard: BTreeMap<ActorId, Epoch>,
    /// Whose replica the disk holds; `None` while that is nobody's, or a former actor's.
    holds: Option<ActorId>,
    base: Base,
}

/// What a new actor's replica begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Base {
    /// It is here, durably.
    #[default]
    Here,
    /// All that its shard holds, from a peer: the log does not lead to it.
    AtPeers,
    /// Nothing: the shard owns no slots yet, or has nobody else. The disk must say so.
    Nothing,
    /// It is on the disk, and the marks do not say yet whose it is.
    Unmarked(From),
}

/// Where a base came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Peers,
    Nobody,
}

impl Adoption {
    /// Whose replica the disk holds.
    pub fn holds(&self) -> Option<ActorId> {
        self.holds
    }

    /// The disk that was found is this actor's.
    pub fn found(&mut self, actor: ActorId, spoken: Hlc) {
        (self.holds, self.spoken) = (Some(actor).filter(|_| !self.asks_for_base()), spoken);
    }

    /// The disk is empty, and was somebody's.
    pub fn holds_nothing(&mut self) {
        self.holds = None;
    }

    /// Whether this replica has no base yet: until then nothing that it takes would be there after a restart.
    pub fn needs_base(&self) -> bool {
        self.base != Base::Here
    }

    /// Whether the base is to come from a peer.
    pub fn asks_for_base(&self) -> bool {
        self.base == Base::AtPeers
    }

    /// Whether an empty disk is to be the base.
    pub fn begins_with_nothing(&self) -> bool {
        self.base == Base::Nothing
    }
}

impl Node {
    /// The config to be written to the marks: the newest known. The first one follows from the variables and is in none.
    pub(super) fn config_to_keep(&self) -> Option<Arc<Config>> {
        let config = self.adoption.newer.as_ref().unwrap_or(&self.plan.config);
        config.parent().is_some().then(|| config.clone())
    }

    /// Keeps a message of a newer epoch until its config is adopted.
    pub(super) fn hold_until_adopted(&mut self, from: NodeId, envelope: Envelope) {
        reached(Mark::NewerEpoch);
        if self.adoption.held.len() < HELD_LIMIT {
            self.adoption.held.push_back((from, envelope));
        }
        self.ask_for_config(from);
    }

    /// Asks a node for its config, unless one is on its way.
    pub(super) fn ask_for_config(&mut self, from: NodeId) {
        let now_us = self.now.monotonic_us;
        if self.adoption.newer.is_none() && now_us >= self.adoption.asked_us {
            self.adoption.asked_us = now_us + ASK_AGAIN_US;
            self.send(from, Message::ConfigRequest);
        }
    }

    /// Asks everybody: a client's token shows that there is a newer config, and not who has it.
    pub(super) fn ask_all_for_config(&mut self) {
        if self.adoption.newer.is_none() && self.now.monotonic_us >= self.adoption.asked_us {
            self.adoption.asked_us = self.now.monotonic_us + ASK_AGAIN_US;
            let nodes: Vec<NodeId> = self.view.peers().filter(|(_, peer)| !peer.suspected).map(|(node, _)| node).collect();
            nodes.into_iter().for_each(|node| self.send(node, Message::ConfigRequest));
        }
    }

    pub(super) fn answer_config_request(&mut self, from: NodeId) {
        self.send(from, Message::Config(self.plan.config.clone()));
    }

    /// Takes note of a config, and adopts it once it is durable.
    pub(super) fn learn_config(&mut self, config: Arc<Config>) {
        let known = self.adoption.newer.as_ref().unwrap_or(&self.plan.config);
        // Who founds a cluster has not learned of another config when it is told the first one.
        let is_newer = config.epoch() > known.epoch() || (planted(Mutant::OlderConfigAdopted) && config.parent().is_some());
        if config.cluster() == known.cluster() && is_newer && config.member(self.plan.me).is_some() {
            self.adoption.newer = Some(config);
            self.founded_long_ago();
            self.write_marks();
        }
    }

    /// Tries again what waits for the disk.
    pub(super) fn keep_adopting(&mut self) {
        if self.adoption.newer.is_some() || matches!(self.adoption.base, Base::Unmarked(_)) {
            self.write_marks();
        }
        if self.adoption.begins_with_nothing() && !self.snapshot.is_under_way() {
            self.snapshot_due();
        }
    }

    /// The base is on the disk: from now on what the disk holds is this actor's.
    pub(super) fn based(&mut self) {
        let from = match self.adoption.base {
            Base::AtPeers => From::Peers,
            Base::Nothing => From::Nobody,
            Base::Here | Base::Unmarked(_) => return,
        };
        self.adoption.base = Base::Unmarked(from);
        self.adoption.holds = Some(self.actor);
        self.write_marks();
    }

    /// The marks say whose replica the disk holds.
    pub(super) fn base_marked(&mut self, holds: Option<ActorId>) {
        let Base::Unmarked(from) = self.adoption.base else { return };
        if holds != Some(self.actor) {
            return self.write_marks();
        }
        self.adoption.base = Base::Here;
        if from == From::Nobody && !self.standing.unused.is_sought() {
            self.stand_anew();
        }
        self.own_records_found();
    }

    /// This config is durable.
    pub(super) fn config_durable(&mut self, config: Arc<Config>) {
        let (epoch, before) = (config.epoch(), self.plan.config.epoch());
        if epoch == before || (epoch < before && !planted(Mutant::OlderConfigAdopted)) {
            return;
        }
        self.adoption.newer.take_if(|newer| newer.epoch() <= config.epoch());
        let before = std::mem::replace(&mut self.plan.config, config.clone());
        self.adoption.spoken = self.clock.last();
        let seat = (self.actor, self.shard);
        self.drop_coming();
        self.giving.forget_copies();
        self.drop_backup();
        self.take_places();
        self.note_evictions(&before);
        self.effects.push(Effect::Adopted(config.clone()));
        self.observe(|| Event::Adopted(config));
        self.learn_unused();
        let begins_anew = self.is_to_begin_anew(&before);
        if (self.actor, self.shard) != seat {
            self.change_actor(seat, begins_anew);
        } else if begins_anew {
            self.forget_contents();
            self.begin_from_peers();
        }
        self.keep_what_is_ours(&before);
        // Who has left shall be waited for no longer.
        self.own_records_found();
        self.progressed = true;
        let held = std::mem::take(&mut self.adoption.held);
        self.receive_held(held);
        self.write_marks();
    }

    /// Takes its own place and its peers' from the config.
    pub(super) fn take_places(&mut self) {
        let config = self.plan.config.clone();
        let seat = config.seat(self.plan.me).map(|seat| (seat.actor, seat.shard));
        (self.actor, self.shard) = seat.unwrap_or((ActorId::NONE, ShardId::NONE));
        self.kept = config.kept_by(self.shard);
        let small = config.members().len() <= SMALL_CLUSTER;
        let shard_of = |node| config.seat(node).map(|seat| seat.shard);
        let others = config.members().iter().map(|member| member.node).filter(|node| *node != self.plan.me);
        self.view.keep(others.clone().map(|node| (node, small || shard_of(node) == Some(self.shard))));
        let peers = others.filter_map(|node| config.seat(node)).filter(|peer| peer.shard == self.shard && peer.standing.speaks());
        let mut old = std::mem::take(&mut self.links);
        for peer in peers {
            let link = old.remove(&peer.node).filter(|link| link.actor == peer.actor);
            self.links.insert(peer.node, link.unwrap_or_else(|| Link::to(peer.actor)));
        }
    }

    fn change_actor(&mut self, (actor, shard): (ActorId, ShardId), begins_anew: bool) {
        reached(Mark::ActorChanged);
        if actor != ActorId::NONE && self.actor < actor {
            // A config log that was forced to go on has forgotten what it gave out last.
            self.standing.unused.seek();
        }
        let goes_on = self.goes_on(actor) && shard == self.shard && !begins_anew;
        if goes_on && self.standing.serves() && !self.adoption.needs_base() {
            // The same shard under a new name: what is here stays.
            self.adoption.holds = Some(self.actor);
            return if self.has_unused_actor() { self.stand_anew() } else { self.begin_without_actor(true) };
        }
        if actor != ActorId::NONE {
            self.set_tail_aside(actor);
        }
        self.forget_contents();
        if self.actor == ActorId::NONE {
            self.stand_aside();
        } else if self.has_unused_actor() {
            self.change_actor_to_void();
        } else {
            self.begin_from_peers();
        }
    }

    /// An actor whose replica must come from its peers, if its shard holds anything.
    pub(super) fn change_actor_to_void(&mut self) {
        self.adoption.holds = None;
        self.stand_back(WhyNoWrites::TakingOver);
        self.ask_for_base();
    }

    /// What the shard holds is to come from its peers, if it holds anything. Else the disk must say that nothing is all there is.
    pub(super) fn ask_for_base(&mut self) {
        if self.plan.config.has_records(self.shard) && !self.links.is_empty() {
            self.adoption.base = Base::AtPeers;
        } else {
            self.adoption.base = Base::Nothing;
            self.snapshot_due();
        }
    }

    /// Whether what the disk holds is this actor's, by its marks.
    pub(super) fn is_ours(&self, holds: Option<ActorId>) -> bool {
        self.plan.config.parent().is_none() || holds.is_some_and(|actor| self.goes_on(actor))
    }

    /// Whether this node's actor goes on with the replica of a former one: it does if the shard has never been without it in between.
    /// Else others may have been retired meanwhile, of whom not everything is here.
    fn goes_on(&self, former: ActorId) -> bool {
        let seat = self.plan.config.seat(self.plan.me).filter(|_| former != ActorId::NONE);
        seat.is_some_and(|seat| former >= seat.unbroken_since || planted(Mutant::OldReplicaKept))
    }

    /// What a former actor kept is void.
    pub(super) fn forget_contents(&mut self) {
        self.table = Table::default();
        self.tail = Tail::default();
        self.digest = Digests::default();
        self.applied = VersionVector::default();
        self.stability.durable = VersionVector::default();
        self.journal.forget_received();
        self.transfer = None;
        (self.adoption.holds, self.adoption.base) = (None, Base::Here);
        self.adoption.heard = BTreeMap::new();
        self.import = super::import::Import::default();
        self.observe(|| Event::Forgot);
    }

    /// Drops the slots that are no longer kept, and what is known of actors that are no longer heard.
    fn keep_what_is_ours(&mut self, before: &Config) {
        let config = self.plan.config.clone();
        if before.owners() != config.owners() || before.migration() != config.migration() {
            self.table.keep_slots(&self.kept);
            if before.kept_by(self.shard) != self.kept {
                // A restart must not find again what was dropped.
                self.snapshot_due();
            }
            self.begin_import(before);
        }
        self.drop_what_was_cut();
        let heard = self.heard_actors();
        self.applied = self.applied.iter().filter(|(actor, _)| heard.contains(actor)).collect();
        self.stability.durable = self.stability.durable.iter().filter(|(actor, _)| heard.contains(actor)).collect();
        self.digest.keep(|actor| heard.contains(&actor));
        self.tail.keep(|actor| heard.contains(&actor));
        self.adoption.heard.retain(|actor, _| heard.contains(actor));
    }

    /// Whose records this replica takes: everybody of its shard, and those that its shard imports from.
    pub(super) fn heard_actors(&self) -> Vec<ActorId> {
        let config = &self.plan.config;
        let own = config.writers_of(self.shard).map(|actor| actor.actor);
        own.chain(self.import_sources()).collect()
    }

    /// The last epoch that this node had adopted before it could have made a record above this promise.
    pub(super) fn epoch_of_promise(&self, promise: Hlc) -> Epoch {
        if promise >= self.adoption.spoken || planted(Mutant::SealOverPending) {
            self.plan.config.epoch()
        } else {
            Epoch::default()
        }
    }

    /// What is known of an actor's epoch, for a run that ends at `upto`.
    pub(super) fn epoch_of_run(&self, actor: ActorId, upto: Hlc) -> Epoch {
        if actor == self.actor {
            return self.epoch_of_promise(upto);
        }
        let whole = upto >= self.applied.get(actor);
        self.adoption.heard.get(&actor).copied().filter(|_| whole).unwrap_or_default()
    }

    /// An actor had adopted an epoch before all that is applied of it.
    pub(super) fn heard_epoch(&mut self, actor: ActorId, epoch: Epoch) {
        let heard = self.adoption.heard.entry(actor).or_default();
        if epoch > *heard {
            *heard = epoch;
            self.progressed = true;
        }
    }

    /// Whether everything is applied that an actor made before this epoch.
    pub(super) fn is_sealed(&self, actor: ActorId, since: Epoch) -> bool {
        if actor == self.actor {
            return self.plan.config.epoch() >= since;
        }
        match self.plan.config.actor(actor).map(|actor| actor.standing) {
            None => true,
            Some(Standing::Cut { .. }) => self.cut_here(actor).is_some_and(|upto| self.applied.get(actor) >= upto),
            Some(_) => self.adoption.heard.get(&actor).is_some_and(|heard| *heard >= since),
        }
    }

    /// How far an actor is applied here: without end, if it was cut off and everything that counts is here.
    pub(super) fn reach(&self, actor: ActorId, applied: &VersionVector) -> Hlc {
        let applied = applied.get(actor);
        match self.cut_here(actor) {
            Some(upto) if applied >= upto => Hlc(u64::MAX),
            _ => applied,
        }
    }

    /// What is left of a run when its actor is cut off: nothing while that is being settled, then what counts.
    pub(super) fn within_cut(&self, actor: ActorId, upto: Hlc) -> Option<Hlc> {
        match self.plan.config.actor(actor).map(|actor| actor.standing) {
            Some(Standing::Frozen { .. }) => None,
            _ => Some(self.cut_here(actor).map_or(upto, |cut| upto.min(cut))),
        }
    }

    /// How far the records of an actor that was cut off count for what this replica keeps.
    pub(super) fn cut_here(&self, actor: ActorId) -> Option<Hlc> {
        self.plan.config.cut_in(actor, self.shard)
    }
}
