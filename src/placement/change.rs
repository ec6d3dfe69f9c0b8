//! How one config becomes the next.
//!
//! A change is judged against the very config that it changes, so whoever proposes one names the epoch that it saw. Each keeps what the
//! protocol leans on: an actor is never used twice, a shard that owns slots keeps a replica that writes, slots move in one migration
//! at a time, and nobody's records are forgotten while somebody may still need them. What only the nodes can know (who has what) is
//! the proposer's to find out first: see [`next()`](super::next()).

mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Actor, Config, Member, Migration, Move, Refused, Standing, rebalance};
use crate::{
    clock::Hlc,
    id::{ActorId, Epoch, NodeId, ShardId},
    mutant::{Mutant, planted},
};

/// The most shards of a cluster.
pub const SHARDS_CAP: u16 = 1_024;

/// Of how many actors that were cut off and are retired it is known how far they count.
const CUTS_KEPT: usize = 256;

/// How many ids of actors a new generation leaves out: more than the one before can give out until it hears that it is over.
const ACTORS_LEFT_OUT: u32 = 1 << 16;

/// One step from a config to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A node that is in no shard: a new one, or one that was removed.
    Introduce {
        /// Its identity.
        address: String,
    },
    /// A node whose disk is another one, or whose log may lack what it had sent: its actor is cut off and it gets a new one.
    Replace {
        /// Which node.
        node: NodeId,
    },
    /// A node out of the view, because an operator said so.
    Remove {
        /// Which node.
        node: NodeId,
        /// What becomes of what only it may have.
        how: Departure,
    },
    /// A node cut off because it has been down for long. It returns by itself.
    Evict {
        /// Which node.
        node: NodeId,
    },
    /// A new actor for a node without one.
    Join {
        /// Which node.
        node: NodeId,
        /// The shard that it is to hold.
        shard: ShardId,
    },
    /// An actor's replica has all that its shard holds.
    HasBase {
        /// Whose.
        actor: ActorId,
    },
    /// An actor that is to write no more.
    Leave {
        /// Whose.
        node: NodeId,
    },
    /// How far the records of a frozen actor count.
    Cut {
        /// Whose.
        actor: ActorId,
        /// The last record that anybody of its shard has of it.
        upto: Hlc,
        /// Of what was handed over: the new owners of which somebody has more, and how much.
        beyond: BTreeMap<ShardId, Hlc>,
    },
    /// The end of an actor of which everybody has everything.
    Retire {
        /// Which one.
        actor: ActorId,
    },
    /// So many shards from now on: what must move follows step by step.
    Reshard {
        /// How many.
        shards: u16,
        /// Nodes that are down, and lose their place.
        gone: Vec<NodeId>,
    },
    /// Slots begin to move to where the reshard wants them.
    Begin,
    /// The slots that move are handed over.
    Switch,
    /// The former owners drop what they handed over.
    Finish,
    /// The slots that move stay where they are, and nodes go back to the shards that own some.
    Abort,
    /// The reshard has come to its end.
    Reached,
}

/// How a node goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Departure {
    /// It is alive and hands over what only it has.
    Drain,
    /// It is gone: what nobody else has is cut off.
    Cut,
}

impl Config {
    /// The config after this change.
    ///
    /// # Errors
    /// The change does not fit this config.
    pub fn changed(&self, change: &Change) -> Result<Self, Refused> {
        let mut next = self.clone();
        next.parent = Some(self.epoch);
        next.epoch.number = self.epoch.number.checked_add(1).ok_or(Refused::UsedUp)?;
        match change {
            Change::Introduce { address } => next.introduce(address),
            Change::Replace { node } => next.replace(*node),
            Change::Remove { node, how } => next.remove(*node, *how),
            Change::Evict { node } => next.evict(*node),
            Change::Join { node, shard } => next.join(*node, *shard),
            Change::HasBase { actor } => next.has_base(*actor),
            Change::Leave { node } => next.leave(*node),
            Change::Cut { actor, upto, beyond } => next.cut(*actor, *upto, beyond),
            Change::Retire { actor } => next.retire(*actor),
            Change::Reshard { shards, gone } => next.reshard(*shards, gone),
            Change::Begin => next.begin(),
            Change::Switch => next.switch(),
            Change::Finish => next.finish(),
            Change::Abort => next.abort(),
            Change::Reached => next.reached(),
        }?;
        Ok(next)
    }

    /// The same as the first config of a later generation, which a cluster without a majority was forced into. The generation before
    /// may still give out some ids of actors elsewhere: those are left out.
    pub fn regenerated(&self, generation: u32) -> Self {
        let next_actor = ActorId(self.next_actor.0.saturating_add(ACTORS_LEFT_OUT).min(ActorId::NONE.0 - 1));
        Self { epoch: Epoch { generation, number: 1 }, parent: Some(self.epoch), next_actor, ..self.clone() }
    }

    fn introduce(&mut self, address: &str) -> Result<(), Refused> {
        if let Some(member) = self.members.iter_mut().find(|member| member.address == address) {
            return if std::mem::take(&mut member.removed) { Ok(()) } else { Err(Refused::Already) };
        }
        let node = NodeId(u32::try_from(self.members.len()).map_err(|_| Refused::UsedUp)?);
        self.members.push(Member { node, address: address.to_owned(), disk: 0, actor: None, home: None, removed: false });
        Ok(())
    }

    fn replace(&mut self, node: NodeId) -> Result<(), Refused> {
        let seat = *self.seat(node).ok_or(Refused::NoSeat)?;
        self.freeze(seat.actor)?;
        self.row(node)?.disk += 1;
        self.give_seat(node, seat.shard, Some(seat.unbroken_since))
    }

    fn remove(&mut self, node: NodeId, how: Departure) -> Result<(), Refused> {
        if let Some(seat) = self.seat(node).copied() {
            self.may_lose(&seat)?;
            match how {
                Departure::Drain => self.drain(seat.actor)?,
                Departure::Cut => self.freeze(seat.actor)?,
            }
        }
        let row = self.row(node)?;
        (row.removed, row.home) = (true, None);
        Ok(())
    }

    fn evict(&mut self, node: NodeId) -> Result<(), Refused> {
        let seat = *self.seat(node).ok_or(Refused::NoSeat)?;
        self.may_lose(&seat)?;
        self.freeze(seat.actor)?;
        // Who was removed and has not handed over yet what only it has does not return by itself.
        let row = self.members.get_mut(node.0 as usize).ok_or(Refused::NoSuchNode)?;
        (row.actor, row.home) = (None, Some(seat.shard).filter(|_| !row.removed));
        Ok(())
    }

    fn join(&mut self, node: NodeId, shard: ShardId) -> Result<(), Refused> {
        if !self.has_shard(shard) {
            return Err(Refused::NoSuchShard);
        }
        if self.row(node)?.actor.is_some() {
            return Err(Refused::HasSeat);
        }
        self.give_seat(node, shard, None)
    }

    fn has_base(&mut self, actor: ActorId) -> Result<(), Refused> {
        let actor = self.actors.get_mut(&actor).ok_or(Refused::NoSuchActor)?;
        if std::mem::replace(&mut actor.holds_base, true) { Err(Refused::Already) } else { Ok(()) }
    }

    fn leave(&mut self, node: NodeId) -> Result<(), Refused> {
        let seat = *self.seat(node).ok_or(Refused::NoSeat)?;
        self.row(node)?;
        self.may_lose(&seat)?;
        self.drain(seat.actor)
    }

    fn cut(&mut self, actor: ActorId, upto: Hlc, beyond: &BTreeMap<ShardId, Hlc>) -> Result<(), Refused> {
        let since = self.epoch;
        let found = self.actors.get_mut(&actor).ok_or(Refused::NoSuchActor)?;
        match found.standing {
            Standing::Frozen { .. } => found.standing = Standing::Cut { upto, since },
            _ => return Err(Refused::NoSuchActor),
        }
        let shard = found.shard;
        for one in self.migration.iter_mut().flat_map(|migration| &mut migration.moves).filter(|one| one.from == shard) {
            let more = beyond.get(&one.to).filter(|beyond| **beyond > upto);
            one.cuts.extend(more.map(|more| (actor, *more)));
        }
        Ok(())
    }

    fn retire(&mut self, actor: ActorId) -> Result<(), Refused> {
        let found = *self.actors.get(&actor).ok_or(Refused::NoSuchActor)?;
        if matches!(found.standing, Standing::Serving | Standing::Frozen { .. }) && self.owners.has(found.shard) {
            return Err(Refused::NoSuchActor);
        }
        if self.migration.as_ref().is_some_and(|migration| migration.concerns(found.shard)) {
            return Err(Refused::Busy);
        }
        self.actors.remove(&actor);
        if let Standing::Cut { upto, .. } = found.standing {
            self.cuts.insert(actor, upto);
            while self.cuts.len() > CUTS_KEPT {
                self.cuts.pop_first();
            }
        }
        if let Some(row) = self.members.get_mut(found.node.0 as usize)
            && row.actor == Some(actor)
        {
            row.actor = None;
        }
        Ok(())
    }

    fn reshard(&mut self, shards: u16, gone: &[NodeId]) -> Result<(), Refused> {
        if !(1..=SHARDS_CAP).contains(&shards) {
            return Err(Refused::ShardCount);
        }
        if self.goal.is_some() || self.migration.is_some() {
            return Err(Refused::Busy);
        }
        for node in gone {
            let seat = *self.seat(*node).ok_or(Refused::NoSeat)?;
            self.may_lose(&seat)?;
            self.freeze(seat.actor)?;
            self.row(*node)?.actor = None;
        }
        self.goal = Some(shards);
        self.shard_count = self.shard_count.max(shards);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Refused> {
        let shards = self.goal.filter(|_| self.migration.is_none()).ok_or(Refused::NotAtThatStage)?;
        let moves = rebalance::moves(&self.owners, shards);
        if moves.is_empty() {
            return Err(Refused::Already);
        }
        if moves.keys().any(|(_, to)| self.replicas(*to).next().is_none()) {
            return Err(Refused::LastReplica);
        }
        let moves = moves
            .into_iter()
            .map(|((from, to), slots)| Move { from, to, slots, former: Vec::new(), cuts: BTreeMap::new() })
            .collect();
        self.migration = Some(Migration { begun: self.epoch, switched: None, moves });
        Ok(())
    }

    fn switch(&mut self) -> Result<(), Refused> {
        let mut migration = self.migration.take().filter(|one| one.switched.is_none()).ok_or(Refused::NotAtThatStage)?;
        migration.switched = Some(self.epoch);
        for one in &mut migration.moves {
            one.former = self.writers_of(one.from).map(|actor| actor.actor).collect();
            self.owners.give(&one.slots, one.to);
        }
        self.migration = Some(migration);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Refused> {
        self.migration.take().filter(|one| one.switched.is_some()).ok_or(Refused::NotAtThatStage)?;
        Ok(())
    }

    /// Who alone held an actor up to its cut may be gone now, in this shard: how far the others hold it is asked anew.
    fn ask_anew(&mut self, shard: ShardId) {
        let migration = self.migration.as_ref();
        let gives =
            |from| migration.is_some_and(|one| one.switched.is_some() && one.into_shard(shard).any(|one| one.from == from));
        let mut anew = Vec::new();
        for actor in self.actors.values_mut().filter(|actor| actor.shard == shard || gives(actor.shard)) {
            if let Standing::Cut { .. } = actor.standing {
                actor.standing = Standing::Frozen { since: self.epoch };
                anew.push(actor.actor);
            }
        }
        for one in self.migration.iter_mut().flat_map(|migration| &mut migration.moves) {
            one.cuts.retain(|actor, _| !anew.contains(actor));
        }
    }

    fn abort(&mut self) -> Result<(), Refused> {
        let is_late = self.migration.as_ref().is_some_and(|one| one.switched.is_some());
        if is_late && !planted(Mutant::AbortAfterSwitch) || self.goal.is_none() {
            return Err(Refused::NotAtThatStage);
        }
        let owning = self.owning_shards();
        if self.goal == Some(owning) && self.migration.is_none() {
            return Err(Refused::Already);
        }
        self.migration = None;
        self.goal = Some(owning);
        Ok(())
    }

    fn reached(&mut self) -> Result<(), Refused> {
        if self.migration.is_some() || self.goal.take().is_none() {
            return Err(Refused::NotAtThatStage);
        }
        self.drop_empty_shards();
        Ok(())
    }

    /// The highest shards go while they own nothing and nobody is in them.
    fn drop_empty_shards(&mut self) {
        while let Some(last) = self.shard_count.checked_sub(1).filter(|last| *last > 0).map(ShardId) {
            if self.owners.has(last) || self.writers_of(last).next().is_some() {
                return;
            }
            self.shard_count -= 1;
        }
    }

    /// A node's row, if it was not removed.
    fn row(&mut self, node: NodeId) -> Result<&mut Member, Refused> {
        self.members.get_mut(node.0 as usize).filter(|member| !member.removed).ok_or(Refused::NoSuchNode)
    }

    /// A new actor, which may go on with what its node's actors since `heir_of` have.
    fn give_seat(&mut self, node: NodeId, shard: ShardId, heir_of: Option<ActorId>) -> Result<(), Refused> {
        let actor = self.next_actor;
        self.next_actor = ActorId(actor.0.checked_add(1).filter(|next| *next < ActorId::NONE.0).ok_or(Refused::UsedUp)?);
        let row = self.row(node)?;
        (row.actor, row.home) = (Some(actor), None);
        let unbroken_since = heir_of.unwrap_or(actor);
        let holds_base = !self.owners.has(shard);
        self.actors.insert(actor, Actor { actor, node, shard, unbroken_since, holds_base, standing: Standing::Serving });
        Ok(())
    }

    /// Whether a shard can do without one of its actors.
    fn may_lose(&self, seat: &Actor) -> Result<(), Refused> {
        let others = || self.replicas(seat.shard).filter(|actor| actor.actor != seat.actor);
        let is_getting = self.migration.iter().any(|migration| migration.gives_to(seat.shard));
        if !self.owners.has(seat.shard) && !is_getting {
            return Ok(());
        }
        match others().next() {
            None => Err(Refused::LastReplica),
            Some(_) if planted(Mutant::LastBaseRemoved) => Ok(()),
            Some(_) if seat.may_hold_base() && !others().any(|other| other.holds_base) => Err(Refused::OthersLackBase),
            Some(_) => Ok(()),
        }
    }

    fn drain(&mut self, actor: ActorId) -> Result<(), Refused> {
        let since = self.epoch;
        let actor = self.actors.get_mut(&actor).filter(|actor| actor.standing.writes()).ok_or(Refused::Already)?;
        actor.standing = Standing::Leaving { since };
        Ok(())
    }

    fn freeze(&mut self, actor: ActorId) -> Result<(), Refused> {
        let since = self.epoch;
        let found = self.actors.get_mut(&actor).ok_or(Refused::NoSuchActor)?;
        match found.standing {
            Standing::Serving | Standing::Leaving { .. } => found.standing = Standing::Frozen { since },
            Standing::Frozen { .. } | Standing::Cut { .. } => return Err(Refused::Already),
        }
        let shard = found.shard;
        self.ask_anew(shard);
        Ok(())
    }
}
