//! What a run came to, for people and for programs.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

use super::{
    diary::{Notes, Start},
    evidence::Keepsake,
    load::{Run, Tally},
    restart::Restart,
    whole::Orders,
};
use crate::run::Verdict;

/// See the module. Times are in milliseconds unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TortureReport {
    /// What the plan was drawn from.
    pub seed: u64,
    /// How many nodes there were.
    pub nodes: u16,
    /// In how many shards, at first.
    pub shards: u16,
    /// What nodes were.
    pub stage: &'static str,
    /// Whether somebody stopped it before its end.
    pub is_stopped: bool,
    /// How long clients worked, in seconds.
    pub seconds: u64,
    /// How often harm of each kind was done.
    pub harms: BTreeMap<&'static str, u32>,
    /// How many times nodes did not hear each other.
    pub partitions: u32,
    /// Reads, and deletes of nothing.
    pub reads: u32,
    /// Writes that were acknowledged.
    pub acknowledged: u32,
    /// Operations that certainly did not happen.
    pub refused: u32,
    /// Operations that may have happened.
    pub unknown: u32,
    /// Answers to operations that were done: the half took no longer, and 99 of 100.
    pub answers_ms: (f64, f64),
    /// Keys that were written.
    pub keys: usize,
    /// Restarts while all this happened.
    pub restarts: Restarts,
    /// Clean stops.
    pub stops: Stops,
    /// Changes of the config that were asked for and not made.
    pub not_made: Vec<String>,
    /// Restarts of nodes with many keys.
    pub filled: Option<Filled>,
    /// What every node said in the end.
    pub scanned: Option<Scanned>,
    /// The verdict.
    pub verdict: String,
    /// The process's exit code for it.
    pub exit_code: u8,
    /// What the checker of any store said of the whole history.
    pub offline: String,
    /// The whole history.
    pub history: String,
    /// Of a failure, where it can be seen: capsule, page, logs.
    pub evidence: Vec<String>,
}

/// Restarts under load and among other harms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Restarts {
    /// How many.
    pub number: usize,
    /// How many of these nodes were ready before they went down again, or the run ended.
    pub ready: usize,
    /// Until the process ran, at most.
    pub longest_launch_ms: u64,
    /// Until the node was ready: half of them, 99 of 100, all.
    pub ready_ms: (u64, u64, u64),
}

/// Clean stops.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stops {
    /// How many.
    pub number: usize,
    /// Of these, how many ended with another exit code than 0.
    pub failed: usize,
    /// The longest.
    pub longest_ms: u64,
}

/// Nodes that were filled with keys, and restarted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Filled {
    /// How many keys.
    pub keys: u64,
    /// How long writing them took.
    pub took_ms: u64,
    /// One restart a node.
    pub restarts: Vec<Restart>,
}

/// The scan in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Scanned {
    /// Until all nodes were there for each other.
    pub whole_ms: u64,
    /// Until all had answered, alike.
    pub took_ms: u64,
    /// How many answers were looked at.
    pub readings: usize,
}

/// How a run ended.
pub(super) struct Ended<'a> {
    pub is_stopped: bool,
    pub run: &'a Run,
    pub tally: Tally,
    pub notes: &'a Notes,
    pub filled: Option<Filled>,
    pub scanned: Option<Scanned>,
    pub kept: Keepsake,
}

impl TortureReport {
    pub(super) fn of(orders: &Orders, stage: &'static str, ended: Ended<'_>) -> Self {
        let Ended { is_stopped, run, tally, notes, filled, scanned, kept } = ended;
        let span = Duration::ZERO..run.began.elapsed();
        let (median, tail) = run.pace.percentiles(std::slice::from_ref(&span));
        let ms = |span: Duration| (span.as_secs_f64() * 1e4).round() / 10.0;
        let evidence = kept.failure.iter().flat_map(|(capsule, page, logs)| [capsule, page, logs]);
        let is_partition = ["disconnect", "partition", "one-way cut", "partial cut"];
        Self {
            seed: orders.plan.wanted.seed,
            nodes: orders.setting.nodes,
            shards: orders.setting.shards,
            stage,
            is_stopped,
            seconds: span.end.as_secs(),
            harms: notes.done.clone(),
            partitions: is_partition.iter().filter_map(|kind| notes.done.get(kind)).sum(),
            reads: tally.seen,
            acknowledged: tally.acknowledged,
            refused: tally.refused,
            unknown: tally.unknown,
            answers_ms: (ms(median), ms(tail)),
            keys: run.keys().len(),
            restarts: Restarts::of(&notes.starts),
            stops: Stops::of(notes),
            not_made: notes.not_made.clone(),
            filled,
            scanned,
            verdict: kept.verdict.to_string(),
            exit_code: kept.verdict.exit_code(),
            offline: kept.offline,
            history: kept.history.display().to_string(),
            evidence: evidence.map(|path| path.display().to_string()).collect(),
        }
    }

    /// Whether nothing is wrong.
    pub fn has_passed(&self) -> bool {
        self.exit_code == Verdict::Passed.exit_code()
    }
}

impl Restarts {
    fn of(starts: &[Start]) -> Self {
        let mut ready: Vec<u64> = starts.iter().filter_map(|start| start.ready).map(|took| took.as_millis() as u64).collect();
        ready.sort_unstable();
        let at = |percent: usize| ready.get((ready.len() * percent / 100).min(ready.len().saturating_sub(1))).copied();
        let ready_ms = [50, 99, 100].map(|percent| at(percent).unwrap_or_default());
        let launches = starts.iter().map(|start| start.launched.as_millis() as u64);
        Self {
            number: starts.len(),
            ready: ready.len(),
            longest_launch_ms: launches.max().unwrap_or_default(),
            ready_ms: ready_ms.into(),
        }
    }
}

impl Stops {
    fn of(notes: &Notes) -> Self {
        let stops = &notes.stops;
        let longest = stops.iter().map(|stop| stop.took.as_millis() as u64).max();
        let failed = stops.iter().filter(|stop| stop.code != 0).count();
        Self { number: stops.len(), failed, longest_ms: longest.unwrap_or_default() }
    }
}

impl fmt::Display for TortureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let harms: Vec<String> = self.harms.iter().map(|(kind, times)| format!("{times} {kind}")).collect();
        let (median, tail) = self.answers_ms;
        writeln!(f, "{} nodes in {} shards, {}; {} s", self.nodes, self.shards, self.stage, self.seconds)?;
        writeln!(f, "harms      {}: {} partitions in all", harms.join(", "), self.partitions)?;
        let Self { reads, acknowledged, refused, unknown, keys, .. } = self;
        write!(
            f,
            "clients    {acknowledged} writes acknowledged, {reads} reads, {refused} refused, {unknown} unknown; {keys} keys; "
        )?;
        writeln!(f, "p50 {median} ms, p99 {tail} ms")?;
        let Restarts { number, ready, longest_launch_ms, ready_ms: (half, most, all) } = self.restarts;
        write!(
            f,
            "restarts   {number}, of these {ready} ready before their next end: p50 {half} ms, p99 {most} ms, longest {all} ms; "
        )?;
        writeln!(f, "the process alone at most {longest_launch_ms} ms")?;
        let Stops { number, failed, longest_ms } = self.stops;
        writeln!(f, "stops      {number}, the longest {longest_ms} ms; {failed} with an exit code that is not 0")?;
        for why in &self.not_made {
            writeln!(f, "not made   {why}")?;
        }
        if let Some(Filled { keys, took_ms, restarts }) = &self.filled {
            writeln!(f, "filled     {keys} keys in {took_ms} ms")?;
            for Restart { node, launched_ms, ready_ms, read_ms } in restarts {
                writeln!(f, "  n{node} after SIGKILL: process {launched_ms} ms, ready {ready_ms} ms, first read {read_ms} ms")?;
            }
        }
        if let Some(Scanned { whole_ms, took_ms, readings }) = self.scanned {
            writeln!(
                f,
                "in the end all nodes there after {whole_ms} ms; {readings} readings, every node for every key, in {took_ms} ms"
            )?;
        }
        writeln!(f, "history    {}", self.history)?;
        writeln!(f, "           {}", self.offline.replace('\n', "\n           "))?;
        for path in &self.evidence {
            writeln!(f, "see        {path}")?;
        }
        if self.is_stopped && self.has_passed() {
            return f.write_str("stopped before its end; nothing was wrong until then");
        }
        f.write_str(&self.verdict)
    }
}
