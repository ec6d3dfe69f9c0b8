//! A set of dots as one prefix per actor.

use std::{cmp::Ordering, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{Dot, Hlc};
use crate::id::ActorId;

/// For each actor, up to which hlc everything is in the set. An actor that is not named has [`Hlc::ZERO`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<ActorId, Hlc>")]
pub struct VersionVector(BTreeMap<ActorId, Hlc>);

impl VersionVector {
    /// Up to which hlc this actor's dots are in the set.
    pub fn get(&self, actor: ActorId) -> Hlc {
        self.0.get(&actor).copied().unwrap_or_default()
    }

    /// Raises an actor's prefix; a smaller hlc changes nothing. Says whether it rose.
    pub fn raise(&mut self, actor: ActorId, hlc: Hlc) -> bool {
        if hlc <= self.get(actor) {
            return false;
        }
        self.0.insert(actor, hlc);
        true
    }

    /// Whether the dot is in the set.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.hlc <= self.get(dot.actor)
    }

    /// Pointwise maximum.
    pub fn join(&mut self, other: &Self) {
        for (actor, hlc) in other.iter() {
            self.raise(actor, hlc);
        }
    }

    /// The actors that are named, with their prefixes, by actor.
    pub fn iter(&self) -> impl Iterator<Item = (ActorId, Hlc)> + '_ {
        self.0.iter().map(|(actor, hlc)| (*actor, *hlc))
    }

    /// Whether all of another set is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(actor, hlc)| hlc <= self.get(actor))
    }
}

impl PartialOrd for VersionVector {
    /// Inclusion of the sets. `None`: neither includes the other, they are concurrent.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.covers(other), other.covers(self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Greater),
            (false, true) => Some(Ordering::Less),
            (false, false) => None,
        }
    }
}

impl From<BTreeMap<ActorId, Hlc>> for VersionVector {
    /// What a peer sent is brought into the one form that equal sets have: no actor is named at [`Hlc::ZERO`].
    fn from(prefixes: BTreeMap<ActorId, Hlc>) -> Self {
        prefixes.into_iter().collect()
    }
}

impl FromIterator<(ActorId, Hlc)> for VersionVector {
    /// In any order; of several prefixes of one actor the largest counts.
    fn from_iter<I: IntoIterator<Item = (ActorId, Hlc)>>(entries: I) -> Self {
        let mut vector = Self::default();
        for (actor, hlc) in entries {
            vector.raise(actor, hlc);
        }
        vector
    }
}

impl fmt::Display for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (actor, hlc)) in self.iter().enumerate() {
            write!(f, "{}{actor}:{hlc}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}
