//! What only a node had when its actor was cut off is set aside there, before the node forgets it.
//!
//! Source: design, Evict: 'the rest is kept aside, listed, counted. Nothing acknowledged is dropped silently.'
//!
//! Why no stronger: which records are above the cut may be settled only later, so a node may set aside more; it is asked at the end of
//! a run. What the node itself had superseded may be gone by then, as with any write. A disk that was lost or spoilt excuses its node.

use std::collections::{BTreeMap, BTreeSet};

use causeway::{
    clock::Dot,
    id::{ActorId, NodeId},
    placement::Config,
};

use super::{Property, Replicas, Violation};

/// What nodes had under actors that they have no more.
#[derive(Debug, Default)]
pub struct Aside {
    owed: BTreeMap<Dot, NodeId>,
    kept: BTreeSet<Dot>,
    /// Actors of which some found no room, and were counted.
    full: BTreeSet<ActorId>,
}

impl Aside {
    /// A node is about to work by another config. What it had under an actor that it cannot go on with is owed, if it does not count.
    pub fn adopt(&mut self, replicas: &Replicas, node: NodeId, config: &Config) {
        let Some(replica) = replicas.get(node).filter(|replica| replica.actor != ActorId::NONE && !replica.may_lose) else {
            return;
        };
        let former = replica.actor;
        let seat = config.seat(node);
        if replica.is_damaged || seat.is_some_and(|seat| former >= seat.unbroken_since) {
            return;
        }
        let is_newest = |dot: &Dot| {
            let key = replicas.record(*dot).map(|known| &known.key);
            key.is_some_and(|key| {
                let place = Some(replicas.place(*dot));
                replicas.last_winner(node, key) <= place && replicas.collected(key) < place
            })
        };
        self.owed.extend(replicas.held(node, former).filter(is_newest).map(|dot| (dot, node)));
    }

    /// A node has set these aside, and so many more found no room.
    pub fn keep(&mut self, actor: ActorId, dots: &[Dot], left_out: u64) {
        self.kept.extend(dots);
        if left_out > 0 {
            self.full.insert(actor);
        }
    }

    /// A node's disk was lost or spoilt: what is not on it yet need not come.
    pub fn excuse(&mut self, node: NodeId) {
        self.owed.retain(|_, owner| *owner != node);
    }

    /// Judges the end of a run.
    pub fn check(&self, replicas: &Replicas) -> Result<(), Violation> {
        // One that was lost with disks, when something newer had won elsewhere, was not cut off.
        let counts = |dot: Dot| !replicas.is_lost(dot) || replicas.is_within_cut(dot);
        let is_dropped = |dot: &&Dot| !counts(**dot) && !self.kept.contains(dot) && !self.full.contains(&dot.actor);
        match self.owed.keys().find(is_dropped) {
            None => Ok(()),
            Some(dot) => {
                let node = self.owed[dot];
                let evidence =
                    format!("{dot} does not count since its actor was cut off, and {node}, which had it, has not set it aside");
                Err(Property::CutOffIsSetAside.violated(evidence).record(*dot).at(node))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway::{
        clock::Hlc,
        node::Event,
        placement::{Change, Config, Departure},
    };

    use super::*;
    use crate::{
        checker::litmus::{Litmus, blame},
        history::Outcome,
    };

    const AWAY: NodeId = NodeId(2);

    fn adopt(run: &mut Litmus, config: &Arc<Config>) {
        for node in 0..3 {
            run.happened(node, Event::Adopted(config.clone())).unwrap();
        }
    }

    /// Node 2 made two records; the others have the first. Then it was cut off there, and everybody knows it.
    fn cut_off(run: &mut Litmus) -> Dot {
        let had = run.put(0, "x", 2, 10);
        run.replicate(had, 0).unwrap();
        run.replicate(had, 1).unwrap();
        run.put(0, "y", 2, 20);
        let evicted = Arc::new(run.config().changed(&Change::Remove { node: AWAY, how: Departure::Cut }).unwrap());
        let cut = Arc::new(evicted.changed(&Change::Cut { actor: ActorId(2), upto: Hlc(10), beyond: BTreeMap::new() }).unwrap());
        adopt(run, &evicted);
        adopt(run, &cut);
        let gone = Arc::new(cut.changed(&Change::Retire { actor: ActorId(2) }).unwrap());
        adopt(run, &gone);
        Dot { actor: ActorId(2), hlc: Hlc(20) }
    }

    #[test]
    fn a_tail_that_is_dropped() {
        let mut run = Litmus::new();
        let tail = cut_off(&mut run);
        let end = |run: &Litmus| blame(run.end("y", &[Outcome::Absent, Outcome::Absent]));
        assert_eq!(end(&run), Some(Property::CutOffIsSetAside));
        run.happened(2, Event::SetAside { actor: ActorId(2), dots: vec![tail], left_out: 0 }).unwrap();
        assert_eq!(end(&run), None);
    }

    #[test]
    fn a_tail_that_found_no_room_was_counted_and_a_lost_disk_keeps_nothing() {
        let mut run = Litmus::new();
        cut_off(&mut run);
        run.happened(2, Event::SetAside { actor: ActorId(2), dots: Vec::new(), left_out: 1 }).unwrap();
        assert_eq!(blame(run.end("y", &[Outcome::Absent])), None);
        let mut run = Litmus::new();
        cut_off(&mut run);
        run.judge.may_lose(AWAY);
        assert_eq!(blame(run.end("y", &[Outcome::Absent])), None);
    }
}
