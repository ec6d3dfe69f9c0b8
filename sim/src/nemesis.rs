//! Does to the world what the schedule says, and heals it.
//!
//! Each fault is a task of its own: faults overlap. What links do is worked out anew from all that is broken at the moment, so that
//! the end of one fault never heals another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway::id::NodeId;

use crate::{
    cluster::Cluster,
    coverage::{Coverage, Phase},
    fault::{Breakage, Fault, Spoilt, Timed},
    marks::{Sight, seen},
    plan::{Losses, Plan, Reordering},
    referee::Referee,
    trace::Entry,
    world::{ClockChange, Death, DiskSettings, Flow, Link, Order, Rot, Syncs},
};

/// Bytes that a full disk has left: enough for a few records, so that it fills up in the middle of something.
const LAST_BYTES: u64 = 700;
/// How long a node is down where a fault does not say it, in milliseconds.
const DOWN_MS: u64 = 300;
/// The probability that a bad disk reads a bit wrong, for each read.
const MISREAD: f64 = 0.05;
/// The probability that a write goes astray.
const STRAY: f64 = 0.05;

/// See the module. Shared by the tasks of its faults.
pub struct Nemesis {
    cluster: Arc<Cluster>,
    referee: Arc<Referee>,
    losses: Losses,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    broken: BTreeMap<u64, Breakage>,
    next_breakage: u64,
    slow: BTreeSet<NodeId>,
    /// Nodes that have not died since their writes went astray: what only they have is lost when they do.
    astray: BTreeSet<NodeId>,
    jumped_ms: BTreeMap<NodeId, i64>,
    drifts_ppm: BTreeMap<NodeId, i64>,
    /// How many faults of each kind of trouble are under way.
    paused: u32,
    disturbed_disks: u32,
    done: BTreeMap<&'static str, u64>,
    coverage: Coverage,
    is_over: bool,
}

impl Nemesis {
    /// A nemesis that has done nothing yet, but for what is wrong from the start: slow and lossy links, clocks that are off.
    pub fn new(cluster: Arc<Cluster>, referee: Arc<Referee>, losses: Losses) -> Arc<Self> {
        Arc::new(Self { cluster, referee, losses, state: Mutex::default() })
    }

    /// Has links lose, double, damage, delay and reorder frames, and wall clocks be off.
    pub fn unsettle(&self, plan: &Plan) {
        let links = &plan.links;
        self.cluster.world().change_links(|_, _, link| {
            link.loss = links.loss;
            link.duplication = links.duplication;
            link.damage = links.damage;
            link.latency_us = 200..=links.latency_us;
            link.order = if links.reordering == Reordering::Always { Order::Any } else { Order::Fifo };
        });
        for (node, skew_ms) in self.cluster.places().zip(&plan.skews_ms).filter(|(_, skew_ms)| **skew_ms != 0) {
            self.jump(node, *skew_ms);
        }
        for node in self.cluster.places() {
            self.cluster.change_client_link(node, |link| link.loss = plan.client_loss);
        }
    }

    /// Does all of a schedule, and returns when the last fault has begun.
    pub async fn run(self: Arc<Self>, schedule: Vec<Timed>) {
        let mut now_ms = 0;
        for Timed { at_ms, fault } in schedule {
            self.sleep_ms(at_ms - now_ms).await;
            now_ms = at_ms;
            madsim::task::spawn(self.clone().perform(fault));
        }
    }

    /// How often each kind of fault happened.
    pub fn done(&self) -> BTreeMap<&'static str, u64> {
        self.state().done.clone()
    }

    /// How often each kind of fault began in each phase.
    pub fn coverage(&self) -> Coverage {
        self.state().coverage.clone()
    }

    /// Ends all faults. Faults under way do nothing more.
    pub fn heal(&self) {
        let jumped_ms = {
            let mut state = self.state();
            state.is_over = true;
            state.broken.clear();
            state.drifts_ppm.clear();
            std::mem::take(&mut state.jumped_ms)
        };
        let world = self.cluster.world();
        world.change_links(|_, _, link| *link = Link::default());
        for node in self.cluster.places() {
            self.cluster.change_client_link(node, |link| link.loss = 0.0);
            world.resume(node);
            if self.state().slow.remove(&node) {
                world.set_slowness(node, 1);
            }
            world.change_disk(node, |disk| *disk = DiskSettings::default());
            world.change_clock(node, ClockChange::Drift { ppm: 0 });
            world.change_clock(node, ClockChange::Jump { by_ms: -jumped_ms.get(&node).copied().unwrap_or_default() });
            self.cluster.start(node);
        }
        world.note(Entry::Fault(&"all healed"));
    }

    async fn perform(self: Arc<Self>, fault: Fault) {
        if self.state().is_over || !self.is_possible(&fault) {
            return;
        }
        self.cluster.world().note(Entry::Fault(&fault));
        self.count(fault.kind());
        match fault {
            Fault::Kill { node, down_ms } => self.crash(&[node], Death::Kill, down_ms).await,
            Fault::PowerLoss { node, down_ms } => self.crash(&[node], Death::PowerLoss, down_ms).await,
            Fault::Blackout { down_ms } => {
                let nodes: Vec<NodeId> = self.cluster.nodes().collect();
                self.crash(&nodes, Death::PowerLoss, down_ms).await;
            }
            Fault::Storm { node, restarts } => {
                for restart in 0..restarts {
                    self.crash(&[node], Death::PowerLoss, 20).await;
                    self.sleep_ms(30 + 40 * restart).await;
                }
            }
            Fault::Stop { node, down_ms } => {
                self.cluster.stop(node).await;
                self.crash(&[node], Death::Kill, down_ms).await;
            }
            Fault::Pause { node, for_ms } => self.pause(node, for_ms).await,
            Fault::Links { breakage, for_ms } => {
                let number = self.break_links(breakage);
                self.sleep_ms(for_ms).await;
                self.mend_links(number);
            }
            Fault::Swizzle { cut, heal, step_ms } => self.swizzle(cut, heal, step_ms).await,
            Fault::Jump { node, by_ms } => self.jump(node, by_ms),
            Fault::Drift { node, ppm } => {
                self.state().drifts_ppm.insert(node, ppm);
                self.cluster.world().change_clock(node, ClockChange::Drift { ppm });
            }
            Fault::SlowNode { node, factor, for_ms } => self.slow_down(node, factor, for_ms).await,
            Fault::SlowLink { from, to, latency_ms, for_ms } => {
                let before_us = self.cluster.world().link(from, to).latency_us;
                self.cluster.world().change_link(from, to, |link| link.latency_us = 200..=1_000 * latency_ms);
                self.sleep_ms(for_ms).await;
                if !self.state().is_over {
                    self.cluster.world().change_link(from, to, |link| link.latency_us = before_us);
                }
            }
            fault => self.perform_on_disk(fault).await,
        }
    }

    async fn perform_on_disk(&self, fault: Fault) {
        match fault {
            Fault::SlowDisk { node, factor, for_ms } => {
                self.disturb(node, for_ms, |disk| disk.slowness = factor, |disk| disk.slowness = 1).await;
            }
            Fault::FullDisk { node, for_ms } => {
                let bytes = self.cluster.world().disk_used_bytes(node) + LAST_BYTES;
                self.disturb(node, for_ms, |disk| disk.capacity_bytes = Some(bytes), |disk| disk.capacity_bytes = None).await;
            }
            Fault::FailingSync { node, for_ms } => {
                self.referee.may_lose(node);
                self.disturb(node, for_ms, |disk| disk.syncs = Syncs::Fail, |disk| disk.syncs = Syncs::Succeed).await;
            }
            Fault::LostDisk { node, down_ms } => {
                self.referee.destroy(node);
                self.cluster.wipe(node);
                self.crash(&[node], Death::Kill, down_ms).await;
            }
            Fault::Rot { node, rot, down_ms } => self.spoil(node, rot, down_ms).await,
            Fault::BadReads { node, for_ms } => self.misread(node, for_ms).await,
            Fault::StrayWrites { node, for_ms } => {
                self.referee.damage(node);
                self.state().astray.insert(node);
                self.disturb(node, for_ms, |disk| disk.misdirection = STRAY, |disk| disk.misdirection = 0.0).await;
                self.crash(&[node], Death::PowerLoss, DOWN_MS).await;
            }
            // The others are not of a disk.
            _ => {}
        }
    }

    /// What a disk holds is wrong when its node starts again: as bad as a lost disk, and harder to notice.
    async fn spoil(&self, node: NodeId, rot: Spoilt, down_ms: u64) {
        self.referee.damage(node);
        self.cluster.end(node, Death::Kill);
        let rot = match rot {
            Spoilt::FlippedBit => Rot::FlippedBit,
            Spoilt::MisdirectedWrite => Rot::MisdirectedWrite,
        };
        self.cluster.world().rot(node, rot, "");
        self.crash(&[node], Death::Kill, down_ms).await;
    }

    async fn misread(&self, node: NodeId, for_ms: u64) {
        self.referee.damage(node);
        self.cluster.end(node, Death::Kill);
        self.cluster.world().change_disk(node, |disk| disk.flips = MISREAD);
        self.state().disturbed_disks += 1;
        self.crash(&[node], Death::Kill, DOWN_MS).await;
        self.sleep_ms(for_ms).await;
        self.state().disturbed_disks -= 1;
        self.cluster.world().change_disk(node, |disk| disk.flips = 0.0);
        // A process that could not start on what it read may do so now.
        self.cluster.start(node);
    }

    async fn slow_down(&self, node: NodeId, factor: u64, for_ms: u64) {
        self.cluster.world().set_slowness(node, factor);
        self.state().slow.insert(node);
        self.sleep_ms(for_ms).await;
        if self.state().slow.remove(&node) {
            self.cluster.world().set_slowness(node, 1);
        }
    }

    fn count(&self, kind: &'static str) {
        let phases = self.phases();
        if phases != [Phase::Quiet] {
            seen(Sight::FaultsOverlap);
        }
        let mut state = self.state();
        *state.done.entry(kind).or_default() += 1;
        for phase in phases {
            *state.coverage.entry((kind, phase)).or_default() += 1;
        }
    }

    /// What is under way at the moment.
    fn phases(&self) -> Vec<Phase> {
        let world = self.cluster.world();
        let is_down = self.cluster.nodes().any(|node| !world.lives(node));
        let catches_up = self.referee.ask(|judge| judge.is_catching_up(world.now_us()));
        let state = self.state();
        let clocks = state.jumped_ms.values().chain(state.drifts_ppm.values());
        let all = [
            (is_down, Phase::SomeoneDown),
            (state.paused > 0, Phase::SomeonePaused),
            (!state.broken.is_empty(), Phase::Partitioned),
            (state.disturbed_disks > 0, Phase::DiskTrouble),
            (clocks.into_iter().any(|off| *off != 0), Phase::ClockTrouble),
            (catches_up, Phase::CatchingUp),
        ];
        let phases: Vec<Phase> = all.into_iter().filter(|(is_on, _)| *is_on).map(|(_, phase)| phase).collect();
        if phases.is_empty() { vec![Phase::Quiet] } else { phases }
    }

    /// Not everything that was drawn can be done: what is dead cannot be killed, and a disk is lost only where that loses nothing.
    fn is_possible(&self, fault: &Fault) -> bool {
        match fault {
            Fault::Kill { node, .. }
            | Fault::PowerLoss { node, .. }
            | Fault::Storm { node, .. }
            | Fault::Stop { node, .. }
            | Fault::Pause { node, .. } => self.cluster.world().lives(*node),
            Fault::StrayWrites { node, .. } => self.losses == Losses::Allowed && self.cluster.world().lives(*node),
            Fault::LostDisk { node, .. } | Fault::Rot { node, .. } | Fault::BadReads { node, .. } => {
                let is_spared = self.losses == Losses::None && !self.referee.is_held_elsewhere(*node, &self.cluster.config());
                if is_spared {
                    seen(Sight::DiskSpared);
                }
                self.cluster.world().lives(*node) && !is_spared
            }
            _ => true,
        }
    }

    /// Ends processes and starts them again. Once all is healed nothing ends any more, and what was stopped is started.
    async fn crash(&self, nodes: &[NodeId], death: Death, down_ms: u64) {
        if !self.state().is_over {
            for node in nodes {
                if self.state().astray.remove(node) {
                    self.referee.destroy(*node);
                }
                self.cluster.end(*node, death);
            }
            self.sleep_ms(down_ms).await;
        }
        nodes.iter().for_each(|node| self.cluster.start(*node));
    }

    async fn pause(&self, node: NodeId, for_ms: u64) {
        self.cluster.world().pause(node);
        self.state().paused += 1;
        self.sleep_ms(for_ms).await;
        self.state().paused -= 1;
        self.cluster.world().resume(node);
    }

    async fn swizzle(&self, cut: Vec<NodeId>, heal: Vec<NodeId>, step_ms: u64) {
        let mut numbers = BTreeMap::new();
        for node in cut {
            numbers.insert(node, self.break_links(Breakage::Isolate(node)));
            self.sleep_ms(step_ms).await;
        }
        for node in heal {
            self.mend_links(numbers[&node]);
            self.sleep_ms(step_ms).await;
        }
    }

    async fn disturb(
        &self,
        node: NodeId,
        for_ms: u64,
        begin: impl FnOnce(&mut DiskSettings),
        end: impl FnOnce(&mut DiskSettings),
    ) {
        self.cluster.world().change_disk(node, begin);
        self.state().disturbed_disks += 1;
        self.sleep_ms(for_ms).await;
        self.state().disturbed_disks -= 1;
        self.cluster.world().change_disk(node, end);
    }

    fn jump(&self, node: NodeId, by_ms: i64) {
        *self.state().jumped_ms.entry(node).or_default() += by_ms;
        self.cluster.world().change_clock(node, ClockChange::Jump { by_ms });
    }

    fn break_links(&self, breakage: Breakage) -> u64 {
        let mut state = self.state();
        state.next_breakage += 1;
        let number = state.next_breakage;
        state.broken.insert(number, breakage);
        self.set_flows(&state);
        number
    }

    fn mend_links(&self, number: u64) {
        let mut state = self.state();
        if state.broken.remove(&number).is_some() {
            self.set_flows(&state);
        }
    }

    fn set_flows(&self, state: &State) {
        let broken = || state.broken.values();
        self.cluster.world().change_links(|from, to, link| {
            link.flow = if broken().any(|breakage| breakage.cuts(from, to)) {
                Flow::Cut
            } else if broken().any(|breakage| breakage.holds(from, to)) {
                Flow::Held
            } else {
                Flow::Open
            };
        });
    }

    async fn sleep_ms(&self, span_ms: u64) {
        self.cluster.world().sleep_us(span_ms * 1_000).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
