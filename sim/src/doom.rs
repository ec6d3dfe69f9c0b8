//! From which event on a failing run can no longer be saved.
//!
//! The run is replayed with *fresh randomness from an event on* ([`Fork`]): until then it is what it was, the plan stays what it is, and
//! everything that the plan leaves open is drawn anew. When all replays from an event on fail, the bug was in by then, and chance
//! had no more say. The count at the events before it says how much the run owed to chance, and to which moment.
//!
//! The count is looked at on a coarse grid first, and then where it becomes full, by halving. It need not rise steadily: what is
//! called the doom is a full count after which every count that was looked at is full too.

use std::{collections::BTreeMap, fmt};

use crate::{
    parallel,
    plan::Plan,
    relative::PlanEvent,
    run::{Report, Verdict, run_forked, run_plan},
    shrink::end_at,
    streams::Fork,
    trace::Keep,
};

/// Replays from each event.
pub const REPLAYS: u32 = 20;
/// Events of the coarse grid.
const GRID: usize = 9;
/// Characters of a full bar.
const BAR: u32 = 20;

/// What came of a search.
#[derive(Debug, Clone)]
pub struct Doom {
    /// How the run fails.
    pub verdict: Verdict,
    /// When, in simulated microseconds.
    pub ended_us: u64,
    /// The events at which the count was looked at, in order of time.
    pub curve: Vec<Point>,
    /// The place in the curve of the earliest event from which all replays fail. `None`: chance decides after the last event.
    pub doomed: Option<usize>,
    /// How many runs that took.
    pub runs: u32,
}

/// How many replays fail from an event on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The event; the first of those that begin at the same time.
    pub event: PlanEvent,
    /// Its place among the times at which events begin.
    pub place: usize,
    /// How many of [`REPLAYS`].
    pub failing: u32,
}

/// Finds the doom of a plan; `None` when it passes. So many runs go on at the same time. Tells of each point.
pub fn doom(plan: &Plan, jobs: usize, progress: &dyn Fn(&Point)) -> Option<Doom> {
    let first = run_plan(plan.clone(), Keep::Nothing);
    if first.verdict == Verdict::Passed {
        return None;
    }
    let (plan, report) = cut_off(plan, first);
    let events = moments(&plan, report.ended_us);
    let mut search = Search { plan, events, jobs, progress, counts: BTreeMap::new(), runs: 2 };
    search.look_coarsely();
    search.look_closely();
    let doomed = search.doomed_from();
    let curve: Vec<Point> = search.counts.iter().map(|(place, failing)| search.point(*place, *failing)).collect();
    let doomed = doomed.and_then(|place| curve.iter().position(|point| point.place == place));
    Some(Doom { verdict: report.verdict, ended_us: report.ended_us, curve, doomed, runs: search.runs })
}

/// Leaves out what comes after the violation, if the plan fails without it.
fn cut_off(plan: &Plan, report: Report) -> (Plan, Report) {
    let until_ms = (report.ended_us / 1_000 + 1).saturating_sub(plan.warm_up_ms);
    if until_ms >= plan.faults_ms {
        return (plan.clone(), report);
    }
    let mut short = plan.clone();
    end_at(&mut short, until_ms);
    let again = run_plan(short.clone(), Keep::Nothing);
    if again.verdict == Verdict::Passed { (plan.clone(), report) } else { (short, again) }
}

/// The events that begin before the violation, one for each time.
fn moments(plan: &Plan, until_us: u64) -> Vec<PlanEvent> {
    let mut events = PlanEvent::all(plan);
    events.retain(|event| (plan.warm_up_ms + event.at_ms()) * 1_000 < until_us);
    events.dedup_by_key(|event| event.at_ms());
    events
}

struct Search<'a> {
    plan: Plan,
    events: Vec<PlanEvent>,
    jobs: usize,
    progress: &'a dyn Fn(&Point),
    /// How many replays fail, by the event's place.
    counts: BTreeMap<usize, u32>,
    runs: u32,
}

impl Search<'_> {
    fn look_coarsely(&mut self) {
        let Some(last) = self.events.len().checked_sub(1) else { return };
        for step in 0..GRID {
            self.count(last * step / (GRID - 1));
        }
    }

    fn look_closely(&mut self) {
        while let Some(doomed) = self.doomed_from() {
            let saved = self.counts.range(..doomed).next_back().map(|(place, _)| *place);
            match saved {
                Some(saved) if saved + 1 < doomed => self.count(usize::midpoint(saved, doomed)),
                _ => return,
            }
        }
    }

    /// The first place that was looked at from which every count is full.
    fn doomed_from(&self) -> Option<usize> {
        self.counts.iter().rev().take_while(|(_, failing)| **failing == REPLAYS).last().map(|(place, _)| *place)
    }

    fn count(&mut self, place: usize) {
        if self.counts.contains_key(&place) {
            return;
        }
        let at_us = (self.plan.warm_up_ms + self.events[place].at_ms()) * 1_000;
        let failing = failing(&self.plan, at_us, self.jobs);
        self.runs += REPLAYS;
        self.counts.insert(place, failing);
        (self.progress)(&self.point(place, failing));
    }

    fn point(&self, place: usize, failing: u32) -> Point {
        Point { event: self.events[place].clone(), place, failing }
    }
}

/// Replays a plan with fresh randomness from a time on. Returns how many replays fail.
fn failing(plan: &Plan, at_us: u64, jobs: usize) -> u32 {
    let salts: Vec<u64> = (1..=REPLAYS.into()).collect();
    let fails = |salt: &u64| {
        let report = run_forked(plan.clone(), Keep::Nothing, Fork { at_us, salt: *salt });
        u32::from(report.verdict != Verdict::Passed)
    };
    parallel::map(jobs, &salts, fails).into_iter().sum()
}

impl Doom {
    /// The earliest event from which all replays fail.
    pub fn event(&self) -> Option<&PlanEvent> {
        self.doomed.map(|place| &self.curve[place].event)
    }
}

impl fmt::Display for Doom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "at {}.{:06} s: {}", self.ended_us / 1_000_000, self.ended_us % 1_000_000, self.verdict)?;
        write!(f, "replays that fail, of {REPLAYS}, with fresh randomness from each event on:")?;
        for (place, point) in self.curve.iter().enumerate() {
            let mark = if self.doomed == Some(place) { "  <- doomed from here on" } else { "" };
            write!(f, "\n  {point}{mark}")?;
        }
        match self.doomed {
            Some(0) => f.write_str("\nThe plan is doomed from its first event on: chance has no say."),
            Some(_) => Ok(()),
            None => f.write_str("\nEven after the last event chance decides."),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = "#".repeat((self.failing * BAR / REPLAYS) as usize);
        write!(f, "{:>3} {full:<width$} {}", self.failing, self.event, width = BAR as usize)
    }
}
