//! Looks for a planted bug, one seed after the other, so that what is found is always the same.

use causeway::mutant::{Mutant, plant};
use serde::Serialize;

use super::{Catcher, named};
use crate::{
    plan::{Plan, file},
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
    match named(mutant).catcher {
        Catcher::Direct(by, shows) => {
            plant(Some(mutant));
            let is_caught = shows();
            plant(None);
            let violated = "a law".to_owned();
            return is_caught.then_some(Catch { by, violated, seed: 0, seeds: 0, operations: 0, at_us: 0 });
        }
        Catcher::ByPlan(_, text) => {
            let plan = Plan { mutant: Some(mutant), ..file::read(text).expect("a plan by hand can be read") };
            // It was not hunted for, so it took no seeds.
            return run(plan, without).map(|catch| Catch { seeds: 0, ..catch });
        }
        Catcher::Checkers(_) => {}
    }
    let mut operations = 0;
    for seed in seeds.clone() {
        let report = run_plan_without(Plan::draw(seed, Some(mutant)), Keep::Nothing, without);
        operations += u64::from(report.operations);
        if let Some(catch) = caught(seed, report) {
            return Some(Catch { seeds: seed + 1 - seeds.start, operations, ..catch });
        }
    }
    None
}

fn run(plan: Plan, without: Option<&'static str>) -> Option<Catch> {
    let seed = plan.seed;
    caught(seed, run_plan_without(plan, Keep::Nothing, without))
}

fn caught(seed: u64, report: Report) -> Option<Catch> {
    let Report { verdict, ended_us: at_us, operations, .. } = report;
    let violated = match &verdict {
        Verdict::Passed => return None,
        Verdict::Safety(violation) => violation.property.to_string(),
        verdict => verdict.to_string(),
    };
    Some(Catch { by: verdict.caught_by(), violated, seed, seeds: 1, operations: operations.into(), at_us })
}
