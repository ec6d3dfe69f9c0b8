//! Draws which kinds of faults a run has, and then the faults.

use std::collections::BTreeSet;

use causeway::{id::NodeId, placement::Config};
use rand::{RngExt, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    fault::{Breakage, Fault, Spoilt, Timed},
    plan::{Losses, Plan},
    trace::Keep,
};

/// What may go wrong, kind by kind, and how long or how much. `None` leaves a kind out.
#[derive(Debug, Clone, Default)]
pub(super) struct Kinds {
    /// Between two faults of the kinds below, in milliseconds: drawn evenly for each.
    pub every_ms: (u64, u64),
    /// A process is killed; its files stay as written. How long it is down, in milliseconds.
    pub kill_ms: Option<(u64, u64)>,
    /// A machine loses power: what was not synced is lost or torn. How long it is down, in milliseconds.
    pub power_loss_ms: Option<(u64, u64)>,
    /// All machines lose power at once. How long they are down, in milliseconds.
    pub blackout_ms: Option<(u64, u64)>,
    /// One process is killed again and again, as soon as it is up. How often.
    pub storm_restarts: Option<u8>,
    /// A process is stopped cleanly. How long it is down, in milliseconds.
    pub stop_ms: Option<(u64, u64)>,
    /// A process does nothing for a while, in milliseconds.
    pub pause_ms: Option<(u64, u64)>,
    /// Two groups of nodes are cut off from each other. How long, in milliseconds.
    pub partition_ms: Option<(u64, u64)>,
    /// Nothing comes through from one group to the other, but the other way. How long, in milliseconds.
    pub one_way_ms: Option<(u64, u64)>,
    /// Each node hears its neighbours in a ring only. How long, in milliseconds.
    pub ring_ms: Option<(u64, u64)>,
    /// One node is cut off from all others; clients still reach it. How long, in milliseconds.
    pub isolate_ms: Option<(u64, u64)>,
    /// Links are cut one by one, and healed in another order. How long each, in milliseconds.
    pub swizzle_ms: Option<(u64, u64)>,
    /// A link keeps frames back and delivers them later, all at once. How long, in milliseconds.
    pub hold_ms: Option<(u64, u64)>,
    /// A wall clock jumps, either way, by this many milliseconds.
    pub jump_ms: Option<(u64, u64)>,
    /// Both clocks of a node run fast or slow, by this many millionths.
    pub drift_ppm: Option<(u64, u64)>,
    /// Syncs take this many times as long, for 3 seconds.
    pub slow_disk: Option<(u64, u64)>,
    /// A disk has no room for this long, in milliseconds.
    pub full_disk_ms: Option<(u64, u64)>,
    /// Syncs of a disk fail for this long, in milliseconds. The node never writes again; at most one in a shard.
    pub failing_sync_ms: Option<(u64, u64)>,
    /// A disk is lost while its node is down, for this long in milliseconds. At most one in a shard, and only when
    /// another replica has all that it had.
    pub lost_disk_ms: Option<(u64, u64)>,
    /// A durable sector is spoilt while its node is down, for this long in milliseconds; otherwise as with a lost disk.
    pub rot_ms: Option<(u64, u64)>,
    /// A restarted node reads bits wrong for this long, in milliseconds; otherwise as with a lost disk.
    pub bad_reads_ms: Option<(u64, u64)>,
    /// Writes go astray for this long, in milliseconds, before a loss of power. Only where losses are allowed: what is acknowledged
    /// meanwhile may be nowhere else yet.
    pub stray_writes_ms: Option<(u64, u64)>,
    /// A node is this many times slower, for 2 seconds.
    pub slow_node: Option<(u64, u64)>,
    /// A link takes up to so many milliseconds, for 3 seconds.
    pub slow_link_ms: Option<(u64, u64)>,
    /// Milliseconds by which wall clocks are off from the start, at most.
    pub skew_ms: u64,
}

impl Kinds {
    pub fn draw(random: &mut ChaCha8Rng) -> Self {
        let mut span = |chance: f64, span: (u64, u64)| random.random_bool(chance).then_some(span);
        let mut kinds = Self {
            kill_ms: span(0.4, (50, 4_000)),
            power_loss_ms: span(0.5, (50, 4_000)),
            blackout_ms: span(0.15, (100, 1_000)),
            storm_restarts: span(0.15, (3, 3)).map(|_| 3),
            stop_ms: span(0.2, (50, 2_000)),
            pause_ms: span(0.35, (500, 3_000)),
            partition_ms: span(0.5, (500, 6_000)),
            one_way_ms: span(0.35, (500, 5_000)),
            ring_ms: span(0.2, (500, 5_000)),
            isolate_ms: span(0.4, (500, 6_000)),
            swizzle_ms: span(0.2, (500, 3_000)),
            hold_ms: span(0.3, (100, 3_000)),
            jump_ms: span(0.3, (10, 2_000)),
            drift_ppm: span(0.3, (100, 50_000)),
            slow_disk: span(0.3, (10, 100)),
            full_disk_ms: span(0.25, (200, 3_000)),
            failing_sync_ms: span(0.12, (200, 2_000)),
            lost_disk_ms: span(0.15, (100, 3_000)),
            rot_ms: span(0.1, (50, 2_000)),
            bad_reads_ms: span(0.08, (200, 2_000)),
            slow_node: span(0.2, (10, 100)),
            slow_link_ms: span(0.3, (50, 500)),
            ..Self::default()
        };
        kinds.every_ms = [(300, 1_500), (800, 3_000), (1_500, 5_000)][random.random_range(0..3)];
        kinds.skew_ms = [0, 50, 200][random.random_range(0..3)];
        kinds
    }

    /// Leaves out what loses unsynced writes, and what ends a process uncleanly: under a lax fsync policy its node needs a new actor.
    pub fn leave_out_losses(&mut self) {
        self.kill_ms = None;
        self.power_loss_ms = None;
        self.blackout_ms = None;
        self.storm_restarts = None;
        self.stop_ms = Some((50, 2_000));
        self.leave_out_bad_disks();
    }

    /// Leaves out what costs a node its disk, or part of what is on it.
    pub fn leave_out_bad_disks(&mut self) {
        self.failing_sync_ms = None;
        self.lost_disk_ms = None;
        self.rot_ms = None;
        self.bad_reads_ms = None;
        self.stray_writes_ms = None;
    }
}

/// The faults of a plan in order.
pub(super) fn schedule(plan: &Plan, kinds: &Kinds, random: &mut ChaCha8Rng) -> Vec<Timed> {
    let config = plan.cluster(Keep::Nothing).config().expect("a plan's cluster can be founded");
    let mut draw = Draw { nodes: plan.nodes.into(), config: &config, spent: BTreeSet::new(), losses: plan.losses, random };
    let present = draw.kinds(kinds);
    let mut schedule = Vec::new();
    let mut at_ms = 0;
    while !present.is_empty() {
        at_ms += draw.between(kinds.every_ms);
        if at_ms >= plan.faults_ms {
            break;
        }
        let kind = present[draw.random.random_range(0..present.len())];
        schedule.extend(kind(&mut draw, kinds).map(|fault| Timed { at_ms, fault }));
    }
    schedule
}

/// Draws one fault of a kind; `None` where the plan leaves it out, or where one more would not be survivable.
type DrawFault<'a> = fn(&mut Draw<'a>, &Kinds) -> Option<Fault>;

struct Draw<'a> {
    nodes: u32,
    config: &'a Config,
    /// Nodes that lose their disk or their right to write. No two of one shard.
    spent: BTreeSet<NodeId>,
    losses: Losses,
    random: &'a mut ChaCha8Rng,
}

impl<'a> Draw<'a> {
    /// The kinds that the plan has.
    fn kinds(&mut self, faults: &Kinds) -> Vec<DrawFault<'a>> {
        let all = Self::of_processes_and_links(faults).into_iter().chain(Self::of_clocks_and_disks(faults));
        all.filter(|(present, _)| *present).map(|(_, kind)| kind).collect()
    }

    fn of_processes_and_links(faults: &Kinds) -> [(bool, DrawFault<'a>); 12] {
        [
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
        ]
    }

    fn of_clocks_and_disks(faults: &Kinds) -> [(bool, DrawFault<'a>); 11] {
        [
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
            (faults.rot_ms.is_some(), |d, f| {
                let rot = if d.random.random_bool(0.5) { Spoilt::FlippedBit } else { Spoilt::MisdirectedWrite };
                Some(Fault::Rot { node: d.spend()?, rot, down_ms: d.between(f.rot_ms?) })
            }),
            (faults.bad_reads_ms.is_some(), |d, f| {
                Some(Fault::BadReads { node: d.spend()?, for_ms: d.between(f.bad_reads_ms?) })
            }),
            (faults.stray_writes_ms.is_some(), |d, f| {
                Some(Fault::StrayWrites { node: d.spend()?, for_ms: d.between(f.stray_writes_ms?) })
            }),
            (faults.slow_node.is_some(), |d, f| {
                Some(Fault::SlowNode { node: d.node(), factor: d.between(f.slow_node?), for_ms: 2_000 })
            }),
            (faults.slow_link_ms.is_some(), |d, f| {
                let pair = d.shuffled();
                Some(Fault::SlowLink { from: pair[0], to: pair[1], latency_ms: d.between(f.slow_link_ms?), for_ms: 3_000 })
            }),
        ]
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.random.random_range(0..self.nodes))
    }

    /// A node that may lose everything: no other of its shard does, unless the plan allows it.
    fn spend(&mut self) -> Option<NodeId> {
        let node = self.node();
        let shard = |node: NodeId| self.config.shard_of_node(node);
        let free =
            self.losses == Losses::Allowed || self.spent.iter().all(|other| *other == node || shard(*other) != shard(node));
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
