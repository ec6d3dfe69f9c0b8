//! Who has been down for so long that its place is given up.
//!
//! A node tells with its gossip whom it has believed down, and for how long without a break. One that a majority of the config's nodes
//! has believed down for the whole of `evict_after_ms`, each of them by itself, is evicted: its actor is cut off, and the node returns
//! under another as soon as it is heard again (see [`next()`](crate::placement::next())). So the stable time goes on without it.
//!
//! Each counts by its own clock, and nobody passes on what others believe: who counts is heard now. Of two nodes neither is a majority.
//! A shard keeps a replica that is up and serves, whatever happens to the others. A reshard leaves out who is down by the same rule, only
//! sooner, and where half of the nodes are left.

use std::collections::{BTreeMap, BTreeSet};

use super::Node;
use crate::{
    id::NodeId,
    mark::{Mark, reached},
    mutant::{Mutant, planted},
    placement::{Actor, Change, Config},
};

/// What each node has last said of whom it believes down.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<NodeId, Claim>);

#[derive(Debug)]
struct Claim {
    heard_us: u64,
    /// For how many milliseconds each.
    down_ms: BTreeMap<NodeId, u64>,
}

impl Claims {
    /// A node has said whom it believes down.
    pub fn learn(&mut self, from: NodeId, down_ms: Vec<(NodeId, u64)>, now_us: u64) {
        self.0.insert(from, Claim { heard_us: now_us, down_ms: down_ms.into_iter().collect() });
    }

    /// Whether a node has said since then that another has been down for so long.
    fn says(&self, who: NodeId, down: NodeId, after_ms: u64, since_us: u64) -> bool {
        let claim = self.0.get(&who).filter(|claim| claim.heard_us >= since_us);
        claim.and_then(|claim| claim.down_ms.get(&down)).is_some_and(|ms| *ms >= after_ms)
    }
}

impl Node {
    /// A node that is to be evicted, if there is one.
    pub(super) fn eviction(&self, live: &BTreeSet<NodeId>) -> Option<Change> {
        let after_ms = self.plan.settings.evict_after_ms;
        if after_ms == 0 || !live.contains(&self.plan.me) {
            return None;
        }
        let down = self.view.down(self.now.monotonic_us).filter(|(_, ms)| *ms >= after_ms).map(|(node, _)| node);
        let members = self.members();
        let is_given_up = |node| 2 * self.who_believe_down(node, after_ms, live) > members || planted(Mutant::EvictedByOne);
        let evicted = down.filter(|node| is_given_up(*node) && self.is_dispensable(*node, live));
        let mut changes = evicted.map(|node| Change::Evict { node });
        changes.find(|change| self.plan.config.changed(change).is_ok())
    }

    /// How many nodes have believed this one down for so long. This one does.
    pub(super) fn who_believe_down(&self, node: NodeId, after_ms: u64, live: &BTreeSet<NodeId>) -> usize {
        let since_us = self.now.monotonic_us.saturating_sub(self.claim_lasts_us());
        let agrees = |who: &&NodeId| **who == self.plan.me || self.claims.says(**who, node, after_ms, since_us);
        live.iter().filter(agrees).count()
    }

    /// How many nodes the config has, those that were removed left out.
    pub(super) fn members(&self) -> usize {
        self.plan.config.members().iter().filter(|member| !member.removed).count()
    }

    /// For how long what a node said counts: a round of gossip comes in between, and a silence that keeps its place.
    pub(super) fn claim_lasts_us(&self) -> u64 {
        let (settings, nodes) = (&self.plan.settings, self.plan.config.members().len() as u64);
        1_000 * (settings.down_after_ms + 2 * nodes * settings.idle_interval_ms)
    }

    /// Whether a node's actor may still write, or hands over what it has, and its shard has another replica that is up and serves.
    pub(super) fn is_dispensable(&self, node: NodeId, live: &BTreeSet<NodeId>) -> bool {
        let Some(seat) = self.plan.config.seat(node) else { return false };
        let serves = |actor: &Actor| match actor.node == self.plan.me {
            true => self.standing.serves() && self.standing.caught_up(),
            false => {
                let is_heard = live.contains(&actor.node) && self.view.trusts(actor.node);
                is_heard && self.view.get(actor.node).is_some_and(|peer| peer.heartbeat.serves)
            }
        };
        let is_needed = self.plan.config.kept_by(seat.shard).slots().next().is_some();
        let mut others = self.plan.config.replicas(seat.shard).filter(|actor| actor.node != node);
        seat.standing.speaks() && (!is_needed || others.any(serves))
    }

    /// Notes in which configs somebody was evicted.
    pub(super) fn note_evictions(&self, before: &Config) {
        let was_home = |node| before.member(node).is_none_or(|member| member.home.is_some());
        let mut evicted = self.plan.config.members().iter().filter(|member| member.home.is_some());
        if evicted.any(|member| !was_home(member.node)) {
            reached(Mark::Evicted);
        }
    }
}
