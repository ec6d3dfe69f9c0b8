//! Many seeds, a few at a time, each on a thread of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use causeway::mutant::Mutant;

use crate::{
    coverage::{self, Coverage},
    marks::Mark,
    run::{Report, Verdict, run_seed},
    trace::Keep,
};

/// What a sweep is asked.
#[derive(Debug, Clone)]
pub struct SweepPlan {
    /// Which seeds.
    pub seeds: Range<u64>,
    /// How many run at the same time.
    pub jobs: usize,
    /// A bug to plant in all of them.
    pub mutant: Option<Mutant>,
}

/// What a sweep found. It ends at the first failure.
#[derive(Debug, Default)]
pub struct SweepReport {
    /// The failure of the smallest seed that was run and failed.
    pub failure: Option<(u64, Report)>,
    /// Seeds that were run to their end.
    pub seeds: u64,
    /// Operations of each, in order of size.
    pub operations: Vec<u32>,
    /// How often each kind of fault happened, over all seeds.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often each kind of fault began while what else was under way, over all seeds.
    pub coverage: Coverage,
    /// Which places any seed reached.
    pub marks: BTreeSet<Mark>,
    /// The most characters that a token had.
    pub longest_token: usize,
}

impl SweepReport {
    /// The operations of the seed in the middle.
    pub fn median_operations(&self) -> u32 {
        self.operations.get(self.operations.len() / 2).copied().unwrap_or_default()
    }

    /// The operations of all seeds.
    pub fn all_operations(&self) -> u64 {
        self.operations.iter().map(|count| u64::from(*count)).sum()
    }

    fn add(&mut self, seed: u64, report: Report) {
        self.seeds += 1;
        self.operations.push(report.operations);
        for (kind, count) in &report.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (cell, count) in &report.coverage {
            *self.coverage.entry(*cell).or_default() += count;
        }
        self.marks.extend(&report.marks);
        self.longest_token = self.longest_token.max(report.longest_token);
        let is_first = self.failure.as_ref().is_none_or(|(first, _)| seed < *first);
        if report.verdict != Verdict::Passed && is_first {
            self.failure = Some((seed, report));
        }
    }
}

/// Runs all seeds until one fails. Tells after each seed how many are done.
pub fn sweep(plan: &SweepPlan, progress: impl Fn(u64) + Sync) -> SweepReport {
    let next = AtomicU64::new(plan.seeds.start);
    let failed = AtomicBool::new(false);
    let found = Mutex::new(SweepReport::default());
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= plan.seeds.end {
                return;
            }
            let report = run_seed(seed, plan.mutant, Keep::Nothing);
            failed.fetch_or(report.verdict != Verdict::Passed, Ordering::Relaxed);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.add(seed, report);
            progress(found.seeds);
        }
    };
    in_parallel(plan.jobs, &work);
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.operations.sort_unstable();
    found
}

/// Runs a failed seed again with its trace. The same seed must fail in the same way.
pub fn replay(seed: u64, mutant: Option<Mutant>, first: &Report, keep: Keep) -> Report {
    let mut again = run_seed(seed, mutant, keep);
    if again.digest != first.digest || again.verdict != first.verdict {
        let text =
            format!("first {} (digest {:016x}), then {} ({:016x})", first.verdict, first.digest, again.verdict, again.digest);
        again.verdict = Verdict::NonDeterminism(text);
    }
    again
}

#[expect(clippy::disallowed_methods, reason = "seeds run side by side; what happens within one knows of no other")]
fn in_parallel(jobs: usize, work: &(impl Fn() + Sync)) {
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
}

impl fmt::Display for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, median) = (self.all_operations(), self.median_operations());
        writeln!(f, "{} seeds, {all} operations, {median} in the median seed, longest token {}", self.seeds, self.longest_token)?;
        write!(f, "faults:")?;
        for (place, (kind, count)) in self.faults.iter().enumerate() {
            write!(f, "{}{count} {kind}", if place == 0 { " " } else { ", " })?;
        }
        let never: Vec<String> = Mark::missing(&self.marks).iter().map(ToString::to_string).collect();
        write!(f, "\nnever reached: {}", if never.is_empty() { "nothing".to_owned() } else { never.join(", ") })?;
        let mut phases: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (kind, phase) in coverage::missing(&self.coverage) {
            phases.entry(kind).or_default().push(phase.to_string());
        }
        phases.iter().try_for_each(|(kind, phases)| write!(f, "\nno {kind} while: {}", phases.join(", ")))
    }
}
