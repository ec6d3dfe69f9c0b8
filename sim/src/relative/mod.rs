//! A failing run and its nearest passing relative: the plan with one event less, for which the run passes. What differs between the
//! two is what the event did, and among it is what went wrong.
//!
//! The idea is that of delta debugging's *isolation* (Zeller, *Isolating Cause-Effect Chains from Computer Programs*, FSE 2002): a
//! pair of runs that differ in one thing, of which one fails. It is exact as far as chance is keyed by event
//! ([`streams`](crate::streams)): up to the event the two runs are the same.

mod compare;

use std::fmt;

use crate::{
    fault::Timed,
    plan::{Action, Plan, Planned},
    run::{Report, Verdict, run_plan},
    trace::Keep,
};

pub use compare::{Comparison, Delivery, Place, compare};

/// How many relatives are tried at most. Of a longer plan only the last events before the violation are left out.
pub const RELATIVES: usize = 200;

/// One event of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanEvent {
    /// A fault.
    Fault(Timed),
    /// An operation.
    Operation(Planned),
}

/// A failing run beside one that passes.
#[derive(Debug)]
pub struct Pair {
    /// The event that only the failing run has.
    pub event: PlanEvent,
    /// Other events without each of which the run passes too.
    pub others: Vec<PlanEvent>,
    /// How many relatives were tried.
    pub tried: usize,
    /// The run that fails, with its whole trace.
    pub fails: Report,
    /// The run that passes, with its whole trace.
    pub passes: Report,
    /// What differs.
    pub comparison: Comparison,
}

/// Why there is no pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPair {
    /// The plan passes as it is.
    Passes,
    /// It fails without any one of so many events.
    FailsAnyway(usize),
}

impl PlanEvent {
    /// When it begins, in milliseconds after the warm-up.
    pub fn at_ms(&self) -> u64 {
        match self {
            Self::Fault(timed) => timed.at_ms,
            Self::Operation(planned) => planned.at_ms,
        }
    }

    /// All events of a plan, in order of time; of one time, faults first.
    pub fn all(plan: &Plan) -> Vec<Self> {
        let faults = plan.faults.iter().cloned().map(Self::Fault);
        let mut all: Vec<Self> = faults.chain(plan.operations.iter().cloned().map(Self::Operation)).collect();
        all.sort_by_key(Self::at_ms);
        all
    }

    /// The plan without it.
    pub fn left_out(&self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        match self {
            Self::Fault(timed) => {
                if let Some(place) = plan.faults.iter().position(|other| other == timed) {
                    plan.faults.remove(place);
                }
            }
            Self::Operation(planned) => plan.operations.retain(|other| other.op != planned.op),
        }
        plan
    }

    /// How much it tells to leave it out: without a fault things go right, without a read nobody looks.
    fn weight(&self) -> u8 {
        match self {
            Self::Fault(_) => 2,
            Self::Operation(Planned { action: Action::Put { .. } | Action::Delete { .. }, .. }) => 1,
            Self::Operation(_) => 0,
        }
    }
}

/// Finds the nearest passing relative of a failing plan. Nearest is a fault before a write before a read, and of these the latest:
/// the runs are the same for the longest time.
///
/// # Errors
/// There is none.
pub fn nearest_passing(plan: &Plan) -> Result<Pair, NoPair> {
    let fails = run_plan(plan.clone(), Keep::All);
    if fails.verdict == Verdict::Passed {
        return Err(NoPair::Passes);
    }
    let happened = |event: &PlanEvent| (plan.warm_up_ms + event.at_ms()) * 1_000 <= fails.ended_us;
    let mut events: Vec<PlanEvent> = PlanEvent::all(plan).into_iter().filter(happened).collect();
    events.reverse();
    events.sort_by_key(|event| std::cmp::Reverse(event.weight()));
    events.truncate(RELATIVES);
    let tried = events.len();
    let passes = |event: &PlanEvent| run_plan(event.left_out(plan), Keep::Nothing).verdict == Verdict::Passed;
    let mut passing = events.into_iter().filter(passes);
    let event = passing.next().ok_or(NoPair::FailsAnyway(tried))?;
    let others = passing.collect();
    let passes = run_plan(event.left_out(plan), Keep::All);
    let comparison = compare(&event, plan.warm_up_ms, &fails, &passes);
    Ok(Pair { event, others, tried, fails, passes, comparison })
}

impl fmt::Display for PlanEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(Timed { at_ms, fault }) => write!(f, "at {at_ms} ms: {fault}"),
            Self::Operation(planned) => write!(f, "at {} ms: {planned}", planned.at_ms),
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fails:           {}", self.fails.verdict)?;
        write!(f, "passes without:  {}", self.event)?;
        for other in &self.others {
            write!(f, "\n  and without:   {other}")?;
        }
        write!(f, "\n\nWith that event, and without it, up to the violation:\n{}", self.comparison)
    }
}

impl fmt::Display for NoPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passes => f.write_str("the plan passes: there is nothing to compare"),
            Self::FailsAnyway(tried) => {
                write!(f, "the plan fails without any one of {tried} events: make it small first (causeway-sim shrink)")
            }
        }
    }
}
