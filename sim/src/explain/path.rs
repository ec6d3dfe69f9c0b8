//! The shortest way from one operation to another in the causal order: breadth first over 'next in its session' and 'read by'.

use std::collections::{BTreeMap, VecDeque};

use super::{Place, Seen, Step, begun, told};
use crate::history::{OpId, Operation, Outcome};

/// One step of the causal order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge<'a> {
    pub from: &'a Operation,
    pub to: &'a Operation,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The same session did it later.
    Later,
    /// It read what the other wrote.
    Read,
}

/// The steps from a cause to an effect; none when the history knows no way.
pub(super) fn path<'a>(history: &'a [Operation], cause: &'a Operation, effect: &'a Operation) -> Vec<Edge<'a>> {
    let mut reached_by: BTreeMap<OpId, Edge<'a>> = BTreeMap::new();
    let mut queue = VecDeque::from([cause]);
    while let Some(from) = queue.pop_front() {
        if from.id == effect.id {
            break;
        }
        for (to, why) in next(history, from) {
            if to.id != cause.id && !reached_by.contains_key(&to.id) {
                reached_by.insert(to.id, Edge { from, to, why });
                queue.push_back(to);
            }
        }
    }
    let mut steps = Vec::new();
    let mut at = effect.id;
    while let Some(edge) = reached_by.get(&at) {
        steps.push(*edge);
        at = edge.from.id;
    }
    steps.reverse();
    steps
}

/// What directly follows an operation.
fn next<'a>(history: &'a [Operation], from: &'a Operation) -> impl Iterator<Item = (&'a Operation, Why)> {
    let session = from.invocation.session;
    // Its own session does not count on a write whose outcome it does not know.
    let known = !from.is_write() || from.outcome.is_acknowledged();
    let place = (from.invocation.at_us, from.id);
    let later = move |to: &Operation| known && to.invocation.session == session && (to.invocation.at_us, to.id) > place;
    history.iter().filter_map(move |to| {
        if to.outcome == Outcome::Found(from.id) { Some((to, Why::Read)) } else { later(to).then_some((to, Why::Later)) }
    })
}

impl Edge<'_> {
    /// The edge, told.
    pub fn step(self) -> Step {
        let (from, to) = (self.from, self.to);
        let session = to.invocation.session;
        let sentence = match self.why {
            Why::Later => format!("After {}, {session} {}.", from.id, told(to)),
            Why::Read => format!("{session} {}.", told(to)),
        };
        Step { from: end(from), to: end(to), seen: Seen::Yes, sentence }
    }
}

fn end(operation: &Operation) -> Place {
    let begun = begun(operation);
    Place { at_us: operation.returned_us.unwrap_or(begun.at_us), ..begun }
}
