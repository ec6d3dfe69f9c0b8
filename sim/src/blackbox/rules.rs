//! What the offline checker goes by, rule by rule, each with a switch: so that a test can show what escapes without it.

use std::fmt;

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// What is read was written by somebody.
    SomebodyWrote,
    /// What was rolled back is not read.
    AbortedIsUnread,
    /// Of the writes of a transaction to one key only the last is read by others.
    LastOfTransaction,
    /// A transaction reads its own writes.
    OwnWrites,
    /// Nothing causes itself: session order and reads-from have no cycle.
    NoCausalCycle,
    /// A session's past holds what it did and saw before.
    SessionsRemember,
    /// A read brings in what its writer had in its past.
    ReadsBringThePast,
    /// All that a transaction reads comes from one snapshot.
    WholeTransactions,
    /// A key that has a write in a read's past does not read as initial.
    InitialReads,
    /// A read returns no write of a session when a later one of the same session is in its past.
    NewerOfOneSession,
    /// One order of all writes explains every read.
    OneOrder,
    /// A key reads as absent after a put only if a tombstone can be the newest.
    Tombstones,
    /// A write of unknown outcome is in the past of whoever has read it.
    UnknownOnceSeen,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::SomebodyWrote,
        Self::AbortedIsUnread,
        Self::LastOfTransaction,
        Self::OwnWrites,
        Self::NoCausalCycle,
        Self::SessionsRemember,
        Self::ReadsBringThePast,
        Self::WholeTransactions,
        Self::InitialReads,
        Self::NewerOfOneSession,
        Self::OneOrder,
        Self::Tombstones,
        Self::UnknownOnceSeen,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SomebodyWrote => "somebody wrote what is read",
            Self::AbortedIsUnread => "what was rolled back is not read",
            Self::LastOfTransaction => "only the last write of a transaction is read",
            Self::OwnWrites => "a transaction reads its own writes",
            Self::NoCausalCycle => "nothing causes itself",
            Self::SessionsRemember => "sessions remember",
            Self::ReadsBringThePast => "reads bring the writer's past",
            Self::WholeTransactions => "transactions read one snapshot",
            Self::InitialReads => "no initial value after a write",
            Self::NewerOfOneSession => "nothing older than the same session's newer write",
            Self::OneOrder => "one order of writes",
            Self::Tombstones => "absent after a put only by a tombstone",
            Self::UnknownOnceSeen => "an unknown write counts once it is seen",
        })
    }
}

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules(u32);

impl Rules {
    /// All rules: the checker as it is meant.
    pub const ALL: Self = Self(u32::MAX);

    /// All of these but one.
    pub fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(1 << rule as u32))
    }

    /// Whether a rule is in force.
    pub fn has(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u32) != 0
    }
}
