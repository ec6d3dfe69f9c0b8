//! Who must hold what, under configs that change. Each replica is judged by the config that it works by itself, which it says that it
//! has adopted: what a newer one asks of it, it cannot know yet.

use std::{collections::BTreeMap, sync::Arc};

use causeway::{
    clock::{Dot, Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId, ShardId, Slot},
    placement::{Config, SlotSet, Standing, slot_of},
};

use super::{Known, Replica, Replicas};
use crate::history::OpId;

impl Replica {
    /// A replica that holds nothing yet.
    pub(super) fn new(config: Arc<Config>, actor: ActorId, shard: ShardId) -> Self {
        Self {
            actor,
            shard,
            config,
            copied: None,
            dropped: SlotSet::default(),
            promised: VersionVector::default(),
            recovered: VersionVector::default(),
            answered: Hlc::ZERO,
            winners: BTreeMap::new(),
            installed: BTreeMap::new(),
            fresh: Default::default(),
            skipped: Default::default(),
            found: BTreeMap::new(),
            may_lose: false,
            is_damaged: false,
            is_new: false,
            no_writes_since_us: None,
            owes: VersionVector::default(),
        }
    }

    /// What it finds on its disk is of the slots that it keeps now.
    pub(super) fn note_what_is_kept(&mut self) {
        self.dropped = SlotSet::all().without(&self.config.kept_by(self.shard));
    }

    /// Whether a slot is still to come, as far as this replica knows.
    fn is_still_to_come(&self, slot: Slot) -> bool {
        self.config.migration().is_some_and(|migration| {
            self.copied != Some(migration.begun) && migration.into_shard(self.shard).any(|one| one.slots.contains(slot))
        })
    }

    /// Whether it must hold a record, once it says that it has everything of its actor up to there.
    pub fn must_hold(&self, dot: Dot, known: &Known) -> bool {
        let slot = slot_of(&known.key);
        let config = &self.config;
        let moves = config.migration().into_iter().flat_map(|migration| &migration.moves);
        let mut of_slot = moves.filter(|one| one.slots.contains(slot));
        let Some(actor) = config.actor(dot.actor) else { return false };
        if actor.shard != self.shard {
            return of_slot.any(|one| one.to == self.shard && one.from == actor.shard);
        }
        if config.owner(slot) == self.shard {
            // What its shard wrote when it had the slot before comes back with the base.
            let switched = config.migration().and_then(|migration| migration.switched);
            return !self.is_still_to_come(slot) || switched.is_some_and(|switched| known.epoch >= switched);
        }
        of_slot.any(|one| one.from == self.shard)
    }

    /// Whether it must hold a record that is stable: it answers for the slot, or has all of it.
    pub fn must_hold_stable(&self, dot: Dot, known: &Known) -> bool {
        self.config.owner(slot_of(&known.key)) == self.shard && self.must_hold(dot, known)
    }

    /// Whether it waits for what an actor has applied, by its config.
    pub fn waits_for(&self, actor: ActorId) -> bool {
        self.config.actor(actor).is_some_and(|found| found.standing.speaks())
    }

    /// Whether it only learns a record's slot, and counts for no write concern.
    pub fn is_learner_of(&self, known: &Known) -> bool {
        self.config.owner(slot_of(&known.key)) != self.shard && self.must_be_getting(slot_of(&known.key))
    }

    fn must_be_getting(&self, slot: Slot) -> bool {
        let migration = self.config.migration();
        migration.is_some_and(|migration| migration.into_shard(self.shard).any(|one| one.slots.contains(slot)))
    }

    /// The records of other shards' actors are asked for from the beginning.
    fn forget_sources(&mut self) {
        let others = self.config.actors().filter(|actor| actor.shard != self.shard);
        let sources: Vec<ActorId> = others.map(|actor| actor.actor).collect();
        let without = |vector: &VersionVector| vector.iter().filter(|(actor, _)| !sources.contains(actor)).collect();
        (self.promised, self.recovered, self.copied) = (without(&self.promised), without(&self.recovered), None);
    }

    /// What it held as its former actor is forgotten.
    pub(super) fn begin_anew(&mut self) {
        let fresh = Self::new(self.config.clone(), self.actor, self.shard);
        let no_writes_since_us = self.no_writes_since_us;
        *self = Self { no_writes_since_us, is_new: true, ..fresh };
        self.note_what_is_kept();
    }
}

impl Replicas {
    /// The replica that writes as this actor.
    pub fn origin(&self, actor: ActorId) -> Option<(NodeId, &Replica)> {
        self.iter().find(|(_, replica)| replica.actor == actor)
    }

    /// Everybody who has a record.
    pub fn writers(&self) -> impl Iterator<Item = ActorId> {
        self.records.writers()
    }

    /// A node works by another config: its replica becomes another one, or drops slots, or is to get some.
    pub fn adopt(&mut self, node: NodeId, config: &Arc<Config>) {
        let seat = config.seat(node).map_or((ActorId::NONE, ShardId::NONE), |seat| (seat.actor, seat.shard));
        let replica = self.replicas.entry(node).or_insert_with(|| Replica::new(config.clone(), seat.0, seat.1));
        let before = std::mem::replace(&mut replica.config, config.clone());
        let old_shard = std::mem::replace(&mut replica.shard, seat.1);
        replica.actor = seat.0;
        if old_shard != seat.1 {
            return self.begin_anew(node);
        }
        let gone = before.kept_by(replica.shard).without(&config.kept_by(replica.shard));
        let begun = |config: &Config| config.migration().map(|migration| migration.begun);
        if begun(config).is_some() && begun(&before) != begun(config) {
            replica.forget_sources();
        }
        if !gone.is_empty() {
            replica.dropped = replica.dropped.union(&gone);
            replica.winners.retain(|key, _| !gone.contains(slot_of(key)));
            replica.installed.retain(|key, _| !gone.contains(slot_of(key)));
            self.forget_at(node, |known| gone.contains(slot_of(&known.key)));
        }
    }

    /// A node begins again with what its shard is to get, and has dropped these slots.
    pub fn import_anew(&mut self, node: NodeId, dropped: &SlotSet) {
        let Some(replica) = self.replicas.get_mut(&node) else { return };
        replica.forget_sources();
        replica.winners.retain(|key, _| !dropped.contains(slot_of(key)));
        replica.installed.retain(|key, _| !dropped.contains(slot_of(key)));
        self.forget_at(node, |known| dropped.contains(slot_of(&known.key)));
    }

    /// Whether a replica held a record of a slot that it has dropped since.
    pub fn gave_away(&self, node: NodeId, dot: Dot) -> bool {
        let dropped = |known: &Known| self.get(node).is_some_and(|replica| replica.dropped.contains(slot_of(&known.key)));
        self.record(dot).is_some_and(|known| known.held_at.contains(node) && dropped(known))
    }

    /// A node's replica is another one, which holds nothing yet.
    pub fn begin_anew(&mut self, node: NodeId) {
        if let Some(replica) = self.replicas.get_mut(&node) {
            replica.begin_anew();
        }
        self.forget_at(node, |_| true);
    }

    fn forget_at(&mut self, node: NodeId, which: impl Fn(&Known) -> bool) {
        for known in self.records.iter_mut().filter(|known| which(known)) {
            known.applied_at.remove(node);
            known.said_at.remove(node);
        }
    }

    /// A node works by the first config again: it has lost all it knew.
    pub fn start_in(&mut self, node: NodeId, epoch: Epoch) {
        let first = self.first.clone();
        if epoch == first.epoch() && self.get(node).is_some_and(|replica| replica.config.epoch() != epoch) {
            self.adopt(node, &first);
        }
    }

    /// A replica has all of a migration. What its sources had and it did not get of the slots, since it holds something newer, it needs
    /// no more.
    pub fn note_copied(&mut self, node: NodeId, begun: Epoch) {
        let Some(replica) = self.replicas.get_mut(&node) else { return };
        replica.copied = Some(begun);
        let replica = replica.clone();
        let is_before = |dot: Dot, known: &Known| match replica.config.actor(dot.actor) {
            None => true,
            Some(actor) if actor.shard == replica.shard && known.epoch < begun => true,
            Some(_) => replica.promised.contains(dot),
        };
        let came =
            |dot, known: &Known| !self.is_lost(dot) && is_before(dot, known) && replica.must_be_getting(slot_of(&known.key));
        let superseded: Vec<Dot> = self
            .all()
            .filter(|(dot, known)| came(*dot, known) && !self.has(node, *dot) && self.is_superseded(node, *dot))
            .map(|(dot, _)| dot)
            .collect();
        let Some(replica) = self.replicas.get_mut(&node) else { return };
        for dot in superseded {
            if let Some(known) = self.records.get_mut(dot) {
                known.applied_at.insert(node);
                replica.skipped.insert(dot);
            }
        }
    }

    /// What a node lost is also what it wrote itself, as far as others have it.
    pub(super) fn owe_its_own(&mut self, node: NodeId, others: &[NodeId]) {
        let Some(actor) = self.get(node).map(|replica| replica.actor) else { return };
        let own = self.records.between(actor, Hlc::ZERO, Hlc(u64::MAX)).map(|(dot, _)| dot);
        let last = own.filter(|dot| others.iter().any(|other| self.has(*other, *dot))).map(|dot| dot.hlc).max();
        if let (Some(last), Some(replica)) = (last, self.replicas.get_mut(&node)) {
            replica.owes.raise(actor, last);
        }
    }

    /// Whether a record counts, by what is known of cuts.
    pub fn is_within_cut(&self, dot: Dot) -> bool {
        self.cuts.get(&dot.actor).is_none_or(|upto| dot.hlc <= *upto)
    }

    /// Records above the cut of an actor that is cut off do not count. Says whose operations they were.
    pub fn cut(&mut self, config: &Config) -> Vec<OpId> {
        let mut ops = Vec::new();
        for actor in config.actors() {
            let Standing::Cut { upto, .. } = actor.standing else { continue };
            let counts = |dot: Dot, known: &Known| {
                let owner = config.owner(slot_of(&known.key));
                owner != actor.shard && config.cut_in(dot.actor, owner).is_some_and(|upto| dot.hlc <= upto)
            };
            let above = self.records_between(actor.actor, upto, Hlc(u64::MAX)).filter(|(dot, known)| !counts(*dot, known));
            let above = above.map(|(dot, known)| (dot, known.op));
            let void: Vec<(Dot, Option<OpId>)> = above.collect();
            self.cuts.insert(actor.actor, upto);
            self.lost.extend(void.iter().map(|(dot, _)| *dot));
            ops.extend(void.into_iter().filter_map(|(_, op)| op));
        }
        ops
    }
}
