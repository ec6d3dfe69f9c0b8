//! Looks for a planted bug, one seed after the other, so that what is found is always the same.

use causeway::mutant::{Mutant, plant};
use serde::Serialize;

use super::{Catcher, named};
use crate::{
    plan::Plan,
    run::{Report, Verdict, run_plan_without},
    trace::Keep,
};

/// Within how many seeds a planted bug must be caught.
pub const SEED_LIMIT: u64 = 200;

/// A planted bug that was caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Catch {
    /// Which checker did, or what kind of end the run had.
    pub by: &'static str,
    /// What was violated.
    pub violated: String,
    /// In which seed's run.
    pub seed: u64,
    /// How many seeds that took, this one included.
    pub seeds: u64,
    /// How many client operations it took, over all of them.
    pub operations: u64,
    /// When, in the last of them, in simulated microseconds.
    pub at_us: u64,
}

/// Hunts for a bug from one seed on, over at most so many. One checker may be left out.
pub fn hunt(mutant: Mutant, seeds: std::ops::Range<u64>, without: Option<&'static str>) -> Option<Catch> {
    if let Catcher::Direct(by, shows) = named(mutant).catcher {
        plant(Some(mutant));
        let is_caught = shows();
        plant(None);
        let violated = "a law".to_owned();
        return is_caught.then_some(Catch { by, violated, seed: 0, seeds: 0, operations: 0, at_us: 0 });
    }
    let mut operations = 0;
    for seed in seeds.clone() {
        let report = run_plan_without(Plan::draw(seed, Some(mutant)), Keep::Nothing, without);
        operations += u64::from(report.operations);
        if report.verdict != Verdict::Passed {
            let Report { verdict, ended_us: at_us, .. } = report;
            let violated = match &verdict {
                Verdict::Safety(violation) => violation.property.to_string(),
                verdict => verdict.to_string(),
            };
            return Some(Catch { by: verdict.caught_by(), violated, seed, seeds: seed + 1 - seeds.start, operations, at_us });
        }
    }
    None
}
