//! What the cluster should do next: the state of a reshard, a leave or an eviction is in the config, so any node can go on with it.
//!
//! A step is proposed only when those whose part it waits for have said that it is done. A message in favour of a step is a
//! [`Progress`], each of whose claims stays true: it names the epoch that it was made in, and is compared with the epoch at which what
//! it speaks of began. Two nodes that propose the same step are no harm, since a change is judged against the epoch that it was
//! proposed for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Actor, Change, Config, Migration, Move, Standing, Taking, rebalance};
use crate::{
    clock::Hlc,
    id::{ActorId, Epoch, NodeId, ShardId},
    mutant::{Mutant, planted},
};

/// A shard gets slots only once so many of its replicas serve, if it is to have so many.
const SERVING_BEFORE_SLOTS: usize = 2;

/// So many replicas stay that have all that their shard holds when another leaves, if the shard is to have so many.
const HOLDERS_TO_STAY: usize = 2;

/// What an actor says of how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// The epoch in which it says so, adopted durably.
    pub epoch: Epoch,
    /// Whether it serves what its shard owns.
    pub serves: bool,
    /// It has taken over all that its shard is to get in the migration begun then, and follows closely.
    pub copied: Option<Epoch>,
    /// The last epoch of which it has everything that was accepted before: every actor that wrote no more from then on, or was to hand
    /// slots over then, is applied here to its end.
    pub sealed: Epoch,
    /// How far it holds the records of actors that are frozen or cut off.
    pub held: BTreeMap<ActorId, Hlc>,
    /// How much of what its shard is to get has come.
    pub taking: Taking,
}

/// The next step, if those whose part it needs have done it. `live` are the nodes believed up.
pub fn next(config: &Config, live: &BTreeSet<NodeId>, progress: &BTreeMap<ActorId, Progress>) -> Option<Change> {
    let situation = Situation { config, live, progress };
    situation.retire().or_else(|| situation.cut()).or_else(|| situation.migrate()).or_else(|| situation.settle())
}

struct Situation<'a> {
    config: &'a Config,
    live: &'a BTreeSet<NodeId>,
    progress: &'a BTreeMap<ActorId, Progress>,
}

impl Situation<'_> {
    /// An actor that everybody has to its end.
    fn retire(&self) -> Option<Change> {
        let done = |actor: &&Actor| {
            if self.config.migration().is_some_and(|migration| migration.concerns(actor.shard)) {
                return false;
            }
            if !self.config.owners().has(actor.shard) {
                return !actor.standing.writes();
            }
            match actor.standing {
                Standing::Serving | Standing::Frozen { .. } => false,
                // It may be the only one with what counts of an actor that is gone.
                Standing::Leaving { .. } if self.config.writers_of(actor.shard).any(|other| !other.standing.speaks()) => false,
                Standing::Leaving { since } => self.others(actor).all(|other| self.sealed(other, since)),
                Standing::Cut { .. } if planted(Mutant::CutActorKept) => false,
                Standing::Cut { upto, since } => self.others(actor).all(|other| {
                    self.of(other).is_some_and(|progress| progress.epoch >= since && self.holds(other, actor.actor) >= Some(upto))
                }),
            }
        };
        self.config.actors().find(done).map(|actor| Change::Retire { actor: actor.actor })
    }

    /// A frozen actor of which everybody has said how far they have it. Who is down and was not cut off itself is waited for: it may
    /// have more than anybody else.
    ///
    /// What was handed over counts as far as its new owner's replicas have it, and the rest as far as the shard's own: neither could get
    /// from the other what it lacks. Before the hand-over only the shard's own are asked: what a taker has beyond, nobody was told of. And
    /// of an actor that came after it no taker has anything.
    fn cut(&self) -> Option<Change> {
        self.config.actors().find_map(|actor| {
            let Standing::Frozen { since } = actor.standing else { return None };
            let upto = self.most_held(actor.actor, since, self.others(actor))?;
            let migration = self.config.migration().filter(|migration| migration.switched.is_some());
            let mut beyond = BTreeMap::new();
            let given = migration.into_iter().flat_map(|migration| migration.out_of_shard(actor.shard));
            for one in given.filter(|one| one.former.contains(&actor.actor)) {
                let takers = self.config.writers_of(one.to).filter(|taker| taker.standing.speaks());
                let most = self.most_held(actor.actor, since, takers)?;
                if most > upto {
                    beyond.insert(one.to, most);
                }
            }
            Some(Change::Cut { actor: actor.actor, upto, beyond })
        })
    }

    /// How far any of these has an actor; unknown until all have said so, in an epoch from this one on.
    fn most_held<'b>(&self, actor: ActorId, since: Epoch, mut holders: impl Iterator<Item = &'b Actor>) -> Option<Hlc> {
        let held = |holder: &Actor| {
            let said = self.of(holder).filter(|progress| progress.epoch >= since)?;
            said.held.get(&actor).copied()
        };
        if planted(Mutant::CutAtTheLeast) {
            return holders.map(held).min().flatten();
        }
        holders.try_fold(Hlc::ZERO, |most, holder| Some(most.max(held(holder)?)))
    }

    /// The migration's next stage.
    fn migrate(&self) -> Option<Change> {
        let migration = self.config.migration()?;
        match migration.switched {
            None if self.may_switch(migration) => Some(Change::Switch),
            Some(switched) if self.may_finish(migration, switched) => Some(Change::Finish),
            Some(_) if planted(Mutant::FinishBeforeSealed) => Some(Change::Finish),
            _ => None,
        }
    }

    /// Every taker that is up has all that it is to get, and each shard has one such. What they say must be of this epoch: a cut may have
    /// made what they had void.
    fn may_switch(&self, migration: &Migration) -> bool {
        let copied = |taker: &Actor| {
            self.of(taker).is_some_and(|said| said.epoch >= self.config.epoch() && said.copied == Some(migration.begun))
        };
        let is_done = |one: &Move| {
            let mut takers = self.config.replicas(one.to);
            self.config.replicas(one.to).any(copied) && takers.all(|taker| !self.is_live(taker) || copied(taker))
        };
        migration.moves.iter().all(is_done)
    }

    /// Everybody who answers for a shard that gets slots has all of them, those that leave too: they still read.
    fn may_finish(&self, migration: &Migration, switched: Epoch) -> bool {
        let counts = |taker: &&Actor| match planted(Mutant::FinishWithoutLeavers) {
            true => taker.standing.writes(),
            false => taker.standing.speaks(),
        };
        let is_done = |one: &Move| self.config.writers_of(one.to).filter(counts).all(|taker| self.sealed(taker, switched));
        migration.moves.iter().all(is_done)
    }

    /// Towards the goal of a reshard, and back home for who was cut off: nodes leave, nodes join, slots move.
    fn settle(&self) -> Option<Change> {
        if self.config.migration().is_some() {
            return None;
        }
        match self.config.goal() {
            Some(shards) => self.towards(shards),
            None => self.homeward(),
        }
    }

    fn homeward(&self) -> Option<Change> {
        let returned = |member: &&super::Member| member.actor.is_none() && !member.removed && self.live.contains(&member.node);
        self.config.members().iter().filter(returned).find_map(|member| {
            let home = member.home?;
            let shard = if self.config.has_shard(home) { Some(home) } else { self.smallest_shard() };
            Some(Change::Join { node: member.node, shard: shard? })
        })
    }

    /// Where a node goes whose own shard is no more.
    fn smallest_shard(&self) -> Option<ShardId> {
        self.config.shards().min_by_key(|shard| self.config.replicas(*shard).count())
    }

    fn towards(&self, shards: u16) -> Option<Change> {
        let members = self.config.members().iter().filter(|member| !member.removed);
        let now: BTreeMap<NodeId, Option<ShardId>> =
            members.map(|member| (member.node, self.config.seat(member.node).map(|seat| seat.shard))).collect();
        let seats = rebalance::seats(&now, self.live, shards);
        self.leave_or_join(&now, &seats).or_else(|| self.left_out(shards)).or_else(|| self.move_slots(shards, &seats))
    }

    fn move_slots(&self, shards: u16, seats: &BTreeMap<NodeId, ShardId>) -> Option<Change> {
        let takers: BTreeSet<ShardId> = rebalance::moves(self.config.owners(), shards).into_keys().map(|(_, to)| to).collect();
        if takers.is_empty() {
            return self.all_seated(seats).map(|()| Change::Reached);
        }
        self.begin(shards, &takers, seats)
    }

    /// The next node that is to change its shard. One that has left joins as soon as its old actor is retired.
    fn leave_or_join(&self, now: &BTreeMap<NodeId, Option<ShardId>>, seats: &BTreeMap<NodeId, ShardId>) -> Option<Change> {
        seats.iter().find_map(|(node, shard)| match now[node] {
            None => Some(Change::Join { node: *node, shard: *shard }),
            Some(current) if current != *shard => {
                let seat = self.config.seat(*node)?;
                let change = Change::Leave { node: *node };
                // A shard that is to vanish keeps its replicas until its slots are gone.
                let vanishes = !seats.values().any(|shard| *shard == current) && self.config.owners().has(current);
                // One disk may be lost at any time: two others stay that have all, where so many are to.
                let others = self.config.replicas(current).filter(|other| other.node != *node && other.holds_base).count();
                let to_stay = seats.values().filter(|shard| **shard == current).count().min(HOLDERS_TO_STAY);
                let may = seat.standing.writes() && !vanishes && others >= to_stay && self.config.changed(&change).is_ok();
                may.then_some(change)
            }
            Some(_) => None,
        })
    }

    /// A node that is down when its shard vanishes: nobody waits for it.
    fn left_out(&self, shards: u16) -> Option<Change> {
        let gone = |actor: &&Actor| {
            actor.shard.0 >= shards && actor.standing.writes() && !self.is_live(actor) && !self.config.owners().has(actor.shard)
        };
        self.config.actors().find(gone).map(|actor| Change::Leave { node: actor.node })
    }

    fn begin(&self, shards: u16, takers: &BTreeSet<ShardId>, seats: &BTreeMap<NodeId, ShardId>) -> Option<Change> {
        // Who holds a shard that is to vanish comes only after its slots have gone.
        let may_come = |node: &NodeId| self.config.seat(*node).is_none_or(|seat| seat.shard.0 < shards);
        let ready = |shard: &ShardId| {
            let coming = seats.iter().filter(|(node, seat)| *seat == shard && may_come(node)).count();
            let wanted = coming.min(SERVING_BEFORE_SLOTS);
            let serves = |actor: &&Actor| self.of(actor).is_some_and(|progress| progress.serves) && self.is_live(actor);
            self.config.replicas(*shard).filter(serves).count() >= wanted.max(1)
        };
        takers.iter().all(ready).then_some(Change::Begin)
    }

    fn all_seated(&self, seats: &BTreeMap<NodeId, ShardId>) -> Option<()> {
        let seated = |(node, shard): (&NodeId, &ShardId)| {
            self.config.seat(*node).is_some_and(|seat| seat.shard == *shard && seat.standing.writes())
        };
        seats.iter().all(seated).then_some(())
    }

    /// Who else of the shard must have an actor's records: those that are cut off themselves will never say.
    fn others(&self, actor: &Actor) -> impl Iterator<Item = &Actor> + '_ {
        let (own, shard) = (actor.actor, actor.shard);
        self.config.writers_of(shard).filter(move |other| other.actor != own && other.standing.speaks())
    }

    fn of(&self, actor: &Actor) -> Option<&Progress> {
        self.progress.get(&actor.actor)
    }

    fn holds(&self, holder: &Actor, actor: ActorId) -> Option<Hlc> {
        self.of(holder)?.held.get(&actor).copied()
    }

    fn sealed(&self, actor: &Actor, since: Epoch) -> bool {
        self.of(actor).is_some_and(|progress| progress.sealed >= since)
    }

    fn is_live(&self, actor: &Actor) -> bool {
        self.live.contains(&actor.node)
    }
}
