//! Slots that this replica's shard is to get, or has just got: what there is is taken over once, then everybody's records follow.
//!
//! The base comes as a [`transfer`](super::transfer). It counts once it is durable here, with the vector of the former owner's replica
//! that it came from; from there on that shard's records of the slots are pulled and logged as any peer's. Once the slots are handed
//! over, a former owner's actor is *sealed* here when it is known to have adopted the hand-over before all that is applied of it.
//!
//! While a shard gives or gets slots, none of its replicas forgets anything: a tombstone that one has dropped would be missed by
//! one that is still to get what it hides.

use super::{Event, Node, taking::Imported, transfer::Purpose};
use crate::{
    clock::{Dot, Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId, ShardId, Slot},
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    placement::{Config, SlotSet, slot_of},
    store::{Key, Marks, Write},
};

/// A replica follows closely when it had everything that a former owner's replica had so long ago.
const CLOSE_US: u64 = 1_000_000;

/// How far this replica is with what its shard is to get.
#[derive(Debug, Default)]
pub(super) struct Import {
    /// The migration of which it holds everything, from which shard each, and durably.
    pub copied: Option<Epoch>,
    /// The same, once that is in the marks.
    pub durable: Option<Epoch>,
    /// Shards whose slots are installed and durable, of the migration under way.
    based: Vec<ShardId>,
    /// What has come of it, for operators.
    pub imported: Imported,
    /// When a source last had nothing more to give.
    close_us: Option<u64>,
    turn: usize,
}

impl Node {
    /// The shards that this replica's shard gets slots from.
    fn sources(&self) -> Vec<ShardId> {
        let migration = self.plan.config.migration();
        migration.into_iter().flat_map(|migration| migration.into_shard(self.shard)).map(|one| one.from).collect()
    }

    /// The actors whose records this replica follows beside those of its own shard.
    pub(super) fn import_sources(&self) -> Vec<ActorId> {
        let config = &self.plan.config;
        let Some(migration) = config.migration() else { return Vec::new() };
        let mut actors = Vec::new();
        for one in migration.into_shard(self.shard) {
            match migration.switched {
                Some(_) => actors.extend(one.former.iter().filter(|actor| config.actor(**actor).is_some())),
                None => actors.extend(config.writers_of(one.from).map(|actor| actor.actor)),
            }
        }
        actors
    }

    /// The slots that this shard is to get in the migration under way.
    pub(super) fn coming_slots(&self) -> SlotSet {
        let coming = self.plan.config.migration().into_iter().flat_map(|migration| migration.into_shard(self.shard));
        coming.fold(SlotSet::default(), |slots, one| slots.union(&one.slots))
    }

    /// Whether this replica holds all that its shard is to get, as it was at some time, durably.
    pub(super) fn has_copied(&self) -> bool {
        match self.plan.config.migration() {
            Some(migration) if migration.gives_to(self.shard) => self.import.copied == Some(migration.begun),
            _ => true,
        }
    }

    /// Whether the shard gives or gets slots: nothing is forgotten meanwhile.
    pub(super) fn is_moving(&self) -> bool {
        self.plan.config.migration().is_some_and(|migration| migration.concerns(self.shard))
            && !planted(Mutant::CollectedWhileMoving)
    }

    /// Another migration: what is here of its slots is old, and comes again.
    pub(super) fn begin_import(&mut self, before: &Config) {
        let begun = self.plan.config.migration().map(|migration| migration.begun);
        if begun == before.migration().map(|migration| migration.begun) {
            return;
        }
        if self.transfer.as_ref().is_some_and(|transfer| matches!(transfer.purpose, Purpose::Import(_))) {
            self.transfer = None;
        }
        // What is here of the former owners' records is of other slots.
        self.import_from_nothing(SlotSet::default());
    }

    /// Whether a replica that has so much of each actor has more of a former owner's than counts since that was cut off. The hand-over
    /// did not wait for it, so nobody was told of that.
    fn is_beyond_a_cut(&self, has: impl Fn(ActorId) -> Hlc) -> bool {
        let is_beyond = |actor: ActorId| self.cut_here(actor).is_some_and(|upto| has(actor) > upto);
        self.import_sources().into_iter().any(is_beyond)
    }

    /// Whether a record came from a former owner, whose actor was cut off below it.
    pub(super) fn is_taken_beyond_cut(&self, key: &Key, dot: Dot) -> bool {
        let cut = self.plan.config.cut_of_slot(dot.actor, self.shard, slot_of(key));
        let is_beyond = cut.is_some_and(|upto| dot.hlc > upto);
        is_beyond && self.import_sources().contains(&dot.actor)
    }

    /// Begins again with what is to come, if part of what has come does not count: what that has replaced cannot be known.
    pub(super) fn drop_what_was_cut(&mut self) {
        // What is on its way to the disk would be applied later.
        if self.is_beyond_a_cut(|actor| self.received(actor)) {
            reached(Mark::TakenBeyondCut);
            let dropped = self.drop_coming_slots();
            self.import_from_nothing(dropped);
        }
    }

    /// What of the disk counts of slots that are to come. Before they are handed over, what is found of them may be of an earlier time,
    /// when this shard had them.
    pub(super) fn keep_recovered_imports(&mut self, marks: &mut Marks) {
        let is_switched = self.plan.config.migration().is_none_or(|migration| migration.switched.is_some());
        let is_beyond = self.is_beyond_a_cut(|actor| self.applied.get(actor).max(marks.applied.get(actor)));
        if !is_beyond && (is_switched || self.has_copied()) {
            return;
        }
        let dropped = if is_switched { SlotSet::default() } else { self.drop_coming_slots() };
        self.import_from_nothing(dropped);
        marks.applied = self.without_sources(&marks.applied);
    }

    /// Takes what there is of the slots that are to come out of the table. Says which.
    fn drop_coming_slots(&mut self) -> SlotSet {
        let coming = self.coming_slots();
        self.table.keep_slots(&self.kept.without(&coming));
        coming
    }

    /// Takes over anew what is to come, and knows nothing of how far the former owners' actors are applied.
    fn import_from_nothing(&mut self, dropped: SlotSet) {
        self.import_anew();
        let sources = self.import_sources();
        if sources.is_empty() {
            return;
        }
        self.applied = self.without_sources(&self.applied);
        self.stability.durable = self.without_sources(&self.stability.durable);
        sources.into_iter().for_each(|actor| self.journal.forget_received_of(actor));
        self.observe(|| Event::ImportsAnew { dropped });
    }

    fn without_sources(&self, vector: &VersionVector) -> VersionVector {
        let sources = self.import_sources();
        vector.iter().filter(|(actor, _)| !sources.contains(actor)).collect()
    }

    /// Takes over anew what is to come. What is here of it stays: once the slots are handed over, this shard's own writes are among it,
    /// and what the source no longer has goes when its slots are installed.
    pub(super) fn import_anew(&mut self) {
        self.import = Import::default();
        if !self.import_sources().is_empty() {
            reached(Mark::ImportBegun);
        }
    }

    /// Takes over the next base, or pulls what follows.
    pub(super) fn keep_importing(&mut self) {
        if !self.standing.serves() {
            return;
        }
        for source in self.sources() {
            // Who was cut off has missed what the others wrote since.
            let givers = self.plan.config.writers_of(source).filter(|actor| actor.standing.speaks());
            let nodes: Vec<NodeId> = givers.map(|actor| actor.node).collect();
            let able = |node: &NodeId| {
                let serves = self.view.get(*node).is_some_and(|peer| peer.heartbeat.serves);
                serves && self.view.repairs(*node, self.now.monotonic_us)
            };
            let nodes: Vec<NodeId> = nodes.into_iter().filter(able).collect();
            self.import.turn = self.import.turn.wrapping_add(1);
            let Some(node) = self.import.turn.checked_rem(nodes.len()).map(|turn| nodes[turn]) else { continue };
            if planted(Mutant::ImportWithoutBase) && !self.import.based.contains(&source) {
                self.import_based(source);
            }
            if self.has_copied() || self.import.based.contains(&source) {
                self.pull_from(node, Hlc::ZERO);
            } else {
                self.begin_transfer(node, Purpose::Import(source));
            }
        }
    }

    /// All that a shard gives to this one is durable here, as of this vector.
    pub(super) fn import_based(&mut self, source: ShardId) {
        reached(Mark::ImportBased);
        self.import.based.push(source);
        let early = planted(Mutant::ImportCountsEarly);
        if early || self.sources().iter().all(|source| self.import.based.contains(source)) {
            self.import_with(self.plan.config.migration().map(|migration| migration.begun));
        }
    }

    /// Takes over from a peer of the shard that it has all that is to come.
    pub(super) fn import_with(&mut self, copied: Option<Epoch>) {
        if let Some(begun) = copied
            && copied == self.plan.config.migration().map(|migration| migration.begun)
        {
            self.import.copied = copied;
            self.observe(|| Event::Copied(begun));
        }
    }

    /// A source had nothing more.
    pub(super) fn import_is_close(&mut self) {
        self.import.close_us = Some(self.now.monotonic_us);
    }

    /// The migration of which this replica has everything, closely followed.
    pub(super) fn copied_closely(&self) -> Option<Epoch> {
        let close = self.import.close_us.is_some_and(|close_us| self.now.monotonic_us < close_us + CLOSE_US);
        self.import.durable.filter(|durable| Some(*durable) == self.import.copied && (close || self.sources().is_empty()))
    }

    /// The slots that a node's shard gets from this one's.
    pub(super) fn given_to(&self, node: NodeId) -> SlotSet {
        let config = &self.plan.config;
        let Some((migration, taker)) = config.migration().zip(config.seat(node)) else { return SlotSet::default() };
        let given = migration.out_of_shard(self.shard).find(|one| one.to == taker.shard);
        given.map(|one| one.slots.clone()).unwrap_or_default()
    }

    /// Whether a record is of what this replica keeps. One of a slot that was handed over long ago would be in the way when the slot
    /// comes back: it comes with the base, unless it was superseded meanwhile.
    pub(super) fn takes(&self, write: &Write) -> bool {
        let (slot, config) = (slot_of(&write.key), &self.plan.config);
        let is_coming = || config.migration().is_some_and(|one| one.into_shard(self.shard).any(|one| one.slots.contains(slot)));
        let is_old = || config.is_from_before(self.shard, write.dot.actor, Some(write.epoch)) && is_coming();
        self.kept.contains(slot) && !is_old()
    }

    /// Whether no record can come any more that this shard made before it began to get slots.
    pub(super) fn knows_former_records(&self) -> bool {
        let config = &self.plan.config;
        let begun = config.migration().filter(|migration| migration.gives_to(self.shard)).map(|one| one.begun);
        begun.is_none_or(|begun| config.writers_of(self.shard).all(|actor| self.is_sealed(actor.actor, begun)))
    }

    /// Whether a node is a replica of a shard that this one gets slots from.
    pub(super) fn gets_from(&self, node: NodeId) -> Option<ShardId> {
        let shard = self.plan.config.seat(node)?.shard;
        self.sources().into_iter().find(|source| *source == shard)
    }

    /// Whose writes of a slot must be here before it is read, with those that are sealed left out.
    pub(super) fn writers(&self, slot: Slot) -> Vec<ActorId> {
        let config = &self.plan.config;
        let switched = config.migration().and_then(|migration| migration.switched);
        let counts = |actor: &ActorId| {
            let former = config.actor(*actor).is_none_or(|found| found.shard != self.shard);
            let is_sealed = || switched.is_some_and(|switched| self.is_sealed(*actor, switched));
            !former || !(planted(Mutant::FormerWritersIgnored) || is_sealed())
        };
        config.writers(slot).map(|actor| actor.actor).filter(counts).collect()
    }

    /// Whether this replica has all that was accepted elsewhere for what it owns: else it can only wait.
    pub(super) fn holds_slot(&self, slot: Slot) -> bool {
        self.has_copied() || !self.coming_slots().contains(slot)
    }

    /// The vector without the actors that are not to be spoken of.
    pub(super) fn vector_for_peers(&self) -> VersionVector {
        let hidden = if self.has_copied() { Vec::new() } else { self.import_sources() };
        self.applied.iter().filter(|(actor, _)| !hidden.contains(actor)).collect()
    }
}
