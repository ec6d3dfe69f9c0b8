//! Changes of the config that are due, and who proposes them.
//!
//! What is due follows from the config and from what everybody has said of its progress ([`next()`]); any node can see it. The live node
//! with the lowest id proposes at once, the others one after the other when nothing has come of it. A node that needs a new actor
//! asks for it itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effect, Node, NotChanged, WhyNoWrites};
use crate::{
    id::{ActorId, Epoch, NodeId},
    mark::{Mark, reached},
    placement::{Change, Member, Progress, Standing, next},
};

/// Between looks at what is due.
const LOOK_US: u64 = 20_000;
/// How much longer each next node waits before it proposes what is due.
const TURN_US: u64 = 500_000;
/// After this time a proposal without an answer is made again.
const PATIENCE_US: u64 = 3_000_000;

/// What is known of changes under way.
#[derive(Debug, Default)]
pub(super) struct Changes {
    progress: BTreeMap<ActorId, Progress>,
    /// The proposal on its way, and until when to wait for it.
    asked: Option<(u64, u64)>,
    number: u64,
    look_us: u64,
    /// What is due, in which epoch, and since when.
    due: Option<(Epoch, Change, u64)>,
}

impl Node {
    /// Whether the config has anything on the move.
    pub(super) fn in_flux(&self) -> bool {
        let config = &self.plan.config;
        config.goal().is_some() || config.migration().is_some() || config.actors().any(|actor| !actor.standing.writes())
    }

    /// What this node knows of everybody's progress, itself included.
    pub(super) fn progress_to_tell(&mut self) -> Vec<(ActorId, Progress)> {
        if !self.in_flux() {
            return Vec::new();
        }
        self.note_own_progress();
        self.changes.progress.iter().map(|(actor, progress)| (*actor, progress.clone())).collect()
    }

    /// What this node knew when it last looked or told others.
    pub(super) fn known_progress(&self) -> BTreeMap<ActorId, Progress> {
        if self.in_flux() { self.changes.progress.clone() } else { BTreeMap::new() }
    }

    /// Whether an actor has said that it has all that its shard is to get.
    pub(super) fn is_said_to_have_copied(&self, actor: ActorId) -> bool {
        let begun = self.plan.config.migration().map(|migration| migration.begun);
        begun.is_some() && self.changes.progress.get(&actor).is_some_and(|said| said.copied == begun)
    }

    fn note_own_progress(&mut self) {
        if self.actor == ActorId::NONE {
            return;
        }
        let held = self.held_of_the_gone();
        let own = Progress {
            epoch: self.plan.config.epoch(),
            serves: self.standing.serves() && self.standing.caught_up(),
            copied: self.copied_closely(),
            sealed: self.sealed_epoch(),
            held,
            taking: self.taking(),
        };
        self.changes.progress.insert(self.actor, own);
    }

    /// How far this replica holds the records of actors that are gone; of one with records on their way to the disk nothing is said yet.
    /// Who has no base yet has nothing, and takes none while it holds more of them: see [`may_count`](Self::may_count). Who has lost what
    /// it held, its own actor's records too, says what it holds by now: until the cut it takes no more.
    fn held_of_the_gone(&self) -> BTreeMap<ActorId, crate::clock::Hlc> {
        let heard = self.heard_actors();
        let gone = self.plan.config.actors().filter(|actor| !actor.standing.speaks() && heard.contains(&actor.actor));
        let settled = gone.filter(|actor| self.applied.get(actor.actor) >= self.received(actor.actor));
        if self.is_ahead_of_its_vector() {
            return BTreeMap::new();
        }
        settled.map(|actor| (actor.actor, self.applied.get(actor.actor))).collect()
    }

    /// The last epoch of which everything is here that was accepted before. Who looks for records of its own that it lost has not
    /// everything: who leaves may be the one that has them.
    fn sealed_epoch(&self) -> Epoch {
        let config = &self.plan.config;
        if self.adoption.needs_base() || !self.has_copied() || !self.standing.promises() {
            return Epoch::default();
        }
        let mut sealed = config.epoch();
        let mut lacks = |since: Epoch| sealed = sealed.min(Epoch { number: since.number.saturating_sub(1), ..since });
        for actor in config.writers_of(self.shard) {
            match actor.standing {
                Standing::Leaving { since } if !self.is_sealed(actor.actor, since) => lacks(since),
                _ => {}
            }
        }
        if let Some(switched) = config.migration().and_then(|migration| migration.switched)
            && !(self.knows_former_records() && self.import_sources().iter().all(|actor| self.is_sealed(*actor, switched)))
        {
            lacks(switched);
        }
        sealed
    }

    /// Takes over what others say, of an epoch at least as new.
    pub(super) fn learn_progress(&mut self, progress: Vec<(ActorId, Progress)>) {
        for (actor, said) in progress {
            if actor == self.actor {
                continue;
            }
            let known = self.changes.progress.entry(actor).or_default();
            if said.epoch > known.epoch {
                *known = said;
            } else if said.epoch == known.epoch {
                known.serves |= said.serves;
                known.copied = known.copied.max(said.copied);
                known.sealed = known.sealed.max(said.sealed);
                known.held.extend(said.held);
                known.taking.learn(said.taking);
            }
        }
    }

    /// Looks for what is due, and proposes it when it is this node's turn.
    pub(super) fn keep_changing(&mut self) {
        let now_us = self.now.monotonic_us;
        if !self.plan.proposes || now_us < self.changes.look_us {
            return;
        }
        self.changes.look_us = now_us + LOOK_US;
        self.changes.asked.take_if(|(_, until_us)| *until_us <= now_us);
        self.keep_admin();
        if self.asks_for_epoch() {
            return;
        }
        if let Some(change) = self.own_change() {
            self.propose(change);
            return;
        }
        if !self.knows_who_is_up() {
            return;
        }
        let live = self.live_nodes();
        let Some(change) = self.next_step(&live).or_else(|| self.eviction(&live)) else {
            self.changes.due = None;
            return;
        };
        let epoch = self.plan.config.epoch();
        let since_us = match &self.changes.due {
            Some((known_epoch, known, since_us)) if *known_epoch == epoch && *known == change => *since_us,
            _ => now_us,
        };
        self.changes.due = Some((epoch, change.clone(), since_us));
        let rank = live.iter().take_while(|node| **node != self.plan.me).count() as u64;
        if now_us >= since_us + rank * TURN_US {
            self.propose(change);
        }
    }

    /// What the config has on the move, one step further, or somebody home.
    fn next_step(&mut self, live: &BTreeSet<NodeId>) -> Option<Change> {
        let homeless = |member: &Member| member.actor.is_none() && member.home.is_some() && !member.removed;
        if !self.in_flux() && !self.plan.config.members().iter().any(homeless) {
            return None;
        }
        self.note_own_progress();
        next(&self.plan.config, live, &self.changes.progress)
    }

    /// A new actor for a node whose old one may write no more; or that this replica can stand in for the others.
    fn own_change(&self) -> Option<Change> {
        let standing = &self.standing;
        let lacks_actor = standing.writes() == Err(WhyNoWrites::NeedsNewActor) && standing.unused.is_known();
        let needs = lacks_actor && standing.promises() && standing.serves();
        let seat = self.plan.config.seat(self.plan.me).filter(|seat| seat.standing.writes() && !self.adoption.needs_base())?;
        let is_new = !seat.holds_base && self.standing.serves();
        let base = || is_new.then_some(Change::HasBase { actor: seat.actor });
        needs.then_some(Change::Replace { node: self.plan.me }).or_else(base)
    }

    /// The nodes that are in this node's view.
    pub(super) fn live_nodes(&self) -> BTreeSet<NodeId> {
        let removed = |node: &NodeId| self.plan.config.member(*node).is_none_or(|member| member.removed);
        let up = self.view.peers().filter(|(_, peer)| peer.up).map(|(node, _)| node).chain([self.plan.me]);
        up.filter(|node| !removed(node)).collect()
    }

    /// Whether who is not in this node's view is down. A process that has just begun may not have heard of all yet.
    pub(super) fn knows_who_is_up(&self) -> bool {
        let settled_us = self.standing.started_us() + 1_000 * self.plan.settings.down_after_ms;
        self.now.monotonic_us >= settled_us || self.live_nodes().len() == self.members()
    }

    /// Proposes a change for the config in use, unless another proposal is on its way. Gives its number.
    pub(super) fn propose(&mut self, change: Change) -> Option<u64> {
        self.propose_in(self.plan.config.epoch(), change)
    }

    /// The same for a config of this epoch.
    pub(super) fn propose_in(&mut self, expected: Epoch, change: Change) -> Option<u64> {
        if self.changes.asked.is_some() {
            return None;
        }
        reached(Mark::Proposed);
        self.changes.number += 1;
        let number = self.changes.number;
        self.changes.asked = Some((number, self.now.monotonic_us + PATIENCE_US));
        self.effects.push(Effect::Propose { number, expected, change });
        Some(number)
    }

    /// Whether this proposal may still be answered.
    pub(super) fn is_on_its_way(&self, number: u64) -> bool {
        self.changes.asked.is_some_and(|(asked, _)| asked == number)
    }

    pub(super) fn proposed(&mut self, number: u64, outcome: Result<Epoch, NotChanged>) {
        if self.changes.asked.take_if(|(asked, _)| *asked == number).is_none() {
            return;
        }
        self.epoch_answered(number, outcome);
        self.admin_proposed(number, outcome);
        // After a conflict the newer config is on its way here; after anything else it is looked at again.
        self.changes.look_us = 0;
    }
}
