//! Draws a run: from what was kept of it to the [`Scene`] of a picture.

use std::collections::{BTreeMap, BTreeSet};

use causeway::{id::NodeId, placement::Config, store::Key};

use super::{Actor, Place, Seen};
use crate::{
    capsule::{Evidence, Told},
    explain::Explanation,
    fault::Timed,
    history::SessionId,
    picture::{Edge, Fault, LaneId, Mark, Message, Operation, Scene, Standing},
    plan::Plan,
    trace::{Change, DiskState, Keep, Line, LinkState, What},
};

/// Events of nodes that are many and say little.
const QUIET: [&str; 3] = ["promised", "stable", "found"];
/// Messages that are many and say little: those that carry no record.
const CHATTER: [&str; 3] = ["gossip", "push-ack", "promise"];

/// The picture of a judged run of a plan, by a program of this commit.
pub fn drawn(plan: &Plan, (standing, verdict): (Standing, &str), evidence: &Evidence, commit: &str) -> Scene {
    let mutant = plan.mutant.map(|mutant| format!(", {mutant}")).unwrap_or_default();
    let mut scene = scene(&format!("Seed {}{mutant}", plan.seed), plan, evidence);
    scene.note("commit", commit);
    scene.judge(standing, verdict);
    scene
}

/// The picture of a run of a plan.
pub fn scene(title: &str, plan: &Plan, evidence: &Evidence) -> Scene {
    let mut draft = Draft::new(title, plan, evidence);
    for told in &evidence.history {
        draft.operation(told);
    }
    for line in &evidence.trace {
        draft.line(line);
    }
    draft.clocks_and_load(plan);
    draft.red(&evidence.explanation, evidence);
    draft.scene
}

struct Draft {
    scene: Scene,
    nodes: BTreeMap<NodeId, LaneId>,
    sessions: BTreeMap<SessionId, LaneId>,
    /// Where in the scene's faults the one is that still lasts.
    down: BTreeMap<NodeId, usize>,
    paused: BTreeMap<NodeId, usize>,
    slow: BTreeMap<NodeId, usize>,
    disks: BTreeMap<NodeId, usize>,
    links: BTreeMap<(NodeId, NodeId), usize>,
    keys: BTreeSet<Key>,
}

impl Draft {
    fn new(title: &str, plan: &Plan, evidence: &Evidence) -> Self {
        let mut scene = Scene::new(title);
        let config = plan.cluster(Keep::Nothing).config().ok();
        let shard = |config: &Config, node| config.shard_of_node(node).map(|shard| shard.to_string());
        let nodes = (0..u32::from(plan.nodes)).map(NodeId);
        let nodes = nodes
            .map(|node| {
                let group = config.as_ref().and_then(|config| shard(config, node)).unwrap_or_default();
                (node, scene.node(node.to_string(), group))
            })
            .collect();
        let mut sessions = BTreeMap::new();
        let mut named: Vec<SessionId> = evidence.history.iter().map(|told| told.session).collect();
        named.sort_unstable();
        named.dedup();
        for session in named {
            sessions.insert(session, scene.session(session.to_string()));
        }
        QUIET.into_iter().chain(CHATTER).for_each(|kind| scene.hide(kind));
        scene.note("seed", plan.seed);
        if let Some(mutant) = plan.mutant {
            scene.note("mutant", mutant);
        }
        scene.plan = crate::plan::file::write(plan).unwrap_or_else(|error| error.to_string());
        let (down, paused, slow) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (disks, links) = (BTreeMap::new(), BTreeMap::new());
        Self { scene, nodes, sessions, down, paused, slow, disks, links, keys: plan.keys() }
    }

    fn operation(&mut self, told: &Told) {
        let (Some(session), Some(node)) = (self.sessions.get(&told.session), self.nodes.get(&told.node)) else { return };
        let drawn = Operation::new(told.op.0.into(), *session, *node, told.begun_us);
        let drawn = if told.is_write() {
            drawn.writes(told.kind.as_str(), &*told.key)
        } else {
            drawn.reads(told.kind.as_str(), &*told.key)
        };
        let drawn = drawn.retried(u32::from(told.attempts.saturating_sub(1)));
        let outcome = told.found.map_or_else(|| told.outcome.clone(), |write| format!("found {write}"));
        self.scene.operations.push(match (told.ended_us, told.outcome.as_str()) {
            (None, _) | (_, "pending") => drawn,
            (Some(at_us), "unknown") => drawn.unknown(at_us, outcome),
            (Some(at_us), "not applied") => drawn.refused(at_us, outcome),
            (Some(at_us), _) => drawn.answered(at_us, outcome),
        });
    }

    fn line(&mut self, line: &Line) {
        let at_us = line.at_us;
        match &line.what {
            What::Event { node, key, text } => {
                let Some(lane) = self.nodes.get(node) else { return };
                let (kind, says) = text.split_once(' ').unwrap_or((text, ""));
                let mark = Mark::new(lane.at(at_us), kind).says(says);
                self.scene.marks.push(key.iter().fold(mark, |mark, key| mark.key(&**key)));
            }
            What::Frame { from, to, sent_us, text } => self.message(*from, *to, text, |m| m.arrived(at_us), *sent_us),
            What::Lost { from, to, sent_us, why } => self.message(*from, *to, "frame", |m| m.lost(why.as_str()), *sent_us),
            What::Change { change } => self.change(at_us, change),
            What::Client { .. } | What::Fault { .. } => {}
        }
    }

    fn message(&mut self, from: NodeId, to: NodeId, text: &str, fate: impl FnOnce(Message) -> Message, sent_us: u64) {
        let (Some(from), Some(to)) = (self.nodes.get(&from), self.nodes.get(&to)) else { return };
        let mut message = Message::new(*from, *to, sent_us).kind(kind_of(text)).says(text);
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| self.keys.contains(*word)) {
            message = message.carries(word);
        }
        self.scene.messages.push(fate(message));
    }

    fn change(&mut self, at_us: u64, change: &Change) {
        let lane = |nodes: &BTreeMap<NodeId, LaneId>, node: &NodeId| nodes.get(node).copied();
        match change {
            Change::Up { node } => end(&mut self.scene, self.down.remove(node), at_us),
            Change::GoesOn { node } => end(&mut self.scene, self.paused.remove(node), at_us),
            Change::Down { node, how } => {
                let fault = Fault::down(lane(&self.nodes, node), at_us).says(format!("{node} {how}"));
                self.down.insert(*node, begin(&mut self.scene, fault));
            }
            Change::Paused { node } => {
                let fault = Fault::paused(lane(&self.nodes, node), at_us).says(format!("{node} is paused"));
                self.paused.insert(*node, begin(&mut self.scene, fault));
            }
            Change::Disk { node, state, text } => {
                end(&mut self.scene, self.disks.remove(node), at_us);
                if *state == DiskState::Sick {
                    let fault = Fault::disk(lane(&self.nodes, node), at_us).says(format!("disk of {node}: {text}"));
                    self.disks.insert(*node, begin(&mut self.scene, fault));
                }
            }
            Change::Link { from, to, state, text } => {
                end(&mut self.scene, self.links.remove(&(*from, *to)), at_us);
                let pair = lane(&self.nodes, from).zip(lane(&self.nodes, to));
                let fault = match state {
                    LinkState::Open => return,
                    LinkState::Cut => Fault::one_way(pair, at_us),
                    LinkState::Held => Fault::links(pair, at_us),
                };
                let fault = fault.says(format!("{from} > {to}: {text}"));
                self.links.insert((*from, *to), begin(&mut self.scene, fault));
            }
            Change::Slow { node, factor } => {
                end(&mut self.scene, self.slow.remove(node), at_us);
                if *factor > 1 {
                    let fault = Fault::other(lane(&self.nodes, node), at_us).says(change.to_string());
                    self.slow.insert(*node, begin(&mut self.scene, fault));
                }
            }
            Change::Clock { node, text } => {
                let fault = Fault::clock(lane(&self.nodes, node), at_us).at_once().says(format!("clock of {node} {text}"));
                begin(&mut self.scene, fault);
            }
        }
    }

    /// Says what was wrong all the time.
    fn clocks_and_load(&mut self, plan: &Plan) {
        self.scene.note("links", &plan.links);
        let faults: Vec<String> =
            plan.faults.iter().map(|Timed { at_ms, fault }| format!("{} ms: {fault}", at_ms + plan.warm_up_ms)).collect();
        if !faults.is_empty() {
            self.scene.note("faults", faults.join("; "));
        }
    }

    fn red(&mut self, explanation: &Explanation, evidence: &Evidence) {
        if !explanation.summary.is_empty() {
            self.scene.tell(explanation.summary.as_str());
        }
        for step in &explanation.steps {
            let (Some(from), Some(to)) = (self.point(step.from), self.point(step.to)) else {
                self.scene.tell(step.sentence.as_str());
                continue;
            };
            let edge = match step.seen {
                Seen::Yes => Edge::arose(from, to),
                Seen::No => Edge::missing(from, to),
            };
            self.scene.because(edge, step.sentence.as_str());
        }
        self.scene.red.operations = explanation.operations.iter().map(|op| u64::from(op.0)).collect();
        let records: Vec<&String> = evidence
            .history
            .iter()
            .filter(|told| explanation.operations.contains(&told.op))
            .flat_map(|told| &told.records)
            .collect();
        let applied = |mark: &Mark| mark.kind == "applied" && records.iter().any(|record| mark.text.contains(*record));
        let marks = self.scene.marks.iter().enumerate().filter(|(_, mark)| applied(mark));
        self.scene.red.marks = marks.map(|(place, _)| place).collect();
    }

    fn point(&self, place: Place) -> Option<crate::picture::Point> {
        let lane = match place.actor {
            Actor::Session(session) => self.sessions.get(&session),
            Actor::Node(node) => self.nodes.get(&node),
        };
        lane.map(|lane| lane.at(place.at_us))
    }
}

/// What a message is called. A push or an answer without records only promises.
fn kind_of(text: &str) -> &str {
    let first = text.split([' ', ':']).next().unwrap_or(text);
    let carries_nothing = first == "push" && text.contains(": no records");
    if carries_nothing { "promise" } else { first }
}

fn begin(scene: &mut Scene, fault: Fault) -> usize {
    scene.faults.push(fault);
    scene.faults.len() - 1
}

fn end(scene: &mut Scene, fault: Option<usize>, at_us: u64) {
    if let Some(fault) = fault.and_then(|place| scene.faults.get_mut(place)) {
        fault.until_us = Some(at_us);
    }
}
