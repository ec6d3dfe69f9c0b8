//! Who is who in the group that keeps the log.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::NodeId;

/// A member of the group: a node and the disk that it votes from. A wiped disk gets another number, so that it never votes under the
/// name of the one that forgot its votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemberId {
    /// The node.
    pub node: NodeId,
    /// Which of its disks: drawn at random when there was nothing on it.
    pub disk: u32,
}

impl MemberId {
    /// As one number: `node << 32 | disk`.
    pub fn number(self) -> u64 {
        u64::from(self.node.0) << 32 | u64::from(self.disk)
    }
}

impl From<u64> for MemberId {
    fn from(number: u64) -> Self {
        Self { node: NodeId((number >> 32) as u32), disk: number as u32 }
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:08x}", self.node, self.disk)
    }
}

/// Tells one group from all others, those included that came before it and after it in the same cluster.
///
/// Each frame of the log carries it. A node of an older generation that hears of a newer one leaves its old group; of two groups
/// with the same generation, which only two forced recoveries at once can make, neither hears the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Group {
    /// Rises with each forced recovery.
    pub generation: u32,
    /// Drawn at random when the group was made.
    pub nonce: u64,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}.{:016x}", self.generation, self.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_number_are_the_same() {
        let member = MemberId { node: NodeId(7), disk: 0xfedc_ba98 };
        assert_eq!(member.number(), 0x0000_0007_fedc_ba98);
        assert_eq!(MemberId::from(member.number()), member);
    }
}
