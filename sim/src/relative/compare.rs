//! What differs between two runs that differ in one event, as far as it can matter: outcomes of operations, what nodes went through,
//! records that a replica has applied in one run and not in the other, and the messages that brought them.
//!
//! Writes are told apart by their operation's name, which is the same in both runs; dots and times are not. What came to a replica
//! with a snapshot or was found on its disk is not told apart record by record, and not compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use causeway::{id::NodeId, store::Key};

use crate::{
    history::{OpId, Operation, Outcome},
    relative::PlanEvent,
    run::{Report, Verdict},
    trace::What,
};

/// Lines of each section that are shown.
const SHOWN: usize = 12;

/// What differs. Of each pair of values the first is of the run that fails.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// From the event to the violation, in simulated microseconds.
    pub window_us: (u64, u64),
    /// Operations of which clients heard something else. The answer that is the violation is not taken as one: it is pending.
    pub outcomes: Vec<(Operation, [Option<Outcome>; 2])>,
    /// How often nodes went through something from the event to the violation.
    pub events: BTreeMap<(NodeId, String), [u32; 2]>,
    /// Records that were applied by the time of the violation in one of the runs only: when.
    pub applied: BTreeMap<Place, [Option<u64>; 2]>,
    /// Messages with such records that arrived by then in one of the runs only: when.
    pub messages: BTreeMap<Delivery, [Option<u64>; 2]>,
    /// Messages that were lost from the event to the violation, on the links of those above.
    pub lost: BTreeMap<(NodeId, NodeId), [u32; 2]>,
}

/// A write at a replica.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The key.
    pub key: Key,
    /// The replica's node.
    pub node: NodeId,
    /// The write.
    pub write: OpId,
}

/// A write on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delivery {
    /// The write.
    pub write: OpId,
    /// Who sent it.
    pub from: NodeId,
    /// Whom it reached.
    pub to: NodeId,
}

/// What one run did until a time.
#[derive(Default)]
struct Seen {
    applied: BTreeMap<Place, u64>,
    delivered: BTreeMap<Delivery, u64>,
    events: BTreeMap<(NodeId, String), u32>,
    lost: BTreeMap<(NodeId, NodeId), u32>,
}

/// Compares a failing run with the passing one that lacks an event.
pub fn compare(event: &PlanEvent, warm_up_ms: u64, fails: &Report, passes: &Report) -> Comparison {
    let window_us = ((warm_up_ms + event.at_ms()) * 1_000, fails.ended_us);
    let left_out = if let PlanEvent::Operation(planned) = event { Some(planned.op) } else { None };
    let runs = [fails, passes].map(|report| Seen::of(report, window_us));
    let applied = differences(runs.each_ref().map(|seen| &seen.applied));
    let matter: BTreeSet<OpId> = applied.keys().map(|place| place.write).collect();
    let mut messages = differences(runs.each_ref().map(|seen| &seen.delivered));
    messages.retain(|delivery, _| matter.contains(&delivery.write));
    let links: BTreeSet<(NodeId, NodeId)> = messages.keys().map(|delivery| (delivery.from, delivery.to)).collect();
    let mut lost = counts(runs.each_ref().map(|seen| &seen.lost));
    lost.retain(|link, _| links.contains(link));
    let events = counts(runs.each_ref().map(|seen| &seen.events));
    let mut outcomes = outcomes(fails, passes, window_us.1);
    // That what was left out is not answered goes without saying; how far it came in the other run does not.
    outcomes.retain(|(operation, _)| Some(operation.id) != left_out);
    Comparison { window_us, outcomes, events, applied, messages, lost }
}

/// What a node went through, without the numbers that differ between any two runs. What it says all the time is left out.
fn experience(text: &str, key: Option<&Key>) -> Option<String> {
    let verb = text.split(' ').next()?;
    match (verb, key) {
        ("applied" | "promised" | "stable" | "acknowledged", _) => None,
        ("recovered", _) => Some(verb.to_owned()),
        (_, Some(key)) => Some(format!("{verb} {key}")),
        (_, None) => Some(text.to_owned()),
    }
}

/// What clients heard by the time of the violation, where it is not the same.
fn outcomes(fails: &Report, passes: &Report, until_us: u64) -> Vec<(Operation, [Option<Outcome>; 2])> {
    let heard = |report: &Report| -> BTreeMap<OpId, Operation> {
        report.history.iter().map(|operation| (operation.id, operation.clone())).collect()
    };
    let [with, without] = [fails, passes].map(heard);
    let outcome = |of: &BTreeMap<OpId, Operation>, id: OpId| of.get(&id).map(|operation| operation.outcome);
    let begun = with.values().filter(|operation| operation.invocation.at_us <= until_us);
    let both = begun.map(|operation| (operation.clone(), [outcome(&with, operation.id), outcome(&without, operation.id)]));
    let violating = |id: &OpId| matches!(&fails.verdict, Verdict::Safety(violation) if violation.about.operations.contains(id));
    // What was under way when the violation ended the run has no outcome to compare, but for the one that showed it.
    let counts = |id: &OpId, with: Option<Outcome>| with != Some(Outcome::Pending) || violating(id);
    both.filter(|(operation, [with, without])| with != without && counts(&operation.id, *with)).collect()
}

/// What is in one of two maps only.
fn differences<K: Ord + Clone>([with, without]: [&BTreeMap<K, u64>; 2]) -> BTreeMap<K, [Option<u64>; 2]> {
    let all = with.keys().chain(without.keys());
    let times = all.map(|key| (key.clone(), [with.get(key).copied(), without.get(key).copied()]));
    times.filter(|(_, times)| times.contains(&None)).collect()
}

/// What was not counted alike.
fn counts<K: Ord + Clone>([with, without]: [&BTreeMap<K, u32>; 2]) -> BTreeMap<K, [u32; 2]> {
    let all = with.keys().chain(without.keys());
    let counts = all.map(|key| (key.clone(), [with, without].map(|of| of.get(key).copied().unwrap_or_default())));
    counts.filter(|(_, [with, without])| with != without).collect()
}

impl Seen {
    fn of(report: &Report, (from_us, until_us): (u64, u64)) -> Self {
        let writes: BTreeMap<String, OpId> = report
            .history
            .iter()
            .flat_map(|operation| operation.dots.iter().map(|dot| (dot.to_string(), operation.id)))
            .collect();
        let named =
            |text: &str| -> Vec<OpId> { text.split([' ', ',', ':']).filter_map(|word| writes.get(word)).copied().collect() };
        let mut seen = Self::default();
        for line in report.trace.iter().take_while(|line| line.at_us <= until_us) {
            match &line.what {
                What::Event { node, key: Some(key), text } if text.starts_with("applied ") => {
                    for write in named(text).into_iter().take(1) {
                        seen.applied.entry(Place { key: key.clone(), node: *node, write }).or_insert(line.at_us);
                    }
                }
                What::Event { node, key, text } if line.at_us >= from_us => {
                    if let Some(what) = experience(text, key.as_ref()) {
                        *seen.events.entry((*node, what)).or_default() += 1;
                    }
                }
                What::Frame { from, to, text, .. } => {
                    for write in named(text) {
                        seen.delivered.entry(Delivery { write, from: *from, to: *to }).or_insert(line.at_us);
                    }
                }
                What::Lost { from, to, .. } if line.at_us >= from_us => *seen.lost.entry((*from, *to)).or_default() += 1,
                _ => {}
            }
        }
        seen
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from_us, until_us) = self.window_us;
        write!(f, "from {} to {}", seconds(from_us), seconds(until_us))?;
        let outcomes = self.outcomes.iter().map(|(operation, [with, without])| {
            let invocation = &operation.invocation;
            let what =
                format!("{} {} at {}: {} {}", operation.id, invocation.session, invocation.node, invocation.kind, invocation.key);
            format!("{what:<32} {:<16} {}", heard(*with), heard(*without))
        });
        section(f, "operation                          with             without", outcomes)?;
        let events = self.events.iter().map(|((node, what), [with, without])| {
            let what = format!("{node} {what}");
            format!("{what:<32} {with:<16} {without}")
        });
        section(f, "how often                          with             without", events)?;
        let applied = self.applied.iter().map(|(place, times)| {
            let what = format!("{} applied at {}: {}", place.write, place.node, place.key);
            format!("{what:<32} {}", when(*times))
        });
        section(f, "record                             with             without", applied)?;
        let messages = self.messages.iter().map(|(delivery, times)| {
            let what = format!("{} from {} to {}", delivery.write, delivery.from, delivery.to);
            format!("{what:<32} {}", when(*times))
        });
        section(f, "message with a record              with             without", messages)?;
        let lost = self.lost.iter().map(|((from, to), [with, without])| {
            let what = format!("from {from} to {to}");
            format!("{what:<32} {with:<16} {without}")
        });
        section(f, "messages lost                      with             without", lost)
    }
}

/// A heading and the first of its lines; nothing when there are none.
fn section(f: &mut fmt::Formatter<'_>, heading: &str, lines: impl Iterator<Item = String>) -> fmt::Result {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return Ok(());
    }
    write!(f, "\n{heading}")?;
    lines.iter().take(SHOWN).try_for_each(|line| write!(f, "\n  {line}"))?;
    match lines.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, "\n  and {more} more"),
    }
}

fn when([with, without]: [Option<u64>; 2]) -> String {
    let show = |at_us: Option<u64>| at_us.map_or_else(|| "not".to_owned(), seconds);
    format!("{:<16} {}", show(with), show(without))
}

fn heard(outcome: Option<Outcome>) -> String {
    match outcome {
        None => "not begun".to_owned(),
        Some(Outcome::Pending) => "the violation".to_owned(),
        Some(outcome) => outcome.to_string(),
    }
}

fn seconds(at_us: u64) -> String {
    format!("{}.{:06} s", at_us / 1_000_000, at_us % 1_000_000)
}
