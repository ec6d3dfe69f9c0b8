//! The names of what can be wrong, the weakest that fits.

use std::fmt;

/// What a store must promise, at the least, for a stale read not to happen.
///
/// Source of the four: Terry, Demers, Petersen, Spreitzer, Theimer, Welch, 'Session Guarantees for Weakly Consistent Replicated
/// Data', PDIS 1994.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// A session's reads see its own writes.
    ReadYourWrites,
    /// A session's reads never go back.
    MonotonicReads,
    /// Reads of one transaction are of one snapshot.
    OneSnapshot,
    /// A session's writes take effect in their order.
    MonotonicWrites,
    /// A write takes effect after all that its session had read.
    WritesFollowReads,
}

/// What is wrong with a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// A read returned what nobody wrote.
    ThinAirRead,
    /// A read returned what was rolled back.
    AbortedRead,
    /// A read returned what its own transaction wrote only later.
    FutureRead,
    /// A read returned what was overwritten in the transaction that wrote it.
    IntermediateRead,
    /// A read did not return its own transaction's write.
    OwnWriteUnread,
    /// Something is its own cause.
    CausalCycle,
    /// A read found the initial state with a write of the key in its past.
    StaleInitialRead(Guarantee),
    /// A read returned a write that another in its past had replaced.
    StaleRead(Guarantee),
    /// A read found nothing after a put, and no delete can be why.
    UnexplainedAbsence,
    /// Each read alone is right; no one order of writes explains all.
    CyclicArbitration,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadYourWrites => "read-your-writes",
            Self::MonotonicReads => "monotonic reads",
            Self::OneSnapshot => "fractured multi-read",
            Self::MonotonicWrites => "monotonic writes",
            Self::WritesFollowReads => "writes-follow-reads",
        })
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThinAirRead => f.write_str("thin-air read"),
            Self::AbortedRead => f.write_str("aborted read"),
            Self::FutureRead => f.write_str("future read"),
            Self::IntermediateRead => f.write_str("intermediate read"),
            Self::OwnWriteUnread => f.write_str("own write unread"),
            Self::CausalCycle => f.write_str("causal cycle"),
            Self::StaleInitialRead(guarantee) => write!(f, "stale initial read ({guarantee})"),
            Self::StaleRead(guarantee) => guarantee.fmt(f),
            Self::UnexplainedAbsence => f.write_str("unexplained absence"),
            Self::CyclicArbitration => f.write_str("cyclic arbitration"),
        }
    }
}
