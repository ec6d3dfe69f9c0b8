//! What clients ask of a node, and what it answers.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Token,
    error::Refusal,
    id::ShardId,
    store::{Key, OperationId, Size, Value},
};

/// A client's request, its token already opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// An operation on one key.
    Key(KeyRequest),
    /// How many live keys a shard holds.
    CountKeys(ShardId),
    /// What the slots hold that a shard gives in the migration under way.
    SizesMoving(ShardId),
    /// A change of the config.
    Admin(AdminCommand),
}

/// What an operator asks of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminCommand {
    /// A node into the view.
    AddNode(String),
    /// A node out of the view.
    RemoveNode(String),
    /// A node into a shard.
    AddMember {
        /// Its address.
        address: String,
        /// The shard.
        shard: ShardId,
    },
    /// Another number of shards, or the same, to make up for nodes that are gone.
    Reshard(u16),
    /// The end of the reshard under way, before its slots are handed over: they stay, and nodes go back.
    AbortReshard,
}

/// An operation on one key by a session that has seen what `token` stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRequest {
    /// Which key.
    pub key: Key,
    /// What the session has seen.
    pub token: Token,
    /// What to do.
    pub command: Command,
}

/// Read or write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Read the key.
    Get,
    /// Write the key.
    Write {
        /// `None` deletes.
        value: Option<Value>,
        /// The client's idempotency key, if it gave one.
        operation: Option<OperationId>,
        /// On how many serving members the write must be durable before it is answered; at least 1.
        write_concern: u8,
    },
}

/// A request that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// An operation on a key.
    Key(KeyAnswer),
    /// The number of live keys.
    Count(u64),
    /// What each shard is to get, as far as the one that was asked for gives it; empty where it knows of no migration.
    Sizes(Vec<(ShardId, Size)>),
    /// A change of the config was made.
    Changed,
    /// What was to be changed was so already.
    AlreadySo,
}

/// What an operation on a key found or did, and what the session has seen now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAnswer {
    /// The shard of the key.
    pub shard: ShardId,
    /// The session's new token.
    pub token: Token,
    /// What was found or done.
    pub outcome: Outcome,
    /// The past that this answer stands for holds a write that was cut off with its actor: it may be missing from what is shown.
    pub has_gap: bool,
}

/// What an operation on a key found or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Get: the winner's value.
    Found(Value),
    /// Get and delete: the key is absent.
    Absent,
    /// Put: the key was absent.
    Created,
    /// Put: the key had a value.
    Replaced,
    /// Delete: the key had a value.
    Deleted,
}

/// What comes back for a request.
pub type Reply = Result<Answer, Refusal>;
