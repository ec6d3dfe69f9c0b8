//! The records of this node's own actor that peers have and it has lost.
//!
//! A promise of the actor must not skip a record that somebody holds. So after a loss it promises nothing before every peer of the shard
//! has said what it has. Three things make that enough:
//! - what a peer has said counts from then on, since nobody makes new records of the actor meanwhile; but where a peer loses its own disk
//!   before it has said anything, it may have passed records on to one that has answered already: then all are asked anew;
//! - each has acknowledged a push that was sent since, and holds no more than is here: an answer that was long on its way may be older
//!   than what its sender has got since;
//! - what this node's damaged disk still shows counts too.

use super::{Event, Node, replication::Link};
use crate::{
    id::NodeId,
    mark::{Mark, reached},
    mutant::{Mutant, planted},
};

impl Node {
    /// Another process of a peer speaks. What it had before it may have lost, and others may have got it since they were asked.
    pub(super) fn may_have_passed_on(&mut self, peer: NodeId) {
        let Some(own_from) = &mut self.standing.own_from else { return };
        if planted(Mutant::OwnAskedOnce) || own_from.contains(&peer) {
            return;
        }
        if !own_from.is_empty() {
            reached(Mark::OwnAskedAnew);
            own_from.clear();
        }
        self.links.values_mut().for_each(Link::ask_anew);
    }

    fn is_known_to_hold_no_more(&self, peer: NodeId) -> bool {
        let here = self.applied.get(self.actor);
        planted(Mutant::OwnAskedOnce) || self.links.get(&peer).is_some_and(|link| link.holds_no_more_than(here))
    }

    /// Once every peer of the shard has said what it has of this actor, its promises go on.
    pub(super) fn own_records_found(&mut self) {
        let Some(own_from) = self.standing.own_from.as_ref().filter(|_| !self.adoption.needs_base()) else { return };
        let early = planted(Mutant::WipedPromisesEarly) && !own_from.is_empty();
        let has_all = |node: &NodeId| own_from.contains(node) && self.is_known_to_hold_no_more(*node);
        if early || self.links.keys().all(has_all) {
            self.standing.found_own();
            self.progressed = true;
            self.count_own_remains();
        }
    }

    /// What a damaged disk still shows of this node's own records, and no peer has, is part of what it promises from now on: a promise
    /// must not skip a record that somebody holds, and that may be this node.
    fn count_own_remains(&mut self) {
        let (actor, upto) = (self.actor, self.tail.end(self.actor));
        if !planted(Mutant::OwnRemainsForgotten) && self.applied.raise(actor, upto) {
            self.digest.raise(actor, upto);
            self.observe(|| Event::Promised { actor, upto });
        }
    }
}
