//! What peers say to each other.
//!
//! Every message may be lost, repeated, delayed and overtaken: each either carries all it needs to be judged again, or is asked
//! for again. The exception is the order *within* a push: records and the promise that follows them are one message.

mod text;

use std::{cmp::Ordering, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Hlc, VersionVector},
    id::{ActorId, Epoch, Incarnation, NodeId, Slot},
    placement::{Config, Progress},
    request::{Reply, Request},
    store::{Key, Remembered, Version, Write},
};

/// What travels between two nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// For the node.
    Node(Envelope),
    /// For its config log, which has gates of its own: the node's never hold it back.
    ConfigLog(Bytes),
}

/// A message with what its receiver's gate must know first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The sender's epoch: a receiver below it adopts the configs between before anything else.
    pub epoch: Epoch,
    /// The sender's process: messages of an older one are dropped.
    pub incarnation: Incarnation,
    /// What is said.
    pub message: Message,
}

/// What a node says to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// The sender's own records in order, and its promise. Refused when `start` is above what the receiver has applied.
    Push(Push),
    /// How far the receiver of a push has durably applied its sender.
    PushAck {
        /// Which push this answers.
        number: u64,
        /// Up to which hlc of the push's sender.
        applied: Hlc,
    },
    /// Asks for what the sender of this lacks.
    Pull(Pull),
    /// What was asked for, as far as it fits.
    PullAnswer(PullAnswer),
    /// Asks for the contents of slots, because the log no longer reaches back to what is lacking.
    SnapshotRequest {
        /// Names the copy of the slots that all parts come from.
        copy: u64,
        /// The first slot that is still lacking.
        from: Slot,
        /// The first slot that is not asked for; at most the number of slots.
        until: u16,
    },
    /// Contents of slots.
    SnapshotPart(SnapshotPart),
    /// Asks for a hash of a slot range, to compare replicas that report the same vector.
    DigestRequest {
        /// Which of the ranges.
        range: u16,
    },
    /// A hash of the live keys of a slot range.
    Digest {
        /// Which of the ranges.
        range: u16,
        /// The last record applied of each actor: hashes are compared only where this is the same.
        vector: VersionVector,
        /// The hash.
        hash: u64,
    },
    /// Who is up, and how far everything is stable.
    Gossip(Gossip),
    /// A client's request, passed on by a node that does not hold the key.
    Forward(Forward),
    /// Its answer.
    ForwardReply {
        /// The number that the forwarder gave it.
        number: u64,
        /// The process that gave it: the next one of its node begins its numbers anew.
        asker: Incarnation,
        /// What came of it.
        reply: Reply,
    },
    /// Asks for the receiver's config, which is newer than the sender's.
    ConfigRequest,
    /// The sender's config.
    Config(Arc<Config>),
    /// A node with an empty disk asks what is known of it.
    FoundingQuery,
    /// What is known of the asker.
    FoundingReply {
        /// Whether this node's disk was empty when its process started.
        born_empty: bool,
        /// Whether it has records of the asker's actor, or has heard an earlier process of the asker take writes.
        heard: bool,
        /// Up to where the asker's actor has promised.
        promised: Hlc,
    },
}

impl Message {
    /// Whether it carries records or asks for them: not exchanged during a holdoff after a heal.
    pub fn repairs(&self) -> bool {
        match self {
            Self::Push(_)
            | Self::PushAck { .. }
            | Self::Pull(_)
            | Self::PullAnswer(_)
            | Self::SnapshotRequest { .. }
            | Self::SnapshotPart(_)
            | Self::DigestRequest { .. }
            | Self::Digest { .. } => true,
            Self::Gossip(_)
            | Self::Forward(_)
            | Self::ForwardReply { .. }
            | Self::ConfigRequest
            | Self::Config(_)
            | Self::FoundingQuery
            | Self::FoundingReply { .. } => false,
        }
    }
}

/// See [`Message::Push`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Its place among all pushes of the sender to the receiver: an acknowledgement names it.
    pub number: u64,
    /// What the receiver must have applied of the sender: the records follow from here.
    pub start: Hlc,
    /// In order, all above `start`.
    pub writes: Vec<Arc<Write>>,
    /// The sender has no other record up to here, and will make none.
    pub promise: Hlc,
    /// The sender had adopted this epoch's config before the promise: it has no record above it that it made in an older epoch.
    pub epoch: Epoch,
}

/// See [`Message::Pull`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// What the asker has applied.
    pub vector: VersionVector,
    /// Up to where the asked node should promise, if it can.
    pub need: Hlc,
    /// Whether the asker lacks records of its own actor: a node that lost its disk.
    pub own: bool,
}

/// See [`Message::PullAnswer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullAnswer {
    /// The process that asked: what another one of its node was told says nothing about what this one has.
    pub asker: Incarnation,
    /// One run of records an actor, each judged like a push.
    pub runs: Vec<Run>,
    /// The answerer's log does not reach back to what the asker lacks: it needs a snapshot.
    pub cut: bool,
    /// Whether the answer was cut short and another pull should follow at once.
    pub more: bool,
    /// Whether the answerer serves reads: it has all that was asked for, as far as it can be had.
    pub serves: bool,
}

/// Consecutive records of one actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Whose.
    pub actor: ActorId,
    /// The records follow from here.
    pub start: Hlc,
    /// In order.
    pub writes: Vec<Arc<Write>>,
    /// There is no other record of the actor up to here.
    pub upto: Hlc,
    /// The actor has no record above `upto` that it made before it adopted this epoch's config.
    pub epoch: Epoch,
}

/// See [`Message::SnapshotPart`]. Installed with authority: a local version whose dot is in `vector` and that is not here is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPart {
    /// The copy that it is a part of, as the taker named it.
    pub copy: u64,
    /// The first slot in it.
    pub from: Slot,
    /// The first slot that is not in it; the number of slots when it is the last part. One without slots says that what was asked for
    /// comes later.
    pub until: u16,
    /// What the sender had applied when it made the copy: the same in all parts.
    pub vector: VersionVector,
    /// The migration of which the sender holds all that its shard is to get.
    pub copied: Option<Epoch>,
    /// Every key of the slots with its versions.
    pub entries: Vec<(Key, Vec<Version>)>,
    /// The operations that the sender remembers; with the last part only.
    pub operations: Vec<Remembered>,
}

impl SnapshotPart {
    /// Whether it says no more than that what was asked for comes later.
    pub fn is_put_off(&self) -> bool {
        self.until == self.from.0
    }
}

/// See [`Message::Gossip`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gossip {
    /// The sender's wall clock, for telling whose clock is ahead.
    pub wall_ms: u64,
    /// The latest heartbeat known of each node.
    pub heartbeats: Vec<(NodeId, Heartbeat)>,
    /// The latest report of each actor.
    pub reports: Vec<(ActorId, Report)>,
    /// The sender's stable time.
    pub stable: Hlc,
    /// Whom the sender believes down, and for how long without a break, in milliseconds; at most every node of the config.
    pub down: Vec<(NodeId, u64)>,
    /// How far each actor is with what the config has on the move; empty while nothing is.
    pub progress: Vec<(ActorId, Progress)>,
}

/// How far a replica has applied what there is. Within an epoch each part only rises; in another one there may be others to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Every record of every actor of the shard up to here is applied, durably.
    pub least: Hlc,
    /// The reporting actor's last own record at that time.
    pub wrote: Hlc,
    /// In which epoch.
    pub epoch: Epoch,
}

impl Report {
    /// Takes over what is newer in another report of the same actor.
    pub fn join(&mut self, other: Self) {
        match other.epoch.cmp(&self.epoch) {
            Ordering::Less => {}
            Ordering::Equal => self.least = self.least.max(other.least),
            Ordering::Greater => (self.epoch, self.least) = (other.epoch, other.least),
        }
        self.wrote = self.wrote.max(other.wrote);
    }
}

/// A sign of life, spread by gossip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Rises while the node's process runs, and over its restarts, since it follows its hlc.
    pub beat: u64,
    /// Whether it may take writes: a node that lost its disk or whose clock is ahead does not.
    pub takes_writes: bool,
    /// Whether it has caught up and serves reads.
    pub serves: bool,
}

/// See [`Message::Forward`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// For matching the answer; unique within the forwarder's process.
    pub number: u64,
    /// How many more times it may be passed on.
    pub hops: u8,
    /// How many milliseconds the forwarder waits for the answer.
    pub patience_ms: u64,
    /// The request, token and all.
    pub request: Request,
}
