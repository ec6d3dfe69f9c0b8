//! The canary: a planted bug that every sweep must catch. A sweep that finds nothing and misses it as well says nothing about the
//! seeds, only about itself.

use std::{fmt, ops::Range};

use causeway::mutant::Mutant;

use crate::{
    mutants::{Catcher, named},
    sweep::job::{Job, Reply, Source, Wanted},
};

/// Bugs that show themselves soon, each to another checker.
const CANARIES: [Mutant; 5] = [
    Mutant::ReadWithoutCheck,
    Mutant::RecoveryDropsTail,
    Mutant::LastArrivalWins,
    Mutant::RetryAppliedTwice,
    Mutant::PromiseAheadOfData,
];

/// Within how many seeds it must be caught, unless a sweep says otherwise.
pub const CANARY_SEEDS: u64 = 10;

/// The canary of one sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Its bug.
    pub mutant: Mutant,
    /// How many seeds it was run with.
    pub seeds: u64,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The sweep ended before it was caught.
    Flying,
    /// A checker that is named for its bug caught it.
    Caught {
        /// With this seed.
        seed: u64,
        /// Who.
        by: String,
    },
    /// Nobody did with all the seeds that it was given: the sweep shows nothing.
    Missed,
}

/// Whether a canary has the bug that it is named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breed {
    True,
    /// It has none, to see what becomes of a sweep then.
    Dud,
}

impl Canary {
    /// The canary of the sweep that begins with this seed.
    pub fn of(first_seed: u64) -> Self {
        let mutant = CANARIES[(first_seed % CANARIES.len() as u64) as usize];
        Self { mutant, seeds: 0, fate: Fate::Flying }
    }

    /// Lets it fly until it is caught. `ask` gives no reply when the sweep is stopped, or the run is lost.
    pub(super) fn fly(&mut self, seeds: Range<u64>, breed: Breed, mut ask: impl FnMut(&Job) -> Option<Reply>) {
        let mutant = (breed == Breed::True).then_some(self.mutant);
        for seed in seeds {
            let job = Job { what: Source::Seed { seed, mutant }, wanted: Wanted::Verdict };
            let Some(reply) = ask(&job) else { return };
            self.seeds += 1;
            if let Some(failure) = reply.report.failure.filter(|failure| is_named(self.mutant, &failure.caught_by)) {
                self.fate = Fate::Caught { seed, by: failure.caught_by };
                return;
            }
        }
        self.fate = Fate::Missed;
    }
}

fn is_named(mutant: Mutant, checker: &str) -> bool {
    match named(mutant).catcher {
        Catcher::Checkers(named) => named.contains(&checker),
        Catcher::ByPlan(..) | Catcher::Direct(..) => false,
    }
}

impl fmt::Display for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mutant, seeds, fate } = self;
        match fate {
            Fate::Flying => write!(f, "canary {mutant}: not caught yet; seeds tried: {seeds}"),
            Fate::Caught { seed, by } => write!(f, "canary {mutant}: caught by {by} at seed {seed}; seeds tried: {seeds}"),
            Fate::Missed => {
                write!(f, "canary {mutant}: NOT caught; seeds tried: {seeds}. What this sweep did not find says nothing")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::job::SeedReport;

    fn reply(caught_by: &str) -> Reply {
        let mut report = SeedReport::lost(0, "");
        if let Some(failure) = &mut report.failure {
            caught_by.clone_into(&mut failure.caught_by);
        }
        Reply { report, cpu_us: 0, file: None, small: None }
    }

    #[test]
    fn only_who_is_named_catches_it() {
        let mut canary = Canary::of(0);
        canary.fly(0..5, Breed::True, |_| Some(reply("crash")));
        assert_eq!((canary.seeds, &canary.fate), (5, &Fate::Missed));
        let mut canary = Canary::of(0);
        canary.fly(0..5, Breed::True, |_| Some(reply("a2_reads")));
        assert_eq!((canary.seeds, &canary.fate), (1, &Fate::Caught { seed: 0, by: "a2_reads".to_owned() }));
        let mut canary = Canary::of(0);
        canary.fly(0..5, Breed::True, |_| None);
        assert_eq!(canary.fate, Fate::Flying);
    }

    #[test]
    fn every_canary_can_be_caught_and_they_take_turns() {
        let first: Vec<Mutant> = (0..CANARIES.len() as u64).map(|seed| Canary::of(seed).mutant).collect();
        assert_eq!(first, CANARIES);
        for mutant in CANARIES {
            assert!(matches!(named(mutant).catcher, Catcher::Checkers([_, ..])), "{mutant}");
        }
    }
}
