//! Where a run got to: the marks of the program, and those of the simulator itself.

use std::{cell::RefCell, collections::BTreeSet, fmt};

/// A place in the simulator that a run gets to sometimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// A fault began while another was under way.
    FaultsOverlap,
    /// A disk was not lost, since something would have gone with it.
    DiskSpared,
    /// A probe read what the writer of the value before had touched.
    ProbeFollowed,
    /// A write was sent again, to another node.
    RetriedElsewhere,
    /// Operations were left out, since their session had no time for them.
    LeftOver,
    /// The healed cluster did not answer everything alike at the first look.
    SettledLater,
    /// A backup was taken.
    BackedUp,
    /// A node of an earlier version heard another one.
    OlderHeard,
}

/// A mark, of the program or of the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Of the program.
    Program(causeway::mark::Mark),
    /// Of the simulator.
    Simulator(Sight),
}

impl Sight {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::FaultsOverlap,
        Self::DiskSpared,
        Self::ProbeFollowed,
        Self::RetriedElsewhere,
        Self::LeftOver,
        Self::SettledLater,
        Self::BackedUp,
        Self::OlderHeard,
    ];
}

impl Mark {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let program = causeway::mark::Mark::ALL.into_iter().map(Self::Program);
        program.chain(Sight::ALL.into_iter().map(Self::Simulator))
    }

    /// Those that are not among these.
    pub fn missing(reached: &BTreeSet<Self>) -> Vec<Self> {
        Self::all().filter(|mark| !reached.contains(mark)).collect()
    }
}

thread_local! {
    static SEEN: RefCell<BTreeSet<Sight>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes on this thread that the simulator got to a place.
pub fn seen(sight: Sight) {
    SEEN.with_borrow_mut(|seen| seen.insert(sight));
}

/// What was reached on this thread since this was last asked.
pub fn take() -> BTreeSet<Mark> {
    let program = causeway::mark::take().into_iter().map(Mark::Program);
    program.chain(SEEN.take().into_iter().map(Mark::Simulator)).collect()
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FaultsOverlap => "faults-overlap",
            Self::DiskSpared => "disk-spared",
            Self::ProbeFollowed => "probe-followed",
            Self::RetriedElsewhere => "retried-elsewhere",
            Self::LeftOver => "left-over",
            Self::SettledLater => "settled-later",
            Self::BackedUp => "backed-up",
            Self::OlderHeard => "older-heard",
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(mark) => mark.fmt(f),
            Self::Simulator(sight) => sight.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone_and_the_rest_is_missing() {
        seen(Sight::LeftOver);
        causeway::mark::reached(causeway::mark::Mark::Failover);
        let reached = take();
        assert_eq!(reached.iter().map(ToString::to_string).collect::<Vec<_>>(), ["failover", "left-over"]);
        assert_eq!(Mark::missing(&reached).len(), Mark::all().count() - 2);
        assert!(take().is_empty());
    }
}
