//! The books of the server side: which records exist, where each is applied, and who wins where.
//!
//! Built from what nodes say happened, one event after another; what a replica's winner *should* be is worked out here anew from
//! the set of records that it has applied, so that it can be compared with what the replica says.

mod placed;
mod winners;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use causeway::{
    clock::{Dot, Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId, ShardId},
    placement::{Config, SlotSet, slot_of},
    store::{Key, Order},
};

use super::{Known, records::Records};
use crate::history::OpId;

/// What is known of one replica.
#[derive(Debug, Clone)]
pub struct Replica {
    /// Its actor.
    pub actor: ActorId,
    /// Its shard.
    pub shard: ShardId,
    /// The config that it works by.
    pub config: Arc<Config>,
    /// The migration of which it has all that its shard is to get.
    pub copied: Option<Epoch>,
    /// Slots that it has dropped since its last start: what it recovered then says nothing of them.
    dropped: SlotSet,
    /// How far it says that it has applied each actor.
    pub promised: VersionVector,
    /// What it recovered at its last start: applied before it could say so.
    pub recovered: VersionVector,
    /// The last own write that it answered.
    pub answered: Hlc,
    /// The last winner of each key.
    pub winners: BTreeMap<Key, Dot>,
    /// Keys whose contents came with a transfer since the last start, with the records that it brought: they may lie above the vector
    /// that counts for the node from then on.
    pub installed: BTreeMap<Key, BTreeSet<Dot>>,
    /// What came with a transfer and is not in the node's own snapshot yet: a crash takes it away.
    fresh: BTreeSet<Dot>,
    /// What it did not get with a transfer since it holds something newer: it says that it has it, and finds nothing of it again.
    pub skipped: BTreeSet<Dot>,
    /// What the process that starts has found on its disk so far.
    pub found: BTreeMap<Key, Vec<Dot>>,
    /// Whether its next start may find less than it had: its disk was lost, or its fsync policy is lax.
    pub may_lose: bool,
    /// Whether its disk was spoilt. It believes none of what it finds there, at each start anew, and takes no writes.
    pub is_damaged: bool,
    /// Whether it is a new actor's that has not said yet that it takes writes: it takes over what its shard holds.
    pub is_new: bool,
    /// Since when it takes no writes, in simulated microseconds; none while it takes some.
    pub no_writes_since_us: Option<u64>,
    /// What it had promised when it lost something.
    owes: VersionVector,
}

impl Replica {
    /// Whether it lost something, or begins anew, and has not caught up since.
    pub fn is_behind(&self) -> bool {
        self.may_lose || self.is_damaged || self.is_new || self.owes.iter().any(|(actor, hlc)| self.promised.get(actor) < hlc)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Replicas {
    /// What all nodes start with.
    first: Arc<Config>,
    replicas: BTreeMap<NodeId, Replica>,
    records: Records,
    /// The largest tombstone of each key that was collected anywhere.
    collected: BTreeMap<Key, Order>,
    /// Records of which every copy was destroyed, or that do not count since their actor was cut off below them.
    lost: BTreeSet<Dot>,
    /// How far the records of actors that were cut off count.
    cuts: BTreeMap<ActorId, Hlc>,
    /// Records of which every copy was destroyed but those that have just come with a transfer and are in no log yet.
    hanging: BTreeSet<Dot>,
    /// The largest stable time that any node has named.
    stable: Hlc,
}

impl Replicas {
    /// The replicas of a config, with nothing applied.
    pub fn new(config: &Config) -> Self {
        let config = Arc::new(config.clone());
        let replica = |actor, shard| Replica::new(config.clone(), actor, shard);
        Self {
            replicas: config.actors().map(|actor| (actor.node, replica(actor.actor, actor.shard))).collect(),
            first: config.clone(),
            records: Records::default(),
            collected: BTreeMap::new(),
            lost: BTreeSet::new(),
            cuts: BTreeMap::new(),
            hanging: BTreeSet::new(),
            stable: Hlc::ZERO,
        }
    }

    /// One replica.
    pub fn get(&self, node: NodeId) -> Option<&Replica> {
        self.replicas.get(&node)
    }

    /// One replica, for noting what became known of it.
    pub fn get_mut(&mut self, node: NodeId) -> Option<&mut Replica> {
        self.replicas.get_mut(&node)
    }

    /// All replicas.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Replica)> {
        self.replicas.iter().map(|(node, replica)| (*node, replica))
    }

    /// The largest stable time that any node has named.
    pub fn stable(&self) -> Hlc {
        self.stable
    }

    /// Notes a stable time that a node names.
    pub fn note_stable(&mut self, hlc: Hlc) {
        self.stable = self.stable.max(hlc);
    }

    /// The replicas that hold what this actor writes.
    pub fn of_actor(&self, actor: ActorId) -> impl Iterator<Item = (NodeId, &Replica)> {
        let shard = self.replicas.values().find(|replica| replica.actor == actor).map(|replica| replica.shard);
        self.replicas.iter().filter(move |(_, replica)| Some(replica.shard) == shard).map(|(node, replica)| (*node, replica))
    }

    /// The record with this dot.
    pub fn record(&self, dot: Dot) -> Option<&Known> {
        self.records.get(dot)
    }

    /// The records of a key, in the order of last-writer-wins.
    pub fn records_of(&self, key: &str) -> impl Iterator<Item = (Dot, &Known)> {
        self.records.of_key(key)
    }

    /// An actor's records above one hlc, up to another.
    pub fn records_between(&self, actor: ActorId, above: Hlc, upto: Hlc) -> impl Iterator<Item = (Dot, &Known)> {
        self.records.between(actor, above, upto)
    }

    /// All records.
    pub fn all(&self) -> impl Iterator<Item = (Dot, &Known)> {
        self.records.iter()
    }

    /// All records of an actor that a node holds.
    pub fn held(&self, node: NodeId, actor: ActorId) -> impl Iterator<Item = Dot> {
        let of_actor = self.records.between(actor, Hlc::ZERO, Hlc(u64::MAX));
        of_actor.filter(move |(_, known)| known.applied_at.contains(node)).map(|(dot, _)| dot)
    }

    fn all_of(&self, node: NodeId) -> Vec<Dot> {
        self.all().map(|(dot, _)| dot).filter(|dot| self.has(node, *dot)).collect()
    }

    /// Notes a record that was not known. Says whether it counts: its actor may have been cut off below it, and not know.
    pub fn learn(&mut self, dot: Dot, known: Known) -> bool {
        self.records.add(dot, known);
        let counts = self.is_within_cut(dot);
        if !counts {
            self.lost.insert(dot);
        }
        counts
    }

    /// Notes that a replica has applied a record.
    pub fn apply(&mut self, node: NodeId, dot: Dot) {
        if let Some(known) = self.records.get_mut(dot) {
            known.applied_at.insert(node);
            known.held_at.insert(node);
            known.said_at.insert(node);
            if self.is_within_cut(dot) {
                self.lost.remove(&dot);
            }
        }
    }

    /// Notes that all that a node has is destroyed, and says which operations no replica knows of any more.
    pub fn destroy(&mut self, node: NodeId) -> Vec<OpId> {
        self.records.iter_mut().for_each(|known| known.applied_at.remove(node));
        if let Some(replica) = self.replicas.get_mut(&node) {
            replica.recovered = VersionVector::default();
        }
        let Some(shard) = self.get(node).map(|replica| replica.shard) else { return Vec::new() };
        let survives = |other: &NodeId, replica: &Replica| *other != node && replica.shard == shard && !replica.is_behind();
        let others: Vec<NodeId> =
            self.replicas.iter().filter(|(other, replica)| survives(other, replica)).map(|(other, _)| *other).collect();
        let actors: BTreeSet<ActorId> =
            self.replicas.values().filter(|replica| replica.shard == shard).map(|replica| replica.actor).collect();
        let of_shard = self.records.iter().filter(|(dot, _)| actors.contains(&dot.actor));
        let lost: Vec<(Dot, Option<OpId>)> = of_shard
            .filter(|(dot, _)| !others.iter().any(|other| self.has(*other, *dot)))
            .map(|(dot, known)| (dot, known.op))
            .collect();
        self.lost.extend(lost.iter().map(|(dot, _)| *dot));
        self.owe_its_own(node, &others);
        let in_doubt = |dot: &Dot| {
            actors.contains(&dot.actor) && !self.is_lost(*dot) && !others.iter().any(|other| self.has_durably(*other, *dot))
        };
        let hanging: Vec<Dot> = self.records.iter().map(|(dot, _)| dot).filter(in_doubt).collect();
        self.hanging.extend(hanging);
        lost.into_iter().filter_map(|(_, op)| op).collect()
    }

    /// Whether every copy of a record was destroyed.
    pub fn is_lost(&self, dot: Dot) -> bool {
        self.lost.contains(&dot)
    }

    /// Whether a replica holds a record, or ever held it.
    pub fn ever_had(&self, node: NodeId, dot: Dot) -> bool {
        self.has(node, dot) || self.record(dot).is_some_and(|known| known.held_at.contains(node))
    }

    /// Notes contents that came with a snapshot.
    pub fn install(&mut self, node: NodeId, key: &Key, dots: &[Dot]) {
        let records = &mut self.records;
        let brought = dots.iter().filter(|dot| {
            let Some(known) = records.get_mut(**dot) else { return false };
            known.held_at.insert(node);
            known.applied_at.insert(node)
        });
        if let Some(replica) = self.replicas.get_mut(&node) {
            let brought: Vec<Dot> = brought.copied().collect();
            replica.fresh.extend(&brought);
            replica.installed.entry(key.clone()).or_default().extend(brought);
            if let Some(winner) = dots.first() {
                replica.winners.insert(key.clone(), *winner);
            }
        }
    }

    /// Whether a replica holds a record, or recovered it.
    pub fn has(&self, node: NodeId, dot: Dot) -> bool {
        let holds = self.record(dot).is_some_and(|known| known.applied_at.contains(node));
        holds || self.recovered(node, dot)
    }

    /// The same, and not only since something newer came in its place.
    pub fn has_itself(&self, node: NodeId, dot: Dot) -> bool {
        self.has(node, dot) && self.record(dot).is_some_and(|known| known.held_at.contains(node))
    }

    /// Whether a replica holds a record, and no crash could take it away.
    fn has_durably(&self, node: NodeId, dot: Dot) -> bool {
        self.has(node, dot) && !self.get(node).is_some_and(|replica| replica.fresh.contains(&dot))
    }

    /// Notes that all that came with snapshots is on a node's own disk.
    pub fn keep_installed(&mut self, node: NodeId) {
        let Some(replica) = self.replicas.get_mut(&node) else { return };
        for dot in std::mem::take(&mut replica.fresh) {
            self.hanging.remove(&dot);
        }
    }

    /// Whether a replica has applied a record in its present life, or before it by what it says.
    pub fn counts_as_applied(&self, node: NodeId, dot: Dot) -> bool {
        let said = self.record(dot).is_some_and(|known| known.said_at.contains(node));
        said || self.recovered(node, dot)
    }

    fn recovered(&self, node: NodeId, dot: Dot) -> bool {
        let is_kept = |replica: &Replica| {
            replica.dropped.is_empty() || self.record(dot).is_none_or(|known| !replica.dropped.contains(slot_of(&known.key)))
        };
        self.get(node).is_some_and(|replica| replica.recovered.contains(dot) && is_kept(replica))
    }

    /// Whether nothing goes with a node's disk: of each record that it holds, another replica that did not lose anything itself
    /// holds it too, or none of them needs it any more. That one of them has something newer is not enough: who has seen the record
    /// may be sent to another. Who is to go by the newest config does not count: it forgets what it holds.
    pub fn is_held_elsewhere(&self, node: NodeId, newest: &Config) -> bool {
        let Some(actor) = self.get(node).map(|replica| replica.actor) else { return false };
        let stays = |replica: &Replica| newest.actor(replica.actor).is_some_and(|found| found.standing.writes());
        let others: Vec<NodeId> = self
            .of_actor(actor)
            .filter(|(other, replica)| *other != node && !replica.is_behind() && stays(replica))
            .map(|(other, _)| other)
            .collect();
        let held = self.records.iter().filter(|(_, known)| known.applied_at.contains(node)).map(|(dot, _)| dot);
        held.into_iter().all(|dot| {
            let is_needless = !others.is_empty() && others.iter().all(|other| self.is_superseded(*other, dot));
            is_needless || others.iter().any(|other| self.has_durably(*other, dot))
        })
    }

    /// Whether a replica needs a record no more: something larger won there, a larger tombstone was collected, or it is lost.
    pub fn is_superseded(&self, node: NodeId, dot: Dot) -> bool {
        let Some(known) = self.record(dot).filter(|_| !self.is_lost(dot)) else { return true };
        let winner = self.get(node).and_then(|replica| replica.winners.get(&known.key)).map(|winner| self.place(*winner));
        winner.max(self.collected.get(&known.key).copied()) >= Some(self.place(dot))
    }

    /// Notes the winner that a replica reports.
    pub fn note_winner(&mut self, node: NodeId, key: &Key, winner: Dot) {
        if let Some(replica) = self.replicas.get_mut(&node) {
            replica.winners.insert(key.clone(), winner);
        }
    }

    /// Notes that a tombstone was dropped somewhere.
    pub fn note_collected(&mut self, key: &Key, order: Order) {
        let largest = self.collected.entry(key.clone()).or_insert(order);
        *largest = (*largest).max(order);
    }

    /// The largest tombstone of a key that was collected anywhere.
    pub fn collected(&self, key: &str) -> Option<Order> {
        self.collected.get(key).copied()
    }

    /// Up to where a tombstone of a key may be gone: what is stable, or was collected anywhere.
    pub fn settled(&self, key: Option<&Key>) -> Option<Order> {
        let stable = Order { hlc: self.stable, actor: ActorId(u32::MAX) };
        key.and_then(|key| self.collected(key)).max(Some(stable))
    }

    /// Notes how far a node says that it had applied when it started, with what it found on its disk. Says which operations no replica
    /// knows of any more: what was left of them had come with a transfer, and was gone with the process.
    pub fn recover(&mut self, node: NodeId, applied: &VersionVector) -> Vec<OpId> {
        // A damaged node brings back at most what it says later that it has applied.
        let is_damaged = self.get(node).is_some_and(|replica| replica.is_damaged);
        let damaged = if is_damaged { self.all_of(node) } else { Vec::new() };
        let Some(replica) = self.replicas.get_mut(&node) else { return Vec::new() };
        if replica.may_lose || replica.is_damaged {
            replica.owes.join(&std::mem::take(&mut replica.promised));
            replica.winners.clear();
            replica.answered = Hlc::ZERO;
        }
        replica.may_lose = false;
        replica.note_what_is_kept();
        replica.recovered = applied.clone();
        let found = std::mem::take(&mut replica.found);
        let fresh = std::mem::take(&mut replica.fresh);
        replica.skipped.clear();
        for key in std::mem::take(&mut replica.installed).into_keys() {
            replica.winners.remove(&key);
        }
        for known in self.records.iter_mut() {
            known.applied_at.remove(node);
            known.said_at.remove(node);
        }
        for (key, dots) in found {
            for dot in &dots {
                if let Some(known) = self.records.get_mut(*dot) {
                    known.applied_at.insert(node);
                }
            }
            if let Some(winner) = dots.first() {
                replica.winners.insert(key, *winner);
            }
        }
        let mut brought: Vec<Dot> = fresh.into_iter().filter(|dot| self.hanging.remove(dot)).collect();
        brought.extend(damaged);
        let others: Vec<NodeId> = self.replicas.keys().copied().collect();
        let lost: Vec<Dot> = brought.into_iter().filter(|dot| !others.iter().any(|other| self.has(*other, *dot))).collect();
        self.lost.extend(&lost);
        lost.into_iter().filter_map(|dot| self.record(dot).and_then(|known| known.op)).collect()
    }
}
