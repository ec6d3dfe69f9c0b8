//! Planted bugs. Each is one place in the code that asks [`planted`]; the simulator turns one on for a run and shows that its
//! checkers catch it. Without the feature `mutants` the question is the constant `false` and costs nothing.
//!
//! A thread of the simulator runs one whole cluster, so the bug is chosen per thread.

use std::fmt;

/// A bug that can be planted, named by what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// A read answers without asking whether what the token names is applied.
    ReadWithoutCheck,
    /// A write's dependencies are its own dot only; the rest of the session's token is dropped.
    TokenKeepsOnlyTheDot,
    /// A hard fold drops entries and leaves the floor where it was.
    FoldKeepsFloor,
    /// A heartbeat promises the current hlc although records below it were not sent yet.
    PromiseAheadOfData,
    /// After a restart the hlc starts from the last record in the log, not from the lease.
    RestartWithoutLease,
    /// A write is answered before its record is durable.
    AnswerBeforeFsync,
    /// Recovery drops the last records of the log.
    RecoveryDropsTail,
    /// Records at or below the vector are applied again.
    ReapplyBelowVector,
    /// The version that arrives last wins, whatever its order.
    LastArrivalWins,
    /// A tombstone is collected as soon as it is the newest version.
    TombstoneCollectedEarly,
    /// A delete removes the key and leaves no tombstone.
    DeleteWithoutTombstone,
    /// A forwarded request carries no token.
    ForwardDropsToken,
    /// A token is accepted whatever its MAC.
    MacNotChecked,
    /// A push is accepted although records before it are missing.
    GapAccepted,
    /// A write's answer carries the token that came in, without the new dot.
    AnswerWithoutDot,
    /// A retry with a known idempotency key is applied as a new write.
    RetryAppliedTwice,
}

impl Mutant {
    /// All of them, in the order of the mutant table.
    pub const ALL: [Mutant; 16] = [
        Self::ReadWithoutCheck,
        Self::TokenKeepsOnlyTheDot,
        Self::FoldKeepsFloor,
        Self::PromiseAheadOfData,
        Self::RestartWithoutLease,
        Self::AnswerBeforeFsync,
        Self::RecoveryDropsTail,
        Self::ReapplyBelowVector,
        Self::LastArrivalWins,
        Self::TombstoneCollectedEarly,
        Self::DeleteWithoutTombstone,
        Self::ForwardDropsToken,
        Self::MacNotChecked,
        Self::GapAccepted,
        Self::AnswerWithoutDot,
        Self::RetryAppliedTwice,
    ];
}

/// No planted bug has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no planted bug is called `{0}`")]
pub struct NoSuchMutant(String);

impl std::str::FromStr for Mutant {
    type Err = NoSuchMutant;

    /// Accepts exactly what `Display` writes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|mutant| mutant.to_string() == text);
        named.ok_or_else(|| NoSuchMutant(text.to_owned()))
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadWithoutCheck => "read-without-check",
            Self::TokenKeepsOnlyTheDot => "token-keeps-only-the-dot",
            Self::FoldKeepsFloor => "fold-keeps-floor",
            Self::PromiseAheadOfData => "promise-ahead-of-data",
            Self::RestartWithoutLease => "restart-without-lease",
            Self::AnswerBeforeFsync => "answer-before-fsync",
            Self::RecoveryDropsTail => "recovery-drops-tail",
            Self::ReapplyBelowVector => "reapply-below-vector",
            Self::LastArrivalWins => "last-arrival-wins",
            Self::TombstoneCollectedEarly => "tombstone-collected-early",
            Self::DeleteWithoutTombstone => "delete-without-tombstone",
            Self::ForwardDropsToken => "forward-drops-token",
            Self::MacNotChecked => "mac-not-checked",
            Self::GapAccepted => "gap-accepted",
            Self::AnswerWithoutDot => "answer-without-dot",
            Self::RetryAppliedTwice => "retry-applied-twice",
        })
    }
}

#[cfg(feature = "mutants")]
mod active {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static ACTIVE: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Plants a bug in everything that runs on this thread from now on, or removes it.
    pub fn plant(mutant: Option<Mutant>) {
        ACTIVE.set(mutant);
    }

    /// Whether this bug is planted on this thread.
    pub fn planted(mutant: Mutant) -> bool {
        ACTIVE.get() == Some(mutant)
    }
}

#[cfg(feature = "mutants")]
pub use active::{plant, planted};

/// Whether this bug is planted: never, in a build without the feature `mutants`.
#[cfg(not(feature = "mutants"))]
pub const fn planted(_: Mutant) -> bool {
    false
}
