//! The name of one write.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Hlc;
use crate::id::ActorId;

/// (actor, hlc): unique for ever, since an actor's hlc rises strictly and actors are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dot {
    /// Who made the write.
    pub actor: ActorId,
    /// When, by the actor's hybrid logical clock.
    pub hlc: Hlc,
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.actor, self.hlc)
    }
}
