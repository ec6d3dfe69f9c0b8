//! The options of one run: sizes, load and faults, all drawn from the seed by one function and printed before the run.
//!
//! Swarm testing (Groce, Zhang, Eide, Chen, Regehr, ISSTA 2012): each run leaves some kinds of faults and of operations out, since
//! a run that does a little of everything never does much of anything. What is left out is `None` here.
//!
//! Every plan is survivable: the faults that cost a node its disk, or its right to write, leave every shard a replica that
//! has neither lost.

use std::{fmt, ops::RangeInclusive};

use causeway::{mutant::Mutant, node::Settings, store::FsyncPolicy};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::{
    cluster::ClusterPlan,
    streams::{Purpose, Streams},
    trace::Keep,
};

/// The options of one run. Times are simulated.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What everything else was drawn from.
    pub seed: u64,
    /// A bug that is planted.
    pub mutant: Option<Mutant>,
    /// Nodes of the cluster.
    pub nodes: u16,
    /// Shards of the cluster.
    pub shards: u16,
    /// How long nothing goes wrong at first, in milliseconds.
    pub warm_up_ms: u64,
    /// How long things go wrong, in milliseconds.
    pub faults_ms: u64,
    /// What clients do.
    pub load: Load,
    /// What goes wrong.
    pub faults: Faults,
    /// Bytes of records that nodes keep for peers that are behind; small ones bring whole snapshots into play.
    pub tail_bytes: u64,
    /// How long a request waits for its dependencies, in milliseconds.
    pub causal_wait_ms: u64,
    /// How long a healed peer gets no repair, in milliseconds.
    pub repair_holdoff_ms: u64,
    /// When a record counts as durable. A laxer policy than `always` is combined with clean restarts only.
    pub fsync: FsyncPolicy,
}

/// What clients do. Shares are in percent.
#[derive(Debug, Clone)]
pub struct Load {
    /// Clients that each do one operation after another.
    pub sessions: u16,
    /// Keys; all are hot.
    pub keys: u16,
    /// The share of operations that go to the two hottest keys.
    pub hot_percent: u8,
    /// Between an answer and the next operation, in microseconds.
    pub think_us: RangeInclusive<u64>,
    /// Operations without a pause between them, now and then; 0 leaves bursts out.
    pub burst_operations: u8,
    /// The share of puts.
    pub put_percent: u8,
    /// The share of deletes.
    pub delete_percent: u8,
    /// How often a session moves to another node before an operation.
    pub hop_percent: u8,
    /// How often a session that read a value reads next what its writer had touched before, elsewhere.
    pub probe_percent: u8,
    /// The share of writes with an idempotency key. Those are retried when their outcome is unknown, and sometimes when not.
    pub named_percent: u8,
    /// The share of writes that must be durable on two members before they are answered.
    pub concern_percent: u8,
    /// The share of operations that are preceded by one with a forged token.
    pub forged_percent: u8,
    /// Bytes of a value, about.
    pub value_bytes: usize,
    /// The probability that a request, or an answer, between clients and nodes is lost.
    pub client_loss: f64,
}

/// What goes wrong, kind by kind. `None` or 0 leaves a kind out.
#[derive(Debug, Clone, Default)]
pub struct Faults {
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
    /// Milliseconds by which wall clocks are off from the start, at most.
    pub skew_ms: u64,
    /// The probability that a frame is lost.
    pub loss: f64,
    /// The probability that a frame arrives twice.
    pub duplication: f64,
    /// The probability that a bit of a frame flips.
    pub damage: f64,
    /// The most that a frame takes, in microseconds.
    pub latency_us: u64,
    /// Whether frames overtake each other.
    pub reordering: Reordering,
}

/// Whether frames of a link overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reordering {
    /// They come in order.
    #[default]
    Never,
    /// Each takes its own time.
    Always,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64, mutant: Option<Mutant>) -> Self {
        let random = &mut Streams::new(seed).stream(Purpose::Shape);
        let lax = random.random_bool(0.08);
        let mut plan = Self {
            seed,
            mutant,
            nodes: 6,
            shards: [1, 2, 2, 2, 3][random.random_range(0..5)],
            warm_up_ms: 1_000,
            faults_ms: 30_000,
            load: Load::draw(random),
            faults: Faults::draw(random),
            tail_bytes: [6_000, 64 << 20, 64 << 20][random.random_range(0..3)],
            causal_wait_ms: [0, 100, 400, 400][random.random_range(0..4)],
            repair_holdoff_ms: [0, 0, 0, 2_500][random.random_range(0..4)],
            fsync: if lax { FsyncPolicy::Interval { ms: 20 } } else { FsyncPolicy::Always },
        };
        if lax {
            plan.faults.leave_out_losses();
        }
        if let Some(mutant) = mutant {
            plan.focus(mutant);
        }
        plan
    }

    /// What the cluster is made of.
    pub fn cluster(&self, keep: Keep) -> ClusterPlan {
        let settings = Settings {
            causal_wait_ms: self.causal_wait_ms,
            repair_holdoff_ms: self.repair_holdoff_ms,
            tail_bytes: self.tail_bytes,
            ..Settings::default()
        };
        ClusterPlan { nodes: self.nodes, shards: self.shards, settings, fsync: self.fsync, keep, ..ClusterPlan::default() }
    }

    /// Turns on what a mutant needs to show itself. Whoever looks for a bug in recovery wants crashes in every run.
    fn focus(&mut self, mutant: Mutant) {
        match mutant {
            Mutant::AnswerBeforeFsync | Mutant::RecoveryDropsTail => {
                self.fsync = FsyncPolicy::Always;
                self.faults.power_loss_ms = Some((200, 1_000));
            }
            Mutant::RestartWithoutLease => {
                self.fsync = FsyncPolicy::Always;
                self.faults.storm_restarts = Some(3);
                self.faults.power_loss_ms = Some((20, 200));
                self.faults.jump_ms = Some((100, 2_000));
            }
            Mutant::TombstoneCollectedEarly | Mutant::DeleteWithoutTombstone => self.load.delete_percent = 20,
            Mutant::MacNotChecked => self.load.forged_percent = 5,
            Mutant::RetryAppliedTwice => self.load.named_percent = 50,
            Mutant::ReapplyBelowVector | Mutant::GapAccepted | Mutant::PromiseAheadOfData => self.faults.loss = 0.1,
            Mutant::ReadWithoutCheck
            | Mutant::TokenKeepsOnlyTheDot
            | Mutant::FoldKeepsFloor
            | Mutant::LastArrivalWins
            | Mutant::ForwardDropsToken
            | Mutant::AnswerWithoutDot => {}
        }
    }
}

impl Load {
    fn draw(random: &mut ChaCha8Rng) -> Self {
        let sometimes = |random: &mut ChaCha8Rng, percent: u8| if random.random_bool(0.6) { percent } else { 0 };
        Self {
            sessions: random.random_range(6..=12),
            keys: random.random_range(10..=50),
            hot_percent: random.random_range(0..=60),
            think_us: 20_000..=random.random_range(150_000..=300_000),
            burst_operations: sometimes(random, 12),
            put_percent: random.random_range(20..=50),
            delete_percent: sometimes(random, 12),
            hop_percent: random.random_range(10..=80),
            probe_percent: random.random_range(0..=70),
            named_percent: sometimes(random, 25),
            concern_percent: sometimes(random, 15),
            forged_percent: sometimes(random, 1),
            value_bytes: [20, 20, 300][random.random_range(0..3)],
            client_loss: if random.random_bool(0.3) { 0.01 } else { 0.0 },
        }
    }
}

impl Faults {
    fn draw(random: &mut ChaCha8Rng) -> Self {
        let mut span = |chance: f64, span: (u64, u64)| random.random_bool(chance).then_some(span);
        let mut faults = Self {
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
            ..Self::default()
        };
        faults.every_ms = [(300, 1_500), (800, 3_000), (1_500, 5_000)][random.random_range(0..3)];
        faults.skew_ms = [0, 50, 200][random.random_range(0..3)];
        faults.loss = [0.0, 0.01, 0.1][random.random_range(0..3)];
        faults.duplication = [0.0, 0.01, 0.1][random.random_range(0..3)];
        faults.damage = [0.0, 0.0, 0.01][random.random_range(0..3)];
        faults.latency_us = [1_000, 5_000, 40_000][random.random_range(0..3)];
        faults.reordering = [Reordering::Never, Reordering::Always][random.random_range(0..2)];
        faults
    }

    /// Leaves out what loses unsynced writes, and what ends a process uncleanly: under a lax fsync policy its node needs a new actor.
    fn leave_out_losses(&mut self) {
        self.kill_ms = None;
        self.power_loss_ms = None;
        self.blackout_ms = None;
        self.storm_restarts = None;
        self.failing_sync_ms = None;
        self.lost_disk_ms = None;
        self.stop_ms = Some((50, 2_000));
    }

    fn kinds(&self) -> impl Iterator<Item = (&'static str, (u64, u64))> {
        let storm = self.storm_restarts.map(|count| (u64::from(count), u64::from(count)));
        let kinds = [
            ("kill ms", self.kill_ms),
            ("power loss ms", self.power_loss_ms),
            ("blackout ms", self.blackout_ms),
            ("restart storm", storm),
            ("stop ms", self.stop_ms),
            ("pause ms", self.pause_ms),
            ("partition ms", self.partition_ms),
            ("one way ms", self.one_way_ms),
            ("ring ms", self.ring_ms),
            ("isolate ms", self.isolate_ms),
            ("swizzle ms", self.swizzle_ms),
            ("hold ms", self.hold_ms),
            ("clock jump ms", self.jump_ms),
            ("clock drift ppm", self.drift_ppm),
            ("slow disk factor", self.slow_disk),
            ("full disk ms", self.full_disk_ms),
            ("failing sync ms", self.failing_sync_ms),
            ("lost disk ms", self.lost_disk_ms),
        ];
        kinds.into_iter().filter_map(|(name, span)| Some((name, span?)))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, nodes, shards, warm_up_ms, faults_ms, load, faults, .. } = self;
        write!(f, "seed {seed}")?;
        if let Some(mutant) = self.mutant {
            write!(f, ", mutant {mutant}")?;
        }
        writeln!(f, "\n  cluster   {nodes} nodes, {shards} shards, fsync {}", self.fsync)?;
        let (wait, holdoff) = (self.causal_wait_ms, self.repair_holdoff_ms);
        writeln!(f, "  settings  causal wait {wait} ms, repair holdoff {holdoff} ms, tail {} bytes", self.tail_bytes)?;
        writeln!(f, "  time      {warm_up_ms} ms warm-up, {faults_ms} ms of faults")?;
        writeln!(f, "  load      {load}")?;
        write!(f, "  faults    {faults}")
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, keys, put_percent, delete_percent, hop_percent, probe_percent, .. } = self;
        write!(f, "{sessions} sessions, {keys} keys, {}..{} us apart", self.think_us.start(), self.think_us.end())?;
        write!(f, ", {put_percent} % puts, {delete_percent} % deletes, hop {hop_percent} %, probe {probe_percent} %")?;
        let Self { hot_percent, named_percent, concern_percent, forged_percent, .. } = self;
        write!(f, ", hot {hot_percent} %, named {named_percent} %, concern 2 {concern_percent} %, forged {forged_percent} %")?;
        write!(f, ", bursts of {}, values of {} bytes, loss {}", self.burst_operations, self.value_bytes, self.client_loss)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { every_ms, skew_ms, loss, duplication, damage, latency_us, .. } = self;
        write!(f, "one every {}..{} ms", every_ms.0, every_ms.1)?;
        for (name, (from, to)) in self.kinds() {
            write!(f, ", {name} {from}..{to}")?;
        }
        let order = if self.reordering == Reordering::Always { "any order" } else { "in order" };
        write!(f, "\n  links     loss {loss}, duplication {duplication}, damage {damage}, up to {latency_us} us, {order}")?;
        write!(f, "\n  clocks    off by up to {skew_ms} ms")
    }
}
