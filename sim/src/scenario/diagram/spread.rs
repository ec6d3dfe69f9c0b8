//! How records get around, as far as an account tells: who has each, and from whom the next one may have it.

use std::collections::{BTreeMap, BTreeSet};

use causeway::id::NodeId;

use super::{
    super::{Call, Happening, Phrase},
    ELSEWHERE_US, SERVED_US,
    broken::Broken,
};
use crate::picture::{LaneId, Mark, Message, Scene};

/// How long a record is drawn on its way.
const WAY_US: u64 = 300_000;

/// Who has what, in the order in which they got it.
#[derive(Default)]
pub(super) struct Spread {
    holders: BTreeMap<String, Vec<NodeId>>,
}

impl Spread {
    /// Draws how something came to the nodes of a line, at the step's time; with the write that was asked for in the step.
    pub fn draw(
        &mut self,
        scene: &mut Scene,
        lanes: &BTreeMap<NodeId, LaneId>,
        broken: &Broken,
        (at_us, asked, happening): (u64, Option<&Call>, &Happening),
    ) {
        let (kind, verb, what) = match &happening.phrase {
            Phrase::Applied { what, .. } => ("record", "applied", what),
            Phrase::TookOver(what) => ("snapshot", "took over", what),
            Phrase::CameBack { with } => return self.came_back(&happening.nodes, with),
            _ => return,
        };
        let key = what.split(['=', ' ']).next().unwrap_or_default();
        let text = happening.phrase.to_string();
        let says = text.trim_start_matches(verb).trim_start().trim_start_matches(key).trim_start_matches(['=', ' ']).to_owned();
        let holders = self.holders.entry(what.clone()).or_default();
        let asked = asked.filter(|call| *call.key == *key).map(|call| call.node);
        let made_at = asked.filter(|node| holders.is_empty() && happening.nodes.contains(node));
        for node in &happening.nodes {
            let Some(lane) = lanes.get(node) else { continue };
            let is_made_here = made_at == Some(*node);
            let arrives_us = at_us + if is_made_here { SERVED_US } else { ELSEWHERE_US };
            scene.marks.push(Mark::new(lane.at(arrives_us), verb).key(key).says(says.clone()));
            let origin = made_at.or_else(|| source(holders, *node, broken)).or(asked).filter(|_| !is_made_here);
            if let Some(from) = origin.filter(|from| from != node).and_then(|from| lanes.get(&from)) {
                let message = Message::new(*from, *lane, arrives_us - WAY_US);
                scene.messages.push(message.kind(kind).carries(key).says(what.clone()).arrived(arrives_us));
            }
        }
        holders.extend(made_at);
        let new: Vec<NodeId> = happening.nodes.iter().copied().filter(|node| !holders.contains(node)).collect();
        holders.extend(new);
    }

    /// A node that starts has what was on its disk and nothing else.
    fn came_back(&mut self, nodes: &BTreeSet<NodeId>, with: &BTreeSet<String>) {
        for (what, holders) in &mut self.holders {
            holders.retain(|holder| !nodes.contains(holder) || with.contains(what));
        }
    }
}

/// Who may have given it to a node: the first that had it and can be heard; else the first that had it.
fn source(holders: &[NodeId], node: NodeId, broken: &Broken) -> Option<NodeId> {
    let heard = holders.iter().find(|holder| !broken.is_cut(**holder, node) && !broken.is_down(**holder));
    heard.or(holders.first()).copied()
}
