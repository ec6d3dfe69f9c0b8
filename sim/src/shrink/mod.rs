//! Makes a failing plan small: what can be left out without changing how it fails, goes.
//!
//! Operations, faults, sessions, keys and nodes together. The lists are cut by delta debugging (Zeller, Hildebrandt, *Simplifying and
//! Isolating Failure-Inducing Input*, TSE 2002): half of a list, a quarter, in the end one by one, until nothing can go. What is
//! not a list is tried at its simplest ([`simpler`]).
//!
//! Draws that a plan leaves open are keyed by event, so what is left behaves much as it did: that is what makes a plan of a few
//! lines out of one of thousands. Still, a smaller plan is another run, and whether it fails is found by running it. Two runs fail
//! in the same way when the same checker ends them.

mod simpler;

use std::{collections::BTreeSet, ops::Range};

use crate::{
    history::SessionId,
    plan::Plan,
    run::{Report, Verdict, run_plan, run_plan_until},
    trace::Keep,
};

/// By so much a smaller plan may fail later, in simulated microseconds. To wait for more costs most of the time: of those that pass, each
/// is looked at until all is quiet, and some never are.
pub const LATER_US: u64 = 2_000_000;

/// With so many seeds a plan is tried that lacks one of few parts of a list ...
const CHANCES: u64 = 4;
/// ... and these are few.
const FEW_PARTS: usize = 8;

/// A plan that fails, and how.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// 1-minimal in faults and operations: without any one of them it passes, or fails in another way, or more than 2 simulated seconds later. Its seed may be another.
    pub plan: Plan,
    /// How it fails.
    pub report: Report,
    /// How many runs that took.
    pub runs: u32,
}

/// Where the search stands.
struct Search<'a> {
    best: Shrunk,
    caught_by: &'static str,
    go_on: &'a dyn Fn() -> bool,
    progress: &'a dyn Fn(&Shrunk),
}

/// One list of a plan.
#[derive(Clone, Copy)]
enum List {
    Faults,
    Requests,
    Operations,
}

/// How much of a list is left out at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// All of it, then half, in the end one by one.
    Large,
    /// Two, then one.
    Small,
}

/// Makes a plan small; `None` when it passes. Tells of each smaller plan that fails in the same way.
pub fn shrink(plan: &Plan, progress: &dyn Fn(&Shrunk)) -> Option<Shrunk> {
    shrink_while(plan, &|| true, progress)
}

/// The same, for as long as `go_on` says yes: what is found by then fails in the same way, and may not be the smallest.
pub fn shrink_while(plan: &Plan, go_on: &dyn Fn() -> bool, progress: &dyn Fn(&Shrunk)) -> Option<Shrunk> {
    let report = run_plan(plan.clone(), Keep::Nothing);
    if report.verdict == Verdict::Passed {
        return None;
    }
    let caught_by = report.verdict.caught_by();
    let mut search = Search { best: Shrunk { plan: plan.clone(), report, runs: 1 }, caught_by, go_on, progress };
    search.end_at_the_violation();
    search.resolve_probes();
    search.calm();
    search.drop_sessions();
    search.leave_out(Parts::Large);
    // Before the many runs: how long they take is how long the plan is.
    search.compress();
    loop {
        while search.leave_out(Parts::Small) {}
        // A plan whose pauses are shorter is as small as it was: it is looked at once more, and is done when nothing can go.
        if !(search.compress() && search.leave_out(Parts::Small)) {
            return Some(search.best);
        }
    }
}

impl Search<'_> {
    /// Takes over a change to the plan if it still fails in the same way.
    fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        if !(self.go_on)() {
            return false;
        }
        let mut plan = self.best.plan.clone();
        change(&mut plan);
        if plan == self.best.plan {
            return false;
        }
        self.best.runs += 1;
        let report = run_plan_until(plan.clone(), self.best.report.ended_us + LATER_US);
        if report.verdict.caught_by() != self.caught_by {
            return false;
        }
        (self.best.plan, self.best.report) = (plan, report);
        (self.progress)(&self.best);
        true
    }

    /// The same with other seeds too: where much goes at once, what is left may fail as before, but for another chance.
    fn attempt_with_chances(&mut self, chances: u64, change: impl Fn(&mut Plan)) -> bool {
        let seed = self.best.plan.seed;
        (0..chances).any(|chance| {
            self.attempt(|plan| {
                change(plan);
                plan.seed = seed.wrapping_add(chance);
            })
        })
    }

    /// Leaves out what comes after the violation.
    fn end_at_the_violation(&mut self) -> bool {
        let ended_ms = self.best.report.ended_us / 1_000;
        let until_ms = (ended_ms + 1).saturating_sub(self.best.plan.warm_up_ms);
        until_ms < self.best.plan.faults_ms && self.attempt(|plan| end_at(plan, until_ms))
    }

    /// Has each probe read what it read, so that it no longer depends on what others do.
    fn resolve_probes(&mut self) {
        let probed = std::mem::take(&mut self.best.report.probed);
        self.attempt(|plan| simpler::resolve_probes(plan, &probed));
    }

    /// Tries the plan without one kind of trouble after the other.
    fn calm(&mut self) -> bool {
        // Every change is tried, whatever came of those before.
        simpler::CHANGES.into_iter().fold(false, |any, change| self.attempt(change) | any)
    }

    fn drop_sessions(&mut self) {
        let sessions: BTreeSet<SessionId> = self.best.plan.operations.iter().map(|planned| planned.session).collect();
        for session in sessions {
            self.attempt(|plan| plan.operations.retain(|planned| planned.session != session));
        }
    }

    /// Leaves out whatever can go.
    fn leave_out(&mut self, parts: Parts) -> bool {
        self.cut(List::Requests, parts)
            | self.cut(List::Faults, parts)
            | self.cut(List::Operations, parts)
            | self.end_at_the_violation()
            | self.end_soon()
            | self.calm()
            | self.merge()
    }

    fn cut(&mut self, list: List, parts: Parts) -> bool {
        let mut any = false;
        let length = list.len(&self.best.plan);
        let mut chunk = if parts == Parts::Large { length } else { length.min(2) };
        while chunk > 0 {
            let chances = if parts == Parts::Large && chunk * FEW_PARTS >= length { CHANCES } else { 1 };
            // From the end: what comes late depends on more than what comes early.
            let mut until = list.len(&self.best.plan);
            while until > 0 {
                let from = until.saturating_sub(chunk);
                any |= self.attempt_with_chances(chances, |plan| list.remove(plan, from..until));
                until = from;
            }
            chunk /= 2;
        }
        any
    }

    /// Has fewer nodes, sessions and keys do the same.
    fn merge(&mut self) -> bool {
        let mut any = false;
        for (nodes, shards) in [(2, 1), (3, 1), (4, 2)] {
            if (nodes, shards) < (self.best.plan.nodes, self.best.plan.shards) {
                any |= self.attempt(|plan| simpler::fit_into(plan, nodes, shards));
            }
        }
        for (from, to) in simpler::mergeable_sessions(&self.best.plan) {
            any |= self.attempt(|plan| simpler::merge_sessions(plan, from, to));
        }
        for (from, to) in simpler::mergeable_keys(&self.best.plan) {
            any |= self.attempt(|plan| simpler::merge_keys(plan, &from, &to));
        }
        any
    }

    /// Makes pauses short: all at once, or else one after the other.
    fn compress(&mut self) -> bool {
        let mut any = false;
        for span_ms in [20, 100, 500] {
            any |= self.attempt(|plan| simpler::shorten_pauses(plan, span_ms));
        }
        for gap in 0..simpler::pauses(&self.best.plan) {
            any |= self.attempt(|plan| simpler::halve_pause(plan, gap));
        }
        any
    }

    /// Has all be healed soon after the last fault and operation.
    fn end_soon(&mut self) -> bool {
        let last_ms = simpler::last_ms(&self.best.plan);
        let soon_ms = [100, 1_000, 5_000].map(|after_ms| last_ms + after_ms);
        soon_ms.into_iter().any(|end_ms| end_ms < self.best.plan.faults_ms && self.attempt(|plan| plan.faults_ms = end_ms))
    }
}

impl List {
    fn len(self, plan: &Plan) -> usize {
        match self {
            Self::Faults => plan.faults.len(),
            Self::Requests => plan.requests.len(),
            Self::Operations => plan.operations.len(),
        }
    }

    fn remove(self, plan: &mut Plan, range: Range<usize>) {
        match self {
            Self::Faults => drop(plan.faults.drain(range)),
            Self::Requests => drop(plan.requests.drain(range)),
            Self::Operations => drop(plan.operations.drain(range)),
        }
    }
}

/// Ends a plan's faults at a time after the warm-up.
pub(crate) fn end_at(plan: &mut Plan, until_ms: u64) {
    plan.faults_ms = until_ms;
    plan.faults.retain(|timed| timed.at_ms < until_ms);
    plan.requests.retain(|request| request.at_ms < until_ms);
    plan.operations.retain(|planned| planned.at_ms < until_ms);
}
