//! Changes as they are told.

use std::fmt;

use super::{Change, Departure};

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Introduce { address } => write!(f, "introduce {address}"),
            Self::Replace { node } => write!(f, "replace the actor of {node}"),
            Self::Remove { node, how: Departure::Drain } => write!(f, "remove {node}, which is alive"),
            Self::Remove { node, how: Departure::Cut } => write!(f, "remove {node}, which is gone"),
            Self::Evict { node } => write!(f, "evict {node}"),
            Self::Join { node, shard } => write!(f, "{node} joins {shard}"),
            Self::HasBase { actor } => write!(f, "{actor} has its base"),
            Self::Leave { node } => write!(f, "{node} leaves its shard"),
            Self::Cut { actor, upto, beyond } => {
                write!(f, "cut {actor} at {upto}")?;
                beyond.iter().try_for_each(|(shard, upto)| write!(f, ", and at {upto} in what {shard} took"))
            }
            Self::Retire { actor } => write!(f, "retire {actor}"),
            Self::Reshard { shards, .. } => write!(f, "reshard to {shards}"),
            Self::Begin => f.write_str("begin to move slots"),
            Self::Switch => f.write_str("hand the slots over"),
            Self::Finish => f.write_str("finish the move"),
            Self::Abort => f.write_str("abort the reshard"),
            Self::Reached => f.write_str("the reshard is done"),
        }
    }
}
