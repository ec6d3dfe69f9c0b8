//! One run as data: the cluster, every operation of its clients and every fault, each with its time. Drawn from a seed
//! ([`swarm`](crate::swarm)), printed before the run, written to a file ([`mod@file`]), edited, shrunk, and run again, also after the
//! code has changed.
//!
//! What a plan does not say is drawn while it runs, how long a frame takes for one: each such draw from the plan's seed and what
//! it is for ([`streams`](crate::streams)), so that an event more or less leaves the others as they were.

mod administration;
pub mod file;
mod operation;
mod quiet;

use std::{collections::BTreeSet, fmt};

use causeway::{
    clock::ENTRY_CAP,
    id::NodeId,
    mutant::Mutant,
    node::Settings,
    store::{FsyncPolicy, Key},
};
use serde::{Deserialize, Serialize};

pub use administration::{Request, Wish};
pub use operation::{Action, Planned, Retry};

use crate::{
    cluster::{Changing, ClusterPlan},
    fault::Timed,
    plan::file::{optional_text, text},
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
    /// Nodes that may be added to it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spares: u16,
    /// How long nothing happens at first, in milliseconds.
    pub warm_up_ms: u64,
    /// How long clients work and things go wrong, in milliseconds.
    pub faults_ms: u64,
    /// Bytes of records that nodes keep for peers that are behind; small ones bring whole snapshots into play, in several parts.
    pub tail_bytes: u64,
    /// How many entries a token keeps at most: with few, tokens are folded hard all the time.
    #[serde(default = "most_entries", skip_serializing_if = "are_most_entries")]
    pub token_entries: usize,
    /// How long a request waits for its dependencies, in milliseconds.
    pub causal_wait_ms: u64,
    /// How long a healed peer gets no repair, in milliseconds.
    pub repair_holdoff_ms: u64,
    /// How long a majority must have believed a node down until it is evicted, in milliseconds; 0 is never.
    #[serde(default = "usual_evict_after_ms", skip_serializing_if = "is_usual_evict_after_ms")]
    pub evict_after_ms: u64,
    /// When a record counts as durable. A laxer policy than `always` is combined with clean restarts only.
    #[serde(with = "text")]
    pub fsync: FsyncPolicy,
    /// The node that is of an earlier version, if one is: see [`older`](crate::older).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<NodeId>,
    /// Whether faults may destroy every copy of an acknowledged write.
    #[serde(default, skip_serializing_if = "Losses::are_none")]
    pub losses: Losses,
    /// Bytes of a value, about.
    pub value_bytes: usize,
    /// The probability that a request, or an answer, between clients and nodes is lost.
    pub client_loss: f64,
    /// By how much each node's wall clock is off from the start, in milliseconds.
    pub skews_ms: Vec<i64>,
    /// What is wrong with links between nodes all the time.
    pub links: Links,
    /// What goes wrong when, in order of time.
    pub faults: Vec<Timed>,
    /// What operators ask for when, in order of time. With none there is no config log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// What clients do when, in order of time.
    pub operations: Vec<Planned>,
}

/// Whether faults may destroy every copy of an acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Losses {
    /// No: what would is left out while the plan runs.
    #[default]
    None,
    /// Yes. Such a run is judged without liveness and durability.
    Allowed,
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u16) -> bool {
    *number == 0
}

fn usual_evict_after_ms() -> u64 {
    Settings::default().evict_after_ms
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_usual_evict_after_ms(ms: &u64) -> bool {
    *ms == usual_evict_after_ms()
}

fn most_entries() -> usize {
    ENTRY_CAP
}

fn are_most_entries(entries: &usize) -> bool {
    *entries == ENTRY_CAP
}

impl Losses {
    fn are_none(&self) -> bool {
        *self == Self::None
    }
}

impl Plan {
    /// What the cluster is made of.
    pub fn cluster(&self, keep: Keep) -> ClusterPlan {
        let settings = Settings {
            causal_wait_ms: self.causal_wait_ms,
            repair_holdoff_ms: self.repair_holdoff_ms,
            tail_bytes: self.tail_bytes,
            token_entries: self.token_entries,
            evict_after_ms: self.evict_after_ms,
            part_bytes: (self.tail_bytes / 2).min(Settings::default().part_bytes),
            ..Settings::default()
        };
        let snapshot_after_bytes = (8 * self.tail_bytes).min(ClusterPlan::default().snapshot_after_bytes);
        ClusterPlan {
            nodes: self.nodes,
            shards: self.shards,
            spares: self.spares,
            changing: if self.requests.is_empty() { Changing::Never } else { Changing::Online },
            settings,
            fsync: self.fsync,
            snapshot_after_bytes,
            keep,
            ..ClusterPlan::default()
        }
    }

    /// How many sessions there are. Sessions are numbered from 0; the one after the last looks at what came out.
    pub fn sessions(&self) -> u16 {
        self.operations.iter().map(|planned| planned.session.0 + 1).max().unwrap_or_default()
    }

    /// The keys that clients use.
    pub fn keys(&self) -> BTreeSet<Key> {
        self.operations.iter().map(|planned| planned.action.key().clone()).collect()
    }

    /// The plan in few lines, without its operations.
    pub fn summary(&self) -> Summary<'_> {
        Summary(self)
    }
}

/// Shows the sizes of a plan and its faults.
pub struct Summary<'a>(&'a Plan);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.0;
        let Plan { seed, nodes, shards, warm_up_ms, faults_ms, links, .. } = plan;
        write!(f, "seed {seed}")?;
        if let Some(mutant) = plan.mutant {
            write!(f, ", mutant {mutant}")?;
        }
        if plan.losses == Losses::Allowed {
            f.write_str(", loss allowed: judged without liveness and durability")?;
        }
        write!(f, "\n  cluster   {nodes} nodes, {shards} shards, fsync {}", plan.fsync)?;
        if let Some(older) = plan.older {
            write!(f, ", {older} is of an earlier version")?;
        }
        writeln!(f)?;
        let (wait, holdoff) = (plan.causal_wait_ms, plan.repair_holdoff_ms);
        let (tail, entries) = (plan.tail_bytes, plan.token_entries);
        writeln!(f, "  settings  causal wait {wait} ms, repair holdoff {holdoff} ms, tail {tail} bytes, tokens of {entries}")?;
        writeln!(f, "  time      {warm_up_ms} ms warm-up, {faults_ms} ms of faults")?;
        let (operations, sessions, keys) = (plan.operations.len(), plan.sessions(), plan.keys().len());
        write!(f, "  load      {operations} operations, {sessions} sessions, {keys} keys, ")?;
        writeln!(f, "values of {} bytes, loss {}", plan.value_bytes, plan.client_loss)?;
        writeln!(f, "  links     {links}")?;
        writeln!(f, "  clocks    off by {:?} ms", plan.skews_ms)?;
        write!(f, "  faults    {}, by milliseconds after the warm-up", plan.faults.len())?;
        plan.faults.iter().try_for_each(|Timed { at_ms, fault }| write!(f, "\n  {at_ms:>8}  {fault}"))?;
        if !plan.requests.is_empty() {
            write!(f, "\n  requests  {} of operators, {} spare nodes", plan.requests.len(), plan.spares)?;
        }
        if !is_usual_evict_after_ms(&plan.evict_after_ms) {
            write!(f, "\n  evicts    who is believed down for {} ms", plan.evict_after_ms)?;
        }
        plan.requests.iter().try_for_each(|request| write!(f, "\n  {:>8}  {request}", request.at_ms))
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { loss, duplication, damage, latency_us, reordering } = self;
        let order = if *reordering == Reordering::Always { "any order" } else { "in order" };
        write!(f, "loss {loss}, duplication {duplication}, damage {damage}, up to {latency_us} us, {order}")
    }
}
