//! What is done to nodes, as data. The same faults as the simulation's, where it knows them.

use std::fmt;

use causeway::id::NodeId;

use super::stage::Build;
use crate::{
    fault::{Breakage, Fault, Timed},
    plan::{Request, Wish},
};

/// How long a node takes to stop and to be back, as the simulation is told: in a rolling restart it depends.
const ROLLED_MS: u64 = 500;
/// How many times slower a node is, as the simulation is told, whose link is slow: there it depends on what is sent.
const SLOW_FACTOR: u64 = 10;

/// A harm with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedHarm {
    /// When it is done, in milliseconds after the warm-up. Later, if the node still has another one.
    pub at_ms: u64,
    /// What is done.
    pub harm: Harm,
}

/// One thing that is done to nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Harm {
    /// SIGKILL, and a start.
    Kill {
        /// Which.
        node: NodeId,
        /// How long it is down.
        down_ms: u64,
    },
    /// SIGTERM, and a start.
    Stop {
        /// Which.
        node: NodeId,
        /// How long it is down.
        down_ms: u64,
    },
    /// A process does nothing.
    Pause {
        /// Which.
        node: NodeId,
        /// For how long.
        for_ms: u64,
    },
    /// A node is taken off the network; clients do not reach it either.
    Disconnect {
        /// Which.
        node: NodeId,
        /// For how long.
        for_ms: u64,
    },
    /// Nothing passes on some links between nodes; clients reach all of them.
    Cut {
        /// Which links.
        breakage: Breakage,
        /// For how long.
        for_ms: u64,
    },
    /// A node sends slowly.
    Slow {
        /// Which.
        node: NodeId,
        /// How fast it may.
        kbit_per_s: u32,
        /// For how long.
        for_ms: u64,
    },
    /// A node loses packets that come to it, those of clients too.
    Lossy {
        /// Which.
        node: NodeId,
        /// How many of a hundred.
        percent: u8,
        /// For how long.
        for_ms: u64,
    },
    /// A disk has no room.
    FullDisk {
        /// Whose.
        node: NodeId,
        /// For how long.
        for_ms: u64,
    },
    /// Every node is stopped and started, each once the one before is ready again.
    Roll,
    /// The same, and each begins with this build of the program.
    Change(Build),
    /// A reshard, asked of one node after the other until it is made.
    Reshard {
        /// Who is asked first.
        first: NodeId,
        /// How many shards there are to be.
        shards: u16,
    },
}

impl Harm {
    /// The name of its kind, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Stop { .. } => "stop",
            Self::Pause { .. } => "pause",
            Self::Disconnect { .. } => "disconnect",
            Self::Cut { breakage: Breakage::Partition(_), .. } => "partition",
            Self::Cut { breakage: Breakage::OneWay(_), .. } => "one-way cut",
            Self::Cut { .. } => "partial cut",
            Self::Slow { .. } => "slow link",
            Self::Lossy { .. } => "lossy link",
            Self::FullDisk { .. } => "full disk",
            Self::Roll => "rolling restart",
            Self::Change(Build::Newer) => "rolling upgrade",
            Self::Change(Build::Older) => "rolling downgrade",
            Self::Reshard { .. } => "reshard",
        }
    }

    /// Whether nodes do not hear each other.
    pub fn is_partition(&self) -> bool {
        matches!(self, Self::Disconnect { .. } | Self::Cut { .. })
    }

    /// The same for the simulation, at this time, in a cluster of so many nodes. Of a lossy link it knows nothing.
    pub fn simulated(&self, at_ms: u64, nodes: u16) -> Vec<Timed> {
        let fault = match *self {
            Self::Kill { node, down_ms } => Fault::Kill { node, down_ms },
            Self::Stop { node, down_ms } => Fault::Stop { node, down_ms },
            Self::Pause { node, for_ms } => Fault::Pause { node, for_ms },
            Self::Disconnect { node, for_ms } => Fault::Links { breakage: Breakage::Isolate(node), for_ms },
            Self::Cut { ref breakage, for_ms } => Fault::Links { breakage: breakage.clone(), for_ms },
            Self::Slow { node, for_ms, .. } => Fault::SlowNode { node, factor: SLOW_FACTOR, for_ms },
            Self::FullDisk { node, for_ms } => Fault::FullDisk { node, for_ms },
            Self::Roll | Self::Change(_) => {
                let stop = |node: u16| Fault::Stop { node: NodeId(node.into()), down_ms: ROLLED_MS };
                return (0..nodes)
                    .map(|node| Timed { at_ms: at_ms + 2 * ROLLED_MS * u64::from(node), fault: stop(node) })
                    .collect();
            }
            Self::Lossy { .. } | Self::Reshard { .. } => return Vec::new(),
        };
        vec![Timed { at_ms, fault }]
    }

    /// What an operator of the simulation asks for then.
    pub fn request(&self, at_ms: u64) -> Option<Request> {
        match *self {
            Self::Reshard { first, shards } => Some(Request { at_ms, node: first, wish: Wish::Reshard { shards } }),
            _ => None,
        }
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { node, down_ms } => write!(f, "{node} killed, down for {down_ms} ms"),
            Self::Stop { node, down_ms } => write!(f, "{node} stopped, down for {down_ms} ms"),
            Self::Pause { node, for_ms } => write!(f, "{node} paused for {for_ms} ms"),
            Self::Disconnect { node, for_ms } => write!(f, "{node} off the network for {for_ms} ms"),
            Self::Cut { breakage, for_ms } => write!(f, "{breakage} for {for_ms} ms"),
            Self::Slow { node, kbit_per_s, for_ms } => write!(f, "{node} sends {kbit_per_s} kbit/s for {for_ms} ms"),
            Self::Lossy { node, percent, for_ms } => write!(f, "{node} loses {percent} % of all packets for {for_ms} ms"),
            Self::FullDisk { node, for_ms } => write!(f, "the disk of {node} is full for {for_ms} ms"),
            Self::Roll => f.write_str("all nodes restarted one by one"),
            Self::Change(Build::Newer) => f.write_str("all nodes upgraded one by one"),
            Self::Change(Build::Older) => f.write_str("all nodes downgraded one by one"),
            Self::Reshard { first, shards } => write!(f, "reshard to {shards}, asked of {first} first"),
        }
    }
}
