//! How far a reshard is.

use std::fmt;

use super::Config;

/// See the module. A reshard goes through them in this order; one without slots to move leaves out those in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// No reshard is under way.
    None,
    /// Nodes join the shards that are to get slots.
    MovingNodes,
    /// Replicas take over the slots that their shards are to get. Until this is over the reshard can be aborted.
    Copying,
    /// The slots are handed over; what their former owners had still accepted follows.
    Switched,
    /// Every slot is where it is to be; nodes find their places.
    Finishing,
}

impl Config {
    /// How far the reshard under way is.
    pub fn stage(&self) -> Stage {
        match (self.goal(), self.migration()) {
            (None, None) => Stage::None,
            (_, Some(migration)) if migration.switched.is_some() => Stage::Switched,
            (_, Some(_)) => Stage::Copying,
            (Some(goal), None) if goal == self.owning_shards() => Stage::Finishing,
            (Some(_), None) => Stage::MovingNodes,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::MovingNodes => "moving nodes",
            Self::Copying => "copying",
            Self::Switched => "switched",
            Self::Finishing => "finishing",
        })
    }
}
