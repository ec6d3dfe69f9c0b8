//! Faults as data: what happens, to whom, when, for how long. The schedule of a run is a list of them, drawn from the seed before
//! the run begins, so that it can be printed, edited and replayed.

use std::{collections::BTreeSet, fmt};

use causeway::{id::NodeId, placement::Config};
use rand::{RngExt, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::plan::{Faults, Plan};

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// Which links do what to frames.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        }
    }
}

/// The faults of a run in order, each with the time after the warm-up at which it begins, in milliseconds.
pub fn schedule(plan: &Plan, config: &Config, random: &mut ChaCha8Rng) -> Vec<(u64, Fault)> {
    let mut draw = Draw { nodes: plan.nodes.into(), config, spent: BTreeSet::new(), random };
    let kinds = draw.kinds(&plan.faults);
    let mut schedule = Vec::new();
    let mut at_ms = 0;
    while !kinds.is_empty() {
        at_ms += draw.between(plan.faults.every_ms);
        if at_ms >= plan.faults_ms {
            break;
        }
        let kind = kinds[draw.random.random_range(0..kinds.len())];
        schedule.extend(kind(&mut draw, &plan.faults).map(|fault| (at_ms, fault)));
    }
    schedule
}

/// Draws one fault of a kind; `None` where the plan leaves it out, or where one more would not be survivable.
type Kind<'a> = fn(&mut Draw<'a>, &Faults) -> Option<Fault>;

struct Draw<'a> {
    nodes: u32,
    config: &'a Config,
    /// Nodes that lose their disk or their right to write. No two of one shard.
    spent: BTreeSet<NodeId>,
    random: &'a mut ChaCha8Rng,
}

impl<'a> Draw<'a> {
    /// The kinds that the plan has.
    fn kinds(&mut self, faults: &Faults) -> Vec<Kind<'a>> {
        let spans: [(bool, Kind<'a>); 18] = [
            (faults.kill_ms.is_some(), |d, f| Some(Fault::Kill { node: d.node(), down_ms: d.between(f.kill_ms?) })),
            (faults.power_loss_ms.is_some(), |d, f| {
                Some(Fault::PowerLoss { node: d.node(), down_ms: d.between(f.power_loss_ms?) })
            }),
            (faults.blackout_ms.is_some(), |d, f| Some(Fault::Blackout { down_ms: d.between(f.blackout_ms?) })),
            (faults.storm_restarts.is_some(), |d, f| Some(Fault::Storm { node: d.node(), restarts: f.storm_restarts?.into() })),
            (faults.stop_ms.is_some(), |d, f| Some(Fault::Stop { node: d.node(), down_ms: d.between(f.stop_ms?) })),
            (faults.pause_ms.is_some(), |d, f| Some(Fault::Pause { node: d.node(), for_ms: d.between(f.pause_ms?) })),
            (faults.partition_ms.is_some(), |d, f| {
                let group = d.group();
                Some(d.links(Breakage::Partition(group), f.partition_ms?))
            }),
            (faults.one_way_ms.is_some(), |d, f| {
                let group = d.group();
                Some(d.links(Breakage::OneWay(group), f.one_way_ms?))
            }),
            (faults.ring_ms.is_some(), |d, f| Some(d.links(Breakage::Ring(d.nodes), f.ring_ms?))),
            (faults.isolate_ms.is_some(), |d, f| {
                let node = d.node();
                Some(d.links(Breakage::Isolate(node), f.isolate_ms?))
            }),
            (faults.hold_ms.is_some(), |d, f| {
                let pair = d.shuffled();
                Some(d.links(Breakage::Hold { from: pair[0], to: pair[1] }, f.hold_ms?))
            }),
            (faults.swizzle_ms.is_some(), |d, f| {
                let step_ms = d.between(f.swizzle_ms?) / 4;
                let cut = d.shuffled()[..3].to_vec();
                let mut heal = cut.clone();
                heal.shuffle(d.random);
                Some(Fault::Swizzle { cut, heal, step_ms })
            }),
            (faults.jump_ms.is_some(), |d, f| Some(Fault::Jump { node: d.node(), by_ms: d.either_way(f.jump_ms?) })),
            (faults.drift_ppm.is_some(), |d, f| Some(Fault::Drift { node: d.node(), ppm: d.either_way(f.drift_ppm?) })),
            (faults.slow_disk.is_some(), |d, f| {
                Some(Fault::SlowDisk { node: d.node(), factor: d.between(f.slow_disk?), for_ms: 3_000 })
            }),
            (faults.full_disk_ms.is_some(), |d, f| Some(Fault::FullDisk { node: d.node(), for_ms: d.between(f.full_disk_ms?) })),
            (faults.failing_sync_ms.is_some(), |d, f| {
                Some(Fault::FailingSync { node: d.spend()?, for_ms: d.between(f.failing_sync_ms?) })
            }),
            (faults.lost_disk_ms.is_some(), |d, f| {
                Some(Fault::LostDisk { node: d.spend()?, down_ms: d.between(f.lost_disk_ms?) })
            }),
        ];
        spans.into_iter().filter(|(present, _)| *present).map(|(_, kind)| kind).collect()
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.random.random_range(0..self.nodes))
    }

    /// A node that may lose everything: no other of its shard does.
    fn spend(&mut self) -> Option<NodeId> {
        let node = self.node();
        let shard = |node: NodeId| self.config.member(node).map(|member| member.shard);
        let free = self.spent.iter().all(|other| *other == node || shard(*other) != shard(node));
        free.then(|| {
            self.spent.insert(node);
            node
        })
    }

    fn between(&mut self, (from, to): (u64, u64)) -> u64 {
        self.random.random_range(from..=to)
    }

    fn either_way(&mut self, span: (u64, u64)) -> i64 {
        let size = self.between(span) as i64;
        if self.random.random_bool(0.5) { size } else { -size }
    }

    fn shuffled(&mut self) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = (0..self.nodes).map(NodeId).collect();
        nodes.shuffle(self.random);
        nodes
    }

    /// Some of the nodes, never all.
    fn group(&mut self) -> BTreeSet<NodeId> {
        let size = self.random.random_range(1..self.nodes as usize);
        self.shuffled().into_iter().take(size).collect()
    }

    fn links(&mut self, breakage: Breakage, span: (u64, u64)) -> Fault {
        Fault::Links { breakage, for_ms: self.between(span) }
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
        }
    }
}
