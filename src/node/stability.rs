//! The stable time: up to it, everything is applied durably at every replica of the cluster.
//!
//! Each actor reports the least that it has applied of any actor of its shard; the stable time is the least report. Reports and
//! the stable time itself spread by gossip and only rise. What lies at or below it needs no dependencies any more, its tombstones
//! can go, and tokens fold to it.
//!
//! The names of operations go one round later: see [`Horizon`].

use std::collections::BTreeMap;

use super::{Event, Node};
use crate::{
    clock::{Hlc, VersionVector},
    id::{ActorId, NodeId},
    message::Report,
    mutant::{Mutant, planted},
    placement::Actor,
    store::Horizon,
};

/// How many versions are settled at one tick, so that a tick stays short.
const SETTLE_AT_ONCE: usize = 2_000;

/// What is known of how far everything is applied.
#[derive(Debug, Default)]
pub(super) struct Stability {
    reports: BTreeMap<ActorId, Report>,
    stable: Hlc,
    /// Up to where this replica lets go; it stands still while a snapshot is written.
    horizon: Horizon,
    round: Round,
    /// How far this replica has applied each actor, durably.
    pub durable: VersionVector,
}

/// Waits until what was written by the time of some reports is stable itself.
#[derive(Debug, Default)]
struct Round {
    /// What those reports made stable.
    stable: Hlc,
    /// The last record that anybody had written when it reported.
    wrote: Hlc,
}

impl Stability {
    /// The stable time.
    pub fn stable(&self) -> Hlc {
        self.stable
    }

    fn report(&mut self, actor: ActorId, report: Report) {
        self.reports.entry(actor).or_default().join(report);
    }

    /// Moves the horizon on. Up to `settled` everything is stable, and applied here.
    fn move_horizon(&mut self, settled: Hlc) {
        self.horizon.stable = self.horizon.stable.max(settled);
        if settled >= self.round.wrote {
            let early = planted(Mutant::NameForgottenEarly);
            self.horizon.no_twins = if early { settled } else { self.round.stable };
            let wrote = self.reports.values().map(|report| report.wrote).max().unwrap_or_default();
            self.round = Round { stable: settled, wrote };
        }
    }
}

impl Node {
    /// Reports what this replica has, works out the stable time, and settles what it covers.
    pub(super) fn keep_stable(&mut self) {
        if self.actor != ActorId::NONE && self.standing.serves() && self.standing.promises() {
            let mut least = self.own_promise(Hlc::ZERO);
            let counts = |actor: &ActorId| *actor != self.actor && !planted(Mutant::StableCountsOnlyItself);
            for actor in self.counted_actors().into_iter().filter(counts) {
                least = least.min(self.reach(actor, &self.stability.durable));
            }
            let wrote = self.applied.get(self.actor);
            self.stability.report(self.actor, Report { least, wrote, epoch: self.plan.config.epoch() });
        }
        let reporters = self.reporters().map(|(actor, _)| actor);
        let counts = |actor: &ActorId| self.stability.reports.contains_key(actor) || !planted(Mutant::StableWithoutSilent);
        let least = reporters.filter(counts).map(|actor| self.least_in_epoch(actor)).min().unwrap_or_default();
        self.raise_stable(least);
        // Nothing is forgotten while slots move or come: what a tombstone hides may still be on its way here.
        if self.is_moving() || self.takes_over() || self.adoption.needs_base() {
            return;
        }
        if !self.snapshot.is_under_way() {
            self.move_horizon();
        }
        for (key, order) in self.table.stabilise(self.stability.horizon, SETTLE_AT_ONCE) {
            self.counters.tombstones_collected += 1;
            self.observe(|| Event::Collected { key, order });
        }
    }

    /// While a snapshot is written nothing more may be forgotten. Its parts are newer than its head, and the log from the head on is
    /// replayed over them: a tombstone that was collected between would be missing when an older record after the head is replayed.
    pub(super) fn move_horizon(&mut self) {
        let settled = self.settled();
        self.stability.move_horizon(settled);
    }

    /// Up to where everything is stable, and applied here.
    pub(super) fn settled(&self) -> Hlc {
        self.stability.stable.min(self.least_applied())
    }

    /// So much is durable, as far as it still counts as applied: what is to come of an import may have been forgotten since.
    pub(super) fn raise_durable(&mut self, applied: &VersionVector) {
        for (actor, hlc) in applied.iter() {
            self.stability.durable.raise(actor, hlc.min(self.applied.get(actor)));
        }
    }

    /// Up to where this replica itself lacks nothing. Below the stable time only after a lost disk: there a tombstone must stay until
    /// all that is older has come again.
    fn least_applied(&self) -> Hlc {
        let actors = self.counted_actors().into_iter();
        let others = actors.filter(|actor| *actor != self.actor || !self.standing.promises());
        others.map(|actor| self.reach(actor, &self.applied)).min().unwrap_or(Hlc(u64::MAX))
    }

    fn raise_stable(&mut self, hlc: Hlc) {
        if hlc > self.stability.stable {
            self.stability.stable = hlc;
            self.clock.observe(hlc);
            self.observe(|| Event::Stable(hlc));
        }
    }

    /// What others know.
    pub(super) fn learn_reports(&mut self, reports: &[(ActorId, Report)], stable: Hlc) {
        for (actor, report) in reports {
            self.stability.report(*actor, *report);
        }
        self.raise_stable(stable);
    }

    pub(super) fn reports(&self) -> Vec<(ActorId, Report)> {
        self.stability.reports.iter().map(|(actor, report)| (*actor, *report)).collect()
    }

    /// The node whose report is the least: it holds the stable time back.
    pub(super) fn stable_culprit(&self) -> Option<NodeId> {
        self.reporters().min_by_key(|(actor, _)| self.least_in_epoch(*actor)).map(|(_, node)| node)
    }

    /// Everybody who must report. Who was cut off reports no more, and is what others must report to have.
    fn reporters(&self) -> impl Iterator<Item = (ActorId, NodeId)> + '_ {
        let reports = |actor: &&Actor| actor.standing.speaks();
        self.plan.config.actors().filter(reports).map(|actor| (actor.actor, actor.node))
    }

    /// What an actor has reported in this epoch: in an older one it did not count everybody who writes in this.
    fn least_in_epoch(&self, actor: ActorId) -> Hlc {
        let old = planted(Mutant::ReportsOfAnyEpoch);
        let report = self.stability.reports.get(&actor).filter(|report| old || report.epoch >= self.plan.config.epoch());
        report.map(|report| report.least).unwrap_or_default()
    }

    /// Whose records a replica must have for what its shard owns.
    fn counted_actors(&self) -> Vec<ActorId> {
        let config = &self.plan.config;
        let mut actors: Vec<ActorId> = config.writers_of(self.shard).map(|actor| actor.actor).collect();
        if let Some(switched) = config.migration().and_then(|migration| migration.switched) {
            actors.extend(self.import_sources().into_iter().filter(|actor| !self.is_sealed(*actor, switched)));
        }
        actors
    }
}
