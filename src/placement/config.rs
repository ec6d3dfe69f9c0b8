//! One placement with its members.
//!
//! Until a control log commits configs, every node derives the same one from the same variables: nodes and actors are numbered
//! in the sorted order of `VIEW`, and node `i` is a member of shard `i mod SHARD_COUNT`.

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::{SLOTS, slot_of};
use crate::id::{ActorId, Epoch, NodeId, ShardId, Slot};

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

/// One row of the node table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The node's number, equal to its row.
    pub node: NodeId,
    /// `HOST:PORT`, its identity in views.
    pub address: String,
    /// Its current incarnation as member of a shard.
    pub actor: ActorId,
    /// The shard it holds.
    pub shard: ShardId,
}

/// One placement with its members. One config per epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    epoch: Epoch,
    cluster: u64,
    shard_count: u16,
    members: Vec<Member>,
    /// Slot to shard.
    owners: Vec<ShardId>,
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
        let members = (0..)
            .zip(addresses)
            .map(|(row, address)| Member {
                node: NodeId(row),
                address,
                actor: ActorId(row),
                shard: ShardId((row % u32::from(shard_count)) as u16),
            })
            .collect();
        let owners =
            (0..u32::from(SLOTS)).map(|slot| ShardId((slot * u32::from(shard_count) / u32::from(SLOTS)) as u16)).collect();
        Ok(Self { epoch: Epoch { generation: 0, number: 1 }, cluster, shard_count, members, owners })
    }

    /// Its number.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Tells clusters apart: peers and data folders of another one are refused.
    pub fn cluster(&self) -> u64 {
        self.cluster
    }

    /// All nodes, by id.
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

    /// The row of the node that is this actor.
    pub fn by_actor(&self, actor: ActorId) -> Option<&Member> {
        self.members.iter().find(|member| member.actor == actor)
    }

    /// The members of a shard, by node id.
    pub fn replicas(&self, shard: ShardId) -> impl Iterator<Item = &Member> + '_ {
        self.members.iter().filter(move |member| member.shard == shard)
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
        self.owners[usize::from(slot.0)]
    }

    /// The shard that holds a key.
    pub fn shard_of(&self, key: &str) -> ShardId {
        self.owner(slot_of(key))
    }
}
