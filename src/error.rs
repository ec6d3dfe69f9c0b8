//! What can go wrong with a client's request. Each refusal says whether the write may still take effect.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A shard ID that names no shard of the current config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no such shard")]
pub struct NoSuchShard;

/// Why a node did not do what a request asked. The course dialect's texts are in `http`, not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Error)]
pub enum Refusal {
    /// What the token depends on did not arrive within the bounded wait. Not applied.
    #[error("causal dependencies not satisfied")]
    NotSatisfied,
    /// No member of the key's shard could be reached, or the hop limit was used up. Not applied.
    #[error("no member of the shard reachable")]
    CannotForward,
    /// Sent on but unanswered, in doubt on disk, or the write concern was not reached. May have been applied, or be applied later.
    #[error("outcome unknown")]
    OutcomeUnknown,
    /// The disk has no room for the record. Not applied; reads and deletes of memory go on.
    #[error("disk full")]
    DiskFull,
    /// `max_memory` is reached. Not applied; reads and deletes go on.
    #[error("memory full")]
    MemoryFull,
    /// The idempotency key was used for another request. Not applied.
    #[error("idempotency key used for another request")]
    OperationReused,
    /// The node has no config yet, or has not caught up after it lost its disk. Not applied.
    #[error("starting")]
    Starting,
    /// No member of the shard that can be reached may take writes (lost disks, failed fsync, a clock ahead). Not applied.
    #[error("no member of the shard takes writes")]
    NoWriter,
    /// More requests at once than the node takes. Not applied.
    #[error("overloaded")]
    Overloaded,
    /// A write concern above the number of the shard's members. Not applied.
    #[error("write concern above the shard's size")]
    WriteConcernTooLarge,
    /// The shard ID names no shard. Nothing to apply.
    #[error("no such shard")]
    NoSuchShard,
    /// No such node in the view. Nothing changed.
    #[error("no such node")]
    NoSuchNode,
    /// Too few live nodes for so many shards. Nothing changed.
    #[error("not enough nodes")]
    NotEnoughNodes,
    /// It is the last replica of a shard. Nothing changed.
    #[error("the last replica of its shard")]
    LastReplica,
    /// The config log did not answer in time. The change may be made yet, and a repeated one does no harm.
    #[error("no majority of the config log")]
    NoMajority,
    /// The process is stopping. Not applied.
    #[error("stopping")]
    Stopping,
    /// No reshard is under way. Nothing changed.
    #[error("no reshard under way")]
    NoReshard,
    /// Too late to abort: every slot is where the reshard wants it, or handed over to there. Nothing changed.
    #[error("the slots are handed over")]
    HandedOver,
    /// The reshard that was asked for was aborted, or another one came right after it. Not as asked for now.
    #[error("the reshard did not last")]
    Overruled,
}

impl Refusal {
    /// Whether the write may have been applied, or may still be: a client must not read this as 'did not happen'.
    pub fn may_take_effect(self) -> bool {
        matches!(self, Self::OutcomeUnknown)
    }
}
