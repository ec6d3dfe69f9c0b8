//! What a node tells an operator about itself.

use std::collections::BTreeMap;

use super::{Node, view::Peer};
use crate::{
    clock::Hlc,
    id::{ActorId, Epoch, NodeId, ShardId},
    node::WhyNoWrites,
    placement::{Progress, Taken},
};

/// A node's state at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Which node.
    pub node: NodeId,
    /// Its actor.
    pub actor: ActorId,
    /// The shard it holds; none for a node that has not been given one.
    pub shard: Option<ShardId>,
    /// Its config's number.
    pub epoch: Epoch,
    /// Whether it serves reads: false until a lost disk is caught up.
    pub serves: bool,
    /// Why it takes no writes; `None` when it takes them.
    pub no_writes: Option<WhyNoWrites>,
    /// Every node of the config, this one included, by id.
    pub peers: Vec<PeerStatus>,
    /// Milliseconds of the hybrid logical clock: no write here has been made after it.
    pub clock_ms: u64,
    /// The stable time: everything up to it is applied everywhere.
    pub stable: Hlc,
    /// How far the stable time is behind this node's clock, in milliseconds.
    pub stable_lag_ms: u64,
    /// The node whose report holds the stable time back.
    pub stable_culprit: Option<NodeId>,
    /// Live keys held here.
    pub keys: u64,
    /// Tombstones held here.
    pub tombstones: u64,
    /// Versions whose dependencies are still kept.
    pub unstable_versions: u64,
    /// Estimated bytes of keys, values, versions and retained records.
    pub memory_bytes: u64,
    /// Bytes of records kept for peers that are behind.
    pub tail_bytes: u64,
    /// Records of former actors of this node that only it had, kept aside on its disk.
    pub set_aside: u64,
    /// Requests that wait for their dependencies, a forward's answer or their write concern.
    pub waiting: u64,
    /// What is taken over from another replica now.
    pub transfer: Option<TransferStatus>,
    /// How far each actor is with what the config has on the move; empty while nothing is.
    pub progress: BTreeMap<ActorId, Progress>,
    /// What was counted since the process started.
    pub counters: Counters,
}

/// What a node knows of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Which node.
    pub node: NodeId,
    /// Whether it is in this node's view.
    pub up: bool,
    /// Whether it is avoided because it is not heard from directly.
    pub suspected: bool,
    /// How far this node is behind in what it has applied of the peer's actor, in milliseconds of hlc. Shard peers only.
    pub lag_ms: Option<u64>,
    /// Milliseconds by which the peer's clock seems ahead of this node's; negative when behind.
    pub clock_ahead_ms: i64,
    /// Whether the peer says that it takes writes.
    pub takes_writes: bool,
    /// Whether it has yet to say that it holds all that this node wrote. Never of one that holds nothing of this node's shard.
    pub lacks_records: bool,
}

/// How far the transfer is that a node takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferStatus {
    /// Who gives.
    pub peer: NodeId,
    /// From which shard slots are imported; none where a replica of its own shard gives.
    pub import: Option<ShardId>,
    /// How many slots are taken over in all.
    pub slots: u16,
    /// What has come.
    pub taken: Taken,
}

/// What a node counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Reads answered here.
    pub gets: u64,
    /// Writes accepted here.
    pub writes: u64,
    /// Requests that had to wait for their dependencies.
    pub waits: u64,
    /// Requests refused because their dependencies did not arrive.
    pub not_satisfied: u64,
    /// Requests passed on to another node.
    pub forwards: u64,
    /// Requests refused because no member of the shard could be reached.
    pub cannot_forward: u64,
    /// Writes whose outcome stayed unknown.
    pub outcome_unknown: u64,
    /// Retries answered from memory.
    pub retries_recognised: u64,
    /// Records applied, own and replicated.
    pub applied: u64,
    /// Pulls asked for.
    pub pulls: u64,
    /// Snapshots taken over from peers.
    pub snapshots_installed: u64,
    /// Bytes given to peers in transfers, as they lie in memory.
    pub transfer_given_bytes: u64,
    /// Bytes that came from peers in transfers.
    pub transfer_taken_bytes: u64,
    /// Tombstones collected.
    pub tombstones_collected: u64,
    /// Tokens that were further ahead than the allowed drift.
    pub tokens_ahead: u64,
    /// Slot ranges found different at equal vectors: corruption.
    pub corrupt_ranges: u64,
    /// Messages dropped: an older incarnation's, or another epoch's.
    pub stale_messages: u64,
    /// Answers to sessions that have seen a write that was cut off with its actor.
    pub causal_gaps: u64,
    /// Records that were set aside when the node's actor was found to be cut off, those that found no room too.
    pub set_aside: u64,
}

impl Status {
    /// How many peers that are up have yet to say that they hold all that this node wrote: once there are none, it may go.
    pub fn peers_behind(&self) -> u64 {
        self.peers.iter().filter(|peer| peer.up && !peer.suspected && peer.lacks_records).count() as u64
    }
}

impl Node {
    /// This node's state now.
    pub fn status(&self) -> Status {
        let stable = self.stability.stable();
        let others = self.view.peers().map(|(node, peer)| self.peer_status(node, peer));
        let mut peers: Vec<PeerStatus> = others.chain([self.own_status()]).collect();
        peers.sort_by_key(|peer| peer.node);
        Status {
            node: self.plan.me,
            actor: self.actor,
            shard: Some(self.shard).filter(|shard| *shard != ShardId::NONE),
            epoch: self.plan.config.epoch(),
            serves: self.standing.serves() && self.standing.caught_up(),
            no_writes: self.standing.writes().err(),
            peers,
            clock_ms: self.clock.last().millis().max(self.now.wall_ms),
            stable,
            stable_lag_ms: self.now.wall_ms.saturating_sub(stable.millis()),
            stable_culprit: self.stable_culprit(),
            keys: self.table.live(),
            tombstones: self.table.tombstones(),
            unstable_versions: self.table.unstable(),
            memory_bytes: self.memory_bytes(),
            tail_bytes: self.tail.bytes(),
            set_aside: self.aside.records(),
            waiting: (self.waiting.len() + self.held.len() + self.forwards.len() + self.concerns.len()) as u64,
            transfer: self.transfer_status(),
            progress: self.known_progress(),
            counters: self.counters,
        }
    }

    fn peer_status(&self, node: NodeId, peer: &Peer) -> PeerStatus {
        let actor = self.actor_of(node).filter(|_| self.links.contains_key(&node));
        let lag_ms = actor.map(|actor| self.now.wall_ms.saturating_sub(self.applied.get(actor).millis()));
        PeerStatus {
            node,
            up: peer.up,
            suspected: peer.suspected,
            lag_ms,
            clock_ahead_ms: peer.clock_ahead_ms(self.now),
            takes_writes: peer.heartbeat.takes_writes,
            lacks_records: self.links.get(&node).is_some_and(|link| !link.holds(self.applied.get(self.actor))),
        }
    }

    fn own_status(&self) -> PeerStatus {
        PeerStatus {
            node: self.plan.me,
            up: true,
            suspected: false,
            lag_ms: None,
            clock_ahead_ms: 0,
            takes_writes: self.standing.writes().is_ok(),
            lacks_records: false,
        }
    }
}
