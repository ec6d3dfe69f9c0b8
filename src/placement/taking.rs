//! How much a replica has taken over of what its shard is to get: for operators, nothing is decided by it.

use serde::{Deserialize, Serialize};

/// What a replica says of it. At most as long as there are moves into its shard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Taking {
    /// Rises from one time that it is said to the next, over restarts of its node too.
    pub told: u64,
    /// Bytes a second of the transfer under way, or of the last one; 0 before the first part of any has come.
    pub bytes_per_s: u64,
    /// What is taken of each move into the shard, in the config's order.
    pub moves: Vec<Taken>,
}

/// What is taken of one move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Taken {
    /// How many slots.
    pub slots: u16,
    /// How many live keys in them.
    pub keys: u64,
    /// Their estimated bytes in memory.
    pub bytes: u64,
}

impl Taking {
    /// Takes over what was said later.
    pub fn learn(&mut self, said: Self) {
        if said.told > self.told {
            *self = said;
        }
    }
}
