//! What is broken while a story is told, as faults of its picture: from the line that breaks it to the line that mends it.

use std::collections::{BTreeMap, BTreeSet};

use causeway::id::NodeId;

use super::super::{Command, DiskAct, LinkAct, Links, Nodes, ProcessAct};
use crate::{
    picture::{Fault, LaneId, Look, Scene},
    world::ClockChange,
};

type Pair = (NodeId, NodeId);
type Lanes = BTreeMap<NodeId, LaneId>;

/// Everything that is broken now; each with the place of its fault in the scene.
#[derive(Default)]
pub(super) struct Broken {
    links: Vec<BrokenLinks>,
    nodes: Vec<(NodeId, Look, usize)>,
    /// Nodes that are cut off from their clients.
    clients: BTreeMap<NodeId, usize>,
}

struct BrokenLinks {
    act: LinkAct,
    pairs: BTreeSet<Pair>,
    fault: usize,
    text: String,
}

/// What a command is drawn on.
struct Canvas<'a> {
    scene: &'a mut Scene,
    lanes: &'a Lanes,
    at_us: u64,
    text: &'a str,
}

impl Canvas<'_> {
    fn add(&mut self, fault: Fault) -> usize {
        self.scene.faults.push(fault.says(self.text));
        self.scene.faults.len() - 1
    }

    fn end(&mut self, fault: usize) {
        self.scene.faults[fault].until_us = Some(self.at_us);
    }

    fn lane(&self, node: NodeId) -> impl Iterator<Item = LaneId> + use<> {
        self.lanes.get(&node).copied().into_iter()
    }
}

impl Broken {
    /// Whether nothing passes from one node to another.
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.links.iter().any(|broken| broken.act == LinkAct::Cut && broken.pairs.contains(&(from, to)))
    }

    /// Whether a node has no process.
    pub fn is_down(&self, node: NodeId) -> bool {
        self.nodes.iter().any(|(broken, look, _)| (*broken, *look) == (node, Look::Down))
    }

    /// A command was done.
    pub fn change(&mut self, scene: &mut Scene, lanes: &Lanes, at_us: u64, (command, text): (&Command, &str)) {
        let mut canvas = Canvas { scene, lanes, at_us, text };
        match command {
            Command::Links { act, links } => self.change_links(&mut canvas, *act, links),
            Command::Processes { act, nodes } => self.change_processes(&mut canvas, *act, nodes),
            Command::Disks { act: DiskAct::Healthy, nodes } => self.mend(&mut canvas, nodes, Look::Disk),
            Command::Disks { act: _, nodes } => self.hurt(&mut canvas, nodes, Look::Disk),
            Command::Clocks { change: ClockChange::Drift { ppm: 0 }, nodes } => self.mend(&mut canvas, nodes, Look::Clock),
            Command::Clocks { change: ClockChange::Drift { .. }, nodes } => self.hurt(&mut canvas, nodes, Look::Clock),
            Command::Clocks { change: ClockChange::Jump { .. }, nodes } => {
                let lanes = nodes.iter().flat_map(|node| canvas.lane(*node)).collect::<Vec<_>>();
                canvas.add(Fault::clock(lanes, at_us).at_once());
            }
            _ => {}
        }
    }

    fn change_links(&mut self, canvas: &mut Canvas<'_>, act: LinkAct, links: &Links) {
        match act {
            LinkAct::Heal | LinkAct::Release => self.mend_links(canvas, act, &links.between_nodes),
            act => self.break_links(canvas, act, links.between_nodes.clone()),
        }
        let of_clients: Nodes = links.of_clients.iter().map(|(node, _)| *node).collect();
        for node in of_clients {
            if let Some(fault) = self.clients.remove(&node) {
                canvas.end(fault);
            }
            if act == LinkAct::Cut {
                let fault = Fault::other(canvas.lane(node), canvas.at_us);
                self.clients.insert(node, canvas.add(fault));
            }
        }
    }

    fn break_links(&mut self, canvas: &mut Canvas<'_>, act: LinkAct, pairs: BTreeSet<Pair>) {
        if pairs.is_empty() {
            return;
        }
        let drawn = pairs.iter().filter_map(|(from, to)| Some((*canvas.lanes.get(from)?, *canvas.lanes.get(to)?)));
        let fault = match (act, groups(&pairs)) {
            (LinkAct::Cut, Some(groups)) => {
                let lanes = |group: &Nodes| group.iter().flat_map(|node| canvas.lane(*node)).collect();
                Fault::cut(groups.iter().map(lanes), canvas.at_us)
            }
            (LinkAct::Cut, None) => Fault::one_way(drawn, canvas.at_us),
            _ => Fault::links(drawn, canvas.at_us),
        };
        let fault = canvas.add(fault);
        self.links.push(BrokenLinks { act, pairs, fault, text: canvas.text.to_owned() });
    }

    /// Ends what is mended, and goes on with what is left of it.
    fn mend_links(&mut self, canvas: &mut Canvas<'_>, act: LinkAct, mended: &BTreeSet<Pair>) {
        for broken in std::mem::take(&mut self.links) {
            let left: BTreeSet<Pair> = broken.pairs.difference(mended).copied().collect();
            let is_meant = act == LinkAct::Heal || broken.act == LinkAct::Hold;
            if !is_meant || left == broken.pairs {
                self.links.push(broken);
                continue;
            }
            canvas.end(broken.fault);
            let mut goes_on = Canvas { scene: &mut *canvas.scene, lanes: canvas.lanes, at_us: canvas.at_us, text: &broken.text };
            self.break_links(&mut goes_on, broken.act, left);
        }
    }

    fn change_processes(&mut self, canvas: &mut Canvas<'_>, act: ProcessAct, nodes: &Nodes) {
        match act {
            ProcessAct::Start => self.mend(canvas, nodes, Look::Down),
            ProcessAct::Resume => self.mend(canvas, nodes, Look::Paused),
            ProcessAct::Pause => self.hurt(canvas, nodes, Look::Paused),
            ProcessAct::End(_) | ProcessAct::Stop | ProcessAct::Wipe => {
                self.mend(canvas, nodes, Look::Paused);
                self.hurt(canvas, nodes, Look::Down);
            }
        }
    }

    fn hurt(&mut self, canvas: &mut Canvas<'_>, nodes: &Nodes, look: Look) {
        self.mend(canvas, nodes, look);
        for node in nodes {
            let fault = match look {
                Look::Down => Fault::down(canvas.lane(*node), canvas.at_us),
                Look::Paused => Fault::paused(canvas.lane(*node), canvas.at_us),
                Look::Clock => Fault::clock(canvas.lane(*node), canvas.at_us),
                _ => Fault::disk(canvas.lane(*node), canvas.at_us),
            };
            self.nodes.push((*node, look, canvas.add(fault)));
        }
    }

    fn mend(&mut self, canvas: &mut Canvas<'_>, nodes: &Nodes, look: Look) {
        self.nodes.retain(|(node, broken, fault)| {
            let is_mended = nodes.contains(node) && *broken == look;
            if is_mended {
                canvas.end(*fault);
            }
            !is_mended
        });
    }
}

/// The groups between which all pairs lie, if they go both ways: nodes that are cut from the same nodes are together.
fn groups(pairs: &BTreeSet<Pair>) -> Option<Vec<Nodes>> {
    let mut from: BTreeMap<NodeId, Nodes> = BTreeMap::new();
    for (one, other) in pairs {
        if !pairs.contains(&(*other, *one)) {
            return None;
        }
        from.entry(*one).or_default().insert(*other);
    }
    let mut groups: BTreeMap<Nodes, Nodes> = BTreeMap::new();
    for (node, cut_from) in from {
        groups.entry(cut_from).or_default().insert(node);
    }
    let named: usize = groups.values().map(BTreeSet::len).sum();
    let is_whole = groups.iter().all(|(cut_from, group)| cut_from.len() + group.len() == named);
    is_whole.then(|| groups.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &[(u32, u32)]) -> Option<Vec<Vec<u32>>> {
        let pairs = pairs.iter().map(|(from, to)| (NodeId(*from), NodeId(*to))).collect();
        let groups = groups(&pairs)?;
        Some(groups.iter().map(|group| group.iter().map(|node| node.0).collect()).collect())
    }

    #[test]
    fn groups_are_found_in_what_is_cut_both_ways() {
        assert_eq!(found(&[(0, 1), (1, 0), (0, 2), (2, 0)]), Some(vec![vec![1, 2], vec![0]]));
        assert_eq!(found(&[(0, 1)]), None);
        // A ring is no two groups: n0 and n1 hear each other.
        assert_eq!(found(&[(0, 2), (2, 0), (1, 3), (3, 1)]), None);
    }
}
