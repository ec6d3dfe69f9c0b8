//! What a node says happened, for the simulator's checkers and traces. Production listens to none of it.

use std::{fmt, sync::Arc};

use crate::{
    clock::{Dot, Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId},
    placement::{Config, SlotSet},
    store::{Key, Order, Version, Write},
};

/// One thing that happened inside a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A key's contents as they were on the disk. All of them come before [`Recovered`](Self::Recovered).
    Found {
        /// Which key.
        key: Key,
        /// All its versions, the winner first.
        versions: Vec<Version>,
    },
    /// The process is up, with this much recovered from its disk.
    Recovered {
        /// How far each actor is applied.
        applied: VersionVector,
        /// Where the clock restarts.
        lease: Hlc,
        /// Whether it may take writes under its old actor at once.
        takes_writes: bool,
        /// The epoch that it works in.
        epoch: Epoch,
    },
    /// A record is durable here, by the fsync policy, and readable.
    Applied {
        /// The write.
        write: Arc<Write>,
        /// The winner of its key now.
        winner: Order,
    },
    /// Everything of an actor up to here is applied.
    Promised {
        /// Whose records.
        actor: ActorId,
        /// Up to where.
        upto: Hlc,
    },
    /// A key's contents came with a snapshot.
    Installed {
        /// Which key.
        key: Key,
        /// All its versions now, the winner first; none when it is gone.
        versions: Vec<Version>,
    },
    /// All that came with snapshots so far is on this node's own disk.
    Kept,
    /// A tombstone was dropped.
    Collected {
        /// Which key.
        key: Key,
        /// The tombstone's place.
        order: Order,
    },
    /// The node's stable time rose.
    Stable(Hlc),
    /// A write was answered.
    Acknowledged(Dot),
    /// The node works by this config from now on.
    Adopted(Arc<Config>),
    /// All that its shard is to get in the migration begun then is here, durably.
    Copied(Epoch),
    /// How far it has the former owners' actors is forgotten: what its shard is to get comes again.
    ImportsAnew {
        /// The slots of which it has dropped what had come.
        dropped: SlotSet,
    },
    /// What only this node had of an actor of its own that was cut off is in a file of its own.
    SetAside {
        /// Whose records.
        actor: ActorId,
        /// Which ones.
        dots: Vec<Dot>,
        /// How many more found no room.
        left_out: u64,
    },
    /// The node's replica is another one from now on, which holds nothing yet.
    Forgot,
    /// A peer is not heard from and is avoided.
    Suspected(NodeId),
    /// A peer is heard from again.
    Trusted(NodeId),
    /// A node left this node's view.
    Down(NodeId),
    /// A node is in this node's view again.
    Up(NodeId),
    /// The node takes no writes from now on.
    StoppedWriting(WhyNoWrites),
    /// The node takes writes from now on.
    TakesWrites,
}

/// Why a node takes no writes and passes them to a shard peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WhyNoWrites {
    /// It has not yet learned whether its disk was lost.
    Starting,
    /// Its disk was lost, or its log may lack what it had sent: it needs a new actor.
    NeedsNewActor,
    /// An fsync failed: its actor is finished.
    FsyncFailed,
    /// Its clock is ahead of its peers'.
    ClockAhead,
    /// It takes over what its shard holds.
    TakingOver,
    /// It is a member of no shard.
    NoSeat,
}

impl fmt::Display for WhyNoWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::NeedsNewActor => "needs_new_actor",
            Self::FsyncFailed => "fsync_failed",
            Self::ClockAhead => "clock_ahead",
            Self::TakingOver => "taking_over",
            Self::NoSeat => "no_seat",
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { key, versions } => write!(f, "found {key} ({} versions)", versions.len()),
            Self::Recovered { applied, lease, takes_writes, epoch: _ } => {
                write!(f, "recovered [{applied}] lease {lease} takes_writes {takes_writes}")
            }
            Self::Applied { write, winner } => write!(f, "applied {write} winner {winner}"),
            Self::Promised { actor, upto } => write!(f, "promised {actor} {upto}"),
            Self::Installed { key, versions } => write!(f, "installed {key} ({} versions)", versions.len()),
            Self::Kept => write!(f, "kept what was installed"),
            Self::Collected { key, order } => write!(f, "collected {key} {order}"),
            Self::Stable(hlc) => write!(f, "stable {hlc}"),
            Self::Acknowledged(dot) => write!(f, "acknowledged {dot}"),
            Self::Copied(begun) => write!(f, "copied all of the migration of {begun}"),
            Self::ImportsAnew { .. } => f.write_str("imports anew"),
            Self::Adopted(config) => write!(f, "adopted config {}", config.epoch()),
            Self::SetAside { actor, dots, left_out } => {
                write!(f, "set aside {} records of {actor} ({left_out} left out)", dots.len())
            }
            Self::Forgot => f.write_str("forgot what it held"),
            Self::Suspected(node) => write!(f, "suspected {node}"),
            Self::Trusted(node) => write!(f, "trusted {node}"),
            Self::Down(node) => write!(f, "down {node}"),
            Self::Up(node) => write!(f, "up {node}"),
            Self::StoppedWriting(why) => write!(f, "stopped writing: {why}"),
            Self::TakesWrites => write!(f, "takes writes"),
        }
    }
}
