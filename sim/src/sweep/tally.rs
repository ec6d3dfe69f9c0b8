//! What a sweep came to: sums over all seeds, and failures in groups.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    time::Duration,
};

use causeway::mutant::Mutant;

use crate::{
    coverage::Phase,
    fault::Fault,
    marks::Mark,
    sweep::{
        canary::{Canary, Fate},
        job::{Failure, FailureKind, SeedReport, Small},
    },
};

/// Seeds of a group that are named.
const NAMED_SEEDS: usize = 5;
/// Exit code of a sweep that found nothing and missed its canary.
pub const EXIT_CANARY: u8 = 14;

/// What a sweep came to.
#[derive(Debug, Clone)]
pub struct SweepReport {
    /// The bug that was planted in all seeds.
    pub mutant: Option<Mutant>,
    /// Seeds that were run, to their end or not.
    pub seeds: u64,
    /// Seeds that were asked for and not run, since there was enough or the sweep was interrupted.
    pub left: u64,
    /// Operations of each, in no order.
    pub operations: Vec<u32>,
    /// How often each kind of fault happened, over all seeds.
    pub faults: BTreeMap<String, u64>,
    /// The most characters that a token had.
    pub longest_token: usize,
    /// Which kinds of faults began while what else was under way, in any seed.
    pub coverage: BTreeSet<(String, String)>,
    /// Which marked places any seed reached.
    pub marks: BTreeSet<String>,
    /// CPU time of all seeds, in microseconds, without repetitions.
    pub cpu_us: u64,
    /// Seeds that were run in a second process.
    pub repeated: u64,
    /// How long it took on the clock on the wall.
    pub took: Duration,
    /// What became of the canary.
    pub canary: Canary,
    /// Failures by what failed.
    pub groups: BTreeMap<Name, Group>,
}

/// What failures of one group have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The kind of failure.
    pub kind: FailureKind,
    /// Who caught it.
    pub caught_by: String,
    /// What does not hold.
    pub property: String,
}

/// Failures that are probably one bug.
#[derive(Debug, Clone)]
pub struct Group {
    /// The seeds that fail so.
    pub seeds: BTreeSet<u64>,
    /// The one with the fewest operations.
    pub smallest: Found,
    /// Its plan made small, once the seeds were done.
    pub small: Option<Small>,
}

/// A failure, and what it left behind.
#[derive(Debug, Clone)]
pub struct Found {
    /// What was told of the seed.
    pub report: SeedReport,
    /// How it failed.
    pub failure: Failure,
    /// Its capsule, unless it could not be written.
    pub capsule: Option<PathBuf>,
    /// Where two runs of it part, and what each did then.
    pub divergence: Option<String>,
}

impl SweepReport {
    /// Of a sweep of so many seeds that has not begun.
    pub fn new(mutant: Option<Mutant>, seeds: u64, canary: Canary) -> Self {
        Self {
            mutant,
            seeds: 0,
            left: seeds,
            operations: Vec::new(),
            faults: BTreeMap::new(),
            longest_token: 0,
            coverage: BTreeSet::new(),
            marks: BTreeSet::new(),
            cpu_us: 0,
            repeated: 0,
            took: Duration::ZERO,
            canary,
            groups: BTreeMap::new(),
        }
    }

    /// Adds what a seed did.
    pub fn add(&mut self, report: &SeedReport, cpu_us: u64) {
        self.seeds += 1;
        self.left = self.left.saturating_sub(1);
        self.operations.push(report.operations);
        for (kind, count) in &report.faults {
            *self.faults.entry(kind.clone()).or_default() += count;
        }
        self.longest_token = self.longest_token.max(report.longest_token);
        self.coverage.extend(report.coverage.iter().cloned());
        self.marks.extend(report.marks.iter().cloned());
        self.cpu_us += cpu_us;
    }

    /// Adds how a seed failed.
    pub fn fail(&mut self, found: Found) {
        let Failure { kind, caught_by, property, .. } = found.failure.clone();
        let seed = found.report.seed;
        let group = self.groups.entry(Name { kind, caught_by, property });
        let group = group.or_insert_with(|| Group { seeds: BTreeSet::new(), smallest: found.clone(), small: None });
        group.seeds.insert(seed);
        let size = |found: &Found| (found.report.operations, found.report.seed);
        if size(&found) < size(&group.smallest) {
            group.smallest = found;
        }
    }

    /// How many seeds failed.
    pub fn failures(&self) -> usize {
        self.groups.values().map(|group| group.seeds.len()).sum()
    }

    /// The operations of the seed in the middle.
    pub fn median_operations(&self) -> u32 {
        let mut sorted = self.operations.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// The operations of all seeds.
    pub fn all_operations(&self) -> u64 {
        self.operations.iter().map(|count| u64::from(*count)).sum()
    }

    /// Seeds a minute on the clock on the wall.
    pub fn seeds_a_minute(&self) -> f64 {
        self.seeds as f64 * 60.0 / self.took.as_secs_f64().max(0.001)
    }

    /// Operations of clients for each second of CPU.
    pub fn operations_a_cpu_second(&self) -> f64 {
        self.all_operations() as f64 * 1e6 / (self.cpu_us as f64).max(1.0)
    }

    /// The marked places that no seed reached. What was never reached was not tested, whatever the sweep says.
    pub fn never_reached(&self) -> Vec<String> {
        Mark::all().map(|mark| mark.to_string()).filter(|mark| !self.marks.contains(mark)).collect()
    }

    /// Of each kind of fault, the phases in which none began, in any seed.
    pub fn never_met(&self) -> BTreeMap<&'static str, Vec<String>> {
        let met = |kind: &str, phase: &String| self.coverage.contains(&(kind.to_owned(), phase.clone()));
        let phases = |kind| Phase::ALL.iter().map(ToString::to_string).filter(|phase| !met(kind, phase)).collect();
        let all = Fault::KINDS.into_iter().map(|kind| (kind, phases(kind)));
        all.filter(|(_, phases): &(_, Vec<String>)| !phases.is_empty()).collect()
    }

    /// The process's exit code: by the worst kind of failure; without one, whether the canary was caught.
    pub fn exit_code(&self) -> u8 {
        match (self.groups.keys().next(), &self.canary.fate) {
            (Some(name), _) => name.kind.exit_code(),
            (None, Fate::Missed) => EXIT_CANARY,
            (None, Fate::Caught { .. } | Fate::Flying) => 0,
        }
    }

    /// The command that runs a seed again.
    pub fn replay(&self, seed: u64) -> String {
        let mutant = self.mutant.map(|mutant| format!(" --mutant {mutant}")).unwrap_or_default();
        format!("causeway-sim run --seed {seed}{mutant}")
    }
}

impl Group {
    /// The first of its seeds.
    pub fn first_seeds(&self) -> impl Iterator<Item = u64> {
        self.seeds.iter().copied().take(NAMED_SEEDS)
    }
}

impl fmt::Display for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, median) = (self.all_operations(), self.median_operations());
        writeln!(f, "{} seeds, {all} operations, {median} in the median seed, longest token {}", self.seeds, self.longest_token)?;
        let faults: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        writeln!(f, "faults: {}", if faults.is_empty() { "none".to_owned() } else { faults.join(", ") })?;
        let (seeds, operations) = (self.seeds_a_minute(), self.operations_a_cpu_second());
        writeln!(f, "{seeds:.0} seeds a minute, {operations:.0} operations a CPU second")?;
        self.show_gaps(f)?;
        writeln!(f, "repeated in a second process: {}", self.repeated)?;
        write!(f, "{}", self.canary)?;
        if self.left > 0 {
            write!(f, "\nnot run: {}", self.left)?;
        }
        match self.failures() {
            0 => f.write_str("\nno seed failed")?,
            failures => write!(f, "\nfailed: {failures}; kinds of failures: {}", self.groups.len())?,
        }
        self.groups.iter().try_for_each(|(name, group)| self.show_group(f, name, group))
    }
}

impl SweepReport {
    fn show_gaps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let never = self.never_reached();
        writeln!(f, "never reached: {}", if never.is_empty() { "nothing".to_owned() } else { never.join("; ") })?;
        self.never_met().iter().try_for_each(|(kind, phases)| writeln!(f, "no {kind} while: {}", phases.join(", ")))
    }

    fn show_group(&self, f: &mut fmt::Formatter<'_>, name: &Name, group: &Group) -> fmt::Result {
        let Found { report, failure, capsule, divergence } = &group.smallest;
        let first: Vec<String> = group.first_seeds().map(|seed| seed.to_string()).collect();
        let more = if group.seeds.len() > NAMED_SEEDS { " ..." } else { "" };
        write!(f, "\n\n{name}\n  seeds:    {}, the first {}{more}", group.seeds.len(), first.join(" "))?;
        write!(f, "\n  smallest: {}, with {} operations: {}", report.seed, report.operations, failure.evidence)?;
        write!(f, "\n  replay:   {}", self.replay(report.seed))?;
        if let Some(capsule) = capsule {
            write!(f, "\n  capsule:  {}", capsule.display())?;
        }
        if let (Some(small), Some(capsule)) = (&group.small, capsule) {
            let Small { plan, operations, faults, runs, is_smallest } = small;
            let more = if *is_smallest { "" } else { ", time was up" };
            write!(f, "\n  small:    {}, {operations} operations and {faults} faults after {runs} runs{more}", plan.display())?;
            write!(f, "\n  page:     causeway-sim explain {}", capsule.display())?;
        }
        divergence.as_ref().map_or(Ok(()), |divergence| write!(f, "\n{divergence}"))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, caught_by, property } = self;
        match kind {
            FailureKind::Safety => write!(f, "safety: {property} [{caught_by}]"),
            _ => write!(f, "{kind}: {property}"),
        }
    }
}
