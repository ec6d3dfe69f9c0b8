//! Listens to the nodes of a story, and says after each step what happened in it: once, and without saying what came first.

use std::collections::{BTreeMap, BTreeSet};

use causeway::{
    clock::Dot,
    id::NodeId,
    node::{Event, WhyNoWrites},
    placement::{Actor, Config},
    store::{Key, OperationId, Order, Version, Write},
};

use super::{
    phrase::{Happening, Phrase},
    value::Value,
};
use crate::observe::Observer;

/// What was heard since the story began.
#[derive(Default)]
pub(super) struct Notes {
    /// What each record writes.
    writes: BTreeMap<Order, String>,
    /// The first record of each named write.
    operations: BTreeMap<OperationId, Dot>,
    /// What each node was a member of when it was last heard of.
    seats: BTreeMap<NodeId, Option<Actor>>,
    step: Heard,
    heard: u64,
}

/// What was heard in one step.
#[derive(Default)]
struct Heard {
    said: BTreeMap<Phrase, BTreeSet<NodeId>>,
    applied: BTreeSet<(NodeId, Key, Order)>,
    /// What each key holds, where something was applied to it.
    winners: BTreeMap<(NodeId, Key), Order>,
    found: BTreeMap<NodeId, BTreeSet<String>>,
    /// Who stopped taking writes since it became another member of the cluster, and has not taken them again.
    aside: BTreeMap<NodeId, WhyNoWrites>,
    /// What nodes are members of in the end.
    seated: BTreeMap<NodeId, String>,
    lost: BTreeMap<NodeId, BTreeSet<NodeId>>,
    seen: BTreeMap<NodeId, BTreeSet<NodeId>>,
}

impl Notes {
    /// Of a cluster that works by this config.
    pub fn of(config: &Config) -> Self {
        let seats = config.members().iter().map(|member| (member.node, config.seat(member.node).copied())).collect();
        Self { seats, ..Self::default() }
    }

    /// A node works by another config: says what it is a member of, if that is something else.
    fn adopted(&mut self, node: NodeId, config: &Config) {
        self.heard += 1;
        let seat = config.seat(node).copied();
        let before = self.seats.insert(node, seat).flatten();
        if before.map(|seat| seat.actor) != seat.map(|seat| seat.actor) {
            let shard = seat.map_or_else(|| "nothing".to_owned(), |seat| seat.shard.to_string());
            self.step.seated.insert(node, shard);
        }
    }

    /// Something happened at a node.
    pub fn say(&mut self, node: NodeId, phrase: Phrase) {
        self.heard += 1;
        self.step.said.entry(phrase).or_default().insert(node);
    }

    /// Counts what was heard, to tell whether anything was.
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Ends a step.
    pub fn take(&mut self) -> Vec<Happening> {
        let Heard { mut said, applied, winners, found: _, aside, seated, lost, seen } = std::mem::take(&mut self.step);
        for (node, key, order) in applied {
            let what = self.what(order);
            let shows = winners.get(&(node, key)).map(|winner| self.what(*winner)).filter(|shows| *shows != what);
            said.entry(Phrase::Applied { what, shows }).or_default().insert(node);
        }
        for (node, why) in aside {
            said.entry(Phrase::StoppedWriting(why.to_string())).or_default().insert(node);
        }
        for (node, shard) in seated {
            said.entry(Phrase::Holds(shard)).or_default().insert(node);
        }
        for (by, whom) in lost {
            said.entry(Phrase::LostSight(whom)).or_default().insert(by);
        }
        for (by, whom) in seen {
            said.entry(Phrase::SawAgain(whom)).or_default().insert(by);
        }
        said.into_iter().map(|(phrase, nodes)| Happening { nodes, phrase }).collect()
    }

    fn what(&self, order: Order) -> String {
        self.writes.get(&order).cloned().unwrap_or_else(|| "a write that nobody saw made".to_owned())
    }

    fn applied(&mut self, node: NodeId, write: &Write, winner: Order) {
        let first = write.operation.map(|operation| *self.operations.entry(operation.id).or_insert(write.dot));
        let again = if first.is_some_and(|first| first != write.dot) { " again" } else { "" };
        let what = format!("{}{again}", written(&write.key, write.value.as_ref()));
        let order = Order::from(write.dot);
        self.writes.insert(order, what);
        self.step.applied.insert((node, write.key.clone(), order));
        self.step.winners.insert((node, write.key.clone()), winner);
    }

    /// What a replica holds of a key, as it was found or came whole.
    fn contents(&mut self, node: NodeId, key: &Key, versions: &[Version]) -> String {
        let Some(winner) = versions.first() else { return format!("no {key}") };
        let what = written(key, winner.value.as_ref());
        self.step.winners.insert((node, key.clone()), winner.order());
        self.writes.entry(winner.order()).or_insert(what).clone()
    }
}

impl Observer for Notes {
    fn event(&mut self, _at_us: u64, node: NodeId, event: &Event) {
        match event {
            Event::Found { key, versions } => {
                let what = self.contents(node, key, versions);
                self.step.found.entry(node).or_default().insert(what);
            }
            Event::Recovered { .. } => {
                let with = self.step.found.remove(&node).unwrap_or_default();
                self.say(node, Phrase::CameBack { with });
            }
            Event::Applied { write, winner } => {
                self.heard += 1;
                self.applied(node, write, *winner);
            }
            Event::Installed { key, versions } => {
                let what = self.contents(node, key, versions);
                self.say(node, Phrase::TookOver(what));
            }
            Event::Adopted(config) => self.adopted(node, config),
            Event::SetAside { dots, .. } => {
                for dot in dots {
                    let what = self.what(Order::from(*dot));
                    self.say(node, Phrase::SetAside(what));
                }
            }
            Event::StoppedWriting(why @ (WhyNoWrites::NoSeat | WhyNoWrites::TakingOver)) => {
                self.heard += 1;
                self.step.aside.insert(node, *why);
            }
            Event::TakesWrites if self.step.aside.remove(&node).is_some() => self.heard += 1,
            Event::StoppedWriting(why) => self.say(node, Phrase::StoppedWriting(why.to_string())),
            Event::TakesWrites => self.say(node, Phrase::TookWrites),
            Event::Down(peer) => {
                self.heard += 1;
                self.step.lost.entry(node).or_default().insert(*peer);
            }
            Event::Up(peer) => {
                self.heard += 1;
                self.step.seen.entry(node).or_default().insert(*peer);
            }
            // How a replica learns of things and forgets them, and when, is its own affair.
            Event::Promised { .. }
            | Event::Stable(_)
            | Event::Kept
            | Event::Collected { .. }
            | Event::Acknowledged(_)
            | Event::Copied(_)
            | Event::ImportsAnew { .. }
            | Event::Forgot
            | Event::Suspected(_)
            | Event::Trusted(_) => {}
        }
    }
}

/// `x=1`, or `x deleted`.
fn written(key: &str, value: Option<&causeway::store::Value>) -> String {
    match value {
        Some(value) => format!("{key}={}", Value::of_json(String::from_utf8_lossy(&value.bytes))),
        None => format!("{key} deleted"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway::{
        clock::{Hlc, Token},
        id::{ActorId, Epoch},
        store::Operation,
    };

    use super::*;

    fn write(actor: u32, at: u64, value: &str) -> Arc<Write> {
        Arc::new(Write {
            dot: Dot { actor: ActorId(actor), hlc: Hlc::from_millis(at) },
            epoch: Epoch::default(),
            key: "x".into(),
            value: Some(causeway::store::Value::json(value.to_owned())),
            past: Token::default(),
            operation: None,
        })
    }

    fn named(actor: u32, at: u64) -> Arc<Write> {
        let operation = Operation { id: OperationId::of(b"o"), fingerprint: 0, existed: false, apart_from: Hlc::ZERO };
        Arc::new(Write { operation: Some(operation), ..(*write(actor, at, "1")).clone() })
    }

    fn text(events: &[(u32, Event)]) -> String {
        let mut notes = Notes::default();
        events.iter().for_each(|(node, event)| notes.event(0, NodeId(*node), event));
        notes.take().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    fn applied(write: &Arc<Write>, winner: &Arc<Write>) -> Event {
        Event::Applied { write: write.clone(), winner: winner.dot.into() }
    }

    #[test]
    fn the_order_of_arrival_is_not_told_but_what_is_shown_in_the_end_is() {
        let (older, newer) = (write(0, 1, "1"), write(1, 2, "2"));
        let one = text(&[(2, applied(&older, &older)), (2, applied(&newer, &newer)), (3, applied(&older, &older))]);
        let other = text(&[(3, applied(&older, &older)), (2, applied(&newer, &newer)), (2, applied(&older, &newer))]);
        assert_eq!(one, "n3: applied x=1; n2: applied x=1, shows x=2; n2: applied x=2");
        assert_eq!(one, other);
        let wrong = text(&[(3, applied(&older, &older)), (2, applied(&newer, &newer)), (2, applied(&older, &older))]);
        assert_ne!(one, wrong);
    }

    #[test]
    fn a_second_record_of_a_named_write_is_told_apart() {
        let (first, second) = (named(0, 1), named(1, 2));
        let told = text(&[(0, applied(&first, &first)), (0, applied(&second, &first)), (1, applied(&first, &first))]);
        assert_eq!(told, "n0 n1: applied x=1; n0: applied x=1 again, shows x=1");
    }

    #[test]
    fn nodes_that_did_the_same_share_a_line() {
        let told = text(&[
            (1, Event::Down(NodeId(2))),
            (0, Event::Down(NodeId(2))),
            (0, Event::Suspected(NodeId(2))),
            (
                2,
                Event::Recovered { applied: Default::default(), lease: Hlc::ZERO, takes_writes: true, epoch: Default::default() },
            ),
        ]);
        assert_eq!(told, "n2: came back with nothing; n0 n1: lost sight of n2");
    }
}
