//! What a log holds: one record a write, and now and then how far the replica has applied.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Key, SetAside, Value, Version};
use crate::{
    clock::{Dot, Hlc, Token, VersionVector},
    id::{ActorId, Epoch, Lsn},
    placement::Config,
};

/// The name of one client operation, over all its retries: a hash of the client's `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OperationId(pub u128);

impl OperationId {
    /// The name that an `Idempotency-Key` stands for.
    pub fn of(idempotency_key: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(idempotency_key))
    }
}

/// What a record keeps of a retriable operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its name.
    pub id: OperationId,
    /// A hash of method, key and value: the same key with another request is refused.
    pub fingerprint: u64,
    /// What was answered: whether the key held a value before.
    pub existed: bool,
    /// [`Horizon::no_twins`](super::Horizon) where the record was made: a record up to there with the same name is no twin of this
    /// one, but of an operation that was forgotten since.
    pub apart_from: Hlc,
}

/// What a replica remembers of an operation, for answering its retries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The operation.
    pub operation: Operation,
    /// The name of its write; of two records, the smaller order's.
    pub dot: Dot,
    /// What a session has seen that has seen the write.
    pub seen: Token,
}

/// A put (with a value) or a delete (without).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Its name, and its place in last-writer-wins.
    pub dot: Dot,
    /// The epoch in which it was accepted.
    pub epoch: Epoch,
    /// The key.
    pub key: Key,
    /// `None` deletes.
    pub value: Option<Value>,
    /// The session's token at the write, normalised, without the own dot.
    pub past: Token,
    /// Present when the client gave an idempotency key.
    pub operation: Option<Operation>,
}

impl Write {
    /// The version that this write makes.
    pub fn version(&self) -> Version {
        self.clone().into_version()
    }

    /// The version that this write makes, of a write that nobody else needs.
    pub fn into_version(self) -> Version {
        let Self { dot, epoch, value, past: mut seen, operation, .. } = self;
        seen.raise_epoch(epoch);
        seen.add(dot);
        Version { dot, value, dependencies: Some(Box::new(seen)), operation }
    }

    /// `E(w)`: what a session has seen that has seen this write.
    pub fn seen(&self) -> Token {
        let mut token = self.past.clone();
        token.raise_epoch(self.epoch);
        token.add(self.dot);
        token
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.value.is_some() { "put" } else { "delete" };
        write!(f, "{verb} {} {}", self.key, self.dot)
    }
}

/// One entry of a node's log. New kinds go to the end: the number of a kind is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A write, of this node or replicated from a peer.
    Write(Arc<Write>),
    /// How far this replica has applied each actor: a promise that must be durable before it counts for the stable time.
    Applied(VersionVector),
}

/// What a node must remember beside its log, rewritten in place so that a full disk does not stop it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// An upper bound of every hlc and promise that this node gave out: where its clock restarts.
    pub lease: Hlc,
    /// How far this replica has applied each actor.
    pub applied: VersionVector,
    /// Set while the node may take writes under its actor. Once cleared, a restart needs a new actor.
    pub may_write: bool,
    /// After a failed fsync: the records of this actor, the node's own, above this are in doubt and count as never written.
    pub finished_at: Option<Dot>,
    /// The newest config that the node works by.
    pub config: Option<Arc<Config>>,
    /// Whose replica the log and the snapshot hold, under any config but the first: as another one's they are void.
    pub holds: Option<ActorId>,
    /// The migration of which all that this node is to get is in its snapshot and log.
    pub copied: Option<Epoch>,
}

/// How a snapshot on disk begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SnapshotHead {
    /// How far each actor was applied when it began. Its parts may hold more.
    pub applied: VersionVector,
    /// The operations that are remembered.
    pub operations: Vec<Remembered>,
}

/// All that a node finds on its disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// The newest whole snapshot.
    pub snapshot: Option<Snapshot>,
    /// The records that follow it, in order. Some may be in the snapshot already.
    pub records: Vec<Record>,
    /// The newest readable marks.
    pub marks: Option<Marks>,
    /// The place of the last record in the log.
    pub last: Lsn,
    /// What is kept aside of former actors of the node.
    pub set_aside: Vec<SetAside>,
    /// What can be said of what is missing.
    pub verdict: Verdict,
}

/// A snapshot as read from disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// How it begins.
    pub head: SnapshotHead,
    /// Every key with its versions.
    pub entries: Vec<(Key, Vec<Version>)>,
}

/// Whether a log holds all that its node ever sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// There is nothing: a first start, or a lost disk.
    #[default]
    Empty,
    /// All of it: the policy was `always`, or the node was stopped cleanly, and nothing was found damaged.
    Complete,
    /// Its end may be missing: a laxer policy and a crash, a cut that was durable once, lost marks. What is here is whole up to its end.
    MayLack,
    /// Something in the middle is missing: a damaged record or snapshot. What could be read is here, and no vector can be believed.
    Damaged,
}
