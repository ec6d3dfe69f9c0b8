//! Faults as data: what happens, to whom, when, for how long. A [plan](crate::plan) holds a list of them.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use causeway::id::NodeId;
use serde::{Deserialize, Serialize};

/// A fault with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timed {
    /// When it begins, in milliseconds after the warm-up.
    pub at_ms: u64,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// A process is killed and comes back.
    Kill {
        /// Which.
        node: NodeId,
        /// How long it is down.
        down_ms: u64,
    },
    /// A machine loses power and comes back.
    PowerLoss {
        /// Which.
        node: NodeId,
        /// How long it is down.
        down_ms: u64,
    },
    /// All machines lose power and come back.
    Blackout {
        /// How long they are down.
        down_ms: u64,
    },
    /// A process is killed again and again.
    Storm {
        /// Which.
        node: NodeId,
        /// How often.
        restarts: u64,
    },
    /// A process is stopped cleanly and comes back.
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
    /// Links do not do what they should.
    Links {
        /// Which, and how.
        breakage: Breakage,
        /// For how long.
        for_ms: u64,
    },
    /// Nodes are cut off one by one and come back in another order.
    Swizzle {
        /// Who is cut off, in order.
        cut: Vec<NodeId>,
        /// Who comes back, in order.
        heal: Vec<NodeId>,
        /// Between two steps.
        step_ms: u64,
    },
    /// A wall clock jumps.
    Jump {
        /// Whose.
        node: NodeId,
        /// By how much.
        by_ms: i64,
    },
    /// A node's clocks run fast or slow from now on.
    Drift {
        /// Whose.
        node: NodeId,
        /// By how many millionths.
        ppm: i64,
    },
    /// Syncs take longer.
    SlowDisk {
        /// Whose.
        node: NodeId,
        /// How many times as long.
        factor: u64,
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
    /// Syncs fail.
    FailingSync {
        /// Whose.
        node: NodeId,
        /// For how long.
        for_ms: u64,
    },
    /// A process is killed, its disk is lost, and it comes back.
    LostDisk {
        /// Whose.
        node: NodeId,
        /// How long it is down.
        down_ms: u64,
    },
    /// A process is killed, a durable sector of its disk is spoilt, and it comes back.
    Rot {
        /// Whose.
        node: NodeId,
        /// How.
        rot: Spoilt,
        /// How long it is down.
        down_ms: u64,
    },
    /// A process is killed, and what it reads when it comes back is sometimes wrong by a bit.
    BadReads {
        /// Whose.
        node: NodeId,
        /// For how long.
        for_ms: u64,
    },
    /// Some writes of a disk go to the wrong place; in the end its machine loses power.
    StrayWrites {
        /// Whose.
        node: NodeId,
        /// For how long.
        for_ms: u64,
    },
    /// A node does everything more slowly.
    SlowNode {
        /// Which.
        node: NodeId,
        /// How many times.
        factor: u64,
        /// For how long.
        for_ms: u64,
    },
    /// A link takes longer.
    SlowLink {
        /// Who sends.
        from: NodeId,
        /// Who waits.
        to: NodeId,
        /// How long, at the most, in milliseconds.
        latency_ms: u64,
        /// For how long.
        for_ms: u64,
    },
}

/// How a durable sector is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spoilt {
    /// One of its bits flips.
    FlippedBit,
    /// It holds what was meant for another.
    MisdirectedWrite,
}

/// Which links do what to frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Breakage {
    /// Nothing passes between the group and the others.
    Partition(BTreeSet<NodeId>),
    /// Nothing passes from the group to the others.
    OneWay(BTreeSet<NodeId>),
    /// Only neighbours in a ring of so many nodes hear each other.
    Ring(u32),
    /// Nothing passes between the node and all others.
    Isolate(NodeId),
    /// Frames from one node to another are kept back.
    Hold {
        /// Who sends.
        from: NodeId,
        /// Who waits.
        to: NodeId,
    },
}

impl Breakage {
    /// Whether it cuts the link from one node to another.
    pub fn cuts(&self, from: NodeId, to: NodeId) -> bool {
        match self {
            Self::Partition(group) => group.contains(&from) != group.contains(&to),
            Self::OneWay(group) => group.contains(&from) && !group.contains(&to),
            Self::Ring(nodes) => {
                let apart = from.0.abs_diff(to.0);
                apart != 1 && apart != nodes - 1
            }
            Self::Isolate(node) => *node == from || *node == to,
            Self::Hold { .. } => false,
        }
    }

    /// Whether it holds frames from one node to another.
    pub fn holds(&self, from: NodeId, to: NodeId) -> bool {
        *self == Self::Hold { from, to }
    }
}

impl Fault {
    /// Whom it names.
    pub fn nodes(&self) -> Vec<NodeId> {
        let named = RefCell::new(Vec::new());
        self.clone().rename_nodes(&|node| {
            named.borrow_mut().push(node);
            node
        });
        named.into_inner()
    }

    /// Gives the nodes that it names other names. A fault that two nodes had becomes one that one has.
    pub fn rename_nodes(&mut self, rename: &dyn Fn(NodeId) -> NodeId) {
        match self {
            Self::Kill { node, .. }
            | Self::PowerLoss { node, .. }
            | Self::Storm { node, .. }
            | Self::Stop { node, .. }
            | Self::Pause { node, .. }
            | Self::Jump { node, .. }
            | Self::Drift { node, .. }
            | Self::SlowDisk { node, .. }
            | Self::FullDisk { node, .. }
            | Self::FailingSync { node, .. }
            | Self::LostDisk { node, .. }
            | Self::Rot { node, .. }
            | Self::BadReads { node, .. }
            | Self::StrayWrites { node, .. }
            | Self::SlowNode { node, .. }
            | Self::Links { breakage: Breakage::Isolate(node), .. } => *node = rename(*node),
            Self::Links { breakage: Breakage::Partition(group) | Breakage::OneWay(group), .. } => {
                *group = group.iter().copied().map(rename).collect();
            }
            Self::Links { breakage: Breakage::Hold { from, to }, .. } | Self::SlowLink { from, to, .. } => {
                (*from, *to) = (rename(*from), rename(*to));
            }
            Self::Swizzle { cut, heal, .. } => cut.iter_mut().chain(heal).for_each(|node| *node = rename(*node)),
            Self::Blackout { .. } | Self::Links { breakage: Breakage::Ring(_), .. } => {}
        }
    }

    /// The names of all kinds.
    pub const KINDS: [&'static str; 23] = [
        "kill",
        "power loss",
        "blackout",
        "restart storm",
        "stop",
        "pause",
        "partition",
        "one way",
        "ring",
        "isolate",
        "hold",
        "swizzle",
        "clock jump",
        "clock drift",
        "slow disk",
        "full disk",
        "failing sync",
        "lost disk",
        "rot",
        "bad reads",
        "stray writes",
        "slow node",
        "slow link",
    ];

    /// The name of its kind, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::PowerLoss { .. } => "power loss",
            Self::Blackout { .. } => "blackout",
            Self::Storm { .. } => "restart storm",
            Self::Stop { .. } => "stop",
            Self::Pause { .. } => "pause",
            Self::Links { breakage: Breakage::Partition(_), .. } => "partition",
            Self::Links { breakage: Breakage::OneWay(_), .. } => "one way",
            Self::Links { breakage: Breakage::Ring(_), .. } => "ring",
            Self::Links { breakage: Breakage::Isolate(_), .. } => "isolate",
            Self::Links { breakage: Breakage::Hold { .. }, .. } => "hold",
            Self::Swizzle { .. } => "swizzle",
            Self::Jump { .. } => "clock jump",
            Self::Drift { .. } => "clock drift",
            Self::SlowDisk { .. } => "slow disk",
            Self::FullDisk { .. } => "full disk",
            Self::FailingSync { .. } => "failing sync",
            Self::LostDisk { .. } => "lost disk",
            Self::Rot { .. } => "rot",
            Self::BadReads { .. } => "bad reads",
            Self::StrayWrites { .. } => "stray writes",
            Self::SlowNode { .. } => "slow node",
            Self::SlowLink { .. } => "slow link",
        }
    }
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |nodes: &BTreeSet<NodeId>| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        match self {
            Self::Partition(group) => write!(f, "{{{}}} cut from the rest", list(group)),
            Self::OneWay(group) => write!(f, "nothing passes from {{{}}} to the rest", list(group)),
            Self::Ring(_) => f.write_str("only neighbours in a ring hear each other"),
            Self::Isolate(node) => write!(f, "{node} cut from all others"),
            Self::Hold { from, to } => write!(f, "frames from {from} to {to} held back"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { node, down_ms } => write!(f, "{node} killed, down for {down_ms} ms"),
            Self::PowerLoss { node, down_ms } => write!(f, "{node} loses power for {down_ms} ms"),
            Self::Blackout { down_ms } => write!(f, "all lose power for {down_ms} ms"),
            Self::Storm { node, restarts } => write!(f, "{node} killed {restarts} times"),
            Self::Stop { node, down_ms } => write!(f, "{node} stopped, down for {down_ms} ms"),
            Self::Pause { node, for_ms } => write!(f, "{node} paused for {for_ms} ms"),
            Self::Links { breakage, for_ms } => write!(f, "{breakage} for {for_ms} ms"),
            Self::Swizzle { cut, heal, step_ms } => {
                let list = |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                write!(f, "{} cut off one by one, back as {}, {step_ms} ms apart", list(cut), list(heal))
            }
            Self::Jump { node, by_ms } => write!(f, "the wall clock of {node} jumps by {by_ms} ms"),
            Self::Drift { node, ppm } => write!(f, "the clocks of {node} drift by {ppm} ppm"),
            Self::SlowDisk { node, factor, for_ms } => {
                write!(f, "the disk of {node} syncs {factor} times slower for {for_ms} ms")
            }
            Self::FullDisk { node, for_ms } => write!(f, "the disk of {node} is full for {for_ms} ms"),
            Self::FailingSync { node, for_ms } => write!(f, "syncs of {node} fail for {for_ms} ms"),
            Self::LostDisk { node, down_ms } => write!(f, "{node} loses its disk, down for {down_ms} ms"),
            Self::Rot { node, rot: Spoilt::FlippedBit, down_ms } => {
                write!(f, "a bit flips on the disk of {node}, down for {down_ms} ms")
            }
            Self::Rot { node, rot: Spoilt::MisdirectedWrite, down_ms } => {
                write!(f, "a sector of {node} holds what was meant for another, down for {down_ms} ms")
            }
            Self::BadReads { node, for_ms } => write!(f, "{node} restarts and reads bits wrong for {for_ms} ms"),
            Self::StrayWrites { node, for_ms } => write!(f, "writes of {node} go astray for {for_ms} ms, then it loses power"),
            Self::SlowNode { node, factor, for_ms } => write!(f, "{node} is {factor} times slower for {for_ms} ms"),
            Self::SlowLink { from, to, latency_ms, for_ms } => {
                write!(f, "frames from {from} to {to} take up to {latency_ms} ms for {for_ms} ms")
            }
        }
    }
}
