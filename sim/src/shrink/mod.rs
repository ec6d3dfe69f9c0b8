//! Makes a failing plan small: what can be left out without changing how it fails, goes.
//!
//! Source: Zeller, Hildebrandt, *Simplifying and Isolating Failure-Inducing Input* (TSE 2002), for the schedule; the rest of a plan
//! is a few numbers, each of which is tried at its simplest and then halved.
//!
//! A plan says what goes wrong, and clients' operations are drawn while it runs: so a run of the smaller plan is another run, and
//! whether it fails is found by running it. Two runs fail in the same way when the same checker ends them.

use crate::{
    plan::{Plan, Reordering},
    run::{Report, Verdict, run_plan},
    trace::Keep,
};

/// A plan that fails, and how.
#[derive(Debug)]
pub struct Shrunk {
    /// 1-minimal in its faults: without any one of them it passes, or fails in another way.
    pub plan: Plan,
    /// How it fails.
    pub report: Report,
    /// How many runs that took.
    pub runs: u32,
}

struct Search<'a> {
    best: Shrunk,
    caught_by: &'static str,
    progress: &'a dyn Fn(&Shrunk),
}

/// Makes a plan small; `None` when it passes. Tells of each smaller plan that fails in the same way.
pub fn shrink(plan: &Plan, progress: &dyn Fn(&Shrunk)) -> Option<Shrunk> {
    let report = run_plan(plan.clone(), Keep::Nothing);
    if report.verdict == Verdict::Passed {
        return None;
    }
    let caught_by = report.verdict.caught_by();
    let mut search = Search { best: Shrunk { plan: plan.clone(), report, runs: 1 }, caught_by, progress };
    while search.simplify() | search.shorten() | search.drop_faults() {}
    Some(search.best)
}

impl Search<'_> {
    /// Takes over a change to the plan if it still fails in the same way.
    fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut plan = self.best.plan.clone();
        change(&mut plan);
        if plan == self.best.plan {
            return false;
        }
        self.best.runs += 1;
        let report = run_plan(plan.clone(), Keep::Nothing);
        if report.verdict.caught_by() != self.caught_by {
            return false;
        }
        (self.best.plan, self.best.report) = (plan, report);
        (self.progress)(&self.best);
        true
    }

    /// Tries the plan without one kind of trouble after the other.
    fn simplify(&mut self) -> bool {
        let simpler: [fn(&mut Plan); 11] = [
            |plan| plan.skews_ms.iter_mut().for_each(|skew_ms| *skew_ms = 0),
            |plan| plan.links.damage = 0.0,
            |plan| plan.links.duplication = 0.0,
            |plan| plan.links.loss = 0.0,
            |plan| plan.links.reordering = Reordering::Never,
            |plan| plan.links.latency_us = 1_000,
            |plan| plan.load.client_loss = 0.0,
            |plan| plan.load.forged_percent = 0,
            |plan| plan.load.burst_operations = 0,
            |plan| plan.load.concern_percent = 0,
            |plan| plan.load.named_percent = 0,
        ];
        // Every change is tried, whatever came of those before.
        simpler.into_iter().fold(false, |any, change| self.attempt(change) | any)
    }

    /// Halves time, sessions and keys.
    fn shorten(&mut self) -> bool {
        let shorter: [fn(&mut Plan); 3] = [
            |plan| {
                plan.faults_ms = plan.faults_ms.div_ceil(2);
                plan.schedule.retain(|timed| timed.at_ms < plan.faults_ms);
            },
            |plan| plan.load.sessions = plan.load.sessions.div_ceil(2),
            |plan| plan.load.keys = plan.load.keys.div_ceil(2).max(2),
        ];
        shorter.into_iter().fold(false, |any, change| self.attempt(change) | any)
    }

    /// Leaves out faults: half of them, then a quarter, in the end one by one.
    fn drop_faults(&mut self) -> bool {
        let mut any = false;
        let mut chunk = self.best.plan.schedule.len();
        while chunk > 0 {
            let mut from = 0;
            while from < self.best.plan.schedule.len() {
                let until = (from + chunk).min(self.best.plan.schedule.len());
                let dropped = self.attempt(|plan| drop(plan.schedule.drain(from..until)));
                any |= dropped;
                from = if dropped { from } else { until };
            }
            chunk /= 2;
        }
        any
    }
}
