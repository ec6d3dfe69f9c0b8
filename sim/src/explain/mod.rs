//! Says what a violation is, edge by edge: which operation had to be seen, how it came into the past of who missed it, and where
//! that shows.
//!
//! The path is found in the history alone, by the definition of the causal order: the next operation of a session follows the one
//! before, and who reads a value follows who wrote it. Of all paths the one with the fewest steps is told.

mod draw;
mod path;

use causeway::{clock::Dot, id::NodeId};
use serde::{Deserialize, Serialize};

pub use draw::{drawn, scene};

use crate::{
    checker::Violation,
    history::{OpId, Operation, Outcome, SessionId},
};

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A client.
    Session(SessionId),
    /// A node.
    Node(NodeId),
}

/// Somebody at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Who.
    pub actor: Actor,
    /// When, in simulated microseconds.
    pub at_us: u64,
}

/// One step from cause to effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The cause.
    pub from: Place,
    /// The effect.
    pub to: Place,
    /// Whether the effect saw its cause.
    pub seen: Seen,
    /// In English, with its full stop.
    pub sentence: String,
}

/// Whether an effect saw its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It did.
    Yes,
    /// It had to and did not.
    No,
}

/// A violation, explained.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// From the first cause to where the violation shows.
    pub steps: Vec<Step>,
    /// The operations that are part of it.
    pub operations: Vec<OpId>,
    /// What does not hold, in one sentence.
    pub summary: String,
}

/// Explains a violation that ended a run at a time.
pub fn explain(history: &[Operation], violation: &Violation, ended_us: u64) -> Explanation {
    let about = &violation.about;
    let mut involved: Vec<&Operation> = about.operations.iter().filter_map(|op| find(history, *op)).collect();
    for dot in &about.dots {
        let writers = history.iter().filter(|operation| operation.dots.contains(dot));
        involved.extend(writers.filter(|writer| about.operations.iter().all(|op| *op != writer.id)));
    }
    involved.sort_by_key(|operation| (operation.invocation.at_us, operation.id));
    let mut explanation = Explanation {
        steps: Vec::new(),
        operations: involved.iter().map(|operation| operation.id).collect(),
        summary: format!("{}: {}.", violation.property, violation.evidence),
    };
    let mut told = involved.windows(2).flat_map(|pair| path::path(history, pair[0], pair[1])).collect::<Vec<_>>();
    explanation.operations.extend(told.iter().flat_map(|edge| [edge.from.id, edge.to.id]));
    explanation.operations.sort();
    explanation.operations.dedup();
    explanation.steps.extend(told.drain(..).map(|edge| edge.step()));
    explanation.steps.push(last_step(violation, &involved, ended_us));
    explanation
}

/// Where it shows.
fn last_step(violation: &Violation, involved: &[&Operation], ended_us: u64) -> Step {
    let shows_at_node = violation.about.nodes.last().map(|node| Place { actor: Actor::Node(*node), at_us: ended_us });
    let cause = involved.first();
    let from = cause.map(|operation| begun(operation));
    let (to, sentence) = match (involved.last(), shows_at_node) {
        (Some(last), None) => (ended(last, ended_us), at_session(violation, cause, last)),
        (_, Some(place)) => (place, at_node(violation, cause, &violation.about.dots)),
        (None, None) => (Place { actor: Actor::Session(SessionId(0)), at_us: ended_us }, violation.evidence.clone()),
    };
    Step { from: from.unwrap_or(Place { at_us: 0, ..to }), to, seen: Seen::No, sentence }
}

fn at_session(violation: &Violation, cause: Option<&&Operation>, last: &Operation) -> String {
    let session = last.invocation.session;
    match cause.filter(|cause| cause.id != last.id) {
        Some(cause) => {
            let (op, what) = (cause.id, told(last));
            format!("{session} {what}, and had to see {op} or something newer: {} does not hold.", violation.property)
        }
        None => format!("{session} {}: {} does not hold.", told(last), violation.property),
    }
}

fn at_node(violation: &Violation, cause: Option<&&Operation>, dots: &[Dot]) -> String {
    let record = dots.first().map(|dot| format!(" ({dot})")).unwrap_or_default();
    let whose = cause.map(|cause| format!(" This is the record of {}{record}.", cause.id)).unwrap_or_default();
    format!("{}: {} does not hold.{whose}", violation.evidence, violation.property)
}

/// What an operation did and was told.
fn told(operation: &Operation) -> String {
    let crate::history::Invocation { node, key, kind, .. } = &operation.invocation;
    let op = operation.id;
    match operation.outcome {
        Outcome::Found(write) => format!("asked {node} to {kind} {key} ({op}) and was given what {write} wrote"),
        Outcome::Pending => format!("asked {node} to {kind} {key} ({op})"),
        outcome => format!("asked {node} to {kind} {key} ({op}) and was told '{outcome}'"),
    }
}

fn begun(operation: &Operation) -> Place {
    Place { actor: Actor::Session(operation.invocation.session), at_us: operation.invocation.at_us }
}

/// The end of an operation: when it was answered, or else the end of the run.
fn ended(operation: &Operation, ended_us: u64) -> Place {
    Place { at_us: operation.returned_us.unwrap_or(ended_us), ..begun(operation) }
}

fn find(history: &[Operation], op: OpId) -> Option<&Operation> {
    history.iter().find(|operation| operation.id == op)
}
