//! The offline checker: values only, O(operations x sessions), no recursion.
//!
//! A history is causally convergent if there is one order of all writes such that every read returns the newest, in that order, of
//! the writes of its key that are in its past. Its past is what session order and reads-from lead to it. Source: CCv of Bouajjani,
//! Enea, Guerraoui, Hamza, 'On Verifying Causal Consistency', POPL 2017; for whole transactions it is what AWDIT (PLDI 2025) calls
//! causal and Plume (OOPSLA 2024) calls TCC. Reads of the initial value count here: it is before everything.
//!
//! ```text
//!   sources      which write each read saw, and what is wrong whatever the order
//!     |
//!   walk         causes first, by vector clocks: stale reads, and what must be ordered (groups, clocks, sightings, tombstones)
//!     |
//!   orders       whether there is such an order (graph)
//!     |
//!   search       the same again where that depends on which tombstone a read saw
//! ```

mod clocks;
mod graph;
mod groups;
mod orders;
mod reasons;
mod search;
mod sightings;
mod sources;
mod timelines;
mod tombstones;
mod walk;

use std::collections::BTreeMap;

use super::{History, Malformed, Rule, Rules};
use graph::Edges;
pub(super) use graph::{Graph, Kind};
use groups::Groups;
pub(super) use reasons::{Shown, pairs};
use search::Solved;
pub(super) use sources::{Sources, last_writes};
pub(super) use timelines::Timelines;
use tombstones::Open;
use walk::{Ground, Learned, Walk};

/// For each open read that is taken to have seen a certain tombstone, the delete.
pub(super) type Assigned = BTreeMap<usize, u32>;

/// What is wrong. Operations and transactions by their numbers in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A read returned what nobody wrote.
    ThinAir {
        /// The read.
        read: usize,
    },
    /// A read returned what was rolled back.
    Aborted {
        /// The read.
        read: usize,
    },
    /// A read returned what its own transaction wrote only later.
    Future {
        /// The read.
        read: usize,
    },
    /// A read returned what its transaction's writer had overwritten in the same transaction.
    Intermediate {
        /// The read.
        read: usize,
        /// The write.
        write: usize,
    },
    /// A read did not return its own transaction's last write.
    NotOwn {
        /// The read.
        read: usize,
        /// That write.
        own: usize,
    },
    /// Each of these transactions is a cause of the next, and the last of the first.
    CausalCycle {
        /// The transactions.
        cycle: Vec<u32>,
    },
    /// A read found the initial state with a write in its past.
    Initial {
        /// The read.
        read: usize,
        /// That write's transaction.
        newer: u32,
    },
    /// A read found nothing with a put in its past, and there is no delete that it can have seen.
    NoTombstone {
        /// The read.
        read: usize,
        /// The put's transaction.
        newer: u32,
    },
    /// A read returned a write with a later one of the same session in its past.
    Overwritten {
        /// The read.
        read: usize,
        /// The later write's transaction.
        newer: u32,
    },
    /// Each of these transactions is a cause of the next or before it in the order of writes, and the last before the first.
    OrderCycle {
        /// The transactions.
        cycle: Vec<u32>,
    },
}

impl Finding {
    /// The rule that it breaks, where one rule does it alone.
    pub(super) fn rule(&self) -> Option<Rule> {
        match self {
            Self::ThinAir { .. } => Some(Rule::SomebodyWrote),
            Self::Aborted { .. } => Some(Rule::AbortedIsUnread),
            Self::Future { .. } | Self::NotOwn { .. } => Some(Rule::OwnWrites),
            Self::Intermediate { .. } => Some(Rule::LastOfTransaction),
            Self::CausalCycle { .. } => Some(Rule::NoCausalCycle),
            Self::Initial { .. } => Some(Rule::InitialReads),
            Self::NoTombstone { .. } => Some(Rule::Tombstones),
            Self::Overwritten { .. } => Some(Rule::NewerOfOneSession),
            Self::OrderCycle { .. } => Some(Rule::OneOrder),
        }
    }
}

/// A finding, and what the reads that found nothing are taken to have seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What is wrong.
    pub finding: Finding,
    pub(super) assigned: Assigned,
}

/// The judgement of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is causally convergent.
    Consistent,
    /// It is not. More than one piece of evidence only where reads could have seen several tombstones: then one for each way to
    /// take them, the first few.
    Violated(Vec<Evidence>),
    /// Too many reads found nothing where several tombstones can be why, and no way to take them was found that fits.
    Undecided,
}

impl Verdict {
    /// Whether it is a violation.
    pub fn is_violated(&self) -> bool {
        matches!(self, Self::Violated(_))
    }
}

/// Judges a history.
///
/// # Errors
/// Two puts of one key write the same value.
pub fn check(history: &History) -> Result<Verdict, Malformed> {
    check_by(history, Rules::ALL)
}

/// Judges a history by some of the rules: for showing what escapes without the others.
///
/// # Errors
/// As [`check`].
pub fn check_by(history: &History, rules: Rules) -> Result<Verdict, Malformed> {
    let sources = match Sources::find(history, rules)? {
        Ok(sources) => sources,
        Err(finding) => return Ok(Verdict::Violated(vec![Evidence { finding, assigned: Assigned::new() }])),
    };
    let timelines = Timelines::of(history);
    let ground = Ground { history, sources: &sources, timelines: &timelines, rules };
    Ok(match search::solve(ground) {
        Solved::Fits => Verdict::Consistent,
        Solved::Violated(evidence) => Verdict::Violated(evidence),
        Solved::GaveUp => Verdict::Undecided,
    })
}
