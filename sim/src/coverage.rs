//! Which kinds of faults met the cluster in which state. A fault finds most when something else is amiss already; a pair that never
//! came together in a sweep was not tested, whatever the sweep says.

use std::{collections::BTreeMap, fmt};

use crate::fault::Fault;

/// What else is under way when a fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing.
    Quiet,
    /// Some process is down.
    SomeoneDown,
    /// Some process does nothing.
    SomeonePaused,
    /// Some link is cut or held.
    Partitioned,
    /// Some disk is full, slow, or fails to sync.
    DiskTrouble,
    /// Some wall clock has jumped, or drifts.
    ClockTrouble,
    /// Some node has started, or taken over slots, less than two seconds ago.
    CatchingUp,
}

/// How often each kind of fault began in each phase. One that began in several counts in each.
pub type Coverage = BTreeMap<(&'static str, Phase), u64>;

impl Phase {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Quiet,
        Self::SomeoneDown,
        Self::SomeonePaused,
        Self::Partitioned,
        Self::DiskTrouble,
        Self::ClockTrouble,
        Self::CatchingUp,
    ];
}

/// The kinds and phases that never came together.
pub fn missing(coverage: &Coverage) -> Vec<(&'static str, Phase)> {
    let cells = Fault::KINDS.into_iter().flat_map(|kind| Phase::ALL.map(|phase| (kind, phase)));
    cells.filter(|cell| !coverage.contains_key(cell)).collect()
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quiet => "quiet",
            Self::SomeoneDown => "someone down",
            Self::SomeonePaused => "someone paused",
            Self::Partitioned => "partitioned",
            Self::DiskTrouble => "disk trouble",
            Self::ClockTrouble => "clock trouble",
            Self::CatchingUp => "catching up",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_was_hit_is_not_missing() {
        let coverage = Coverage::from([(("kill", Phase::Quiet), 3)]);
        let missing = missing(&coverage);
        assert_eq!(missing.len(), Fault::KINDS.len() * Phase::ALL.len() - 1);
        assert!(!missing.contains(&("kill", Phase::Quiet)) && missing.contains(&("kill", Phase::Partitioned)));
    }
}
