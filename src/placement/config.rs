//! One placement with its members, and what of it is on the move.
//!
//! A config is a value: it changes only by [`changed`](Config::changed), which makes the next one, with the next epoch. The first
//! follows from the variables that every node is given: nodes and actors are numbered in the sorted order of `VIEW`, and node `i` is
//! a member of shard `i mod SHARD_COUNT`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::{Migration, Owners, SlotSet, slot_of};
use crate::{
    clock::Hlc,
    id::{ActorId, Epoch, NodeId, ShardId, Slot},
};

/// What the first config is derived from. The order of `view` does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founding {
    /// `HOST:PORT` of every node.
    pub view: Vec<String>,
    /// At least 1; above 1, at most half as many as nodes.
    pub shard_count: u16,
}

/// Why no config can be derived.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FoundingError {
    /// No node at all.
    #[error("VIEW names no node")]
    EmptyView,
    /// The same address twice.
    #[error("VIEW names {0} twice")]
    DuplicateAddress(String),
    /// No shard at all.
    #[error("SHARD_COUNT must be at least 1")]
    NoShards,
    /// A shard would have a single copy.
    #[error("{shards} shards need at least {needed} nodes for fault tolerance, and VIEW names {nodes}")]
    TooFewNodes {
        /// What `SHARD_COUNT` asks for.
        shards: u16,
        /// Two nodes a shard.
        needed: usize,
        /// How many there are.
        nodes: usize,
    },
}

/// One row of the node table. A row is never taken out: a node that left may return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The node's number, equal to its row.
    pub node: NodeId,
    /// `HOST:PORT`, its identity in views.
    pub address: String,
    /// How many disks it has had: one that lost its disk is another member of the config log's group.
    pub disk: u32,
    /// Its incarnation as member of a shard; none for a node that waits to be given one.
    pub actor: Option<ActorId>,
    /// The shard that it returns to by itself, after it was cut off.
    pub home: Option<ShardId>,
    /// Whether an operator took it out of the view.
    pub removed: bool,
}

/// One incarnation of a node as member of one shard, for as long as records of it may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Never used again once it is gone.
    pub actor: ActorId,
    /// Whose it is.
    pub node: NodeId,
    /// The shard that it holds.
    pub shard: ShardId,
    /// Its node has been a replica of the shard without a break since this actor of it: what others retired meanwhile waited for it.
    pub unbroken_since: ActorId,
    /// Whether its replica has what its shard holds, durably: until then the shard cannot do without those that have it.
    pub holds_base: bool,
    /// Whether it may still write.
    pub standing: Standing,
}

impl Actor {
    /// Whether its replica has what its shard holds, or may go on with one that had.
    pub(super) fn may_hold_base(&self) -> bool {
        self.holds_base || self.unbroken_since != self.actor
    }
}

/// How an actor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It takes reads and writes, once it has caught up.
    Serving,
    /// It writes no more from this epoch on, and is retired when everybody has all that it wrote.
    Leaving {
        /// The first epoch in which it writes nothing.
        since: Epoch,
    },
    /// Its node is gone: nobody takes records of it any more, and all say how far they have it.
    Frozen {
        /// The first epoch in which nobody takes records of it.
        since: Epoch,
    },
    /// Its records count up to here and no further, and are taken up to here. In slots that were handed over before, they may count
    /// further: see [`cut_in`](Config::cut_in).
    Cut {
        /// The last one that anybody of its shard had.
        upto: Hlc,
        /// The first epoch in which that is known.
        since: Epoch,
    },
}

impl Standing {
    /// Whether it may write.
    pub fn writes(self) -> bool {
        self == Self::Serving
    }

    /// Whether it pushes, answers, and says what it has: it was not cut off.
    pub fn speaks(self) -> bool {
        matches!(self, Self::Serving | Self::Leaving { .. })
    }
}

/// One placement with its members. One config per epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    pub(super) epoch: Epoch,
    pub(super) parent: Option<Epoch>,
    pub(super) cluster: u64,
    pub(super) shard_count: u16,
    pub(super) members: Vec<Member>,
    pub(super) actors: BTreeMap<ActorId, Actor>,
    pub(super) next_actor: ActorId,
    pub(super) owners: Owners,
    pub(super) migration: Option<Migration>,
    /// How many shards a reshard under way is to end with.
    pub(super) goal: Option<u16>,
    /// How far the records count of actors that were cut off and are retired by now, the last ones of them.
    pub(super) cuts: BTreeMap<ActorId, Hlc>,
}

impl Config {
    /// The first config, the same on every node that is given the same variables.
    ///
    /// # Errors
    /// Variables from which no fault-tolerant config follows.
    pub fn found(founding: &Founding) -> Result<Self, FoundingError> {
        let mut addresses = founding.view.clone();
        addresses.sort();
        if addresses.is_empty() {
            return Err(FoundingError::EmptyView);
        }
        if let Some(pair) = addresses.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(FoundingError::DuplicateAddress(pair[0].clone()));
        }
        let shard_count = founding.shard_count;
        let needed = 2 * usize::from(shard_count);
        match shard_count {
            0 => return Err(FoundingError::NoShards),
            1 => {}
            _ if addresses.len() < needed => {
                return Err(FoundingError::TooFewNodes { shards: shard_count, needed, nodes: addresses.len() });
            }
            _ => {}
        }
        let cluster = xxh3_64(format!("{shard_count} {}", addresses.join(" ")).as_bytes());
        let rows = 0..addresses.len() as u32;
        let seat = |row: u32| Actor {
            actor: ActorId(row),
            node: NodeId(row),
            shard: ShardId((row % u32::from(shard_count)) as u16),
            unbroken_since: ActorId(row),
            holds_base: true,
            standing: Standing::Serving,
        };
        let member = |(row, address)| {
            let actor = Some(ActorId(row));
            Member { node: NodeId(row), address, disk: 0, actor, home: None, removed: false }
        };
        Ok(Self {
            epoch: Epoch { generation: 0, number: 1 },
            parent: None,
            cluster,
            shard_count,
            next_actor: ActorId(rows.end),
            actors: rows.clone().map(|row| (ActorId(row), seat(row))).collect(),
            members: rows.zip(addresses).map(member).collect(),
            owners: Owners::found(shard_count),
            migration: None,
            goal: None,
            cuts: BTreeMap::new(),
        })
    }

    /// Its number.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The number of the config that it was made from; none for the first.
    pub fn parent(&self) -> Option<Epoch> {
        self.parent
    }

    /// Tells clusters apart: peers and data folders of another one are refused.
    pub fn cluster(&self) -> u64 {
        self.cluster
    }

    /// All nodes, by id, those that were removed too.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// A node's row.
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.get(node.0 as usize)
    }

    /// The row of the node with this address.
    pub fn by_address(&self, address: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.address == address)
    }

    /// Everybody whose records may be asked for, by id.
    pub fn actors(&self) -> impl Iterator<Item = &Actor> + '_ {
        self.actors.values()
    }

    /// The first actor that neither this config nor one before it has given out: later ones give out this and those above.
    pub fn next_actor(&self) -> ActorId {
        self.next_actor
    }

    /// An actor that is not retired.
    pub fn actor(&self, actor: ActorId) -> Option<&Actor> {
        self.actors.get(&actor)
    }

    /// How far the records of an actor count that was cut off; unknown while that is being settled, and once it is long ago.
    pub fn cut_of(&self, actor: ActorId) -> Option<Hlc> {
        match self.actor(actor).map(|actor| actor.standing) {
            Some(Standing::Cut { upto, .. }) => Some(upto),
            Some(_) => None,
            None => self.cuts.get(&actor).copied(),
        }
    }

    /// The actors that were cut off, as far back as is known, and those that are being.
    pub fn cut_off(&self) -> impl Iterator<Item = ActorId> + '_ {
        let standing = self.actors.values().filter(|actor| !actor.standing.speaks()).map(|actor| actor.actor);
        standing.chain(self.cuts.keys().copied())
    }

    /// How far the records of an actor that was cut off count at the replicas of a shard: of its own, or of one that gets slots from that.
    pub fn cut_in(&self, actor: ActorId, shard: ShardId) -> Option<Hlc> {
        let actor = self.actor(actor)?;
        let Standing::Cut { upto, .. } = actor.standing else { return None };
        let moves = self.migration.iter().flat_map(|migration| migration.into_shard(shard));
        let beyond = moves.filter(|one| one.from == actor.shard).find_map(|one| one.cuts.get(&actor.actor).copied());
        Some(beyond.unwrap_or(upto))
    }

    /// The same for a record of this slot. One that comes with a slot from another shard than its actor's is not bounded so: it counted there.
    pub fn cut_of_slot(&self, actor: ActorId, shard: ShardId, slot: Slot) -> Option<Hlc> {
        let writer = self.actor(actor)?.shard;
        let mut moves = self.migration.iter().flat_map(|migration| migration.into_shard(shard));
        let comes_from = moves.find(|one| one.slots.contains(slot)).map(|one| one.from);
        self.cut_in(actor, shard).filter(|_| comes_from.unwrap_or(shard) == writer)
    }

    /// What a node is a member of.
    pub fn seat(&self, node: NodeId) -> Option<&Actor> {
        self.actors.get(&self.member(node)?.actor?)
    }

    /// The shard that a node is a member of.
    pub fn shard_of_node(&self, node: NodeId) -> Option<ShardId> {
        self.seat(node).map(|seat| seat.shard)
    }

    /// The actors that hold a shard and write, by id.
    pub fn replicas(&self, shard: ShardId) -> impl Iterator<Item = &Actor> + '_ {
        self.writers_of(shard).filter(|actor| actor.standing.writes())
    }

    /// Everybody of a shard whose records may be asked for: those that leave or were cut off too.
    pub fn writers_of(&self, shard: ShardId) -> impl Iterator<Item = &Actor> + '_ {
        self.actors.values().filter(move |actor| actor.shard == shard)
    }

    /// Everybody whose writes of a slot its owner's replicas must have: the owner's actors, and, after the slot was handed over and
    /// until that is finished, those of the shard that it came from.
    pub fn writers(&self, slot: Slot) -> impl Iterator<Item = &Actor> + '_ {
        let former = self.migration.as_ref().map(|migration| migration.former_writers(slot)).unwrap_or_default();
        self.writers_of(self.owner(slot)).chain(former.iter().filter_map(|actor| self.actors.get(actor)))
    }

    /// All shards, in order.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.shard_count).map(ShardId)
    }

    /// Whether there is such a shard.
    pub fn has_shard(&self, shard: ShardId) -> bool {
        shard.0 < self.shard_count
    }

    /// The shard that holds a slot.
    pub fn owner(&self, slot: Slot) -> ShardId {
        self.owners.get(slot)
    }

    /// The shard that holds a key.
    pub fn shard_of(&self, key: &str) -> ShardId {
        self.owner(slot_of(key))
    }

    /// Which shard holds which slots.
    pub fn owners(&self) -> &Owners {
        &self.owners
    }

    /// How many shards own slots.
    pub fn owning_shards(&self) -> u16 {
        self.shards().filter(|shard| self.owners.has(*shard)).count() as u16
    }

    /// The slots of a shard, and those that it is to get: what its replicas keep.
    pub fn kept_by(&self, shard: ShardId) -> SlotSet {
        let coming =
            self.migration.iter().flat_map(|migration| &migration.moves).filter(|one| one.to == shard || one.from == shard);
        coming.fold(self.owners.slots_of(shard), |kept, one| kept.union(&one.slots))
    }

    /// Whether a shard has records that its replicas must hold: of slots that it owns, or has handed over and gives away yet.
    pub fn has_records(&self, shard: ShardId) -> bool {
        self.owners.has(shard) || self.migration.iter().any(|migration| migration.out_of_shard(shard).next().is_some())
    }

    /// The slots that are on the move, if any are.
    pub fn migration(&self) -> Option<&Migration> {
        self.migration.as_ref()
    }

    /// Whether an actor made what it made in an epoch for a shard before the slots on the move began to.
    pub(crate) fn is_from_before(&self, shard: ShardId, actor: ActorId, epoch: Option<Epoch>) -> bool {
        let is_of_shard = self.actor(actor).is_some_and(|found| found.shard == shard);
        is_of_shard && epoch < self.migration.as_ref().map(|migration| migration.begun)
    }

    /// How many shards the reshard under way is to end with.
    pub fn goal(&self) -> Option<u16> {
        self.goal
    }
}
