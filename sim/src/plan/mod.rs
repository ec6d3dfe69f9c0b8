//! One run as data: sizes, load, and every fault with its time. Drawn from a seed ([`swarm`](crate::swarm)), printed before the run,
//! written to a file ([`plan_file`](crate::plan_file)), edited, and run again.
//!
//! What a plan does not say is drawn while it runs, from the stream of its purpose and its seed: what clients do, how long frames take.

use std::{fmt, ops::RangeInclusive};

use causeway::{mutant::Mutant, node::Settings, store::FsyncPolicy};
use serde::{Deserialize, Serialize};

use crate::{
    cluster::ClusterPlan,
    fault::Timed,
    plan_file::{optional_text, text},
    trace::Keep,
};

/// Everything that is decided before a run. Times are simulated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What everything that the plan does not say is drawn from.
    pub seed: u64,
    /// A bug that is planted.
    #[serde(default, with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub mutant: Option<Mutant>,
    /// Nodes of the cluster.
    pub nodes: u16,
    /// Shards of the cluster.
    pub shards: u16,
    /// How long nothing goes wrong at first, in milliseconds.
    pub warm_up_ms: u64,
    /// How long things go wrong, in milliseconds.
    pub faults_ms: u64,
    /// Bytes of records that nodes keep for peers that are behind; small ones bring whole snapshots into play.
    pub tail_bytes: u64,
    /// How long a request waits for its dependencies, in milliseconds.
    pub causal_wait_ms: u64,
    /// How long a healed peer gets no repair, in milliseconds.
    pub repair_holdoff_ms: u64,
    /// When a record counts as durable. A laxer policy than `always` is combined with clean restarts only.
    #[serde(with = "text")]
    pub fsync: FsyncPolicy,
    /// By how much each node's wall clock is off from the start, in milliseconds.
    pub skews_ms: Vec<i64>,
    /// What clients do.
    pub load: Load,
    /// What is wrong with links between nodes all the time.
    pub links: Links,
    /// What goes wrong when, in order of time.
    pub schedule: Vec<Timed>,
}

/// What clients do. Shares are in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// How links between nodes are while nothing else is wrong with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reordering {
    /// They come in order.
    #[default]
    Never,
    /// Each takes its own time.
    Always,
}

impl Plan {
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
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, nodes, shards, warm_up_ms, faults_ms, load, links, .. } = self;
        write!(f, "seed {seed}")?;
        if let Some(mutant) = self.mutant {
            write!(f, ", mutant {mutant}")?;
        }
        writeln!(f, "\n  cluster   {nodes} nodes, {shards} shards, fsync {}", self.fsync)?;
        let (wait, holdoff) = (self.causal_wait_ms, self.repair_holdoff_ms);
        writeln!(f, "  settings  causal wait {wait} ms, repair holdoff {holdoff} ms, tail {} bytes", self.tail_bytes)?;
        writeln!(f, "  time      {warm_up_ms} ms warm-up, {faults_ms} ms of faults")?;
        writeln!(f, "  load      {load}")?;
        writeln!(f, "  links     {links}")?;
        writeln!(f, "  clocks    off by {:?} ms", self.skews_ms)?;
        write!(f, "  faults    {}, by milliseconds after the warm-up", self.schedule.len())?;
        self.schedule.iter().try_for_each(|Timed { at_ms, fault }| write!(f, "\n  {at_ms:>8}  {fault}"))
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

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { loss, duplication, damage, latency_us, reordering } = self;
        let order = if *reordering == Reordering::Always { "any order" } else { "in order" };
        write!(f, "loss {loss}, duplication {duplication}, damage {damage}, up to {latency_us} us, {order}")
    }
}
