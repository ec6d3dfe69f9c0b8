//! What a session has seen, as an upper bound that stays small.
//!
//! A token is a floor and entries: for actor `a` it stands at `max(floor, entries[a])`. It says *wait for this*: a replica may
//! answer once it has applied every record of every actor of the shard up to where the token stands. Because it may be rounded
//! up (folded), it never means *I have seen this*: conflict detection needs its own exact context.
//!
//! Two folds keep it small, and both only raise it:
//! - the *free* fold lifts the floor to the stable time; what lies below is applied everywhere, so nobody waits for it;
//! - the *hard* fold drops the lowest entries above [`ENTRY_CAP`] and lifts the floor to the largest that it dropped.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Dot, Hlc};
use crate::{
    id::{ActorId, Epoch},
    mark::{Mark, reached},
    mutant::{Mutant, planted},
};

/// The most entries that a token keeps; one more and the lowest are folded into the floor.
pub const ENTRY_CAP: usize = 128;

/// A causal token. Join is the pointwise maximum.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Parts")]
pub struct Token {
    epoch: Epoch,
    floor: Hlc,
    /// Sorted by actor, each above the floor.
    entries: Vec<(ActorId, Hlc)>,
}

/// A token as a peer or a log wrote it: not yet known to be sorted and above its floor.
#[derive(Deserialize)]
struct Parts {
    epoch: Epoch,
    floor: Hlc,
    entries: Vec<(ActorId, Hlc)>,
}

impl From<Parts> for Token {
    fn from(parts: Parts) -> Self {
        let entries = parts.entries.into_iter().map(|(actor, hlc)| Dot { actor, hlc });
        Self::from_parts(parts.epoch, parts.floor, entries)
    }
}

impl Token {
    /// A token that stands at `floor` for every actor.
    pub fn at_floor(epoch: Epoch, floor: Hlc) -> Self {
        Self { epoch, floor, entries: Vec::new() }
    }

    /// A token from its parts, in any order; entries at or below the floor are dropped.
    pub fn from_parts(epoch: Epoch, floor: Hlc, entries: impl IntoIterator<Item = Dot>) -> Self {
        let mut token = Self::at_floor(epoch, floor);
        for dot in entries {
            token.add(dot);
        }
        token
    }

    /// The newest epoch among the writes it stands for.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Where it stands for actors without an entry.
    pub fn floor(&self) -> Hlc {
        self.floor
    }

    /// The entries above the floor, by actor.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Dot> + '_ {
        self.entries.iter().map(|(actor, hlc)| Dot { actor: *actor, hlc: *hlc })
    }

    /// Whether it stands for nothing: a session's first token.
    pub fn is_empty(&self) -> bool {
        self.floor == Hlc::ZERO && self.entries.is_empty()
    }

    /// Where it stands for this actor.
    pub fn get(&self, actor: ActorId) -> Hlc {
        match self.find(actor) {
            Ok(i) => self.entries[i].1,
            Err(_) => self.floor,
        }
    }

    /// The largest hlc it names.
    pub fn max_hlc(&self) -> Hlc {
        self.entries.iter().map(|(_, hlc)| *hlc).max().unwrap_or_default().max(self.floor)
    }

    /// Whether this token stands at or above the other for every actor, at an epoch no older.
    pub fn covers(&self, other: &Self) -> bool {
        self.epoch >= other.epoch
            && self.floor >= other.floor
            && other.entries.iter().all(|(actor, hlc)| self.get(*actor) >= *hlc)
    }

    /// Adds one write to what it stands for.
    pub fn add(&mut self, dot: Dot) {
        match self.find(dot.actor) {
            Ok(i) => self.entries[i].1 = self.entries[i].1.max(dot.hlc),
            Err(i) if dot.hlc > self.floor => self.entries.insert(i, (dot.actor, dot.hlc)),
            Err(_) => {}
        }
    }

    /// Raises the epoch; an older one changes nothing.
    pub fn raise_epoch(&mut self, epoch: Epoch) {
        self.epoch = self.epoch.max(epoch);
    }

    /// Everything that either stands for.
    pub fn join(&mut self, other: &Self) {
        self.raise_epoch(other.epoch);
        if other.floor > self.floor {
            self.raise_floor(other.floor);
        }
        for (actor, hlc) in &other.entries {
            self.add(Dot { actor: *actor, hlc: *hlc });
        }
    }

    /// The normal form: the free fold to the stable time, then the hard fold to [`ENTRY_CAP`].
    pub fn fold(&mut self, stable: Hlc) {
        if stable > self.floor {
            self.raise_floor(stable);
        }
        if self.entries.len() > ENTRY_CAP {
            self.fold_to(ENTRY_CAP);
        }
    }

    /// The hard fold to at most `cap` entries.
    pub fn fold_to(&mut self, cap: usize) {
        let Some(excess) = self.entries.len().checked_sub(cap).filter(|excess| *excess > 0) else { return };
        reached(Mark::HardFold);
        let mut hlcs: Vec<Hlc> = self.entries.iter().map(|(_, hlc)| *hlc).collect();
        hlcs.sort_unstable();
        let floor = hlcs[excess - 1];
        if planted(Mutant::FoldKeepsFloor) {
            self.entries.retain(|(_, hlc)| *hlc > floor);
        } else {
            self.raise_floor(floor);
        }
    }

    fn raise_floor(&mut self, floor: Hlc) {
        self.floor = floor;
        self.entries.retain(|(_, hlc)| *hlc > floor);
    }

    fn find(&self, actor: ActorId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&actor, |(actor, _)| *actor)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.epoch, self.floor)?;
        for dot in self.entries() {
            write!(f, " {dot}")?;
        }
        Ok(())
    }
}
