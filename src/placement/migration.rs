//! Slots on the move from shard to shard: one migration at a time, of any number of slots.
//!
//! 1. *copying*: the old owner serves; the replicas of the new one take over what there is and follow.
//! 2. *sealing*: the new owner serves; what the old one's actors had still accepted follows, until each has said that it writes the
//!    slots no more.
//!
//! Then the migration is finished, and the old owner drops the slots. Before the hand-over it can be called off.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::SlotSet;
use crate::{
    clock::Hlc,
    id::{ActorId, Epoch, ShardId, Slot},
};

/// Slots that go from one shard to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Who owned them before.
    pub from: ShardId,
    /// Who is to own them.
    pub to: ShardId,
    /// Which ones.
    pub slots: SlotSet,
    /// Once they are handed over: the actors of the old owner, whose writes may still come.
    pub former: Vec<ActorId>,
    /// How far the records of a former owner's actor that was cut off count in these slots: named only where the new owner's replicas
    /// have more of it than the former owner's.
    pub cuts: BTreeMap<ActorId, Hlc>,
}

/// All slots on the move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The epoch that it began with: its name.
    pub begun: Epoch,
    /// The epoch of the hand-over, once there was one.
    pub switched: Option<Epoch>,
    /// What moves; at most one for each pair of shards.
    pub moves: Vec<Move>,
}

impl Migration {
    /// What a shard gets.
    pub fn into_shard(&self, shard: ShardId) -> impl Iterator<Item = &Move> + '_ {
        self.moves.iter().filter(move |one| one.to == shard)
    }

    /// What a shard gives.
    pub fn out_of_shard(&self, shard: ShardId) -> impl Iterator<Item = &Move> + '_ {
        self.moves.iter().filter(move |one| one.from == shard)
    }

    /// Whether a shard gets anything.
    pub fn gives_to(&self, shard: ShardId) -> bool {
        self.into_shard(shard).next().is_some()
    }

    /// Whether a shard gives or gets anything.
    pub fn concerns(&self, shard: ShardId) -> bool {
        self.moves.iter().any(|one| one.from == shard || one.to == shard)
    }

    /// The former owner's actors whose writes of a slot may still come.
    pub fn former_writers(&self, slot: Slot) -> &[ActorId] {
        let of_slot = self.moves.iter().find(|one| !one.former.is_empty() && one.slots.contains(slot));
        of_slot.map(|one| one.former.as_slice()).unwrap_or_default()
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.slots)
    }
}
