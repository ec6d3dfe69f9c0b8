//! Why one config does not become the next.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::change::SHARDS_CAP;

/// Why a change cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum Refused {
    /// There is no such node, or it was removed.
    #[error("no such node")]
    NoSuchNode,
    /// There is no such actor, or it stands otherwise.
    #[error("no such actor")]
    NoSuchActor,
    /// There is no such shard.
    #[error("no such shard")]
    NoSuchShard,
    /// It is so already.
    #[error("already so")]
    Already,
    /// The node holds a shard.
    #[error("the node is a member of a shard")]
    HasSeat,
    /// The node holds no shard.
    #[error("the node is in no shard")]
    NoSeat,
    /// It is the last replica of a shard that owns slots.
    #[error("the last replica of its shard")]
    LastReplica,
    /// The other replicas of its shard have not taken over yet what it holds.
    #[error("the other replicas of its shard lack their base")]
    OthersLackBase,
    /// Slots are on the move, or a reshard is under way.
    #[error("another reshard is under way")]
    Busy,
    /// Nothing is on the move, or it is at another stage.
    #[error("not at that stage of a reshard")]
    NotAtThatStage,
    /// So many shards cannot be.
    #[error("a cluster has from 1 to {SHARDS_CAP} shards")]
    ShardCount,
    /// The numbers are used up.
    #[error("no numbers are left")]
    UsedUp,
}
