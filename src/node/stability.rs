//! The stable time: up to it, everything is applied durably at every replica of the cluster.
//!
//! Each actor reports the least that it has applied of any actor of its shard; the stable time is the least report. Reports and
//! the stable time itself spread by gossip and only rise. What lies at or below it needs no dependencies any more, its tombstones
//! can go, and tokens fold to it.

use std::collections::BTreeMap;

use super::{Event, Node};
use crate::{
    clock::{Hlc, VersionVector},
    id::{ActorId, Epoch, NodeId},
};

/// How many versions are settled at one tick, so that a tick stays short.
const SETTLE_AT_ONCE: usize = 2_000;

/// What is known of how far everything is applied.
#[derive(Debug, Default)]
pub(super) struct Stability {
    reports: BTreeMap<ActorId, (Hlc, Epoch)>,
    stable: Hlc,
    /// How far this replica has applied each actor, durably.
    pub durable: VersionVector,
}

impl Stability {
    /// The stable time.
    pub fn stable(&self) -> Hlc {
        self.stable
    }

    fn report(&mut self, actor: ActorId, hlc: Hlc, epoch: Epoch) {
        let known = self.reports.entry(actor).or_default();
        *known = (known.0.max(hlc), known.1.max(epoch));
    }
}

impl Node {
    /// Reports what this replica has, works out the stable time, and settles what it covers.
    pub(super) fn keep_stable(&mut self) {
        if self.standing.serves() && self.standing.promises() {
            let mut least = self.own_promise(Hlc::ZERO);
            for member in self.plan.config.replicas(self.shard).filter(|member| member.actor != self.actor) {
                least = least.min(self.stability.durable.get(member.actor));
            }
            self.stability.report(self.actor, least, self.plan.config.epoch());
        }
        let actors = self.plan.config.members().iter().map(|member| member.actor);
        let reported = |actor| self.stability.reports.get(&actor).map(|(hlc, _)| *hlc).unwrap_or_default();
        let least = actors.map(reported).min().unwrap_or_default();
        self.raise_stable(least);
        let settled = self.stability.stable.min(self.least_applied());
        for (key, order) in self.table.stabilise(settled, SETTLE_AT_ONCE) {
            self.counters.tombstones_collected += 1;
            self.observe(|| Event::Collected { key, order });
        }
    }

    /// Up to where this replica itself lacks nothing. Below the stable time only after a lost disk: there a tombstone must stay until
    /// all that is older has come again.
    fn least_applied(&self) -> Hlc {
        let actors = self.plan.config.replicas(self.shard).map(|member| member.actor);
        let others = actors.filter(|actor| *actor != self.actor || !self.standing.promises());
        others.map(|actor| self.applied.get(actor)).min().unwrap_or(Hlc(u64::MAX))
    }

    fn raise_stable(&mut self, hlc: Hlc) {
        if hlc > self.stability.stable {
            self.stability.stable = hlc;
            self.clock.observe(hlc);
            self.observe(|| Event::Stable(hlc));
        }
    }

    /// What others know.
    pub(super) fn learn_reports(&mut self, reports: &[(ActorId, Hlc, Epoch)], stable: Hlc) {
        for (actor, hlc, epoch) in reports {
            self.stability.report(*actor, *hlc, *epoch);
        }
        self.raise_stable(stable);
    }

    pub(super) fn reports(&self) -> Vec<(ActorId, Hlc, Epoch)> {
        self.stability.reports.iter().map(|(actor, (hlc, epoch))| (*actor, *hlc, *epoch)).collect()
    }

    /// The node whose report is the least: it holds the stable time back.
    pub(super) fn stable_culprit(&self) -> Option<NodeId> {
        let report = |actor| self.stability.reports.get(&actor).map(|(hlc, _)| *hlc).unwrap_or_default();
        let members = self.plan.config.members().iter();
        members.min_by_key(|member| report(member.actor)).map(|member| member.node)
    }
}
