//! Names of things: nodes, actors, shards, slots, epochs, requests.
//!
//! All are small `Copy` numbers; what they stand for is in the [`Config`](crate::placement::Config).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A process of the cluster: its row in the config's node table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u32);

/// One incarnation of a node as member of one shard. Never used again once it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActorId(pub u32);

impl ActorId {
    /// No actor: what a node stands as that is a member of no shard. It is never given to any node and writes nothing.
    pub const NONE: Self = Self(u32::MAX);
}

/// A set of keys and the replicas that hold it. Written `s0`, `s1`, ... everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId(pub u16);

impl ShardId {
    /// No shard: where a node is that is a member of none. It owns no slot.
    pub const NONE: Self = Self(u16::MAX);
}

/// One of the fixed number of hash ranges, [`SLOTS`](crate::placement::SLOTS); the unit that a reshard moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u16);

/// The number of a config: a generation (drawn at founding, restore and forced recovery) and a count within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Epoch {
    /// Fences clusters that were restored or forced to recover; 0 until configs are committed to a control log.
    pub generation: u32,
    /// Rises by one with each config.
    pub number: u32,
}

/// One run of a node's process: drawn at random when it starts, so that peers can tell a restart from a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Incarnation(pub u64);

/// One client request inside one node, for matching its answer. Numbered by who hands requests to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// A place in a node's own log: the number of records logged up to and with this one. The first record has 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The place of the record after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}", self.0)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl std::str::FromStr for ShardId {
    type Err = crate::error::NoSuchShard;

    /// Accepts exactly what `Display` writes: one shard has one spelling.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shard = text.strip_prefix('s').and_then(|digits| digits.parse().ok()).map(ShardId);
        shard.filter(|shard| shard.to_string() == text).ok_or(crate::error::NoSuchShard)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, self.number)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lsn {}", self.0)
    }
}
